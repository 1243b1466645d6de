create table accounts (
    id integer primary key autoincrement,
    name text not null unique,
    balance text not null,
    opened_at text not null,
    closed boolean not null default false,
    picture blob
);
