create function text_of(prefix text, id uuid) returns text language sql immutable strict as $$
    select prefix || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
        substring(B'00' || ('x' || replace(id::text, '-', ''))::bit(128) from place * 5 - 4 for 5)::integer + 1, 1),
        '' order by place)
    from generate_series(1, 26) as place
$$;

alter table clients drop constraint clients_merged_into_fkey;
alter table client_emails drop constraint client_emails_client_fkey;
alter table accounts drop constraint accounts_client_fkey;
alter table transactions drop constraint transactions_client_fkey;
alter table notes drop constraint notes_client_fkey;

alter table clients
    alter column id type text collate "C" using text_of('cl_', id),
    alter column merged_into type text collate "C" using text_of('cl_', merged_into),
    alter column email type text using coalesce(email, email_key),
    -- The version before looks nowhere else, and fills what is null at its start.
    alter column search type text collate "C" using null;
alter table client_emails
    alter column client type text collate "C" using text_of('cl_', client);
alter table accounts
    alter column id type text collate "C" using text_of('acc_', id),
    alter column client type text collate "C" using text_of('cl_', client);
alter table transactions
    alter column id type text collate "C" using text_of('tx_', id),
    alter column client type text collate "C" using text_of('cl_', client),
    alter column event_id type text collate "C" using text_of('evt_', event_id);
alter table notes
    alter column id type text collate "C" using text_of('note_', id),
    alter column client type text collate "C" using text_of('cl_', client);
alter table applied_events
    alter column event_id type text collate "C" using text_of('evt_', event_id),
    alter column client type text collate "C" using text_of('cl_', client);

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

create table activities_wide (
    id          text        collate "C" not null,
    client      text        collate "C" not null,
    type        text        collate "C" not null,
    description text        not null,
    actor_type  text        collate "C" not null,
    actor_id    text        collate "C",
    metadata    text        not null,
    created_at  timestamptz not null,
    primary key (client, created_at, id)
);
insert into activities_wide (id, client, type, description, actor_type, actor_id, metadata, created_at)
select text_of('act_', id), text_of('cl_', client), type, coalesce(description, case type
        when 'client.registered' then 'Client registered'
        when 'note.added' then 'Note added'
        when 'client.impersonated' then 'Staff signed in to the platform as the client'
    end), actor_type, actor_id,
    (coalesce(metadata, '{}')::jsonb || jsonb_strip_nulls(jsonb_build_object(
        'eventId', text_of('evt_', event_id),
        'effectiveAt', to_char(effective_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )))::text, created_at
from activities
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
        execute format('grant %s on activities_wide to %s', granted, role);
    end loop;
end
$$;
drop table activities;
alter table activities_wide rename to activities;
alter index activities_wide_pkey rename to activities_pkey;

drop function text_of;
