//! How much of what comes in is let through: calls of a credential by its name, failed authentications by address. All in memory,
//! one copy for all workers of this process; what a limit refuses never gets as far as its body being read.

mod failures;
mod policies;
mod window;

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use auth::bearer::{BearerTokens, CredentialName};
use contract::audit::{Actor, ActorKind, Text};
use contract::clock::Clock;
use contract::internal::PLATFORM;
use http_kit::caller::{Anyone, Caller};
use http_kit::problem::Failure;

use crate::config::Config;
use failures::Failures;
use policies::Quota;
pub(crate) use policies::Told;

/// The limits that a door may stand under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The calls of the service API.
    ServiceApi,
}

/// All limits of a gateway. One that is off is `None`.
pub(crate) struct Limits {
    tokens: BearerTokens,
    service_api: Option<Quota>,
    failures: Option<Failures>,
}

impl Limits {
    /// The limits that the settings ask for.
    pub(crate) fn new(config: &Config, clock: &Clock) -> Self {
        Self {
            tokens: BearerTokens::new(vec![(PLATFORM.to_owned(), config.service_token.clone())]),
            service_api: Quota::new("service-api", config.service_api_rate_limit, clock.clone()),
            failures: Failures::new(config.failed_auth_rate_limit, clock.clone()),
        }
    }

    /// Lets a call in under a door's policy, or refuses it. What it gives is for the answer to tell.
    ///
    /// A call that shows no good token counts towards no credential: it goes on for the service to refuse, unless its address has failed
    /// too often. Then it is refused here, since it can't succeed.
    pub(crate) fn admit(
        &self,
        policy: Option<Policy>,
        caller: &Caller<Anyone>,
        request: &HttpRequest,
    ) -> Result<Option<Told>, Failure> {
        let quota = match policy {
            Some(Policy::ServiceApi) => &self.service_api,
            None => return Ok(None),
        };
        let Some(credential) = self.credential(request) else {
            let full_for = caller.address().and_then(|address| self.failures.as_ref()?.full_for(address));
            return full_for.map_or(Ok(None), |wait| Err(policies::too_many(wait)));
        };
        let Some(quota) = quota else { return Ok(None) };
        let actor = Actor { kind: ActorKind::Service, id: Some(Text::open(credential.as_str())) };
        let standing = quota.come(credential);
        let told = quota.told(standing);
        if standing.admitted {
            return Ok(Some(told));
        }
        // Counted like all that the gateway refuses: it has no database to keep an entry of its own in.
        caller.audit().claim(actor);
        Err(told.in_failure(policies::too_many(standing.frees_in)))
    }

    /// A service has answered a call from this address 401. The failure is what to answer instead, when that is one too many.
    pub(crate) fn fail(&self, address: Option<IpAddr>) -> Option<Failure> {
        self.failures.as_ref()?.fail(address?).map(policies::too_many)
    }

    /// Whose token a request shows. A header that came twice shows none, as the services see it.
    fn credential(&self, request: &HttpRequest) -> Option<CredentialName> {
        let mut values = request.headers().get_all(AUTHORIZATION);
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        self.tokens.authenticate(value.to_str().ok()).ok()
    }
}
