-- One row for what one commit had to say, as the JSON that audit-log is sent; see migrations/README.md. The trail takes each entry's id
-- once, so nothing needs to be unique here. Replicas of the version before must be stopped first: they know rows of one entry only.
alter table outbox add column entries text, add column count integer, add column bytes integer;
update outbox set
    entries = '[{"id":"' || entry_id || '","payload":' || to_json(payload) || ',"disclosures":' || disclosures || '}]',
    count = 1;
update outbox set bytes = octet_length(entries);
alter table outbox
    alter column entries set not null, alter column count set not null, alter column bytes set not null,
    drop column entry_id, drop column payload, drop column disclosures;

-- The faster of PostgreSQL's two ways to compress, where the server was built with it.
do $$
begin
    alter table outbox alter column entries set compression lz4;
exception when feature_not_supported then
    null;
end
$$;
