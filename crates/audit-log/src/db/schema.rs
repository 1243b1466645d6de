//! The trail's table as diesel sees it, one declaration for both databases. The DDL is in `migrations/audit-log`; `outbox` and
//! `leases` belong to the crates `outbox` and `db`.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use db::types::Instant;

    entries (position) {
        position -> BigInt,
        entry_id -> Text,
        payload -> Text,
        disclosures -> Text,
        time -> Instant,
        service -> Text,
        category -> Text,
        action -> Text,
        outcome -> Text,
        reason -> Nullable<Text>,
        actor_kind -> Text,
        actor_id -> Nullable<Text>,
        target_kind -> Nullable<Text>,
        target_id -> Nullable<Text>,
        search -> Text,
        received_at -> Instant,
    }
}
