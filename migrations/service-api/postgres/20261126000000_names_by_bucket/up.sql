-- What clients are named by, as numbers: the first 22 bits of the SHA-256 of `<source>:c:<clientId>` and `<source>:e:<address>`. A row says
-- nothing by itself: it is what is locked by whoever decides whose the names of that bucket are, so the old ones are not kept. A replica
-- of the version before, which knows names only, finds no column for them and applies nothing any more.
drop table identities;
create table identities (
    bucket integer not null primary key
);
