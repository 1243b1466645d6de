//! Resources as the APIs answer them: camelCase, absent values `null`, money always a string.

mod activity;
mod client;
mod event;
mod note;

pub use activity::{Activity, ActivityPage, ActivityType, Actor, ActorKind};
pub use client::{ClientRecord, ClientStatus};
pub use event::{EventState, EventStatus};
pub use note::{Note, NotePage};
