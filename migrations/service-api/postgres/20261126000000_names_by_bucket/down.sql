drop table identities;
create table identities (
    key text collate "C" not null primary key
);
