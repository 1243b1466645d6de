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
from (select event_id as id from inbox union select event_id from seen) as every;

create table inbox_rebuilt (
    intake          integer primary key autoincrement,
    event_id        text    not null unique,
    source          text    not null,
    event_type      text,
    state           text    not null
        check (state in ('pending', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered', 'conflict')),
    body            blob    not null,
    received_at     text    not null,
    effective_at    text    not null,
    sequence        bigint,
    lane            integer not null check (lane between 0 and 15),
    email_key       text,
    client_id       text,
    warnings        text    not null,
    problem         text,
    reason          text,
    attempts        integer not null default 0,
    next_attempt_at text,
    resolved_at     text,
    message_id      text,
    other_email_key text,
    replays         integer not null default 0,
    replayed_at     text
);
insert into inbox_rebuilt (intake, event_id, source, event_type, state, body, received_at, effective_at, sequence, lane, email_key, client_id, warnings, problem, reason, attempts, next_attempt_at, resolved_at, message_id, other_email_key, replays, replayed_at)
select intake, 'evt_' || (select text from ids where bytes = inbox.event_id), source, event_type, state, body, received_at, effective_at, sequence, lane, email_key, client_id, warnings, problem, reason, attempts, next_attempt_at, resolved_at, message_id, other_email_key, replays, replayed_at
from inbox;
drop table inbox;
alter table inbox_rebuilt rename to inbox;
create index inbox_fresh_by_lane on inbox (lane, intake) where state = 'pending' and attempts = 0;
create index inbox_failing_by_lane on inbox (lane, next_attempt_at) where state = 'pending' and attempts > 0;
create index inbox_pending_by_email on inbox (email_key) where state = 'pending';
create index inbox_pending_by_other_email on inbox (other_email_key) where state = 'pending' and other_email_key is not null;
create index inbox_pending_by_client_id on inbox (client_id) where state = 'pending' and client_id is not null;
create index inbox_standing on inbox (state, event_id)
    where state = 'held' or state = 'unrecognized' or state = 'dead_lettered' or state = 'conflict';

-- The first two `:` come before any byte of a digest, for no source has one.
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
