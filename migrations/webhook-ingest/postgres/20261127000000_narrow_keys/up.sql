-- Ids of ours as 16 bytes, and keys with digests as digests: half of what `seen` and its index took. How: migrations/README.md.
create function five_bits(id text, place integer) returns integer language sql immutable strict as $$
    select strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(right(id, 26), place, 1)) - 1
$$;
-- Operators bind from left to right: each digit moves those before it.
create function twenty_bits(id text, place integer) returns text language sql immutable strict as $$
    select lpad(to_hex(five_bits(id, place) << 5 | five_bits(id, place + 1) << 5
        | five_bits(id, place + 2) << 5 | five_bits(id, place + 3)), 5, '0')
$$;
create function uuid_of(id text) returns uuid language sql immutable strict as $$
    select (lpad(to_hex(five_bits(id, 1) << 5 | five_bits(id, 2)), 2, '0') || twenty_bits(id, 3) || twenty_bits(id, 7)
        || twenty_bits(id, 11) || twenty_bits(id, 15) || twenty_bits(id, 19) || twenty_bits(id, 23))::uuid
$$;

alter table inbox alter column event_id type uuid using uuid_of(event_id);
alter table seen alter column event_id type uuid using uuid_of(event_id);
-- `<source>:<kind>:<value>`: the value is a digest where the kind is b, h or r, and the sender's own text where it is i or w.
alter table seen alter column key type bytea using case
    when key ~ '^[^:]*:[bhr]:[0-9a-f]{64}$'
    then convert_to(left(key, -64), 'UTF8') || decode(right(key, 64), 'hex')
    else convert_to(key, 'UTF8')
end;

drop function uuid_of;
drop function twenty_bits;
drop function five_bits;
