//! The tables as these tests look at them.

diesel::table! {
    use diesel::sql_types::*;
    use db::types::Instant;

    outbox (id) {
        id -> BigInt,
        entries -> Text,
        count -> Integer,
        bytes -> Integer,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use db::types::Instant;

    leases (name) {
        name -> Text,
        held_until -> Instant,
    }
}
