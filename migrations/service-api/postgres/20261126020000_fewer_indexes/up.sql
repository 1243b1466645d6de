-- An activity is looked for by its client alone, and stays under one client at a time, so one key does for both: what names it once, and
-- the order of the list. Its client needs no check: that row is written or locked by whoever adds an activity, in the same transaction,
-- and no client's row is ever removed.
alter table activities drop constraint activities_client_fkey;
alter table activities drop constraint activities_pkey;
drop index activities_client;
alter table activities add primary key (client, created_at, id);

-- All clients of a batch change at one moment, which such an index holds once. Pages sort those of one moment themselves.
drop index clients_updated_at;
create index clients_updated_at on clients (updated_at);

-- A key's first variant is looked at in any case, and nearly all have no other.
drop index transactions_told;
create index transactions_told on transactions (source, kind, key, amount) where variant > 0;
