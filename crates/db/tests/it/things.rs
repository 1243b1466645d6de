//! The table these tests write to.

use db::types::{Decimal, Uid, UtcTime};
use db::{Conn, Database, DbResult, on_backend};
use diesel::prelude::*;
use test_kit::database::TestDatabase;

diesel::table! {
    use diesel::sql_types::*;
    use db::types::{Id, Instant, Money};

    things (key) {
        key -> Text,
        number -> BigInt,
        amount -> Nullable<Money>,
        at -> Nullable<Instant>,
        id -> Nullable<Id>,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = things, treat_none_as_default_value = false)]
pub(crate) struct Thing {
    pub(crate) key: String,
    pub(crate) number: i64,
    pub(crate) amount: Option<Decimal>,
    pub(crate) at: Option<UtcTime>,
    pub(crate) id: Option<Uid>,
}

pub(crate) fn thing(key: &str, number: i64) -> Thing {
    Thing { key: key.to_owned(), number, amount: None, at: None, id: None }
}

/// Makes the table. Its number is checked, so that a bad row exists, and unique but for 0.
pub(crate) fn create(on: &TestDatabase) {
    on.run(
        "svc",
        "CREATE SCHEMA svc; CREATE TABLE things (key text COLLATE \"C\" PRIMARY KEY,
         number bigint NOT NULL CHECK (number >= 0), amount numeric, at timestamptz, id uuid);
         CREATE UNIQUE INDEX things_number ON things (number) WHERE number > 0",
        "CREATE TABLE things (key text NOT NULL PRIMARY KEY,
         number bigint NOT NULL CHECK (number >= 0), amount text, at text, id blob);
         CREATE UNIQUE INDEX things_number ON things (number) WHERE number > 0",
    );
}

/// A fresh database with the table.
pub(crate) fn with_things(on: &TestDatabase) -> Database {
    create(on);
    on.open("svc")
}

pub(crate) fn insert(conn: &mut Conn, rows: &[Thing]) -> DbResult<usize> {
    Ok(on_backend!(conn, |c| diesel::insert_into(things::table).values(rows).execute(c))?)
}

pub(crate) fn set(conn: &mut Conn, key: &str, number: i64) -> DbResult<usize> {
    let row = things::table.find(key);
    Ok(on_backend!(conn, |c| diesel::update(row).set(things::number.eq(number)).execute(c))?)
}

pub(crate) fn all(conn: &mut Conn) -> DbResult<Vec<Thing>> {
    Ok(on_backend!(conn, |c| things::table.order(things::key).select(Thing::as_select()).load(c))?)
}

pub(crate) async fn keys(database: &Database) -> Vec<String> {
    let rows = database.read(all).await.unwrap();
    rows.into_iter().map(|row| row.key).collect()
}
