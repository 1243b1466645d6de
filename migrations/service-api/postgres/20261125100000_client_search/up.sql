-- What of a record can be searched, folded by the code that writes it. Null in rows from before: the service fills them at start,
-- since databases do not think alike of letters beyond ASCII.
alter table clients add column search text collate "C";
create index clients_not_searchable on clients (id) where search is null;
