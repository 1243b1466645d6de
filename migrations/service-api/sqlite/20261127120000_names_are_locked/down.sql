create table identities (
    bucket integer not null primary key
);
