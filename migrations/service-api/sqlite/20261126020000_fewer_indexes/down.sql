drop index transactions_told;
create index transactions_told on transactions (source, kind, key, amount);

drop index clients_updated_at;
create index clients_updated_at on clients (updated_at, id);

create table activities_by_id (
    id text not null primary key,
    client text not null references clients (id) deferrable initially deferred,
    type text not null,
    description text not null,
    actor_type text not null,
    actor_id text,
    metadata text not null,
    created_at text not null
);
insert into activities_by_id (id, client, type, description, actor_type, actor_id, metadata, created_at)
select id, client, type, description, actor_type, actor_id, metadata, created_at from activities;
drop table activities;
alter table activities_by_id rename to activities;
create index activities_client on activities (client, created_at, id);
