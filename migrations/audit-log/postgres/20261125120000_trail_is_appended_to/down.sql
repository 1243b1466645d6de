-- Rights that were given up are not given back by undoing.
select 1;
