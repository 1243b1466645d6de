drop view events;
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
-- Lane and names are for what waits; of the rest whoever replays it reads them anew.
insert into inbox_rebuilt (intake, event_id, source, event_type, state, body, received_at, effective_at, sequence, lane, email_key, client_id,
    warnings, problem, reason, attempts, next_attempt_at, resolved_at, message_id, other_email_key, replays, replayed_at)
select inbox.intake, event_id, source, event_type,
    case when pending.intake is not null then 'pending' when applied.intake is not null then 'applied' else state end,
    body, received_at, effective_at, sequence, coalesce(pending.lane, 0), pending.email_key, inbox.client_id, warnings, problem,
    coalesce(pending.reason, inbox.reason), coalesce(pending.attempts, inbox.attempts), pending.next_attempt_at,
    coalesce(applied.resolved_at, inbox.resolved_at), message_id, pending.other_email_key, replays, replayed_at
from inbox left join pending on pending.intake = inbox.intake left join applied on applied.intake = inbox.intake;
drop table inbox;
drop table applied;
drop table pending;
alter table inbox_rebuilt rename to inbox;
create index inbox_fresh_by_lane on inbox (lane, intake) where state = 'pending' and attempts = 0;
create index inbox_failing_by_lane on inbox (lane, next_attempt_at) where state = 'pending' and attempts > 0;
create index inbox_pending_by_email on inbox (email_key) where state = 'pending';
create index inbox_pending_by_other_email on inbox (other_email_key) where state = 'pending' and other_email_key is not null;
create index inbox_pending_by_client_id on inbox (client_id) where state = 'pending' and client_id is not null;
create index inbox_standing on inbox (state, event_id)
    where state = 'held' or state = 'unrecognized' or state = 'dead_lettered' or state = 'conflict';
