drop table leases;
drop table outbox;
drop table entries;
