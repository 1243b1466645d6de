drop table impersonations;
drop table login_failures;
drop table sessions;
drop table staff;
drop table leases;
drop table outbox;
