//! SQL types that mean the same on both engines. For `schema.rs`:
//!
//! ```
//! diesel::table! {
//!     use diesel::sql_types::*;
//!     use db::types::{Instant, Money};
//!
//!     payments (id) {
//!         id -> Text,
//!         amount -> Money,
//!         paid_at -> Nullable<Instant>,
//!     }
//! }
//! ```
//!
//! Rows hold [`UtcTime`] and [`Decimal`], and queries compare with them: `.filter(paid_at.le(UtcTime(now)))`.

mod instant;
mod money;

pub use instant::{Instant, UtcTime};
pub use money::{Decimal, Money};
