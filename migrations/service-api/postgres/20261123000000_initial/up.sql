-- The client record. `field_orders` holds, for each field that an event has said, the order key that won it:
-- {"email": [effective time in µs since 1970, sequence or null, intake number]}.
create table clients (
    id             text        collate "C" not null primary key,
    source         text        collate "C" not null,
    client_id      text        collate "C",
    email          text,
    email_key      text        collate "C",
    first_name     text,
    last_name      text,
    phone          text,
    country        text,
    language       text,
    status         text        collate "C" not null check (status in ('provisional', 'active', 'suspended', 'closed')),
    kyc_status     text        collate "C" not null,
    kyc_notes      text,
    kyc_updated_at timestamptz,
    registered_at  timestamptz,
    field_orders   text        not null,
    merged_into    text        collate "C" references clients (id) deferrable initially deferred,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    version        bigint      not null,
    unique (source, client_id)
);
-- One live record for each person known by an address alone.
create unique index clients_email_alone on clients (source, email_key) where client_id is null and merged_into is null;
create index clients_email_key on clients (email_key);

-- Every address a client ever had, so that former ones still find it.
create table client_emails (
    client    text collate "C" not null references clients (id) deferrable initially deferred,
    email_key text collate "C" not null,
    primary key (client, email_key)
);
create index client_emails_email_key on client_emails (email_key);

-- What clients are named by: `<source>:c:<clientId>` and `<source>:e:<address>`. A row says nothing by itself: it is what is locked
-- by whoever decides whose the name is, also while no client has it yet.
create table identities (
    key text collate "C" not null primary key
);

-- The events that took effect, each once, for ever.
create table applied_events (
    event_id   text        collate "C" not null primary key,
    client     text        collate "C" not null,
    result     text        collate "C" not null check (result in ('applied', 'superseded')),
    applied_at timestamptz not null
);

create table outbox (
    id bigserial primary key,
    entry_id text collate "C" not null unique,
    payload text not null,
    disclosures text not null,
    created_at timestamptz not null
);

create table leases (
    name text collate "C" not null primary key,
    owner text collate "C" not null,
    fence bigint not null,
    held_until timestamptz not null
);
