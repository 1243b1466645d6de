//! The tables of service-api as diesel sees them, one declaration for both databases. The DDL is in `migrations/service-api`;
//! `outbox` and `leases` belong to the crates `outbox` and `db`.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use db::types::Instant;

    clients (id) {
        id -> Text,
        source -> Text,
        client_id -> Nullable<Text>,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        phone -> Nullable<Text>,
        country -> Nullable<Text>,
        language -> Nullable<Text>,
        status -> Text,
        kyc_status -> Text,
        kyc_notes -> Nullable<Text>,
        kyc_updated_at -> Nullable<Instant>,
        registered_at -> Nullable<Instant>,
        field_orders -> Text,
        merged_into -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    client_emails (client, email_key) {
        client -> Text,
        email_key -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    identities (key) {
        key -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use db::types::Instant;

    applied_events (event_id) {
        event_id -> Text,
        client -> Text,
        result -> Text,
        applied_at -> Instant,
    }
}

diesel::joinable!(client_emails -> clients (client));
diesel::allow_tables_to_appear_in_same_query!(client_emails, clients);
