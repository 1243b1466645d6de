-- The client record. `field_orders` holds, for each field that an event has said, the order key that won it:
-- {"email": [effective time in µs since 1970, sequence or null, intake number]}.
create table clients (
    id             text not null primary key,
    source         text not null,
    client_id      text,
    email          text,
    email_key      text,
    first_name     text,
    last_name      text,
    phone          text,
    country        text,
    language       text,
    status         text not null check (status in ('provisional', 'active', 'suspended', 'closed')),
    kyc_status     text not null,
    kyc_notes      text,
    kyc_updated_at text,
    registered_at  text,
    field_orders   text not null,
    merged_into    text references clients (id) deferrable initially deferred,
    created_at     text not null,
    updated_at     text not null,
    version        bigint not null,
    unique (source, client_id)
);
-- One live record for each person known by an address alone.
create unique index clients_email_alone on clients (source, email_key) where client_id is null and merged_into is null;
create index clients_email_key on clients (email_key);

-- Every address a client ever had, so that former ones still find it.
create table client_emails (
    client    text not null references clients (id) deferrable initially deferred,
    email_key text not null,
    primary key (client, email_key)
);
create index client_emails_email_key on client_emails (email_key);

-- What clients are named by: `<source>:c:<clientId>` and `<source>:e:<address>`. A row says nothing by itself: it is what is locked
-- by whoever decides whose the name is, also while no client has it yet.
create table identities (
    key text not null primary key
);

-- The events that took effect, each once, for ever.
create table applied_events (
    event_id   text not null primary key,
    client     text not null,
    result     text not null check (result in ('applied', 'superseded')),
    applied_at text not null
);

create table outbox (
    id integer primary key autoincrement,
    entry_id text not null unique,
    payload text not null,
    disclosures text not null,
    created_at text not null
);

create table leases (
    name text not null primary key,
    owner text not null,
    fence bigint not null,
    held_until text not null
);
