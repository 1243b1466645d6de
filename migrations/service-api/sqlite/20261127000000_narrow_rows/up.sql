-- As on PostgreSQL. Tables are made anew, the one that others refer to first, and dropped last.
create temp table ids (text text not null primary key, bytes blob not null) without rowid;
insert into ids (text, bytes)
select every.id, (
    select unhex(substr(group_concat(printf('%05x', instr(a, substr(d, 1, 1)) - 1 << 5 | instr(a, substr(d, 2, 1)) - 1 << 5
        | instr(a, substr(d, 3, 1)) - 1 << 5 | instr(a, substr(d, 4, 1)) - 1), '' order by place), 4))
    from (
        select value as place, substr('00' || substr(every.id, -26), value * 4 - 3, 4) as d,
            '0123456789abcdefghjkmnpqrstvwxyz' as a
        from json_each('[1,2,3,4,5,6,7]')
    )
)
from (
    select id from clients
    union select id from accounts
    union select id from transactions
    union select id from notes
    union select id from activities
    union select client from activities
    union select client from applied_events
    union select event_id from applied_events
    union select event_id from transactions
    union select metadata ->> '$.eventId' from activities
) as every
where every.id is not null;

create table clients_narrow (
    id blob not null primary key,
    source text not null,
    client_id text,
    email text,
    email_key text,
    first_name text,
    last_name text,
    phone text,
    country text,
    language text,
    status text not null check (status in ('provisional', 'active', 'suspended', 'closed')),
    kyc_status text not null,
    kyc_notes text,
    kyc_updated_at text,
    registered_at text,
    field_orders text not null,
    merged_into blob references clients_narrow (id) deferrable initially deferred,
    created_at text not null,
    updated_at text not null,
    version bigint not null,
    search text,
    unique (source, client_id)
);
insert into clients_narrow (
    id, source, client_id, email, email_key, first_name, last_name, phone, country, language, status, kyc_status, kyc_notes, kyc_updated_at,
    registered_at, field_orders, merged_into, created_at, updated_at, version, search
)
select
    (select bytes from ids where text = id), source, client_id, nullif(email, email_key), email_key, first_name, last_name, phone, country,
    language, status, kyc_status, kyc_notes, kyc_updated_at, registered_at, field_orders, (select bytes from ids where text = merged_into),
    created_at, updated_at, version, search
from clients;

create table client_emails_narrow (
    client blob not null references clients_narrow (id) deferrable initially deferred,
    email_key text not null,
    primary key (client, email_key)
);
insert into client_emails_narrow (
    client, email_key
)
select
    (select bytes from ids where text = client), email_key
from client_emails;

create table accounts_narrow (
    id blob not null primary key,
    client blob not null references clients_narrow (id) deferrable initially deferred,
    source text not null,
    server text not null,
    account_id text not null,
    parent_account_id text,
    login text,
    platform text,
    account_type text,
    account_group text,
    name text,
    currency text,
    leverage bigint,
    leverage_text text,
    balance text,
    equity text,
    credit text,
    margin text,
    free_margin text,
    margin_level text,
    status text,
    opened_at text,
    field_orders text not null,
    created_at text not null,
    updated_at text not null,
    version bigint not null
);
insert into accounts_narrow (
    id, client, source, server, account_id, parent_account_id, login, platform, account_type, account_group, name, currency, leverage,
    leverage_text, balance, equity, credit, margin, free_margin, margin_level, status, opened_at, field_orders, created_at, updated_at,
    version
)
select
    (select bytes from ids where text = id), (select bytes from ids where text = client), source, server, account_id, parent_account_id,
    login, platform, account_type, account_group, name, currency, leverage, leverage_text, balance, equity, credit, margin, free_margin,
    margin_level, status, opened_at, field_orders, created_at, updated_at, version
from accounts;

create table transactions_narrow (
    id blob not null primary key,
    client blob not null references clients_narrow (id) deferrable initially deferred,
    source text not null,
    kind text not null check (kind in ('deposit', 'withdrawal')),
    key text not null,
    variant integer not null,
    state text not null check (state in ('completed', 'conflict', 'rejected')),
    transaction_id text,
    event_id blob not null,
    amount text not null,
    currency text,
    account_id text,
    subaccount_id text,
    fund_type text,
    method text,
    fee text,
    external_id text,
    reason text,
    completed_at text,
    effective_at text not null,
    field_orders text not null,
    created_at text not null,
    updated_at text not null,
    version bigint not null,
    unique (source, kind, key, variant)
);
insert into transactions_narrow (
    id, client, source, kind, key, variant, state, transaction_id, event_id, amount, currency, account_id, subaccount_id, fund_type, method,
    fee, external_id, reason, completed_at, effective_at, field_orders, created_at, updated_at, version
)
select
    (select bytes from ids where text = id), (select bytes from ids where text = client), source, kind, key, variant, state, transaction_id,
    (select bytes from ids where text = event_id), amount, currency, account_id, subaccount_id, fund_type, method, fee, external_id, reason,
    completed_at, effective_at, field_orders, created_at, updated_at, version
from transactions;

create table notes_narrow (
    id blob not null primary key,
    client blob not null references clients_narrow (id) deferrable initially deferred,
    comment text not null,
    author_type text not null,
    author_id text not null,
    created_at text not null
);
insert into notes_narrow (
    id, client, comment, author_type, author_id, created_at
)
select
    (select bytes from ids where text = id), (select bytes from ids where text = client), comment, author_type, author_id, created_at
from notes;

create table applied_events_narrow (
    event_id blob not null primary key,
    client blob not null,
    result text not null check (result in ('applied', 'superseded')),
    applied_at text not null,
    reason text
) without rowid;
insert into applied_events_narrow (
    event_id, client, result, applied_at, reason
)
select
    (select bytes from ids where text = event_id), (select bytes from ids where text = client), result, applied_at, reason
from applied_events order by event_id;

create table activities_narrow (
    client blob not null,
    id blob not null,
    event_id blob,
    created_at text not null,
    effective_at text,
    type text not null,
    description text,
    actor_type text not null,
    actor_id text,
    metadata text,
    primary key (client, created_at, id)
) without rowid;
insert into activities_narrow (client, id, event_id, created_at, effective_at, type, description, actor_type, actor_id, metadata)
select (select bytes from ids where text = client), (select bytes from ids where text = id),
    (select bytes from ids where text = metadata ->> '$.eventId'), created_at, effective_at, type,
    nullif(description, case type
        when 'client.registered' then 'Client registered'
        when 'note.added' then 'Note added'
        when 'client.impersonated' then 'Staff signed in to the platform as the client'
    end), actor_type, actor_id,
    nullif(json_remove(metadata, '$.eventId', iif(effective_at is null, '$.eventId', '$.effectiveAt')), '{}')
from (
    -- Senseless times stay what they are.
    select *, iif(metadata ->> '$.effectiveAt' glob '[0-9][0-9][0-9][0-9]-*' and metadata ->> '$.effectiveAt' not glob '0000*',
        metadata ->> '$.effectiveAt', null) as effective_at
    from activities
)
order by client, created_at, id;

drop table temp.ids;
-- To drop `clients` looks for each row at who was merged into it.
create index clients_merged on clients (merged_into);
drop table activities;
drop table applied_events;
drop table notes;
drop table transactions;
drop table accounts;
drop table client_emails;
drop table clients;
alter table clients_narrow rename to clients;
alter table client_emails_narrow rename to client_emails;
alter table accounts_narrow rename to accounts;
alter table transactions_narrow rename to transactions;
alter table notes_narrow rename to notes;
alter table applied_events_narrow rename to applied_events;
alter table activities_narrow rename to activities;

create unique index clients_email_alone on clients (source, email_key) where client_id is null and merged_into is null;
create index clients_email_key on clients (email_key);
create index clients_updated_at on clients (updated_at);
create index clients_not_searchable on clients (id) where search is null;
create index client_emails_email_key on client_emails (email_key);
create unique index accounts_key on accounts (source, server, account_id) where account_id <> '';
create unique index accounts_nameless on accounts (client, server) where account_id = '';
create index accounts_client on accounts (client);
create index transactions_client on transactions (client, effective_at, id);
create index transactions_told on transactions (source, kind, key, amount) where variant > 0;
create index notes_client on notes (client, created_at, id);
