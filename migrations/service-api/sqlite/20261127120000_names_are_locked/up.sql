-- As on PostgreSQL. Nobody ever wrote rows here.
drop table identities;
