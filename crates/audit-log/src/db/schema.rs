//! The trail's tables as diesel sees them, one declaration for both databases. The DDL is in `migrations/audit-log`; `outbox` and
//! `leases` belong to the crates `outbox` and `db`.

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text};
    use db::types::{Id, Instant};

    entries (position) {
        position -> BigInt,
        time -> Instant,
        received_at -> Instant,
        entry_id -> Id,
        kind -> Integer,
        category -> SmallInt,
        actor_id -> Nullable<Text>,
        target_id -> Nullable<Text>,
        search -> Text,
        packed -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Text};

    kinds (id) {
        id -> Integer,
        words -> Text,
    }
}
