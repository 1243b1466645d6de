drop table leases;
drop table outbox;
drop table seen;
drop table inbox;
