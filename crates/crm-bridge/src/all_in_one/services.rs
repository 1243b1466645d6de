//! Starts the services so that each finds the others, and stops them in the order in which they need each other.

use std::net::TcpListener;
use std::sync::Arc;

use http_kit::config::Environment;
use http_kit::kit::Seams;
use http_kit::metrics::MetricsListener;
use http_kit::server::{Listen, Shutdown, Stop};
use http_kit::service::{RunError, Running, StartError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::databases::Schema;
use crate::terminal::in_words;

/// All services at work.
pub(crate) struct Services {
    url: String,
    /// In the order in which they stop: who calls before who is called, the door first.
    parts: Vec<Part>,
    /// Told by each that ends.
    ended: Arc<Notify>,
    /// Tells the listener of the metrics to stop, when this is dropped at the latest.
    _metrics: Stop,
}

/// One service at work, in a task of its own.
struct Part {
    stop: Stop,
    task: JoinHandle<Result<(), RunError>>,
}

impl Services {
    fn of(gateway: Running, behind: [Running; 5], listener: Option<MetricsListener>) -> Self {
        let (stop_metrics, stopping) = Shutdown::channel();
        if let Some(listener) = listener {
            let all = std::iter::once(&gateway).chain(&behind).map(Running::metrics).collect();
            tokio::spawn(listener.serve(all, stopping));
        }
        let ended = Arc::new(Notify::new());
        // All interfaces is where it listens; loopback is where it is called.
        let url = gateway.url().replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
        let parts = std::iter::once(gateway).chain(behind).map(|running| {
            let (stop, stopping) = Shutdown::channel();
            let ended = Arc::clone(&ended);
            let task = tokio::spawn(async move {
                let end = running.run_until(stopping.requested()).await;
                ended.notify_one();
                end
            });
            Part { stop, task }
        });
        Self { url, parts: parts.collect(), ended, _metrics: stop_metrics }
    }

    /// The gateway's address, as people type it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Completes when one of them has ended without having been asked to.
    pub(crate) async fn one_ended(&self) {
        self.ended.notified().await;
    }

    /// Drains and stops everything, the door first.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let mut all = Ok(());
        for part in self.parts {
            part.stop.now();
            let ended = part.task.await.map_err(in_words).and_then(|ended| ended.map_err(in_words));
            all = all.and(ended);
        }
        all
    }
}

/// What each service is told: all of it is read before anything starts.
pub(crate) struct Configs {
    audit_log: audit_log::Config,
    dashboard: dashboard::Config,
    service_api: service_api::Config,
    sso_issuer: sso_issuer::Config,
    webhook_ingest: webhook_ingest::Config,
    gateway: gateway::Config,
    /// The metrics of all of them are served here, not the gateway's alone.
    metrics: Option<MetricsListener>,
}

impl Configs {
    /// Reads every service's settings, and takes a port for each, so that they know of each other.
    ///
    /// # Errors
    /// One line that names the setting.
    pub(crate) fn read(environment: &Environment, databases: &[Schema]) -> Result<Self, String> {
        environment.require_distinct_secrets().map_err(in_words)?;
        let [ingest, service_api, audit_log] = [port()?, port()?, port()?];
        let [sso_issuer, dashboard] = [port()?, port()?];
        let mut shared = environment.clone();
        shared.set("WEBHOOK_INGEST_URL", ingest.url);
        shared.set("SERVICE_API_URL", service_api.url);
        shared.set("AUDIT_LOG_URL", audit_log.url);
        shared.set("SSO_ISSUER_URL", sso_issuer.url);
        shared.set("DASHBOARD_URL", dashboard.url);
        let of = |service: &str| {
            let mut own = shared.clone();
            if let Some(schema) = databases.iter().find(|schema| schema.service == service) {
                own.set("DATABASE_URL", &schema.url);
            }
            own
        };
        let mut configs = Self {
            audit_log: audit_log::Config::from_environment(&of(audit_log::NAME)).map_err(in_words)?,
            dashboard: dashboard::Config::from_environment(&shared).map_err(in_words)?,
            sso_issuer: sso_issuer::Config::from_environment(&of(sso_issuer::NAME)).map_err(in_words)?,
            service_api: service_api::Config::from_environment(&of(service_api::NAME)).map_err(in_words)?,
            webhook_ingest: webhook_ingest::Config::from_environment(&of(webhook_ingest::NAME))
                .map_err(in_words)?,
            gateway: gateway::Config::from_environment(&shared).map_err(in_words)?,
            metrics: None,
        };
        let metrics = configs.gateway.metrics_address.take();
        configs.metrics = metrics.as_deref().map(MetricsListener::bind).transpose().map_err(in_words)?;
        // The door's port too is taken before anything starts behind it.
        let door = TcpListener::bind(&configs.gateway.listen.address)
            .map_err(|cause| StartError::Bind { address: configs.gateway.listen.address.clone(), cause })
            .map_err(in_words)?;
        configs.gateway.listen.taken = Some(Arc::new(door));
        configs.audit_log.listen = audit_log.listen;
        configs.dashboard.listen = dashboard.listen;
        configs.service_api.listen = service_api.listen;
        configs.sso_issuer.listen = sso_issuer.listen;
        configs.webhook_ingest.listen = ingest.listen;
        Ok(configs)
    }

    /// Starts everything, the door last. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// One line that names the setting.
    pub(crate) fn start(self) -> Result<Services, String> {
        let audit_log = audit_log::start(self.audit_log, Seams::system()).map_err(in_words)?;
        let service_api = service_api::start(self.service_api, Seams::system()).map_err(in_words)?;
        let ingest = webhook_ingest::start(self.webhook_ingest, Seams::system()).map_err(in_words)?;
        let sso_issuer = sso_issuer::start(self.sso_issuer, Seams::system()).map_err(in_words)?;
        let dashboard = dashboard::start(self.dashboard, Seams::system()).map_err(in_words)?;
        let gateway = gateway::start(self.gateway, Seams::system()).map_err(in_words)?;
        Ok(Services::of(gateway, [dashboard, ingest, sso_issuer, service_api, audit_log], self.metrics))
    }
}

/// A port of loopback that is taken, and its address.
struct Port {
    listen: Listen,
    url: String,
}

fn port() -> Result<Port, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(in_words)?;
    let address = listener.local_addr().map_err(in_words)?;
    Ok(Port { listen: Listen::taken(listener), url: format!("http://{address}") })
}
