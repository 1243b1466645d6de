//! What all requests share: the services behind, how long to wait for them, and the limits; and how the gateway is put together from its
//! settings.

use std::sync::Arc;

use contract::internal::{AUDIT_LOG, DASHBOARD, SERVICE_API, SSO_ISSUER, WEBHOOK_INGEST};
use http_kit::audit::remote_recorder;
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::config::ConfigError;
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::metrics::{Metrics, MetricsListener};
use http_kit::server::Shutdown;
use http_kit::service::Service;

use crate::config::Config;
use crate::error::StartError;
use crate::hop::{Room, Timeouts, Upstream};
use crate::limits::Limits;
use crate::{NAME, routes};

/// A service behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    WebhookIngest,
    ServiceApi,
    AuditLog,
    SsoIssuer,
    Dashboard,
}

/// Shared by all workers.
pub(crate) struct State {
    pub(crate) webhook_ingest: Arc<Upstream>,
    pub(crate) service_api: Arc<Upstream>,
    pub(crate) audit_log: Arc<Upstream>,
    pub(crate) sso_issuer: Arc<Upstream>,
    pub(crate) dashboard: Arc<Upstream>,
    pub(crate) room: Room,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
}

impl State {
    pub(crate) fn upstream(&self, behind: Behind) -> &Arc<Upstream> {
        match behind {
            Behind::WebhookIngest => &self.webhook_ingest,
            Behind::ServiceApi => &self.service_api,
            Behind::AuditLog => &self.audit_log,
            Behind::SsoIssuer => &self.sso_issuer,
            Behind::Dashboard => &self.dashboard,
        }
    }
}

/// Puts the service together: what it shares, its routes, its jobs. Nothing is listened on and nothing connected to yet.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams;
    let limits = Limits::new(&config, &clock);
    let metrics = Metrics::new(NAME);
    let metrics_listener = config.metrics_address.as_deref().map(MetricsListener::bind).transpose()?;
    let Config { internal, webhook_ingest_url, service_api_url, audit_log_url, timeouts, .. } = config;
    let upstream = |name, setting: &str, url: &str| {
        Upstream::new(name, url, internal.clone(), clock.clone())
            .map(Arc::new)
            .map_err(|_| ConfigError::invalid(setting, "of the form http://host:port"))
    };
    let state = State {
        webhook_ingest: upstream(WEBHOOK_INGEST, "WEBHOOK_INGEST_URL", &webhook_ingest_url)?,
        service_api: upstream(SERVICE_API, "SERVICE_API_URL", &service_api_url)?,
        audit_log: upstream(AUDIT_LOG, "AUDIT_LOG_URL", &audit_log_url)?,
        sso_issuer: upstream(SSO_ISSUER, "SSO_ISSUER_URL", &config.sso_issuer_url)?,
        dashboard: upstream(DASHBOARD, "DASHBOARD_URL", &config.dashboard_url)?,
        room: watched(Room::new(config.body_room), config.body_room, &metrics),
        timeouts,
        limits,
    };
    let tokens = InternalTokens::new(NAME, AUDIT_LOG, internal, clock.clone());
    let client = InternalClient::new("AUDIT_LOG_URL", &audit_log_url, tokens)?;
    let (stop, stopping) = Shutdown::channel();
    let kit = Kit {
        service: NAME,
        recorder: remote_recorder(client, clock.clone(), random.clone(), stopping),
        clock,
        random,
        credentials: Credentials::default(),
        readiness: Readiness::new(),
        metrics: metrics.clone(),
        header_limits: HeaderLimits::EDGE,
    };
    let passing_on = move |shutdown: Shutdown| async move {
        shutdown.requested().await;
        stop.now();
    };
    let service = Service::new(kit, &routes::table()).with_state(state).with_job("audit.trail", passing_on);
    Ok(match metrics_listener {
        Some(listener) => service.with_job("metrics", |shutdown| listener.serve(vec![metrics], shutdown)),
        None => service,
    })
}

/// The room for bodies, whose state is told in the metrics.
fn watched(room: Room, bytes: usize, metrics: &Metrics) -> Room {
    let all = metrics.measure("crm_body_room_bytes", "Memory in which bodies are taken in before they go on");
    let taken = metrics.measure("crm_body_room_taken_bytes", "How much of it is taken");
    all.set(bytes as f64);
    let watched = room.clone();
    metrics.before_each_scrape(move || {
        taken.set(bytes.saturating_sub(watched.free()) as f64);
        std::future::ready(())
    });
    room
}
