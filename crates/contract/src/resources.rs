//! Resources as the APIs answer them: camelCase, absent values `null`, money always a string.

mod activity;
mod client;
mod event;
mod impersonation;
mod note;
mod staff;

pub use activity::{Activity, ActivityPage, ActivityType, Actor, ActorKind};
pub use client::{ClientRecord, ClientStatus};
pub use event::{EventState, EventStatus};
pub use impersonation::{ImpersonationPage, ImpersonationRecord, ImpersonationState};
pub use note::{Note, NotePage};
pub use staff::{StaffList, StaffMember, StaffStatus};
