-- An entry takes a third of the room it took. The service packs its bytes into one value, whose first byte says how; '0' is not packed:
-- payload and disclosures, a line each, and so stays what was there. Words that entries share are stored once for each kind of entry,
-- ids as bytes, and the indexes hold no more than leads to few entries. All but `packed` still is an index over it, and no row is
-- ever changed.
create table kinds (
    id    integer primary key autoincrement,
    -- A line each: service, category, action, outcome, reason, kind of actor, kind of target, method, route. Empty where there is none.
    words text not null unique
);

alter table entries rename to old_entries;
drop index entries_by_time;
drop index entries_by_category;
drop index entries_by_actor;
drop index entries_by_target;

create table entries (
    position    integer  primary key autoincrement,
    time        text     not null,
    received_at text     not null,
    entry_id    blob     not null unique,
    -- The number of its kind.
    kind        integer  not null,
    -- Its category once more, as a number, for the index.
    category    smallint not null,
    actor_id    text,
    target_id   text,
    search      text     not null,
    packed      blob     not null
);

-- As in migrations/README.md.
create temp table ids (text text not null primary key, bytes blob not null) without rowid;
insert into ids (text, bytes)
select every.id, (
    select unhex(substr(group_concat(printf('%05x', instr(a, substr(d, 1, 1)) - 1 << 5 | instr(a, substr(d, 2, 1)) - 1 << 5
        | instr(a, substr(d, 3, 1)) - 1 << 5 | instr(a, substr(d, 4, 1)) - 1), '' order by place), 4))
    from (
        select value as place, substr('00' || substr(every.id, -26), value * 4 - 3, 4) as d,
            '0123456789abcdefghjkmnpqrstvwxyz' as a
        from json_each('[1,2,3,4,5,6,7]')
    )
)
from (select entry_id as id from old_entries) as every;

-- Method and route of what was there stay in `search`. No word of ours is longer than 64 characters.
create temp view worded as
select *, replace(substr(service, 1, 64), char(10), ' ') || char(10) || replace(substr(category, 1, 64), char(10), ' ')
        || char(10) || replace(substr(action, 1, 64), char(10), ' ') || char(10) || replace(substr(outcome, 1, 64), char(10), ' ')
        || char(10) || replace(substr(coalesce(reason, ''), 1, 64), char(10), ' ') || char(10) || replace(substr(actor_kind, 1, 64), char(10), ' ')
        || char(10) || replace(substr(coalesce(target_kind, ''), 1, 64), char(10), ' ') || char(10) || char(10) as words
from old_entries;

insert into kinds (words) select words from worded group by words order by min(position);
insert into entries (position, time, received_at, entry_id, kind, category, actor_id, target_id, search, packed)
select position, time, received_at, ids.bytes, kinds.id,
    case category when 'webhook' then 1 when 'service_api' then 2 when 'impersonation' then 3 when 'authentication' then 4
        when 'staff' then 5 when 'audit' then 6 when 'internal' then 7 when 'system' then 8 else 0 end,
    actor_id, target_id, search, cast('0' || payload || char(10) || disclosures as blob)
from worded join kinds on kinds.words = worded.words join ids on ids.text = worded.entry_id
order by position;

drop view temp.worded;
drop table temp.ids;
drop table old_entries;

-- Newest first, and the filters that pick few of many. Few entries are of one time: the position need not be in an index.
create index entries_by_time on entries (time);
create index entries_by_actor on entries (actor_id, time);
create index entries_by_target on entries (target_id, time);
-- The category that most entries are of is not in it.
create index entries_by_category on entries (category, time) where category > 1;
