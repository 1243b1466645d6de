-- Who works here. Rows are disabled, never deleted: the trail and the impersonations name them.
create table staff (
    id                text        not null primary key,
    email             text        not null,
    email_key         text        not null unique,
    name              text        not null,
    role              text        not null check (role in ('admin', 'compliance', 'support', 'auditor')),
    status            text        not null check (status in ('active', 'disabled')),
    password_hash     text        not null,
    one_time_password boolean     not null,
    -- JWTs of other parts of the CRM that are not younger than this are not taken.
    sessions_ended_at text,
    created_at        text not null,
    updated_at        text not null
);

-- Log-ins. One that has `ended_at` is over, whatever its tokens say.
create table sessions (
    id           text        not null primary key,
    staff        text        not null references staff (id),
    created_at   text not null,
    refreshed_at text not null,
    ended_at     text
);
create index sessions_staff on sessions (staff);

-- Failed log-ins of the last minutes, by a digest of the name that was tried, so that names nobody has count like others. `tried_at`
-- lists the times of those that count, in microseconds since 1970, oldest first.
create table login_failures (
    key       text        not null primary key,
    tried_at  text        not null,
    latest_at text not null
);
create index login_failures_latest on login_failures (latest_at);

-- Tokens that were made. The token itself is nowhere, only its SHA-256.
create table impersonations (
    id               text        not null primary key,
    client           text        not null,
    client_id        text,
    source           text        not null,
    staff_id         text        not null,
    staff_email      text        not null,
    reason           text,
    token_sha256     blob       not null unique,
    issued_at        text not null,
    expires_at       text not null,
    activity_sent_at text
);
create index impersonations_unsent on impersonations (id) where activity_sent_at is null;

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
