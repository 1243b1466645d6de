-- Back to the form of before, for entries that were there before or are not packed. Any other has no form in SQL: then nothing is undone.
create temp table undone (packed integer not null);
create temp trigger undone_if_possible before insert on undone when new.packed > 0 begin
    select raise(abort, 'entries that are packed cannot be unpacked by SQL: this migration can be undone only until the service has appended the first one');
end;
insert into undone (packed) select count(*) from entries where substr(packed, 1, 1) <> x'30';
drop table temp.undone;

alter table entries rename to new_entries;
drop index entries_by_time;
drop index entries_by_category;
drop index entries_by_actor;
drop index entries_by_target;

create table entries (
    position    integer primary key autoincrement,
    entry_id    text    not null unique,
    payload     text    not null,
    disclosures text    not null,
    time        text    not null,
    service     text    not null,
    category    text    not null,
    action      text    not null,
    outcome     text    not null,
    reason      text,
    actor_kind  text    not null,
    actor_id    text,
    target_kind text,
    target_id   text,
    search      text    not null,
    received_at text    not null
);

-- As in migrations/README.md.
create temp table ids (bytes blob not null primary key, text text not null) without rowid;
insert into ids (bytes, text)
select every.id, (
    select substr(group_concat(substr(a, (v >> 15) + 1, 1) || substr(a, (v >> 10 & 31) + 1, 1)
        || substr(a, (v >> 5 & 31) + 1, 1) || substr(a, (v & 31) + 1, 1), '' order by place), 3)
    from (
        select value as place, ('0x' || substr('000' || hex(every.id), value * 5 - 4, 5)) ->> '$' as v,
            '0123456789abcdefghjkmnpqrstvwxyz' as a
        from json_each('[1,2,3,4,5,6,7]')
    )
)
from (select entry_id as id from new_entries) as every;

-- The words as a JSON array.
create temp view worded as
select id, '["' || replace(replace(replace(words, '\', '\\'), '"', '\"'), char(10), '","') || '"]' as word from kinds;

-- Method and route go back into `search`.
insert into entries
select position, 'aud_' || ids.text, substr(texts, 1, instr(texts, char(10)) - 1), substr(texts, instr(texts, char(10)) + 1), time,
    word ->> '$[0]', word ->> '$[1]', word ->> '$[2]', word ->> '$[3]', nullif(word ->> '$[4]', ''), word ->> '$[5]', actor_id,
    nullif(word ->> '$[6]', ''), target_id,
    ltrim(search || iif(word ->> '$[7]' = '', '', char(10) || lower(word ->> '$[7]'))
        || iif(word ->> '$[8]' = '', '', char(10) || lower(word ->> '$[8]')), char(10)), received_at
from (select *, cast(substr(packed, 2) as text) as texts from new_entries)
join worded on worded.id = kind join ids on ids.bytes = entry_id
order by position;

drop view temp.worded;
drop table temp.ids;
drop table new_entries;
drop table kinds;

create index entries_by_time on entries (time, position);
create index entries_by_category on entries (category, time, position);
create index entries_by_actor on entries (actor_id, time, position);
create index entries_by_target on entries (target_id, time, position);
