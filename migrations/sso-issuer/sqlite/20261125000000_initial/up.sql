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
