-- An activity is looked for by its client alone, and stays under one client at a time, so one key does for both: what names it once, and
-- the order of the list. Its client needs no check: that row is written or locked by whoever adds an activity, in the same transaction,
-- and no client's row is ever removed.
create table activities_by_client (
    id text not null,
    client text not null,
    type text not null,
    description text not null,
    actor_type text not null,
    actor_id text,
    metadata text not null,
    created_at text not null,
    primary key (client, created_at, id)
) without rowid;
insert into activities_by_client (id, client, type, description, actor_type, actor_id, metadata, created_at)
select id, client, type, description, actor_type, actor_id, metadata, created_at from activities
order by client, created_at, id;
drop table activities;
alter table activities_by_client rename to activities;

-- As on PostgreSQL.
drop index clients_updated_at;
create index clients_updated_at on clients (updated_at);

-- A key's first variant is looked at in any case, and nearly all have no other.
drop index transactions_told;
create index transactions_told on transactions (source, kind, key, amount) where variant > 0;
