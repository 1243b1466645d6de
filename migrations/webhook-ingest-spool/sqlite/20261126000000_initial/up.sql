-- What was acknowledged while PostgreSQL was away, in a file of each process, until it is in webhook-ingest's own tables. A row for
-- each attempt, in the order in which they came: its audit entry, final bytes as in `outbox`, and, of the first delivery of a key,
-- the delivery.
create table spooled (
    intake          integer primary key autoincrement,
    entry_id        text    not null unique,
    payload         text    not null,
    disclosures     text    not null,
    -- From here on null for repeats, which have nothing but their entry.
    event_id        text    unique,
    -- The row of `seen` that goes when this one does.
    seen_key        text,
    answered        text    check (answered in ('accepted', 'unrecognized', 'held', 'reused')),
    source          text,
    message_id      text,
    body            blob,
    received_at     text,
    -- Whom it names, as in `inbox`, for those who must not be told that there is no such client.
    email_key       text,
    other_email_key text,
    client_id       text,
    check ((event_id is null) = (seen_key is null) and (event_id is null) = (answered is null)
        and (event_id is null) = (source is null) and (event_id is null) = (body is null)
        and (event_id is null) = (received_at is null))
);
create index spooled_by_email on spooled (email_key) where email_key is not null;
create index spooled_by_other_email on spooled (other_email_key) where other_email_key is not null;
create index spooled_by_client_id on spooled (client_id) where client_id is not null;

-- As webhook-ingest's own: the first delivery of each key, but only of those that wait here.
create table seen (
    key      text not null primary key,
    event_id text not null,
    facts    blob not null
);
