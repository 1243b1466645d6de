-- An event that contradicts the record stands as that, until staff decide.
alter table inbox drop constraint inbox_state_check;
alter table inbox add constraint inbox_state_check check
    (state in ('pending', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered', 'conflict'));

alter table inbox
    -- The signed `webhook-id` of Standard Webhooks: the one part of a delivery's key that its body does not have.
    add column message_id      text collate "C",
    -- The second address of an event that moves its client from one to another.
    add column other_email_key text collate "C",
    -- How often staff had it read again, and when last.
    add column replays         integer not null default 0,
    add column replayed_at     timestamptz;

-- Every type has its effect now: the claim is the oldest row of a lane, and what failed by itself is claimed apart from the rest.
drop index inbox_pending_by_lane;
create index inbox_fresh_by_lane on inbox (lane, intake) where state = 'pending' and attempts = 0;
create index inbox_failing_by_lane on inbox (lane, next_attempt_at) where state = 'pending' and attempts > 0;
create index inbox_pending_by_other_email on inbox (other_email_key) where state = 'pending' and other_email_key is not null;
create index inbox_pending_by_client_id on inbox (client_id) where state = 'pending' and client_id is not null;
-- What staff look for: few among many. As alternatives, because that is the form both databases find a single state in.
create index inbox_standing on inbox (state, event_id)
    where state = 'held' or state = 'unrecognized' or state = 'dead_lettered' or state = 'conflict';
