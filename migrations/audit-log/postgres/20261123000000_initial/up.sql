-- The trail. `payload` and `disclosures` are kept byte for byte as they came; nothing here is ever changed. All other columns are
-- an index over them, opened from the disclosures: they answer queries and prove nothing.
create table entries (
    position    bigserial   primary key,
    entry_id    text        collate "C" not null unique,
    payload     text        collate "C" not null,
    disclosures text        collate "C" not null,
    time        timestamptz not null,
    service     text        collate "C" not null,
    category    text        collate "C" not null,
    action      text        collate "C" not null,
    outcome     text        collate "C" not null,
    reason      text        collate "C",
    actor_kind  text        collate "C" not null,
    actor_id    text        collate "C",
    target_kind text        collate "C",
    target_id   text        collate "C",
    search      text        collate "C" not null,
    received_at timestamptz not null
);
-- Newest first, and the filters that pick few of many.
create index entries_by_time on entries (time, position);
create index entries_by_category on entries (category, time, position);
create index entries_by_actor on entries (actor_id, time, position);
create index entries_by_target on entries (target_id, time, position);

-- The next two are as in migrations/README.md.
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
