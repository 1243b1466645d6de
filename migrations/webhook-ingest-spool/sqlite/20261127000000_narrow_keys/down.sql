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
from (select entry_id as id from spooled union select event_id from spooled where event_id is not null union select event_id from seen) as every;

create table spooled_rebuilt (
    intake          integer primary key autoincrement,
    entry_id        text    not null unique,
    payload         text    not null,
    disclosures     text    not null,
    event_id        text    unique,
    seen_key        text,
    answered        text    check (answered in ('accepted', 'unrecognized', 'held', 'reused')),
    source          text,
    message_id      text,
    body            blob,
    received_at     text,
    email_key       text,
    other_email_key text,
    client_id       text,
    check ((event_id is null) = (seen_key is null) and (event_id is null) = (answered is null)
        and (event_id is null) = (source is null) and (event_id is null) = (body is null)
        and (event_id is null) = (received_at is null))
);
insert into spooled_rebuilt (intake, entry_id, payload, disclosures, event_id, seen_key, answered, source, message_id, body, received_at, email_key, other_email_key, client_id)
select
    intake, 'aud_' || (select text from ids where bytes = spooled.entry_id),
    payload, disclosures,
    'evt_' || (select text from ids where bytes = spooled.event_id),
    case
        when seen_key is null then null
        when substr(seen_key, instr(seen_key, x'3a'), 3) in (x'3a623a', x'3a683a', x'3a723a')
        then cast(substr(seen_key, 1, instr(seen_key, x'3a') + 2) as text) || lower(hex(substr(seen_key, instr(seen_key, x'3a') + 3)))
        else cast(seen_key as text)
    end,
    answered, source, message_id, body, received_at, email_key, other_email_key, client_id
from spooled;
drop table spooled;
alter table spooled_rebuilt rename to spooled;
create index spooled_by_email on spooled (email_key) where email_key is not null;
create index spooled_by_other_email on spooled (other_email_key) where other_email_key is not null;
create index spooled_by_client_id on spooled (client_id) where client_id is not null;

create table seen_rebuilt (
    key      text not null primary key,
    event_id text not null,
    facts    blob not null
);
insert into seen_rebuilt (key, event_id, facts)
select
    case
        when substr(key, instr(key, x'3a'), 3) in (x'3a623a', x'3a683a', x'3a723a')
        then cast(substr(key, 1, instr(key, x'3a') + 2) as text) || lower(hex(substr(key, instr(key, x'3a') + 3)))
        else cast(key as text)
    end,
    'evt_' || (select text from ids where bytes = seen.event_id), facts
from seen;
drop table seen;
alter table seen_rebuilt rename to seen;

drop table temp.ids;
