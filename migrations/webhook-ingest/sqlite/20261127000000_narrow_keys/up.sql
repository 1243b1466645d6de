-- Ids of ours as 16 bytes, and keys with digests as digests: half of what `seen` and its index took. How: migrations/README.md. Intake
-- numbers stay, and so does the counter, since it follows the greatest of them and rows are never removed.
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
from (select event_id as id from inbox union select event_id from seen) as every;

create table inbox_rebuilt (
    intake          integer primary key autoincrement,
    event_id        blob    not null unique,
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
select intake, (select bytes from ids where text = inbox.event_id), source, event_type, state, body, received_at, effective_at, sequence, lane, email_key, client_id, warnings, problem, reason, attempts, next_attempt_at, resolved_at, message_id, other_email_key, replays, replayed_at
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

-- `<source>:<kind>:<value>`: the value is a digest where the kind is b, h or r, and the sender's own text where it is i or w.
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
