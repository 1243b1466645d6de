-- Every signed delivery that was acknowledged or refused with `kept: true`. The raw body is the truth; the other columns are what
-- was read from it at the time, kept for claiming, look-up and staff.
create table inbox (
    intake          bigserial   primary key,
    event_id        text        collate "C" not null unique,
    source          text        collate "C" not null,
    event_type      text        collate "C",
    state           text        collate "C" not null
        check (state in ('pending', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered')),
    body            bytea       not null,
    received_at     timestamptz not null,
    effective_at    timestamptz not null,
    sequence        bigint,
    lane            integer     not null check (lane between 0 and 15),
    email_key       text        collate "C",
    client_id       text        collate "C",
    warnings        text        not null,
    problem         text,
    reason          text,
    attempts        integer     not null default 0,
    next_attempt_at timestamptz,
    resolved_at     timestamptz
);
-- The claim: oldest due row of a lane, of the types that have effects. The type leads, so that events whose type waits for its
-- effect are never walked over.
create index inbox_pending_by_lane on inbox (event_type, lane, intake) where state = 'pending';
create index inbox_pending_by_email on inbox (email_key) where state = 'pending';

-- De-duplication: the first delivery of each key, for ever. `facts` is the SHA-256 of what makes two deliveries the same event.
create table seen (
    key      text  collate "C" primary key,
    event_id text  collate "C" not null,
    facts    bytea not null
);

-- Shared by all services: audit entries on their way, and work that one replica at a time should do. See migrations/README.md.
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
