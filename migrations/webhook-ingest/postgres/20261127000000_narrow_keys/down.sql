create function text_of(prefix text, id uuid) returns text language sql immutable strict as $$
    select prefix || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
        substring(B'00' || ('x' || replace(id::text, '-', ''))::bit(128) from place * 5 - 4 for 5)::integer + 1, 1),
        '' order by place)
    from generate_series(1, 26) as place
$$;

alter table inbox alter column event_id type text collate "C" using text_of('evt_', event_id);
alter table seen alter column event_id type text collate "C" using text_of('evt_', event_id);
-- The first two `:` come before any byte of a digest, for no source has one.
alter table seen alter column key type text collate "C" using case
    when substring(key from position('\x3a' in key) for 3) in ('\x3a623a', '\x3a683a', '\x3a723a')
    then convert_from(substring(key from 1 for position('\x3a' in key) + 2), 'UTF8')
        || encode(substring(key from position('\x3a' in key) + 3), 'hex')
    else convert_from(key, 'UTF8')
end;

drop function text_of;
