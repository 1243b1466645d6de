//! Names of people and places: enough for a crowd, from several scripts, with marks that a careless reader trips over.

/// Given names.
pub(super) const FIRST: [&str; 24] = [
    "Ann",
    "Bilal",
    "Chloé",
    "Dmitri",
    "Elif",
    "Fatou",
    "Giorgos",
    "Hana",
    "Ingrid",
    "João",
    "Kwame",
    "Léa",
    "María José",
    "Nguyễn",
    "Øyvind",
    "Priya",
    "Quentin",
    "Róisín",
    "Søren",
    "Tāne",
    "Ümit",
    "Виктор",
    "張偉",
    "يوسف",
];

/// Family names.
pub(super) const LAST: [&str; 20] = [
    "Lee",
    "O'Brien",
    "van der Berg",
    "Núñez",
    "Smith-Jones",
    "Öztürk",
    "Kowalski",
    "Ito",
    "Mbeki",
    "D'Angelo",
    "Müller",
    "Þórsdóttir",
    "Papadopoulos",
    "Silva",
    "Nowak",
    "Иванова",
    "王",
    "حداد",
    "Łukasik",
    "de Souza",
];

/// Countries, as ISO 3166 writes them, with the prefix of their telephones.
pub(super) const COUNTRIES: [(&str, &str); 10] = [
    ("GB", "+44"),
    ("FR", "+33"),
    ("DE", "+49"),
    ("PL", "+48"),
    ("PT", "+351"),
    ("TR", "+90"),
    ("ZA", "+27"),
    ("JP", "+81"),
    ("BR", "+55"),
    ("AE", "+971"),
];

/// Languages, as ISO 639 writes them.
pub(super) const LANGUAGES: [&str; 8] = ["en", "fr", "de", "pl", "pt", "tr", "ja", "ar"];

/// Ways to pay.
pub(super) const METHODS: [&str; 5] = ["card", "bank_transfer", "crypto", "paypal", "skrill"];

/// Currencies of accounts.
pub(super) const CURRENCIES: [&str; 5] = ["USD", "EUR", "GBP", "USDT", "PLN"];
