drop index clients_not_searchable;
alter table clients drop column search;
