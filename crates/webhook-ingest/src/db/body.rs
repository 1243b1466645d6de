//! The body of a delivery as its column has it: packed.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::sql_types::Binary;

use crate::domain::packing::unpack;

/// A body out of its column. One that was damaged there is what is left of it: nothing that can be read, which hides no other event and
/// holds none up.
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
pub(crate) struct Body(pub(crate) Vec<u8>);

impl<DB: Backend> FromSql<Binary, DB> for Body
where
    Vec<u8>: FromSql<Binary, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let stored = Vec::from_sql(value)?;
        let body = unpack(&stored).unwrap_or_else(|damaged| {
            tracing::error!(error = %damaged, "a body in the inbox");
            stored
        });
        Ok(Self(body))
    }
}
