-- The trail is appended to and read, and nothing else: whoever but the owner has rights on it, by default privileges or by a grant
-- made earlier, keeps those two. The owner migrates; where the service itself is the owner, nothing changes.
do $$
declare
    role text;
begin
    for role in
        select distinct grantee from information_schema.role_table_grants
        where table_schema = current_schema() and table_name = 'entries' and grantee <> current_user
    loop
        if role = 'PUBLIC' then
            revoke update, delete, truncate on entries from public;
        else
            execute format('revoke update, delete, truncate on entries from %I', role);
        end if;
    end loop;
end
$$;
