//! The caller as a type: a handler's first argument says who may call it, and the kit lets nobody else through. What the
//! permission is, is decided here and nowhere else; a handler that took no `Caller` would not fit into a route.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use auth::staff::Role;
use contract::problems::Code;

use crate::audit::RequestAudit;
use crate::context::RequestContext;
use crate::dispatch::Admitted;
use crate::problem::Failure;
use crate::routes::Access;
use crate::staff::StaffIdentity;

/// A permission, as a type.
pub trait Scope: 'static {
    /// What the caller must show.
    const ACCESS: Access;
}

/// Anyone, known or not.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;
/// Whoever signs the body: the handler must check, and then name the caller with [`RequestAudit::identify`].
#[derive(Clone, Copy, Debug)]
pub struct Webhook;
/// A bearer of the service API's token.
#[derive(Clone, Copy, Debug)]
pub struct Service;
/// One of our own services.
#[derive(Clone, Copy, Debug)]
pub struct Internal;
/// A member of staff whom `R` lets in.
#[derive(Clone, Copy, Debug)]
pub struct Staff<R>(PhantomData<R>);

/// A set of roles, as a type.
pub trait Roles: 'static {
    /// Any of these is enough.
    const ROLES: &'static [Role];
}

/// Those who may read the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct AuditorOrAdmin;

impl Roles for AuditorOrAdmin {
    const ROLES: &'static [Role] = &[Role::Auditor, Role::Admin];
}

/// Those who may impersonate, replay, decide conflicts and change staff.
#[derive(Clone, Copy, Debug)]
pub struct AdminOnly;

impl Roles for AdminOnly {
    const ROLES: &'static [Role] = &[Role::Admin];
}

/// Whoever works here, for what is their own.
#[derive(Clone, Copy, Debug)]
pub struct AnyStaff;

impl Roles for AnyStaff {
    const ROLES: &'static [Role] = &[Role::Admin, Role::Compliance, Role::Support, Role::Auditor];
}

/// Those who may see clients.
#[derive(Clone, Copy, Debug)]
pub struct ClientReader;

impl Roles for ClientReader {
    const ROLES: &'static [Role] = &[Role::Admin, Role::Compliance, Role::Support];
}

/// Those who may change identity checks and client status.
#[derive(Clone, Copy, Debug)]
pub struct KycEditor;

impl Roles for KycEditor {
    const ROLES: &'static [Role] = &[Role::Admin, Role::Compliance];
}

/// Those who may write notes.
#[derive(Clone, Copy, Debug)]
pub struct NoteWriter;

impl Roles for NoteWriter {
    const ROLES: &'static [Role] = &[Role::Admin, Role::Support];
}

/// Those who may see webhook events.
#[derive(Clone, Copy, Debug)]
pub struct EventReader;

impl Roles for EventReader {
    const ROLES: &'static [Role] = &[Role::Admin, Role::Support];
}

impl Scope for Anyone {
    const ACCESS: Access = Access::Public;
}
impl Scope for Webhook {
    const ACCESS: Access = Access::Webhook;
}
impl Scope for Service {
    const ACCESS: Access = Access::Service;
}
impl Scope for Internal {
    const ACCESS: Access = Access::Internal;
}
impl<R: Roles> Scope for Staff<R> {
    const ACCESS: Access = Access::Staff(R::ROLES);
}

/// Who a caller was shown to be.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Nobody was asked.
    Unknown,
    /// The name of the service API's credential.
    Credential(String),
    /// A member of staff, with what counts now.
    Staff(StaffIdentity),
    /// The `iss` of a verified internal token.
    Internal(String),
}

/// The caller of one request, let in under `S`.
pub struct Caller<S> {
    admitted: Admitted,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// What this request adds to its audit entry.
    pub fn audit(&self) -> &RequestAudit {
        &self.admitted.audit
    }

    /// The request's names, to be passed on with calls made for it.
    pub fn context(&self) -> &RequestContext {
        &self.admitted.context
    }

    /// The client's network address: as the gateway tells it, else the connection's.
    pub fn address(&self) -> Option<IpAddr> {
        self.admitted.address
    }

    /// What limits count as the client's address: its [`network`].
    pub fn network(&self) -> Option<IpAddr> {
        self.address().map(network)
    }

    /// Who the caller was shown to be.
    pub fn identity(&self) -> &Identity {
        &self.admitted.identity
    }
}

/// What counts as one address where addresses are limited: an IPv4 address, or the /64 that an IPv6 host has to itself (RFC 6177).
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl<R: Roles> Caller<Staff<R>> {
    /// The member of staff who calls.
    ///
    /// # Errors
    /// `internal_error`: none is ever met, since a route of staff admits nobody else.
    pub fn staff(&self) -> Result<&StaffIdentity, Failure> {
        match &self.admitted.identity {
            Identity::Staff(staff) => Ok(staff),
            _ => Err(Failure::new(Code::InternalError).caused_by("a staff route admitted somebody else")),
        }
    }
}

impl<S: Scope> FromRequest for Caller<S> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    /// Takes what the kit admitted before. A handler outside of a route table is never admitted.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let admitted =
            request.extensions().get::<Admitted>().filter(|admitted| admitted.access == S::ACCESS).cloned();
        ready(match admitted {
            Some(admitted) => Ok(Self { admitted, scope: PhantomData }),
            None => {
                Err(Failure::new(Code::InternalError).caused_by("a handler outside of its route's access"))
            }
        })
    }
}

/// Arguments of a handler whose first is a [`Caller`]. Implemented for up to eight arguments, and not to be implemented elsewhere.
pub trait CallerFirst: FromRequest + 'static {
    /// What the first argument asks for.
    const ACCESS: Access;
}

macro_rules! caller_first {
    ($($rest:ident)*) => {
        impl<S: Scope, $($rest: FromRequest + 'static),*> CallerFirst for (Caller<S>, $($rest,)*) {
            const ACCESS: Access = S::ACCESS;
        }
    };
}

caller_first! {}
caller_first! { A }
caller_first! { A B }
caller_first! { A B C }
caller_first! { A B C D }
caller_first! { A B C D E }
caller_first! { A B C D E F }
caller_first! { A B C D E F G }

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::network;

    #[test]
    fn an_ipv6_host_is_its_64_and_a_mapped_ipv4_host_itself() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (one, other, same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(network(address(one)) == network(address(other)), same, "{one} and {other}");
        }
    }
}
