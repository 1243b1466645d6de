//! The tables of webhook-ingest as diesel sees them, one declaration for both databases. The DDL is in `migrations/webhook-ingest`;
//! `events` is a view. `outbox` and `leases` belong to the crates `outbox` and `db`. `spooled` is in the spool's file alone, whose DDL
//! is in `migrations/webhook-ingest-spool`, and `seen` in both places.

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
        client_id -> Nullable<Text>,
        warnings -> Text,
        problem -> Nullable<Text>,
        reason -> Nullable<Text>,
        attempts -> Integer,
        resolved_at -> Nullable<Instant>,
        message_id -> Nullable<Text>,
        replays -> Integer,
        replayed_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use db::types::Instant;

    pending (intake) {
        intake -> BigInt,
        lane -> Integer,
        attempts -> Integer,
        next_attempt_at -> Nullable<Instant>,
        reason -> Nullable<Text>,
        email_key -> Nullable<Text>,
        other_email_key -> Nullable<Text>,
        client_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::BigInt;
    use db::types::Instant;

    applied (intake) {
        intake -> BigInt,
        resolved_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
    use db::types::{Id, Instant};

    /// The view of all three: where each event stands, and how it got there.
    events (intake) {
        intake -> BigInt,
        event_id -> Id,
        source -> Text,
        event_type -> Nullable<Text>,
        state -> Text,
        stored_state -> Text,
        body -> Binary,
        received_at -> Instant,
        effective_at -> Instant,
        sequence -> Nullable<BigInt>,
        client_id -> Nullable<Text>,
        warnings -> Text,
        problem -> Nullable<Text>,
        reason -> Nullable<Text>,
        attempts -> Integer,
        next_attempt_at -> Nullable<Instant>,
        resolved_at -> Nullable<Instant>,
        message_id -> Nullable<Text>,
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
