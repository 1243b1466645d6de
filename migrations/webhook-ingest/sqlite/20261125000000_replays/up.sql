-- SQLite changes no check of a table that is there: it is built anew. Intake numbers stay, and so does the counter, since it
-- follows the greatest of them and rows are never removed.
create table inbox_rebuilt (
    intake          integer primary key autoincrement,
    event_id        text    not null unique,
    source          text    not null,
    event_type      text,
    -- An event that contradicts the record stands as `conflict`, until staff decide.
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
    -- The signed `webhook-id` of Standard Webhooks: the one part of a delivery's key that its body does not have.
    message_id      text,
    -- The second address of an event that moves its client from one to another.
    other_email_key text,
    -- How often staff had it read again, and when last.
    replays         integer not null default 0,
    replayed_at     text
);
insert into inbox_rebuilt (intake, event_id, source, event_type, state, body, received_at, effective_at, sequence, lane, email_key,
    client_id, warnings, problem, reason, attempts, next_attempt_at, resolved_at)
select intake, event_id, source, event_type, state, body, received_at, effective_at, sequence, lane, email_key,
    client_id, warnings, problem, reason, attempts, next_attempt_at, resolved_at
from inbox;
drop table inbox;
alter table inbox_rebuilt rename to inbox;

-- Every type has its effect now: the claim is the oldest row of a lane, and what failed by itself is claimed apart from the rest.
create index inbox_fresh_by_lane on inbox (lane, intake) where state = 'pending' and attempts = 0;
create index inbox_failing_by_lane on inbox (lane, next_attempt_at) where state = 'pending' and attempts > 0;
create index inbox_pending_by_email on inbox (email_key) where state = 'pending';
create index inbox_pending_by_other_email on inbox (other_email_key) where state = 'pending' and other_email_key is not null;
create index inbox_pending_by_client_id on inbox (client_id) where state = 'pending' and client_id is not null;
-- What staff look for: few among many. As alternatives, because that is the form both databases find a single state in.
create index inbox_standing on inbox (state, event_id)
    where state = 'held' or state = 'unrecognized' or state = 'dead_lettered' or state = 'conflict';
