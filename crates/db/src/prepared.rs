//! PostgreSQL statements in our own words that the server parses once for each connection. `diesel::sql_query` has it parse the text
//! anew each time, which for the statements of the hot paths costs as much as running them. It is for texts that are always the same:
//! whatever varies is bound.

use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use std::marker::PhantomData;
use std::str::Split;

/// Where a value stands in the text.
const PLACE: char = '?';

/// A statement, and the values bound so far. What it loads is read by the columns' names, as from `sql_query`.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until it is executed or loaded"]
pub struct Prepared<B> {
    sql: &'static str,
    binds: B,
}

/// A value of the SQL type `S`, behind the values before it.
#[derive(Debug, Clone)]
pub struct Bound<B, S, V> {
    before: B,
    value: V,
    of_type: PhantomData<S>,
}

/// Begins a statement; each `?` in it is a value, bound in their order. There must be no other `?` in the text.
pub fn prepared(sql: &'static str) -> Prepared<()> {
    Prepared { sql, binds: () }
}

impl<B> Prepared<B> {
    /// Binds the next value.
    pub fn bind<S, V>(self, value: V) -> Prepared<Bound<B, S, V>> {
        Prepared { sql: self.sql, binds: Bound { before: self.binds, value, of_type: PhantomData } }
    }
}

/// Values that can be written between the pieces of a text.
pub trait Binds {
    /// Writes each value with the piece behind it, or the first piece alone.
    ///
    /// # Errors
    /// As any serialisation.
    fn write<'b>(
        &'b self,
        pieces: &mut Split<'static, char>,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()>;
}

impl Binds for () {
    fn write<'b>(
        &'b self,
        pieces: &mut Split<'static, char>,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        out.push_sql(pieces.next().unwrap_or_default());
        Ok(())
    }
}

impl<B, S, V> Binds for Bound<B, S, V>
where
    B: Binds,
    V: ToSql<S, Pg>,
    Pg: HasSqlType<S>,
{
    fn write<'b>(
        &'b self,
        pieces: &mut Split<'static, char>,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        self.before.write(pieces, out)?;
        out.push_bind_param::<S, V>(&self.value)?;
        out.push_sql(pieces.next().unwrap_or_default());
        Ok(())
    }
}

impl<B: Binds> QueryFragment<Pg> for Prepared<B> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.binds.write(&mut self.sql.split(PLACE), &mut out)
    }
}

/// Without an id of its type: the text is what the connection knows it by.
impl<B> QueryId for Prepared<B> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<B> Query for Prepared<B> {
    type SqlType = Untyped;
}

impl<B> RunQueryDsl<PgConnection> for Prepared<B> {}
