//! Ids of our own, by their UUID: `uuid` on PostgreSQL, a `blob` of 16 bytes on SQLite. The prefix that names the kind, and the text of
//! the wire, are not stored: the column says the kind.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;
use diesel::sqlite::{Sqlite, SqliteValue};
use std::io::Write;
use uuid::Uuid;

/// The SQL type of an id.
///
/// PostgreSQL: `uuid`, named by oid (by name it would cost each connection a query). SQLite: its 16 bytes. Both sort ids by their bytes,
/// which is as their texts sort.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Id;

/// An id as a value in queries and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Id)]
pub struct Uid(pub Uuid);

impl Uid {
    /// From whatever is one: the ids of `contract` are.
    pub fn of(id: impl Into<Uuid>) -> Self {
        Self(id.into())
    }
}

impl From<Uuid> for Uid {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<Uid> for Uuid {
    fn from(id: Uid) -> Self {
        id.0
    }
}

impl ToSql<Id, Pg> for Uid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Id, Pg> for Uid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl ToSql<Id, Sqlite> for Uid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Id, Sqlite> for Uid {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.read_blob())?))
    }
}
