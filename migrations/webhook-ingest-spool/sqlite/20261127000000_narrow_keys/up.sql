-- Ids and keys as in webhook-ingest's own tables, see its migration of this name.
create temp table ids (text text not null primary key, bytes blob not null) without rowid;
-- Operators bind from left to right here too.
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
from (select entry_id as id from spooled union select event_id from spooled where event_id is not null union select event_id from seen) as every;

create table spooled_rebuilt (
    intake          integer primary key autoincrement,
    entry_id        blob    not null unique,
    payload         text    not null,
    disclosures     text    not null,
    event_id        blob    unique,
    seen_key        blob,
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
    intake, (select bytes from ids where text = spooled.entry_id),
    payload, disclosures,
    (select bytes from ids where text = spooled.event_id),
    case
        when seen_key is null then null
        when substr(seen_key, instr(seen_key, ':'), 3) in (':b:', ':h:', ':r:') and length(seen_key) = instr(seen_key, ':') + 66
        then cast(cast(substr(seen_key, 1, instr(seen_key, ':') + 2) as blob) || unhex(substr(seen_key, -64)) as blob)
        else cast(seen_key as blob)
    end,
    answered, source, message_id, body, received_at, email_key, other_email_key, client_id
from spooled;
drop table spooled;
alter table spooled_rebuilt rename to spooled;
create index spooled_by_email on spooled (email_key) where email_key is not null;
create index spooled_by_other_email on spooled (other_email_key) where other_email_key is not null;
create index spooled_by_client_id on spooled (client_id) where client_id is not null;

create table seen_rebuilt (
    key      blob not null primary key,
    event_id blob not null,
    facts    blob not null
);
insert into seen_rebuilt (key, event_id, facts)
select
    case
        when substr(key, instr(key, ':'), 3) in (':b:', ':h:', ':r:') and length(key) = instr(key, ':') + 66
        then cast(cast(substr(key, 1, instr(key, ':') + 2) as blob) || unhex(substr(key, -64)) as blob)
        else cast(key as blob)
    end,
    (select bytes from ids where text = seen.event_id), facts
from seen;
drop table seen;
alter table seen_rebuilt rename to seen;

drop table temp.ids;
