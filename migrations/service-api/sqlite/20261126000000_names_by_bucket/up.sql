-- As on PostgreSQL, where its rows are locked: a bucket of what clients are named by. Here nobody writes them, since the one writer has
-- everything locked.
drop table identities;
create table identities (
    bucket integer not null primary key
);
