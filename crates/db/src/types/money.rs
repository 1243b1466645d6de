//! Amounts: `numeric` on PostgreSQL, decimal text on SQLite. Never through a binary float.

use bigdecimal::BigDecimal;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Numeric, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};

/// The SQL type of an amount, exact: up to 20 digits before and 18 after the point, and a good way beyond.
///
/// On SQLite it is text in plain notation, so **SQL must neither compare, sort nor sum it there**: do that in Rust.
/// (diesel's `Numeric` would pass it through an `f64` on SQLite. Don't use that in a `schema.rs`.)
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 1700, array_oid = 1231))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Money;

/// An amount as a value in queries and rows. Rows may be read as a plain `BigDecimal` too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Money)]
pub struct Decimal(pub BigDecimal);

impl From<BigDecimal> for Decimal {
    fn from(amount: BigDecimal) -> Self {
        Self(amount)
    }
}

impl From<Decimal> for BigDecimal {
    fn from(amount: Decimal) -> Self {
        amount.0
    }
}

impl<DB: Backend> ToSql<Money, DB> for Decimal
where
    BigDecimal: ToSql<Money, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl<DB: Backend> FromSql<Money, DB> for Decimal
where
    BigDecimal: FromSql<Money, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        BigDecimal::from_sql(value).map(Self)
    }
}

impl ToSql<Money, Pg> for BigDecimal {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Numeric, Pg>::to_sql(self, out)
    }
}

impl FromSql<Money, Pg> for BigDecimal {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Numeric, Pg>::from_sql(value)
    }
}

impl ToSql<Money, Sqlite> for BigDecimal {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        // Plain notation of 1e999999999 would be a gigabyte. PostgreSQL's numeric ends at these places too.
        match self.as_bigint_and_exponent().1 {
            -131_072..=16_383 => out.set_value(self.to_plain_string()),
            _ => return Err("an amount beyond what numeric holds".into()),
        }
        Ok(IsNull::No)
    }
}

impl FromSql<Money, Sqlite> for BigDecimal {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(value.read_text().parse()?)
    }
}
