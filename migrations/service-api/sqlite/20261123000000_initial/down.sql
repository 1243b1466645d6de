drop table leases;
drop table outbox;
drop table applied_events;
drop table identities;
drop table client_emails;
drop table clients;
