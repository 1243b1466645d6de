-- An entry that waits twice is kept once: that is what the key was for.
alter table outbox add column entry_id text collate "C", add column payload text, add column disclosures text;
insert into outbox (entry_id, payload, disclosures, created_at, entries, count, bytes)
select distinct on (entry ->> 'id')
    entry ->> 'id', entry ->> 'payload', (entry -> 'disclosures')::text, created_at, '', 0, 0
from outbox, json_array_elements(entries::json) with ordinality as told (entry, place)
order by entry ->> 'id', id, place;
delete from outbox where entry_id is null;
alter table outbox
    drop column entries, drop column count, drop column bytes,
    alter column entry_id set not null, alter column payload set not null, alter column disclosures set not null,
    add constraint outbox_entry_id_key unique (entry_id);
