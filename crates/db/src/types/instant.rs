//! Points in time: `timestamptz` on PostgreSQL, RFC 3339 text on SQLite. Both hold microseconds, of the years 1 to 9999.

use chrono::{DateTime, Datelike, SecondsFormat, TimeZone, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;
use diesel::sqlite::{Sqlite, SqliteValue};
use std::io::Write;

/// The SQL type of a point in time.
///
/// PostgreSQL: `timestamptz`, named by oid (by name it would cost each connection a query). SQLite: text like
/// `2026-01-31T09:30:00.000001Z`, always so long, so that order by bytes is order by time. What is finer than a
/// microsecond is cut off, on both alike.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Instant;

/// A point in time as a value in queries and rows. Rows may be read as a plain `DateTime<Utc>` too; diesel lets only
/// a type of ours be written or compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Instant)]
pub struct UtcTime(pub DateTime<Utc>);

impl UtcTime {
    /// From whatever is a time.
    pub fn of(time: impl Into<DateTime<Utc>>) -> Self {
        Self(time.into())
    }
}

impl From<DateTime<Utc>> for UtcTime {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time)
    }
}

impl From<UtcTime> for DateTime<Utc> {
    fn from(time: UtcTime) -> Self {
        time.0
    }
}

impl<DB: Backend> ToSql<Instant, DB> for UtcTime
where
    DateTime<Utc>: ToSql<Instant, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl<DB: Backend> FromSql<Instant, DB> for UtcTime
where
    DateTime<Utc>: FromSql<Instant, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        DateTime::<Utc>::from_sql(value).map(Self)
    }
}

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Whole microseconds since 1970, of a year that both engines can write.
fn micros(time: &DateTime<Utc>) -> Result<i64, serialize_error::OutOfRange> {
    match (1..=9999).contains(&time.year()) {
        true => Ok(time.timestamp_micros()),
        false => Err(serialize_error::OutOfRange),
    }
}

mod serialize_error {
    #[derive(Debug, thiserror::Error)]
    #[error("a time outside the years 1 to 9999")]
    pub(super) struct OutOfRange;
}

impl ToSql<Instant, Pg> for DateTime<Utc> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&(micros(self)? - POSTGRES_EPOCH).to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Pg> for DateTime<Utc> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        // `infinity` is the greatest i64, `-infinity` the least: neither is a time of ours.
        i64::from_be_bytes(value.as_bytes().try_into()?)
            .checked_add(POSTGRES_EPOCH)
            .and_then(|micros| Utc.timestamp_micros(micros).single())
            .ok_or_else(|| "a time that chrono can't hold".into())
    }
}

impl ToSql<Instant, Sqlite> for DateTime<Utc> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        micros(self)?;
        out.set_value(self.to_rfc3339_opts(SecondsFormat::Micros, true));
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Sqlite> for DateTime<Utc> {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(DateTime::parse_from_rfc3339(value.read_text())?.with_timezone(&Utc))
    }
}
