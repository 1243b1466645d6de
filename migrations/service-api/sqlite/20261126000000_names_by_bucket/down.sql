drop table identities;
create table identities (
    key text not null primary key
);
