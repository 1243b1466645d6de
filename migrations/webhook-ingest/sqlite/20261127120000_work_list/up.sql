-- An inbox row is written once, and not again because its event takes effect: what waits for its effect is a row of `pending`, and what had it
-- at the first attempt one of `applied`. Where an event stands, and how it got there, `events` says. Intake numbers stay, and so does
-- the counter, since it follows the greatest of them and rows are never removed.

-- The work list. It is empty most of the time.
create table pending (
    intake          integer primary key,
    lane            integer not null check (lane between 0 and 15),
    -- How often it failed by itself, why the last time, and when it is due again.
    attempts        integer not null default 0,
    next_attempt_at text,
    reason          text,
    -- Whom the event names.
    email_key       text,
    other_email_key text,
    client_id       text
);
insert into pending (intake, lane, attempts, next_attempt_at, reason, email_key, other_email_key, client_id)
select intake, lane, attempts, next_attempt_at, reason, email_key, other_email_key, client_id
from inbox where state = 'pending';

create table applied (
    intake      integer primary key,
    resolved_at text    not null
);

create table inbox_rebuilt (
    intake          integer primary key autoincrement,
    event_id        blob    not null unique,
    source          text    not null,
    event_type      text,
    -- `accepted` was acknowledged to take effect, and ended in no other way: whether it has, `applied` says. Events that were applied
    -- after failed attempts, or before there was that table, stand as `applied` here.
    state           text    not null
        check (state in ('accepted', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered', 'conflict')),
    body            blob    not null,
    received_at     text    not null,
    effective_at    text    not null,
    sequence        bigint,
    client_id       text,
    warnings        text    not null,
    problem         text,
    reason          text,
    attempts        integer not null default 0,
    resolved_at     text,
    message_id      text,
    replays         integer not null default 0,
    replayed_at     text
);
insert into inbox_rebuilt (intake, event_id, source, event_type, state, body, received_at, effective_at, sequence, client_id, warnings, problem,
    reason, attempts, resolved_at, message_id, replays, replayed_at)
select intake, event_id, source, event_type, case state when 'pending' then 'accepted' else state end, body, received_at, effective_at,
    sequence, client_id, warnings, problem, case state when 'pending' then null else reason end,
    case state when 'pending' then 0 else attempts end, resolved_at, message_id, replays, replayed_at
from inbox;
drop table inbox;
alter table inbox_rebuilt rename to inbox;
create index inbox_standing on inbox (state, event_id)
    where state = 'held' or state = 'unrecognized' or state = 'dead_lettered' or state = 'conflict';

-- The claims: oldest row of a lane, and what failed by itself apart from the rest.
create index pending_fresh on pending (lane, intake) where attempts = 0;
create index pending_failing on pending (lane, next_attempt_at) where attempts > 0;
create index pending_by_email on pending (email_key) where email_key is not null;
create index pending_by_other_email on pending (other_email_key) where other_email_key is not null;
create index pending_by_client_id on pending (client_id) where client_id is not null;

-- Where each event stands. A probe for each value that is asked for, lest a plan goes through all that waits.
create view events as
select
    intake, event_id, source, event_type,
    case state
        when 'accepted' then coalesce((select 'applied' from applied where applied.intake = inbox.intake), 'pending')
        else state
    end as state,
    -- As the row has it, which an index may know.
    state as stored_state,
    body, received_at, effective_at, sequence, client_id, warnings, problem,
    coalesce((select pending.reason from pending where pending.intake = inbox.intake), reason) as reason,
    coalesce((select pending.attempts from pending where pending.intake = inbox.intake), attempts) as attempts,
    (select pending.next_attempt_at from pending where pending.intake = inbox.intake) as next_attempt_at,
    coalesce((select applied.resolved_at from applied where applied.intake = inbox.intake), resolved_at) as resolved_at,
    message_id, replays, replayed_at
from inbox;
