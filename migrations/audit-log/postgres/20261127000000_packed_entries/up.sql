-- An entry takes a third of the room it took. The service packs its bytes into one value, whose first byte says how; '0' is not packed:
-- payload and disclosures, a line each, and so stays what was there. Words that entries share are stored once for each kind of entry,
-- ids as bytes, and the indexes hold no more than leads to few entries. All but `packed` still is an index over it, and no row is
-- ever changed.
create table kinds (
    id    serial primary key,
    -- A line each: service, category, action, outcome, reason, kind of actor, kind of target, method, route. Empty where there is none.
    words text collate "C" not null unique
);

alter table entries rename to old_entries;
alter table old_entries rename constraint entries_pkey to old_entries_pkey;
alter table old_entries rename constraint entries_entry_id_key to old_entries_entry_id_key;
drop index entries_by_time;
drop index entries_by_category;
drop index entries_by_actor;
drop index entries_by_target;
alter sequence entries_position_seq owned by none;

-- A table of its own: dropped columns would leave their trace in each row.
create table entries (
    position    bigint      not null default nextval('entries_position_seq'),
    time        timestamptz not null,
    received_at timestamptz not null,
    entry_id    uuid        not null,
    -- The number of its kind. No foreign key: it would cost a look-up and a lock for each entry.
    kind        integer     not null,
    -- Its category once more, as a number, for the index.
    category    smallint    not null,
    actor_id    text        collate "C",
    target_id   text        collate "C",
    search      text        collate "C" not null,
    packed      bytea       not null
);
alter table entries alter column packed set storage external;
alter sequence entries_position_seq owned by entries.position;

-- The next three are as in migrations/README.md.
create function five_bits(id text, place integer) returns integer language sql immutable strict as $$
    select strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(right(id, 26), place, 1)) - 1
$$;
create function twenty_bits(id text, place integer) returns text language sql immutable strict as $$
    select lpad(to_hex(five_bits(id, place) << 5 | five_bits(id, place + 1) << 5
        | five_bits(id, place + 2) << 5 | five_bits(id, place + 3)), 5, '0')
$$;
create function uuid_of(id text) returns uuid language sql immutable strict as $$
    select (lpad(to_hex(five_bits(id, 1) << 5 | five_bits(id, 2)), 2, '0') || twenty_bits(id, 3) || twenty_bits(id, 7)
        || twenty_bits(id, 11) || twenty_bits(id, 15) || twenty_bits(id, 19) || twenty_bits(id, 23))::uuid
$$;
-- Method and route of what was there stay in `search`. No word of ours is longer than 64 characters.
create view worded as
select *, replace(substr(service, 1, 64), E'\n', ' ') || E'\n' || replace(substr(category, 1, 64), E'\n', ' ')
        || E'\n' || replace(substr(action, 1, 64), E'\n', ' ') || E'\n' || replace(substr(outcome, 1, 64), E'\n', ' ')
        || E'\n' || replace(substr(coalesce(reason, ''), 1, 64), E'\n', ' ') || E'\n' || replace(substr(actor_kind, 1, 64), E'\n', ' ')
        || E'\n' || replace(substr(coalesce(target_kind, ''), 1, 64), E'\n', ' ') || E'\n' || E'\n' as words
from old_entries;

insert into kinds (words) select words from worded group by words order by min(position);
insert into entries (position, time, received_at, entry_id, kind, category, actor_id, target_id, search, packed)
select position, time, received_at, uuid_of(entry_id), kinds.id,
    case category when 'webhook' then 1 when 'service_api' then 2 when 'impersonation' then 3 when 'authentication' then 4
        when 'staff' then 5 when 'audit' then 6 when 'internal' then 7 when 'system' then 8 else 0 end,
    actor_id, target_id, search, convert_to('0' || payload || E'\n' || disclosures, 'UTF8')
from worded join kinds using (words) order by position;

drop view worded;
drop function uuid_of;
drop function twenty_bits;
drop function five_bits;

alter table entries add constraint entries_pkey primary key (position);
alter table entries add constraint entries_entry_id_key unique (entry_id);
-- Newest first, and the filters that pick few of many. Few entries are of one time: the position need not be in an index.
create index entries_by_time on entries (time);
create index entries_by_actor on entries (actor_id, time);
create index entries_by_target on entries (target_id, time);
-- The category that most entries are of is not in it.
create index entries_by_category on entries (category, time) where category > 1;

-- Who had rights on the table has them on what stands in its place: to read and to append, and nothing else.
do $$
declare
    role text;
    granted text;
begin
    for role, granted in
        select case grantee when 'PUBLIC' then 'public' else format('%I', grantee) end, privilege_type
        from information_schema.role_table_grants
        where table_schema = current_schema() and table_name = 'old_entries' and grantee <> current_user
            and privilege_type in ('SELECT', 'INSERT')
    loop
        execute format('grant %s on entries, kinds to %s', granted, role);
        if granted = 'INSERT' then
            execute format('grant usage on sequence kinds_id_seq to %s', role);
        end if;
    end loop;
    for role in
        select distinct case grantee when 'PUBLIC' then 'public' else format('%I', grantee) end
        from information_schema.role_table_grants
        where table_schema = current_schema() and table_name in ('entries', 'kinds') and grantee <> current_user
    loop
        execute format('revoke update, delete, truncate on entries, kinds from %s', role);
    end loop;
end
$$;

drop table old_entries;
