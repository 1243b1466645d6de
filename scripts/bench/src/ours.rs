//! Our side: all services as separate processes over PostgreSQL, or the all-in-one over SQLite.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::postgres::{Postgres, run};
use crate::process::{Process, free_port};
use crate::requests::{SERVICE_API_TOKEN, WEBHOOK_SECRET};

const SERVICES: [&str; 6] =
    ["audit-log", "sso-issuer", "service-api", "webhook-ingest", "dashboard", "gateway"];

/// Obvious placeholders.
const OTHER_SECRETS: [(&str, &str); 3] = [
    ("JWT_SECRET", "bench-jwt-secret-bench-jwt-secret-bench-jwt-secret-bench-0000003"),
    ("SSO_SECRET", "bench-sso-secret-bench-sso-secret-bench-sso-secret-bench-0000004"),
    ("INTERNAL_SECRET", "bench-internal-secret-bench-internal-secret-bench-intern-0000005"),
];

/// Where the programs are, and where they may write.
pub(crate) struct Place<'a> {
    pub(crate) programs: &'a Path,
    pub(crate) folder: &'a Path,
}

impl Place<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env_clear()
            .envs(OTHER_SECRETS)
            .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("SERVICE_API_TOKEN", SERVICE_API_TOKEN)
            .env("SERVICE_API_RATE_LIMIT", "0")
            .env("FAILED_AUTH_RATE_LIMIT", "0")
            .env("LOG_LEVEL", "warn");
        command
    }
}

/// A process for each service.
pub(crate) struct Services {
    running: BTreeMap<&'static str, Process>,
}

impl Services {
    /// Migrates and starts them over PostgreSQL.
    pub(crate) fn start(place: &Place<'_>, postgres: &Postgres) -> Result<Self, Error> {
        let mut migrate = place.command("crm-bridge");
        let migrate = migrate.arg("migrate").env("DATABASE_URL", postgres.url());
        run(migrate.current_dir(place.folder))?;
        let mut ports = BTreeMap::new();
        for service in SERVICES {
            ports.insert(service, free_port()?);
        }
        let mut running = BTreeMap::new();
        for (service, port) in &ports {
            let mut command = place.command(service);
            command.env("DATABASE_URL", postgres.url()).env("LISTEN_ADDRESS", format!("127.0.0.1:{port}"));
            for (other, port) in &ports {
                let setting = format!("{}_URL", other.replace('-', "_").to_uppercase());
                command.env(setting, format!("http://127.0.0.1:{port}"));
            }
            running.insert(*service, Process::start(service, &mut command, *port, place.folder)?);
        }
        for process in running.values_mut() {
            process.wait_for("/readyz", |status| status == 200)?;
        }
        Ok(Self { running })
    }

    /// Where a service listens.
    pub(crate) fn address(&self, service: &str) -> Option<SocketAddr> {
        self.running.get(service).map(Process::address)
    }

    /// Resident memory of all of them, in megabytes.
    pub(crate) fn megabytes(&self) -> u64 {
        self.running.values().map(Process::megabytes).sum()
    }
}

/// The gateway alone, with every service behind it on that port.
pub(crate) fn gateway(place: &Place<'_>, behind: u16) -> Result<Process, Error> {
    let port = free_port()?;
    let mut command = place.command("gateway");
    command.env("LISTEN_ADDRESS", format!("127.0.0.1:{port}"));
    for service in SERVICES {
        let setting = format!("{}_URL", service.replace('-', "_").to_uppercase());
        command.env(setting, format!("http://127.0.0.1:{behind}"));
    }
    Process::start("gateway", &mut command, port, place.folder)
}

/// The all-in-one over SQLite, with its files in the place's folder.
pub(crate) fn all_in_one(place: &Place<'_>) -> Result<Process, Error> {
    let port = free_port()?;
    let mut command = place.command("crm-bridge");
    command
        .arg("--data-dir")
        .arg(place.folder.join("sqlite"))
        .env("LISTEN_ADDRESS", format!("127.0.0.1:{port}"));
    let mut process = Process::start("crm-bridge", &mut command, port, place.folder)?;
    process.wait_for("/readyz", |status| status == 200)?;
    Ok(process)
}
