//! The tables of webhook-ingest as diesel sees them, one declaration for both databases. The DDL is in `migrations/webhook-ingest`;
//! `outbox` and `leases` belong to the crates `outbox` and `db`. `spooled` is in the spool's file alone, whose DDL is in
//! `migrations/webhook-ingest-spool`, and `seen` in both places.

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
    use db::types::{Id, Instant};

    inbox (intake) {
        intake -> BigInt,
        event_id -> Id,
        source -> Text,
        event_type -> Nullable<Text>,
        state -> Text,
        body -> Binary,
        received_at -> Instant,
        effective_at -> Instant,
        sequence -> Nullable<BigInt>,
        lane -> Integer,
        email_key -> Nullable<Text>,
        client_id -> Nullable<Text>,
        warnings -> Text,
        problem -> Nullable<Text>,
        reason -> Nullable<Text>,
        attempts -> Integer,
        next_attempt_at -> Nullable<Instant>,
        resolved_at -> Nullable<Instant>,
        message_id -> Nullable<Text>,
        other_email_key -> Nullable<Text>,
        replays -> Integer,
        replayed_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use db::types::Id;

    seen (key) {
        key -> Binary,
        event_id -> Id,
        facts -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use db::types::{Id, Instant};

    spooled (intake) {
        intake -> BigInt,
        entry_id -> Binary,
        payload -> Text,
        disclosures -> Text,
        event_id -> Nullable<Binary>,
        seen_key -> Nullable<Binary>,
        answered -> Nullable<Text>,
        source -> Nullable<Text>,
        message_id -> Nullable<Text>,
        body -> Nullable<Binary>,
        received_at -> Nullable<Instant>,
        email_key -> Nullable<Text>,
        other_email_key -> Nullable<Text>,
        client_id -> Nullable<Text>,
    }
}
