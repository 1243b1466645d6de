//! The audit trail's side of a request: what a handler adds to its entry, when the entry must be durable, how it is sealed, and
//! how refusals of unknown callers are counted. Where entries go is the service's business: see [`Recorder`].

mod alarm;
mod draft;
mod recorder;
mod refusals;
mod remote;
mod seal;
mod start;

pub use alarm::{ALARM, Alarm};
pub(crate) use draft::Due;
pub use draft::RequestAudit;
pub use recorder::{RecordError, Recorder};
pub(crate) use refusals::{FLUSH_EVERY, Refusals};
pub use remote::remote_recorder;
pub use seal::seal;
pub(crate) use start::record_start;
