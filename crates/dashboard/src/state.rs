//! What handlers share, and how the service is put together from its settings.

use auth::random::Random;
use contract::clock::Clock;
use contract::internal::{AUDIT_LOG, SSO_ISSUER};
use http_kit::audit::remote_recorder;
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::config::Mode;
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::metrics::Metrics;
use http_kit::server::Shutdown;
use http_kit::service::Service;

use crate::config::Config;
use crate::domain::forms::Forms;
use crate::error::StartError;
use crate::{NAME, routes};

/// What handlers share.
pub(crate) struct State {
    /// Where staff log in.
    pub(crate) sso_issuer: InternalClient,
    /// Where the trail is.
    pub(crate) audit_log: InternalClient,
    /// Proves that a form is ours.
    pub(crate) forms: Forms,
    /// The time.
    pub(crate) clock: Clock,
    /// Chance.
    pub(crate) random: Random,
    /// Cookies are for HTTPS alone, whatever the request looks like.
    pub(crate) always_secure: bool,
}

/// Puts the service together: its routes, its jobs. Nothing is listened on and nothing connected to yet.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams;
    let tokens = |audience| InternalTokens::new(NAME, audience, config.internal.clone(), clock.clone());
    let audit_log = InternalClient::new("AUDIT_LOG_URL", &config.audit_log_url, tokens(AUDIT_LOG))?;
    let sso_issuer = InternalClient::new("SSO_ISSUER_URL", &config.sso_issuer_url, tokens(SSO_ISSUER))?;
    let (stop, stopping) = Shutdown::channel();
    let state = State {
        sso_issuer,
        audit_log: audit_log.clone(),
        forms: Forms::new(config.internal.clone()),
        clock: clock.clone(),
        random: random.clone(),
        always_secure: config.mode == Mode::Production,
    };
    let kit = Kit {
        service: NAME,
        recorder: remote_recorder(audit_log, clock.clone(), random.clone(), stopping),
        clock,
        random,
        credentials: Credentials { internal: Some(config.internal), ..Credentials::default() },
        readiness: Readiness::new(),
        metrics: Metrics::new(NAME),
        header_limits: HeaderLimits::INNER,
    };
    let passing_on = move |shutdown: Shutdown| async move {
        shutdown.requested().await;
        stop.now();
    };
    Ok(Service::new(kit, &routes::table())
        .with_metrics()
        .with_state(state)
        .with_job("audit.trail", passing_on))
}
