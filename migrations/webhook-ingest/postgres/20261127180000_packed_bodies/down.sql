-- Back to bodies as they came, for those that are not packed. Any other has no form in SQL: then nothing is undone.
do $$
begin
    if exists (select 1 from inbox where substr(body, 1, 1) <> '\x30'::bytea) then
        raise exception 'bodies that are packed cannot be unpacked by SQL: this migration can be undone only until the service has taken the first delivery';
    end if;
end
$$;
update inbox set body = substr(body, 2);
