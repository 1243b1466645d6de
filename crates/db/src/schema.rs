//! The two tables this crate itself asks: leases, and diesel's record of migrations.

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::Instant;

    leases (name) {
        name -> Text,
        owner -> Text,
        fence -> BigInt,
        held_until -> Instant,
    }
}

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}
