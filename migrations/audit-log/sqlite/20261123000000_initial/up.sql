-- The trail. `payload` and `disclosures` are kept byte for byte as they came; nothing here is ever changed. All other columns are
-- an index over them, opened from the disclosures: they answer queries and prove nothing.
create table entries (
    position    integer primary key autoincrement,
    entry_id    text    not null unique,
    payload     text    not null,
    disclosures text    not null,
    time        text    not null,
    service     text    not null,
    category    text    not null,
    action      text    not null,
    outcome     text    not null,
    reason      text,
    actor_kind  text    not null,
    actor_id    text,
    target_kind text,
    target_id   text,
    search      text    not null,
    received_at text    not null
);
-- Newest first, and the filters that pick few of many.
create index entries_by_time on entries (time, position);
create index entries_by_category on entries (category, time, position);
create index entries_by_actor on entries (actor_id, time, position);
create index entries_by_target on entries (target_id, time, position);

-- The next two are as in migrations/README.md.
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
