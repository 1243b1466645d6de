drop index transactions_told;
create index transactions_told on transactions (source, kind, key, amount);

drop index clients_updated_at;
create index clients_updated_at on clients (updated_at, id);

alter table activities drop constraint activities_pkey;
alter table activities add primary key (id);
create index activities_client on activities (client, created_at, id);
alter table activities add constraint activities_client_fkey
    foreign key (client) references clients (id) deferrable initially deferred;
