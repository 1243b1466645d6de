drop view events;
alter table inbox drop constraint inbox_state_check;
-- Lane and names are for what waits; of the rest whoever replays it reads them anew.
alter table inbox
    add column lane            integer     not null default 0 check (lane between 0 and 15),
    add column email_key       text        collate "C",
    add column other_email_key text        collate "C",
    add column next_attempt_at timestamptz;
alter table inbox alter column lane drop default;
update inbox set
    state = 'pending', lane = pending.lane, attempts = pending.attempts, next_attempt_at = pending.next_attempt_at,
    reason = pending.reason, email_key = pending.email_key, other_email_key = pending.other_email_key
from pending where pending.intake = inbox.intake;
update inbox set state = 'applied', resolved_at = applied.resolved_at from applied where applied.intake = inbox.intake;
alter table inbox add constraint inbox_state_check check
    (state in ('pending', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered', 'conflict'));
drop table applied;
drop table pending;
create index inbox_fresh_by_lane on inbox (lane, intake) where state = 'pending' and attempts = 0;
create index inbox_failing_by_lane on inbox (lane, next_attempt_at) where state = 'pending' and attempts > 0;
create index inbox_pending_by_email on inbox (email_key) where state = 'pending';
create index inbox_pending_by_other_email on inbox (other_email_key) where state = 'pending' and other_email_key is not null;
create index inbox_pending_by_client_id on inbox (client_id) where state = 'pending' and client_id is not null;
