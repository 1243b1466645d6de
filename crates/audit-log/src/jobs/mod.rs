//! Background work: a file per job.

pub(crate) mod shipping;
