//! Resources as the APIs answer them: camelCase, absent values `null`, money always a string.

mod account;
mod activity;
mod client;
mod event;
mod impersonation;
mod note;
mod staff;
mod transaction;

pub use account::{AccountList, AccountRecord, AccountTree};
pub use activity::{Activity, ActivityPage, ActivityType, Actor, ActorKind};
pub use client::{ChangedClient, ClientPage, ClientRecord, ClientStatus, FoundByEmail, KycRecord, LookedUp};
pub use event::{EventState, EventStatus};
pub use impersonation::{ImpersonationPage, ImpersonationRecord, ImpersonationState};
pub use note::{Note, NotePage};
pub use staff::{ChangedStaff, StaffList, StaffMember, StaffStatus};
pub use transaction::{Total, TransactionKind, TransactionPage, TransactionRecord, TransactionState};
