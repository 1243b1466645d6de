create temp table ids (bytes blob not null primary key, text text not null) without rowid;
insert into ids (bytes, text)
select every.id, (
    select substr(group_concat(substr(a, (v >> 15) + 1, 1) || substr(a, (v >> 10 & 31) + 1, 1)
        || substr(a, (v >> 5 & 31) + 1, 1) || substr(a, (v & 31) + 1, 1), '' order by place), 3)
    from (
        select value as place, ('0x' || substr('000' || hex(every.id), value * 5 - 4, 5)) ->> '$' as v,
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
    union select event_id from activities
) as every
where every.id is not null;

create table clients_wide (
    id text not null primary key,
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
    merged_into text references clients_wide (id) deferrable initially deferred,
    created_at text not null,
    updated_at text not null,
    version bigint not null,
    search text,
    unique (source, client_id)
);
insert into clients_wide (
    id, source, client_id, email, email_key, first_name, last_name, phone, country, language, status, kyc_status, kyc_notes, kyc_updated_at,
    registered_at, field_orders, merged_into, created_at, updated_at, version, search
)
select
    'cl_' || (select text from ids where bytes = id), source, client_id, coalesce(email, email_key), email_key, first_name, last_name,
    phone, country, language, status, kyc_status, kyc_notes, kyc_updated_at, registered_at, field_orders, 'cl_' || (select text from ids
    where bytes = merged_into), created_at, updated_at, version, null
from clients;

create table client_emails_wide (
    client text not null references clients_wide (id) deferrable initially deferred,
    email_key text not null,
    primary key (client, email_key)
);
insert into client_emails_wide (
    client, email_key
)
select
    'cl_' || (select text from ids where bytes = client), email_key
from client_emails;

create table accounts_wide (
    id text not null primary key,
    client text not null references clients_wide (id) deferrable initially deferred,
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
insert into accounts_wide (
    id, client, source, server, account_id, parent_account_id, login, platform, account_type, account_group, name, currency, leverage,
    leverage_text, balance, equity, credit, margin, free_margin, margin_level, status, opened_at, field_orders, created_at, updated_at,
    version
)
select
    'acc_' || (select text from ids where bytes = id), 'cl_' || (select text from ids where bytes = client), source, server, account_id,
    parent_account_id, login, platform, account_type, account_group, name, currency, leverage, leverage_text, balance, equity, credit,
    margin, free_margin, margin_level, status, opened_at, field_orders, created_at, updated_at, version
from accounts;

create table transactions_wide (
    id text not null primary key,
    client text not null references clients_wide (id) deferrable initially deferred,
    source text not null,
    kind text not null check (kind in ('deposit', 'withdrawal')),
    key text not null,
    variant integer not null,
    state text not null check (state in ('completed', 'conflict', 'rejected')),
    transaction_id text,
    event_id text not null,
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
insert into transactions_wide (
    id, client, source, kind, key, variant, state, transaction_id, event_id, amount, currency, account_id, subaccount_id, fund_type, method,
    fee, external_id, reason, completed_at, effective_at, field_orders, created_at, updated_at, version
)
select
    'tx_' || (select text from ids where bytes = id), 'cl_' || (select text from ids where bytes = client), source, kind, key, variant,
    state, transaction_id, 'evt_' || (select text from ids where bytes = event_id), amount, currency, account_id, subaccount_id, fund_type,
    method, fee, external_id, reason, completed_at, effective_at, field_orders, created_at, updated_at, version
from transactions;

create table notes_wide (
    id text not null primary key,
    client text not null references clients_wide (id) deferrable initially deferred,
    comment text not null,
    author_type text not null,
    author_id text not null,
    created_at text not null
);
insert into notes_wide (
    id, client, comment, author_type, author_id, created_at
)
select
    'note_' || (select text from ids where bytes = id), 'cl_' || (select text from ids where bytes = client), comment, author_type,
    author_id, created_at
from notes;

create table applied_events_wide (
    event_id text not null primary key,
    client text not null,
    result text not null check (result in ('applied', 'superseded')),
    applied_at text not null,
    reason text
);
insert into applied_events_wide (
    event_id, client, result, applied_at, reason
)
select
    'evt_' || (select text from ids where bytes = event_id), 'cl_' || (select text from ids where bytes = client), result, applied_at,
    reason
from applied_events order by event_id;

create table activities_wide (
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
insert into activities_wide (id, client, type, description, actor_type, actor_id, metadata, created_at)
select 'act_' || (select text from ids where bytes = id), 'cl_' || (select text from ids where bytes = client), type,
    coalesce(description, case type
        when 'client.registered' then 'Client registered'
        when 'note.added' then 'Note added'
        when 'client.impersonated' then 'Staff signed in to the platform as the client'
    end), actor_type, actor_id,
    -- Where there is no event there is no time of one.
    case
        when event_id is null then coalesce(metadata, '{}')
        when effective_at is null then json_set(coalesce(metadata, '{}'), '$.eventId', 'evt_' || (select text from ids where bytes = event_id))
        else json_set(
            coalesce(metadata, '{}'),
            '$.eventId', 'evt_' || (select text from ids where bytes = event_id),
            '$.effectiveAt', effective_at
        )
    end, created_at
from activities
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
alter table clients_wide rename to clients;
alter table client_emails_wide rename to client_emails;
alter table accounts_wide rename to accounts;
alter table transactions_wide rename to transactions;
alter table notes_wide rename to notes;
alter table applied_events_wide rename to applied_events;
alter table activities_wide rename to activities;

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
