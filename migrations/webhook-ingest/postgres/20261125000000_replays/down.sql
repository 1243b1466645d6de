drop index inbox_standing;
drop index inbox_pending_by_client_id;
drop index inbox_pending_by_other_email;
drop index inbox_failing_by_lane;
drop index inbox_fresh_by_lane;
create index inbox_pending_by_lane on inbox (event_type, lane, intake) where state = 'pending';
alter table inbox
    drop column replayed_at,
    drop column replays,
    drop column other_email_key,
    drop column message_id;
update inbox set state = 'dead_lettered' where state = 'conflict';
alter table inbox drop constraint inbox_state_check;
alter table inbox add constraint inbox_state_check check
    (state in ('pending', 'applied', 'superseded', 'held', 'unrecognized', 'dead_lettered'));
