-- What clients are named by is locked by advisory locks now, which need no rows. A replica of the version before finds no table for its own
-- and applies nothing any more.
drop table identities;
