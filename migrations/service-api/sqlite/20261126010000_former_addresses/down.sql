-- Every address a client ever had.
insert into client_emails (client, email_key)
select id, email_key from clients where email_key is not null;
