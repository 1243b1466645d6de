-- One row for what one commit had to say, as the JSON that audit-log is sent; see migrations/README.md. The trail takes each entry's id
-- once, so nothing needs to be unique here. Replicas of the version before must be stopped first: they know rows of one entry only.
create table outbox_of_many (
    id integer primary key autoincrement,
    entries text not null,
    count integer not null,
    bytes integer not null,
    created_at text not null
);
insert into outbox_of_many (entries, count, bytes, created_at)
select json, 1, length(cast(json as blob)), created_at
from (
    select
        '[{"id":"' || entry_id || '","payload":' || json_quote(payload) || ',"disclosures":' || disclosures || '}]' as json,
        id, created_at
    from outbox
)
order by id;
drop table outbox;
alter table outbox_of_many rename to outbox;
