//! Puts the gateway together from its settings.

use std::sync::Arc;

use http_kit::client::{InternalClient, InternalTokens};
use http_kit::config::ConfigError;
use http_kit::headers::{GATEWAY, HeaderLimits};
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::server::Shutdown;
use http_kit::service::{Running, Service};

use crate::config::Config;
use crate::hop::Upstream;
use crate::state::State;
use crate::{routes, trail};

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting does not read as what it should be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It can't listen.
    #[error(transparent)]
    Service(#[from] http_kit::service::StartError),
}

/// Binds and starts. Must be called inside a tokio runtime. The gateway is ready as soon as it runs: one service being away closes
/// no door but its own.
///
/// # Errors
/// [`StartError`] when a service's URL is none, or the address is taken.
pub fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let Seams { clock, random } = seams;
    let Config { listen, internal, webhook_ingest_url, service_api_url, audit_log_url, timeouts } = config;
    let upstream = |name, setting: &str, url: &str| {
        Upstream::new(name, url, internal.clone(), clock.clone())
            .map(Arc::new)
            .map_err(|_| ConfigError::invalid(setting, "of the form http://host:port"))
    };
    let state = State {
        webhook_ingest: upstream("webhook-ingest", "WEBHOOK_INGEST_URL", &webhook_ingest_url)?,
        service_api: upstream("service-api", "SERVICE_API_URL", &service_api_url)?,
        audit_log: upstream("audit-log", "AUDIT_LOG_URL", &audit_log_url)?,
        timeouts,
    };
    let tokens = InternalTokens::new(GATEWAY, "audit-log", internal, clock.clone());
    let client = InternalClient::new("AUDIT_LOG_URL", &audit_log_url, tokens)?;
    let (stop, stopping) = Shutdown::channel();
    let kit = Kit {
        service: GATEWAY,
        recorder: trail::recorder(client, clock.clone(), random.clone(), stopping),
        clock,
        random,
        credentials: Credentials::default(),
        readiness: Readiness::new(),
        header_limits: HeaderLimits::EDGE,
    };
    let service = Service::new(kit, &routes::table()).with_state(state).with_job(
        "audit.trail",
        move |shutdown| async move {
            shutdown.requested().await;
            stop.now();
        },
    );
    Ok(service.start(&listen)?)
}
