//! What a service brings along for all of its routes: its name, its seams, its credentials, where audit entries go, and when it
//! is ready. Plain data; the server shares one copy among its workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth::bearer::BearerTokens;
use auth::internal_token;
use auth::keyring::KeyRing;
use auth::random::Random;
use contract::clock::Clock;

use crate::audit::{Recorder, Refusals};
use crate::headers::HeaderLimits;
use crate::health::Readiness;
use crate::metrics::Metrics;
use crate::staff::StaffGate;

/// Where a service takes time and chance from: the seams by which tests turn it.
#[derive(Clone, Debug)]
pub struct Seams {
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
}

impl Seams {
    /// The machine's own.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Clock::system(), random: Random::system() }
    }
}

/// What callers of a service may show. A kind that is `None` must not be asked for by any route: the service does not start.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Bearer tokens of the service API.
    pub service: Option<BearerTokens>,
    /// JWTs of staff, and who may still do what.
    pub staff: Option<StaffGate>,
    /// The key of internal tokens. The gateway has none here: what claims to be internal from outside counts for nothing.
    pub internal: Option<KeyRing>,
}

/// What a service brings along.
pub struct Kit {
    /// The service's name: `aud` of internal tokens shown to it, `service` of its audit entries.
    pub service: &'static str,
    /// Where it takes the time from.
    pub clock: Clock,
    /// Where it takes randomness from.
    pub random: Random,
    /// What its callers may show.
    pub credentials: Credentials,
    /// Makes its audit entries durable.
    pub recorder: Recorder,
    /// When it is ready.
    pub readiness: Readiness,
    /// What it counts and measures.
    pub metrics: Metrics,
    /// How large a request's head may be.
    pub header_limits: HeaderLimits,
}

/// A kit at work: what all workers of one server share.
pub(crate) struct Shared {
    pub(crate) kit: Kit,
    pub(crate) refusals: Refusals,
    /// Verifies internal tokens, if callers may show any.
    pub(crate) internal: Option<internal_token::Gate>,
    /// How long a client may take to send a body that a handler waits for.
    pub(crate) body_deadline: Duration,
    draining: AtomicBool,
}

impl Shared {
    pub(crate) fn new(kit: Kit, body_deadline: Duration) -> Arc<Self> {
        let refusals = Refusals::new(kit.clock.clone());
        let internal = kit.credentials.internal.as_ref();
        let internal = internal.map(|ring| internal_token::Gate::new(ring, kit.service));
        Arc::new(Self { kit, refusals, internal, body_deadline, draining: AtomicBool::new(false) })
    }

    /// From now on the service answers what it has, and is not ready for more.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
