-- An entry that waits twice is kept once: that is what the key was for.
create table outbox_of_one (
    id integer primary key autoincrement,
    entry_id text not null unique,
    payload text not null,
    disclosures text not null,
    created_at text not null
);
insert or ignore into outbox_of_one (entry_id, payload, disclosures, created_at)
select told.value ->> 'id', told.value ->> 'payload', told.value -> 'disclosures', outbox.created_at
from outbox, json_each(outbox.entries) as told
order by outbox.id, told.key;
drop table outbox;
alter table outbox_of_one rename to outbox;
