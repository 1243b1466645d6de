-- On PostgreSQL the right to change the trail is taken from the service here. SQLite knows no rights.
select 1;
