//! SQL types that mean the same on both engines. For `schema.rs`:
//!
//! ```
//! diesel::table! {
//!     use diesel::sql_types::*;
//!     use db::types::{Id, Instant, Money};
//!
//!     payments (id) {
//!         id -> Id,
//!         amount -> Money,
//!         paid_at -> Nullable<Instant>,
//!     }
//! }
//! ```
//!
//! Rows hold [`Uid`], [`UtcTime`] and [`Decimal`], and queries compare with them: `.filter(paid_at.le(UtcTime(now)))`. An id of
//! `contract` goes in as `Uid::of(id)` and comes back by its `from_uuid(row.id.0)`.

mod id;
mod instant;
mod money;

pub use id::{Id, Uid};
pub use instant::{Instant, UtcTime};
pub use money::{Decimal, Money};
