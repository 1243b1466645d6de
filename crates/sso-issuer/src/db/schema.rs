//! The tables of sso-issuer as diesel sees them, one declaration for both databases. The DDL is in `migrations/sso-issuer`;
//! `outbox` and `leases` belong to the crates `outbox` and `db`.

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use db::types::Instant;

    staff (id) {
        id -> Text,
        email -> Text,
        email_key -> Text,
        name -> Text,
        role -> Text,
        status -> Text,
        password_hash -> Text,
        one_time_password -> Bool,
        sessions_ended_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use db::types::Instant;

    sessions (id) {
        id -> Text,
        staff -> Text,
        created_at -> Instant,
        refreshed_at -> Instant,
        ended_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use db::types::Instant;

    login_failures (key) {
        key -> Text,
        tried_at -> Text,
        latest_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use db::types::Instant;

    impersonations (id) {
        id -> Text,
        client -> Text,
        client_id -> Nullable<Text>,
        source -> Text,
        staff_id -> Text,
        staff_email -> Text,
        reason -> Nullable<Text>,
        token_sha256 -> Binary,
        issued_at -> Instant,
        expires_at -> Instant,
        activity_sent_at -> Nullable<Instant>,
    }
}
