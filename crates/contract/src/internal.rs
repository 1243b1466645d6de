//! The calls between services: who calls whom by which name, where, and with which bodies. No one outside sees them, so they may
//! change with a release.

use serde::{Deserialize, Serialize};

use crate::audit::Sealed;
use crate::clock::Timestamp;
use crate::email::EmailKey;
use crate::events::Event;
use crate::ids::{ClientRef, EventId, TokenId};
use crate::resources::ClientStatus;

pub mod trace;

/// The gateway's name, as internal tokens, audit entries and logs have it.
pub const GATEWAY: &str = "gateway";
/// The name of webhook-ingest.
pub const WEBHOOK_INGEST: &str = "webhook-ingest";
/// The name of service-api.
pub const SERVICE_API: &str = "service-api";
/// The name of audit-log.
pub const AUDIT_LOG: &str = "audit-log";
/// The name of sso-issuer.
pub const SSO_ISSUER: &str = "sso-issuer";
/// The name of the dashboard.
pub const DASHBOARD: &str = "dashboard";

/// The name of the credential whose values `SERVICE_API_TOKEN` and its predecessor are: the gateway limits and service-api records by it.
pub const PLATFORM: &str = "platform";

/// Where service-api takes an [`ApplyBatch`].
pub const APPLY_EVENTS: &str = "/internal/events/apply";
/// Where webhook-ingest takes an [`AwaitClient`].
pub const AWAIT_CLIENT: &str = "/internal/events/await";
/// Where webhook-ingest takes a [`ReadEvent`], and answers an [`EventStatus`](crate::resources::EventStatus).
pub const READ_EVENT: &str = "/internal/events/read";
/// Where service-api takes a [`FindClients`].
pub const FIND_CLIENTS: &str = "/internal/clients/find";
/// Where service-api takes [`RecordImpersonations`].
pub const RECORD_IMPERSONATIONS: &str = "/internal/clients/activities";
/// Where service-api takes a [`TraceEvent`](trace::TraceEvent).
pub const TRACE_EVENT: &str = "/internal/events/trace";
/// Where sso-issuer takes a [`CheckStaff`].
pub const CHECK_STAFF: &str = "/internal/staff/check";
/// Where audit-log takes [`AppendEntries`].
pub const APPEND_ENTRIES: &str = "/internal/entries";
/// Where audit-log takes [`ReadAttempts`](trace::ReadAttempts).
pub const READ_ATTEMPTS: &str = "/internal/entries/attempts";

/// `POST` [`APPLY_EVENTS`] of service-api: events in the order they are to be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyBatch {
    /// The events.
    pub events: Vec<ApplyEvent>,
}

/// One event to be applied, with all that its order key needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyEvent {
    /// The stored event.
    pub event_id: EventId,
    /// The webhook source, part of every key.
    pub source: String,
    /// The number given at acceptance: the last part of the order key.
    pub intake: i64,
    /// The sender's own number, if the body had one.
    pub sequence: Option<i64>,
    /// The first part of the order key.
    pub effective_at: Timestamp,
    /// When the delivery came.
    pub received_at: Timestamp,
    /// What it says.
    pub event: Event,
}

/// The answer: one verdict for each event of the batch, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyVerdicts {
    /// The verdicts.
    pub verdicts: Vec<ApplyVerdict>,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyVerdict {
    /// Which event.
    pub event_id: EventId,
    /// What became of it.
    pub result: ApplyResult,
    /// Why, for `refused`, `conflict` and `failed`: a stable word.
    pub reason: Option<String>,
}

/// What became of an event that was to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyResult {
    /// It changed the record.
    Applied,
    /// All it says was already overtaken by greater order keys.
    Superseded,
    /// It was applied before.
    AlreadyApplied,
    /// The event itself can't be applied: it is dead-lettered.
    Refused,
    /// It contradicts what is on record: kept beside it, in no total, until staff decide.
    Conflict,
    /// Trouble of ours: try again.
    Failed,
}

/// How an event names its client, and so what is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClientName {
    /// The address as a look-up key.
    EmailKey(EmailKey),
    /// The platform's clientId, of whatever source.
    ClientId(String),
}

/// `POST` [`AWAIT_CLIENT`] of webhook-ingest: wait until no acknowledged event that names this client is still unapplied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitClient {
    /// The client, as `emailKey` or `clientId`.
    #[serde(flatten)]
    pub name: ClientName,
    /// How long to wait at most, in milliseconds.
    pub wait_ms: u64,
}

/// The answer to [`AwaitClient`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitedClient {
    /// True if such an event was still unapplied when the time was up.
    pub pending: bool,
}

/// `POST` [`READ_EVENT`] of webhook-ingest: what became of this event. An unknown one is the problem `event_not_found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadEvent {
    /// Which event.
    pub event_id: EventId,
}

/// `POST` [`FIND_CLIENTS`] of service-api: who has this id. Only sso-issuer asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindClients {
    /// Our `cl_` id, or the platform's clientId.
    pub id: String,
}

/// The answer to [`FindClients`]: nobody, one, or the clients of several sources who have the same clientId.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundClients {
    /// The live clients with this id, by source.
    pub matches: Vec<FoundClient>,
    /// True if there is none yet, but an acknowledged event that names the id is still to be applied.
    pub pending: bool,
}

/// One client, as far as an impersonation has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundClient {
    /// Our id.
    pub id: ClientRef,
    /// The platform's id.
    pub client_id: Option<String>,
    /// The webhook source.
    pub source: String,
    /// The address, byte for byte as the platform last sent it.
    pub email: Option<String>,
    /// How the client stands.
    pub status: ClientStatus,
}

/// `POST` [`RECORD_IMPERSONATIONS`] of service-api: tokens that were made, to stand among the activities of their clients. Only
/// sso-issuer sends them. A token that came before is passed over, so they can be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordImpersonations {
    /// The tokens.
    pub activities: Vec<Impersonation>,
}

/// One token that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Impersonation {
    /// The token's `jti`; the activity has the same UUID.
    pub token_id: TokenId,
    /// Whom it is for.
    pub client: ClientRef,
    /// Who took it: our `st_` id, or the `sub` of one of another part of the CRM.
    pub staff_id: String,
    /// The address that the token names.
    pub staff_email: Option<String>,
    /// Why, as the caller said.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The answer to [`RecordImpersonations`]: all of them are durable now.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedImpersonations {
    /// How many were new.
    pub recorded: u64,
}

/// `POST` [`CHECK_STAFF`] of sso-issuer: what may the bearer of a staff JWT do now? Whoever asks has verified the JWT; these are its
/// claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckStaff {
    /// Who it says its bearer is.
    pub sub: String,
    /// The address it gives.
    pub email: Option<String>,
    /// The roles it grants, by their words.
    pub roles: Vec<String>,
    /// The log-in it belongs to.
    pub session: Option<String>,
    /// When it was made, in seconds since 1970.
    pub issued_at: Option<i64>,
}

/// The answer to [`CheckStaff`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum StaffVerdict {
    /// Somebody who may be here, if only with no role.
    Known(CheckedStaff),
    /// Nobody who may be here.
    Refused {
        /// Why: for the audit trail, never for the caller.
        reason: StaffRefusal,
    },
}

/// Who the bearer is, and what counts now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedStaff {
    /// Our `st_` id, or the `sub` of somebody whom only another part of the CRM knows.
    pub id: String,
    /// The address: ours where the staff table knows the person, else the JWT's.
    pub email: Option<String>,
    /// The words of the roles that both the JWT and the staff table grant.
    pub roles: Vec<String>,
    /// True for somebody whom our staff table does not know.
    pub external: bool,
}

/// Why a valid staff JWT is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StaffRefusal {
    /// The staff table does not know the person, and must.
    #[serde(rename = "staff_unknown")]
    Unknown,
    /// The person is disabled.
    #[serde(rename = "staff_disabled")]
    Disabled,
    /// The log-in has ended, or the JWT is from before a log-out everywhere.
    #[serde(rename = "session_ended")]
    SessionEnded,
}

impl StaffRefusal {
    /// The word in audit entries and between services.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "staff_unknown",
            Self::Disabled => "staff_disabled",
            Self::SessionEnded => "session_ended",
        }
    }
}

/// `POST` [`APPEND_ENTRIES`] of audit-log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntries {
    /// The entries, oldest first.
    pub entries: Vec<Sealed>,
}

/// The answer to [`AppendEntries`]: all of them are durable now.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppendedEntries {
    /// How many were new.
    pub appended: u64,
    /// How many ids the trail had already.
    pub already_there: u64,
    /// How many of those had other bytes. The first ones stay. An answer that does not say it is still an acknowledgement.
    #[serde(default)]
    pub conflicts: u64,
}
