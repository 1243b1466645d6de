-- Every signed delivery that was acknowledged or refused with `kept: true`. The raw body is the truth; the other columns are what
-- was read from it at the time, kept for claiming, look-up and staff.
create table inbox (
    intake          integer primary key autoincrement,
    event_id        text    not null unique,
    source          text    not null,
    event_type      text,
    state           text    not null
        check (state in ('pending', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered')),
    body            blob    not null,
    received_at     text    not null,
    effective_at    text    not null,
    sequence        bigint,
    lane            integer not null check (lane between 0 and 15),
    email_key       text,
    client_id       text,
    warnings        text    not null,
    problem         text,
    reason          text,
    attempts        integer not null default 0,
    next_attempt_at text,
    resolved_at     text
);
-- The claim: oldest due row of a lane, of the types that have effects. The type leads, so that events whose type waits for its
-- effect are never walked over.
create index inbox_pending_by_lane on inbox (event_type, lane, intake) where state = 'pending';
create index inbox_pending_by_email on inbox (email_key) where state = 'pending';

-- De-duplication: the first delivery of each key, for ever. `facts` is the SHA-256 of what makes two deliveries the same event.
create table seen (
    key      text not null primary key,
    event_id text not null,
    facts    blob not null
);

-- Shared by all services: audit entries on their way, and work that one replica at a time should do. See migrations/README.md.
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
