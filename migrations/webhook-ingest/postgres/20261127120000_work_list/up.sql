-- An inbox row is written once, and not again because its event takes effect: what waits for its effect is a row of `pending`, and what had it
-- at the first attempt one of `applied`. Where an event stands, and how it got there, `events` says. Replicas of the version before
-- must be stopped first: they know none of this.

-- The work list. It is empty most of the time.
create table pending (
    intake          bigint      not null primary key,
    lane            integer     not null check (lane between 0 and 15),
    -- How often it failed by itself, why the last time, and when it is due again.
    attempts        integer     not null default 0,
    next_attempt_at timestamptz,
    reason          text,
    -- Whom the event names.
    email_key       text        collate "C",
    other_email_key text        collate "C",
    client_id       text        collate "C"
);
insert into pending (intake, lane, attempts, next_attempt_at, reason, email_key, other_email_key, client_id)
select intake, lane, attempts, next_attempt_at, reason, email_key, other_email_key, client_id
from inbox where state = 'pending';

create table applied (
    intake      bigint      not null primary key,
    resolved_at timestamptz not null
);

drop index inbox_fresh_by_lane;
drop index inbox_failing_by_lane;
drop index inbox_pending_by_email;
drop index inbox_pending_by_other_email;
drop index inbox_pending_by_client_id;
alter table inbox drop constraint inbox_state_check;
update inbox set state = 'accepted', attempts = 0, reason = null where state = 'pending';
-- `accepted` was acknowledged to take effect, and ended in no other way: whether it has, `applied` says. Events that were applied
-- after failed attempts, or before there was that table, stand as `applied` here.
alter table inbox
    add constraint inbox_state_check check
        (state in ('accepted', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered', 'conflict')),
    drop column lane,
    drop column email_key,
    drop column other_email_key,
    drop column next_attempt_at;

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

-- Who had rights on the inbox has them on what was taken out of it.
do $$
declare
    role text;
    granted text;
begin
    for role, granted in
        select case grantee when 'PUBLIC' then 'public' else format('%I', grantee) end, privilege_type
        from information_schema.role_table_grants
        where table_schema = current_schema() and table_name = 'inbox' and grantee <> current_user
    loop
        execute format('grant %s on pending, applied to %s', granted, role);
        if granted = 'SELECT' then
            execute format('grant select on events to %s', role);
        end if;
    end loop;
end
$$;
