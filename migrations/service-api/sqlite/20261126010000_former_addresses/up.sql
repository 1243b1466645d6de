-- client_emails has the addresses alone that are not in their clients' records now: clients.email_key has those, and an index of its own.
delete from client_emails
where email_key = (select c.email_key from clients c where c.id = client_emails.client);
