create table inbox_rebuilt (
    intake          integer primary key autoincrement,
    event_id        text    not null unique,
    source          text    not null,
    event_type      text,
    state           text    not null
        check (state in ('pending', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered')),
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
    resolved_at     text
);
insert into inbox_rebuilt
select intake, event_id, source, event_type, case state when 'conflict' then 'dead_lettered' else state end, body, received_at,
    effective_at, sequence, lane, email_key, client_id, warnings, problem, reason, attempts, next_attempt_at, resolved_at
from inbox;
drop table inbox;
alter table inbox_rebuilt rename to inbox;
create index inbox_pending_by_lane on inbox (event_type, lane, intake) where state = 'pending';
create index inbox_pending_by_email on inbox (email_key) where state = 'pending';
