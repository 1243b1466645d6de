create table accounts (
    id integer primary key autoincrement,
    name text not null,
    balance text,
    opened_at text not null,
    closed boolean not null default false,
    picture blob
);
create unique index accounts_name on accounts (name) where closed;
