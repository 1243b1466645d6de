//! The tables of service-api as diesel sees them, one declaration for both databases. The DDL is in `migrations/service-api`;
//! `outbox` and `leases` belong to the crates `outbox` and `db`.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use db::types::{Id, Instant};

    clients (id) {
        id -> Id,
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
        merged_into -> Nullable<Id>,
        created_at -> Instant,
        updated_at -> Instant,
        version -> BigInt,
        search -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use db::types::Id;

    client_emails (client, email_key) {
        client -> Id,
        email_key -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use db::types::{Id, Instant};

    applied_events (event_id) {
        event_id -> Id,
        client -> Id,
        result -> Text,
        applied_at -> Instant,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use db::types::{Id, Instant, Money};

    accounts (id) {
        id -> Id,
        client -> Id,
        source -> Text,
        server -> Text,
        account_id -> Text,
        parent_account_id -> Nullable<Text>,
        login -> Nullable<Text>,
        platform -> Nullable<Text>,
        account_type -> Nullable<Text>,
        account_group -> Nullable<Text>,
        name -> Nullable<Text>,
        currency -> Nullable<Text>,
        leverage -> Nullable<BigInt>,
        leverage_text -> Nullable<Text>,
        balance -> Nullable<Money>,
        equity -> Nullable<Money>,
        credit -> Nullable<Money>,
        margin -> Nullable<Money>,
        free_margin -> Nullable<Money>,
        margin_level -> Nullable<Money>,
        status -> Nullable<Text>,
        opened_at -> Nullable<Instant>,
        field_orders -> Text,
        created_at -> Instant,
        updated_at -> Instant,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use db::types::{Id, Instant, Money};

    transactions (id) {
        id -> Id,
        client -> Id,
        source -> Text,
        kind -> Text,
        key -> Text,
        variant -> Integer,
        state -> Text,
        transaction_id -> Nullable<Text>,
        event_id -> Id,
        amount -> Money,
        currency -> Nullable<Text>,
        account_id -> Nullable<Text>,
        subaccount_id -> Nullable<Text>,
        fund_type -> Nullable<Text>,
        method -> Nullable<Text>,
        fee -> Nullable<Money>,
        external_id -> Nullable<Text>,
        reason -> Nullable<Text>,
        completed_at -> Nullable<Instant>,
        effective_at -> Instant,
        field_orders -> Text,
        created_at -> Instant,
        updated_at -> Instant,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use db::types::{Id, Instant};

    activities (client, created_at, id) {
        id -> Id,
        client -> Id,
        #[sql_name = "type"]
        activity_type -> Text,
        description -> Nullable<Text>,
        actor_type -> Text,
        actor_id -> Nullable<Text>,
        metadata -> Nullable<Text>,
        created_at -> Instant,
        event_id -> Nullable<Id>,
        effective_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use db::types::{Id, Instant};

    notes (id) {
        id -> Id,
        client -> Id,
        comment -> Text,
        author_type -> Text,
        author_id -> Text,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use db::types::Instant;

    idempotency_keys (credential, key) {
        credential -> Text,
        key -> Text,
        request -> Binary,
        answer -> Text,
        created_at -> Instant,
    }
}

diesel::joinable!(client_emails -> clients (client));
diesel::allow_tables_to_appear_in_same_query!(client_emails, clients);
diesel::allow_columns_to_appear_in_same_group_by_clause!(
    transactions::kind,
    transactions::fund_type,
    transactions::currency,
    transactions::account_id,
);
