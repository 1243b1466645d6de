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
