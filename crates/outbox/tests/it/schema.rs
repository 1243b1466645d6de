//! The tables as these tests look at them.

diesel::table! {
    use diesel::sql_types::*;
    use db::types::Instant;

    outbox (id) {
        id -> BigInt,
        entry_id -> Text,
        payload -> Text,
        disclosures -> Text,
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
