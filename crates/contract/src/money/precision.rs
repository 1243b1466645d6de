//! How many decimals a currency has, where that is not two. Plain data.
//!
//! Fiat: the minor units of ISO 4217. Tokens: the decimals of their ledger.

/// What a currency has that is not in the table, and what stands in where none is named.
pub(super) const DEFAULT: i64 = 2;

/// Sorted by code.
const TABLE: &[(&str, i64)] = &[
    ("ADA", 6),
    ("BCH", 8),
    ("BHD", 3),
    ("BIF", 0),
    ("BNB", 18),
    ("BTC", 8),
    ("CLF", 4),
    ("CLP", 0),
    ("DAI", 18),
    ("DASH", 8),
    ("DJF", 0),
    ("DOGE", 8),
    ("DOT", 10),
    ("ETC", 18),
    ("ETH", 18),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LTC", 8),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("SOL", 9),
    ("TND", 3),
    ("TRX", 6),
    ("UGX", 0),
    ("USDC", 6),
    ("USDT", 6),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XBT", 8),
    ("XLM", 7),
    ("XOF", 0),
    ("XPF", 0),
    ("XRP", 6),
    ("ZEC", 8),
];

/// The decimals of the currency with this code, in capitals.
pub(super) fn of(code: &str) -> i64 {
    TABLE
        .binary_search_by_key(&code, |(known, _)| known)
        .ok()
        .and_then(|at| TABLE.get(at))
        .map_or(DEFAULT, |(_, places)| *places)
}
