-- Trading accounts. Statements that name no server stand under server '', those that name no account under account_id '' of their
-- client; which account they mean is found out when the record is read, so that no order of arrival matters. `field_orders` is as
-- in `clients`.
create table accounts (
    id                text        collate "C" not null primary key,
    client            text        collate "C" not null references clients (id) deferrable initially deferred,
    source            text        collate "C" not null,
    server            text        collate "C" not null,
    account_id        text        collate "C" not null,
    parent_account_id text        collate "C",
    login             text,
    platform          text,
    account_type      text        collate "C",
    account_group     text,
    name              text,
    currency          text        collate "C",
    leverage          bigint,
    leverage_text     text,
    balance           numeric,
    equity            numeric,
    credit            numeric,
    margin            numeric,
    free_margin       numeric,
    margin_level      numeric,
    status            text        collate "C",
    opened_at         timestamptz,
    field_orders      text        not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    version           bigint      not null
);
create unique index accounts_key on accounts (source, server, account_id) where account_id <> '';
create unique index accounts_nameless on accounts (client, server) where account_id = '';
create index accounts_client on accounts (client);

-- Deposits and withdrawals. `key` is 't:' and the platform's transactionId, or 'e:' and the event's id where it gave none. Facts
-- that contradict each other under one key are kept side by side as variants, all of them in state `conflict` until staff accept
-- one. `currency` is what was said; absent, it is the account's or the default, whenever it is read.
create table transactions (
    id             text        collate "C" not null primary key,
    client         text        collate "C" not null references clients (id) deferrable initially deferred,
    source         text        collate "C" not null,
    kind           text        collate "C" not null check (kind in ('deposit', 'withdrawal')),
    key            text        collate "C" not null,
    variant        integer     not null,
    state          text        collate "C" not null check (state in ('completed', 'conflict', 'rejected')),
    transaction_id text        collate "C",
    event_id       text        collate "C" not null,
    amount         numeric     not null,
    currency       text        collate "C",
    account_id     text        collate "C",
    subaccount_id  text        collate "C",
    fund_type      text        collate "C",
    method         text,
    fee            numeric,
    external_id    text,
    reason         text,
    completed_at   timestamptz,
    effective_at   timestamptz not null,
    field_orders   text        not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    version        bigint      not null,
    unique (source, kind, key, variant)
);
create index transactions_client on transactions (client, effective_at, id);

-- What happened to a client, for people: one row for each effect. `metadata` is a JSON object.
create table activities (
    id          text        collate "C" not null primary key,
    client      text        collate "C" not null references clients (id) deferrable initially deferred,
    type        text        collate "C" not null,
    description text        not null,
    actor_type  text        collate "C" not null,
    actor_id    text        collate "C",
    metadata    text        not null,
    created_at  timestamptz not null
);
create index activities_client on activities (client, created_at, id);

-- Remarks of platform and staff.
create table notes (
    id          text        collate "C" not null primary key,
    client      text        collate "C" not null references clients (id) deferrable initially deferred,
    comment     text        not null,
    author_type text        collate "C" not null,
    author_id   text        collate "C" not null,
    created_at  timestamptz not null
);
create index notes_client on notes (client, created_at, id);

-- Answers given under an Idempotency-Key, in the commit of their effect, for 24 hours.
create table idempotency_keys (
    credential   text        collate "C" not null,
    key          text        collate "C" not null,
    request      bytea       not null,
    answer       text        not null,
    created_at   timestamptz not null,
    primary key (credential, key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);

-- Why an event's effect is in conflict, for those that are.
alter table applied_events add column reason text collate "C";

-- Pages of clients, latest change first.
create index clients_updated_at on clients (updated_at, id);
