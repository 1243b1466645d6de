-- Back to the form of before, for entries that were there before or are not packed. Any other has no form in SQL: then nothing is undone.
do $$
begin
    if exists (select 1 from entries where substr(packed, 1, 1) <> '0') then
        raise exception 'entries that are packed cannot be unpacked by SQL: this migration can be undone only until the service has appended the first one';
    end if;
end
$$;

alter table entries rename to new_entries;
alter table new_entries rename constraint entries_pkey to new_entries_pkey;
alter table new_entries rename constraint entries_entry_id_key to new_entries_entry_id_key;
drop index entries_by_time;
drop index entries_by_category;
drop index entries_by_actor;
drop index entries_by_target;
alter sequence entries_position_seq owned by none;

create table entries (
    position    bigint      not null default nextval('entries_position_seq'),
    entry_id    text        collate "C" not null,
    payload     text        collate "C" not null,
    disclosures text        collate "C" not null,
    time        timestamptz not null,
    service     text        collate "C" not null,
    category    text        collate "C" not null,
    action      text        collate "C" not null,
    outcome     text        collate "C" not null,
    reason      text        collate "C",
    actor_kind  text        collate "C" not null,
    actor_id    text        collate "C",
    target_kind text        collate "C",
    target_id   text        collate "C",
    search      text        collate "C" not null,
    received_at timestamptz not null
);
alter sequence entries_position_seq owned by entries.position;

-- As in migrations/README.md.
create function text_of(prefix text, id uuid) returns text language sql immutable strict as $$
    select prefix || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
        substring(B'00' || ('x' || replace(id::text, '-', ''))::bit(128) from place * 5 - 4 for 5)::integer + 1, 1),
        '' order by place)
    from generate_series(1, 26) as place
$$;

-- Method and route go back into `search`.
insert into entries
select position, text_of('aud_', entry_id), split_part(texts, E'\n', 1), split_part(texts, E'\n', 2), time, word[1], word[2], word[3],
    word[4], nullif(word[5], ''), word[6], actor_id, nullif(word[7], ''), target_id,
    concat_ws(E'\n', nullif(search, ''), nullif(lower(word[8]), ''), nullif(lower(word[9]), '')), received_at
from new_entries
cross join lateral convert_from(substr(packed, 2), 'UTF8') as texts
join (select id, string_to_array(words, E'\n') as word from kinds) as kinds on kinds.id = kind
order by position;

drop function text_of;

alter table entries add constraint entries_pkey primary key (position);
alter table entries add constraint entries_entry_id_key unique (entry_id);
create index entries_by_time on entries (time, position);
create index entries_by_category on entries (category, time, position);
create index entries_by_actor on entries (actor_id, time, position);
create index entries_by_target on entries (target_id, time, position);

-- Who had rights on the table has them on what stands in its place: to read and to append, and nothing else.
do $$
declare
    role text;
    granted text;
begin
    for role, granted in
        select case grantee when 'PUBLIC' then 'public' else format('%I', grantee) end, privilege_type
        from information_schema.role_table_grants
        where table_schema = current_schema() and table_name = 'new_entries' and grantee <> current_user
            and privilege_type in ('SELECT', 'INSERT')
    loop
        execute format('grant %s on entries to %s', granted, role);
    end loop;
    for role in
        select distinct case grantee when 'PUBLIC' then 'public' else format('%I', grantee) end
        from information_schema.role_table_grants
        where table_schema = current_schema() and table_name in ('entries') and grantee <> current_user
    loop
        execute format('revoke update, delete, truncate on entries from %s', role);
    end loop;
end
$$;

drop table new_entries;
drop table kinds;
