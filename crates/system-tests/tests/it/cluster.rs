//! The services as separate processes, as an operator runs them: migrated by command, each with its own settings.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_kit::database::{Backend, TestDatabase};
use test_kit::ports::{free_address, free_port};
use test_kit::waiting::PATIENCE;

use crate::harness::{Running, SECRETS, command, is_ready, run, wait_until_ready};

/// The programs, in the order in which they start here.
pub(crate) const SERVICES: [&str; 6] =
    ["audit-log", "sso-issuer", "service-api", "webhook-ingest", "dashboard", "gateway"];

/// All services, each a process.
pub(crate) struct Cluster {
    pub(crate) database: TestDatabase,
    data: TempDir,
    ports: BTreeMap<&'static str, u16>,
    running: BTreeMap<&'static str, Running>,
    /// Further replicas of services.
    others: Vec<Running>,
    settings: Vec<(&'static str, String)>,
    /// Does each program come to PostgreSQL in its own role, those of `deploy/postgres`?
    in_roles: bool,
}

impl Cluster {
    /// Migrates, starts all, waits until all are ready.
    pub(crate) async fn start(database: TestDatabase) -> Self {
        Self::start_with(database, Vec::new()).await
    }

    /// The same, with settings of every service besides those that it needs.
    pub(crate) async fn start_with(database: TestDatabase, settings: Vec<(&'static str, String)>) -> Self {
        Self::launch_all(database, settings, false).await
    }

    /// The same on a PostgreSQL that has the roles of `deploy/postgres`: migrated by the owner, each service in its own role.
    pub(crate) async fn start_in_roles(database: TestDatabase) -> Self {
        Self::launch_all(database, Vec::new(), true).await
    }

    async fn launch_all(
        database: TestDatabase,
        settings: Vec<(&'static str, String)>,
        in_roles: bool,
    ) -> Self {
        let ports = SERVICES.into_iter().map(|service| (service, free_port())).collect();
        let data = tempfile::tempdir().expect("a folder");
        let mut cluster =
            Self { database, data, ports, running: BTreeMap::new(), others: Vec::new(), settings, in_roles };
        let mut migrate = command("crm-bridge");
        migrate.arg("--data-dir").arg(cluster.data.path()).arg("migrate");
        if cluster.database.backend() == Backend::Postgres {
            migrate.env("DATABASE_URL", cluster.postgres_url("crm_owner"));
        }
        let migrated = run(&mut migrate);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        for service in SERVICES {
            cluster.launch(service);
        }
        for service in SERVICES {
            cluster.ready(service).await;
        }
        cluster
    }

    /// `http://127.0.0.1:port` of a service.
    pub(crate) fn url(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[service])
    }

    /// Starts one service on its port.
    pub(crate) fn launch(&mut self, service: &'static str) {
        let (process, _lines) = Running::start(&mut self.command(service));
        self.running.insert(service, process);
    }

    /// Starts another replica of a service, with these settings besides, and waits until it is ready; its address.
    pub(crate) async fn another(&mut self, service: &'static str, settings: &[(&str, &str)]) -> String {
        let address = free_address();
        let mut command = self.command(service);
        command.env("LISTEN_ADDRESS", address.to_string()).envs(settings.iter().copied());
        self.others.push(Running::start(&mut command).0);
        let url = format!("http://{address}");
        wait_until_ready(&url).await;
        url
    }

    /// Waits until a launched service is ready; fails with its log when it is not, and at once when it has ended.
    pub(crate) async fn ready(&mut self, service: &str) {
        let url = self.url(service);
        let until = Instant::now() + PATIENCE;
        while !is_ready(&url).await {
            let ended = self.running.get_mut(service).expect("launched").has_ended();
            let late = Instant::now() > until;
            assert!(!ended && !late, "{service} is not ready (ended: {ended}): {}", self.log(service));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, service: &str) {
        self.running.get_mut(service).expect("it runs").kill();
    }

    /// What a service has logged since it was last launched.
    pub(crate) fn log(&self, service: &str) -> String {
        self.running[service].log()
    }

    /// The database, in this role where there are roles.
    pub(crate) fn postgres_url(&self, role: &str) -> String {
        let url = self.database.url_text("whole");
        if self.in_roles { url.replace("user=postgres", &format!("user={role}")) } else { url }
    }

    fn command(&self, service: &'static str) -> Command {
        let database = match self.database.backend() {
            Backend::Postgres => self.postgres_url(&service.replace('-', "_")),
            Backend::Sqlite => {
                format!("sqlite:{}", self.data.path().join(format!("{service}.sqlite")).display())
            }
        };
        let mut command = command(service);
        command
            .envs(SECRETS)
            // Tests ask more in a minute than platforms may.
            .env("SERVICE_API_RATE_LIMIT", "0")
            .env("LISTEN_ADDRESS", format!("127.0.0.1:{}", self.ports[service]))
            .env("DATABASE_URL", database)
            .env("WEBHOOK_INGEST_URL", self.url("webhook-ingest"))
            .env("SERVICE_API_URL", self.url("service-api"))
            .env("AUDIT_LOG_URL", self.url("audit-log"))
            .env("SSO_ISSUER_URL", self.url("sso-issuer"))
            .env("DASHBOARD_URL", self.url("dashboard"))
            .envs(self.settings.iter().cloned());
        command
    }
}
