create table accounts (
    id bigserial primary key,
    name text collate "C" not null unique,
    balance numeric,
    opened_at timestamptz not null,
    closed boolean not null default false,
    picture bytea
);
