-- A row says nothing twice, and ids by their 16 bytes (migrations/README.md): `clients.email` is null where it is spelt as `email_key`, an
-- activity's `description` where every activity of its type has the same, and its `metadata` where nothing is left beside the event and its
-- time, which have columns. `clients.search` need not hold any more what other columns say; what it holds of that does no harm.
create function five_bits(id text, place integer) returns integer language sql immutable strict as $$
    select strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(right(id, 26), place, 1)) - 1
$$;
create function twenty_bits(id text, place integer) returns text language sql immutable strict as $$
    select lpad(to_hex(five_bits(id, place) << 5 | five_bits(id, place + 1) << 5
        | five_bits(id, place + 2) << 5 | five_bits(id, place + 3)), 5, '0')
$$;
create function uuid_of(id text) returns uuid language sql immutable strict as $$
    select (lpad(to_hex(five_bits(id, 1) << 5 | five_bits(id, 2)), 2, '0') || twenty_bits(id, 3) || twenty_bits(id, 7)
        || twenty_bits(id, 11) || twenty_bits(id, 15) || twenty_bits(id, 19) || twenty_bits(id, 23))::uuid
$$;

alter table clients drop constraint clients_merged_into_fkey;
alter table client_emails drop constraint client_emails_client_fkey;
alter table accounts drop constraint accounts_client_fkey;
alter table transactions drop constraint transactions_client_fkey;
alter table notes drop constraint notes_client_fkey;

alter table clients
    alter column id type uuid using uuid_of(id),
    alter column merged_into type uuid using uuid_of(merged_into),
    alter column email type text using nullif(email collate "C", email_key);
alter table client_emails
    alter column client type uuid using uuid_of(client);
alter table accounts
    alter column id type uuid using uuid_of(id),
    alter column client type uuid using uuid_of(client);
alter table transactions
    alter column id type uuid using uuid_of(id),
    alter column client type uuid using uuid_of(client),
    alter column event_id type uuid using uuid_of(event_id);
alter table notes
    alter column id type uuid using uuid_of(id),
    alter column client type uuid using uuid_of(client);
alter table applied_events
    alter column event_id type uuid using uuid_of(event_id),
    alter column client type uuid using uuid_of(client);

alter table clients add constraint clients_merged_into_fkey
    foreign key (merged_into) references clients (id) deferrable initially deferred;
alter table client_emails add constraint client_emails_client_fkey
    foreign key (client) references clients (id) deferrable initially deferred;
alter table accounts add constraint accounts_client_fkey
    foreign key (client) references clients (id) deferrable initially deferred;
alter table transactions add constraint transactions_client_fkey
    foreign key (client) references clients (id) deferrable initially deferred;
alter table notes add constraint notes_client_fkey
    foreign key (client) references clients (id) deferrable initially deferred;

create table activities_narrow (
    client       uuid        not null,
    id           uuid        not null,
    event_id     uuid,
    created_at   timestamptz not null,
    effective_at timestamptz,
    type         text        collate "C" not null,
    description  text,
    actor_type   text        collate "C" not null,
    actor_id     text        collate "C",
    metadata     text,
    primary key (client, created_at, id)
);
insert into activities_narrow (client, id, event_id, created_at, effective_at, type, description, actor_type, actor_id, metadata)
select uuid_of(client), uuid_of(id), uuid_of(said ->> 'eventId'), created_at, effective_at, type,
    nullif(description, case type
        when 'client.registered' then 'Client registered'
        when 'note.added' then 'Note added'
        when 'client.impersonated' then 'Staff signed in to the platform as the client'
    end), actor_type, actor_id,
    nullif((said - 'eventId' - case when effective_at is null then 'eventId' else 'effectiveAt' end)::text, '{}')
from activities, lateral (select metadata::jsonb as said) as of_json,
    -- Senseless times stay what they are.
    lateral (select case when said ->> 'effectiveAt' ~ '^(?!0000)[0-9]{4}-' then (said ->> 'effectiveAt')::timestamptz end
        as effective_at) as of_time
order by client, created_at, id;
-- Who had rights on the table has them on what stands in its place.
do $$
declare
    role text;
    granted text;
begin
    for role, granted in
        select case grantee when 'PUBLIC' then 'public' else format('%I', grantee) end, privilege_type
        from information_schema.role_table_grants
        where table_schema = current_schema() and table_name = 'activities' and grantee <> current_user
    loop
        execute format('grant %s on activities_narrow to %s', granted, role);
    end loop;
end
$$;
drop table activities;
alter table activities_narrow rename to activities;
alter index activities_narrow_pkey rename to activities_pkey;

drop function uuid_of;
drop function twenty_bits;
drop function five_bits;
