drop table seen;
drop table spooled;
