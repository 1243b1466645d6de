//! Starts the services so that each finds the others, and stops them in the order in which they need each other.

use std::net::TcpListener;

use http_kit::config::Environment;
use http_kit::kit::Seams;
use http_kit::server::Listen;
use http_kit::service::Running;

use super::databases::Schema;
use crate::commands::in_words;

/// All services at work.
pub(crate) struct Services {
    gateway: Running,
    /// Those behind it, in the order in which they stop: who calls before who is called.
    behind: Vec<Running>,
}

impl Services {
    /// The gateway's address, as people type it.
    pub(crate) fn url(&self) -> String {
        self.gateway.url()
    }

    /// Drains and stops everything, the door first.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let mut all = self.gateway.stop().await;
        for service in self.behind {
            all = all.and(service.stop().await);
        }
        all.map_err(in_words)
    }
}

/// What each service is told: all of it is read before anything starts.
pub(crate) struct Configs {
    audit_log: audit_log::Config,
    service_api: service_api::Config,
    webhook_ingest: webhook_ingest::Config,
    gateway: gateway::Config,
}

impl Configs {
    /// Reads every service's settings, and takes a port for each, so that they know of each other.
    ///
    /// # Errors
    /// One line that names the setting.
    pub(crate) fn read(environment: &Environment, databases: &[Schema]) -> Result<Self, String> {
        environment.require_distinct_secrets().map_err(in_words)?;
        let [ingest, service_api, audit_log] = [port()?, port()?, port()?];
        let mut shared = environment.clone();
        shared.set("WEBHOOK_INGEST_URL", ingest.url);
        shared.set("SERVICE_API_URL", service_api.url);
        shared.set("AUDIT_LOG_URL", audit_log.url);
        let of = |service: &str| {
            let mut own = shared.clone();
            if let Some(schema) = databases.iter().find(|schema| schema.service == service) {
                own.set("DATABASE_URL", &schema.url);
            }
            own
        };
        let mut configs = Self {
            audit_log: audit_log::Config::from_environment(&of(audit_log::NAME)).map_err(in_words)?,
            service_api: service_api::Config::from_environment(&of(service_api::NAME)).map_err(in_words)?,
            webhook_ingest: webhook_ingest::Config::from_environment(&of(webhook_ingest::NAME))
                .map_err(in_words)?,
            gateway: gateway::Config::from_environment(&shared).map_err(in_words)?,
        };
        configs.audit_log.listen = audit_log.listen;
        configs.service_api.listen = service_api.listen;
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
        let gateway = gateway::start(self.gateway, Seams::system()).map_err(in_words)?;
        Ok(Services { gateway, behind: vec![ingest, service_api, audit_log] })
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
