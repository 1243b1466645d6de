drop index clients_updated_at;
alter table applied_events drop column reason;
drop table idempotency_keys;
drop table notes;
drop table activities;
drop table transactions;
drop table accounts;
