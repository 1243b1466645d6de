-- Back to bodies as they came, for those that are not packed. Any other has no form in SQL: then nothing is undone.
create temp table undone (packed integer not null);
create temp trigger undone_if_possible before insert on undone when new.packed > 0 begin
    select raise(abort, 'bodies that are packed cannot be unpacked by SQL: this migration can be undone only until the service has taken the first delivery');
end;
insert into undone (packed) select count(*) from inbox where substr(body, 1, 1) <> x'30';
drop table temp.undone;

update inbox set body = substr(body, 2);
