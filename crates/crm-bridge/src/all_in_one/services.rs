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

/// Starts everything. Must be called inside a tokio runtime.
pub(crate) fn start(environment: &Environment, databases: &[Schema]) -> Result<Services, String> {
    // All ports are taken before anyone needs to know one.
    let (ingest, ingest_url) = port()?;
    let (service_api, service_api_url) = port()?;
    let (audit_log, audit_log_url) = port()?;
    let mut shared = environment.clone();
    for (name, url) in
        [("WEBHOOK_INGEST_URL", ingest_url), ("SERVICE_API_URL", service_api_url), ("AUDIT_LOG_URL", audit_log_url)]
    {
        shared.set(name, url);
    }
    let settings = |service: &str| {
        let mut settings = shared.clone();
        if let Some(schema) = databases.iter().find(|schema| schema.service == service) {
            settings.set("DATABASE_URL", &schema.url);
        }
        settings
    };

    let mut config = audit_log::Config::from_environment(&settings(audit_log::NAME)).map_err(in_words)?;
    config.listen = audit_log;
    let audit_log = audit_log::start(config, Seams::system()).map_err(in_words)?;

    let mut config = service_api::Config::from_environment(&settings(service_api::NAME)).map_err(in_words)?;
    config.listen = service_api;
    let service_api = service_api::start(config, Seams::system()).map_err(in_words)?;

    let mut config = webhook_ingest::Config::from_environment(&settings(webhook_ingest::NAME)).map_err(in_words)?;
    config.listen = ingest;
    let ingest = webhook_ingest::start(config, Seams::system()).map_err(in_words)?;

    let config = gateway::Config::from_environment(&shared).map_err(in_words)?;
    let gateway = gateway::start(config, Seams::system()).map_err(in_words)?;
    Ok(Services { gateway, behind: vec![ingest, service_api, audit_log] })
}

/// A free port of loopback, taken, and its address.
fn port() -> Result<(Listen, String), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(in_words)?;
    let address = listener.local_addr().map_err(in_words)?;
    Ok((Listen::taken(listener), format!("http://{address}")))
}
