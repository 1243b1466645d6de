//! A service as one thing: bind, serve, do background work, drain. Used alone by a service's own binary, several at once by the
//! all-in-one, and on port 0 by tests.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::App;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::web::{self, ServiceConfig};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::{AbortHandle, JoinHandle};

use crate::audit::{FLUSH_EVERY, record_start};
use crate::config::Environment;
use crate::health;
use crate::kit::{Kit, Shared};
use crate::metrics::{self, Metrics};
use crate::routes::{RouteTable, TableError};
use crate::server::{Listen, Shutdown, Stop, bind, stop_signal};

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its address cannot be listened on.
    #[error("LISTEN_ADDRESS: {address} cannot be listened on: {cause}")]
    Bind {
        /// The address asked for; it is no secret.
        address: String,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// Its metrics can't be served where they should be.
    #[error("METRICS_ADDRESS: {address} cannot be listened on: {cause}")]
    Metrics {
        /// The address asked for; it is no secret.
        address: String,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// Its route table is not sound.
    #[error("the route table is not sound: {0}")]
    Table(#[from] TableError),
}

/// Why a service ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server failed.
    #[error("the server failed: {0}")]
    Server(#[source] io::Error),
    /// A job or the server itself panicked.
    #[error("{0} broke off")]
    BrokeOff(&'static str),
    /// A job did not end in time after it was told to.
    #[error("background work did not end in time")]
    Overdue,
}

/// What jobs have to end in at least, however short the drain is: the last entries are still to be handed over.
const LEAST_FOR_JOBS: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(SocketAddr, Shutdown) -> BoxFuture<'static, ()> + Send>;

/// A service that is ready to start.
pub struct Service {
    kit: Kit,
    table: RouteTable,
    states: States,
    jobs: Vec<(&'static str, Job)>,
}

impl Service {
    /// A service of these routes; `/livez` and `/readyz` come with it.
    pub fn new(kit: Kit, table: &RouteTable) -> Self {
        let table = RouteTable::new(table.iter().cloned().chain(health::routes()));
        Self { kit, table, states: States::default(), jobs: Vec::new() }
    }

    /// Serves the service's metrics at `/metrics`: for services that nobody reaches from outside.
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        self.table = RouteTable::new(self.table.iter().cloned().chain([metrics::route()]));
        self
    }

    /// What handlers share: they take it as `web::Data<T>`.
    #[must_use]
    pub fn with_state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        let data = web::Data::new(state);
        self.states.0.push(Arc::new(move |config| {
            config.app_data(data.clone());
        }));
        self
    }

    /// Background work. It runs beside the server, and must end soon after the shutdown that it is given; the server has drained
    /// by then, so what the last answers left behind can still be finished.
    #[must_use]
    pub fn with_job<F, Fut>(self, name: &'static str, job: F) -> Self
    where
        F: FnOnce(Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.with_job_at(name, |_, shutdown| job(shutdown))
    }

    /// [`Service::with_job`], for work that must know where the service listens.
    #[must_use]
    pub fn with_job_at<F, Fut>(mut self, name: &'static str, job: F) -> Self
    where
        F: FnOnce(SocketAddr, Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.jobs.push((name, Box::new(move |address, shutdown| Box::pin(job(address, shutdown)))));
        self
    }

    /// Binds and starts. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] when the address is taken or the routes are not sound.
    pub fn start(self, listen: &Listen) -> Result<Running, StartError> {
        let Self { kit, table, states, jobs } = self;
        table.check(&kit.credentials)?;
        let (name, metrics) = (kit.service, kit.metrics.clone());
        let shared = Shared::new(kit, listen.body_deadline);
        watch_refusals(&shared);
        let (address, server) = bind(listen, table, Arc::clone(&shared), states)
            .map_err(|cause| StartError::Bind { address: listen.address.clone(), cause })?;
        let (stop, shutdown) = Shutdown::channel();
        let (stop_jobs, jobs_shutdown) = Shutdown::channel();
        let mut tasks = Tasks::default();
        tasks.start("audit.refusals", flush_refusals(Arc::clone(&shared), jobs_shutdown.clone()));
        tasks.start("audit.start", record_start(Arc::clone(&shared), jobs_shutdown.clone()));
        for (job_name, job) in jobs {
            tasks.start(job_name, job(address, jobs_shutdown.clone()));
        }
        let handle = server.handle();
        tokio::spawn(async move {
            shutdown.requested().await;
            shared.start_draining();
            handle.stop(true).await;
        });
        tracing::info!(service = name, %address, "listening");
        let (server, drain) = (tokio::spawn(server), listen.drain);
        Ok(Running { address, name, metrics, stop, stop_jobs, server, jobs: tasks, drain })
    }
}

/// Hands counted refusals to the trail in time, and what is left once the server has drained.
async fn flush_refusals(shared: Arc<Shared>, shutdown: Shutdown) {
    let flush = || shared.refusals.flush(&shared.kit.random, &shared.kit.recorder);
    while !shutdown.is_requested() {
        tokio::select! {
            () = tokio::time::sleep(FLUSH_EVERY) => {}
            () = shutdown.requested() => {}
        }
        flush().await;
    }
    // What was noted while the last round was on its way.
    flush().await;
}

/// Measures what would be lost by a kill.
fn watch_refusals(shared: &Arc<Shared>) {
    let metrics = &shared.kit.metrics;
    let waiting =
        metrics.measure("crm_refusals_waiting", "Audit entries of refusals that are not durable yet");
    // The metrics are part of what is watched.
    let shared = Arc::downgrade(shared);
    metrics.before_each_scrape(move || {
        if let Some(shared) = shared.upgrade() {
            waiting.set(shared.refusals.waiting() as f64);
        }
        std::future::ready(())
    });
}

/// One job at work; resolves to its name, and whether it ended well.
#[derive(Debug)]
struct Task {
    name: &'static str,
    task: JoinHandle<()>,
}

impl Future for Task {
    type Output = (&'static str, bool);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.task).poll(context));
        Poll::Ready((self.name, ended.is_ok()))
    }
}

/// Background work that was started.
#[derive(Debug, Default)]
struct Tasks {
    ends: FuturesUnordered<Task>,
    aborts: Vec<AbortHandle>,
}

impl Tasks {
    fn start(&mut self, name: &'static str, job: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(job);
        self.aborts.push(task.abort_handle());
        self.ends.push(Task { name, task });
    }

    /// The name of the first job that breaks off; never resolves while none does.
    async fn broken_off(&mut self) -> &'static str {
        while let Some((name, well)) = self.ends.next().await {
            if !well {
                return name;
            }
        }
        std::future::pending().await
    }

    /// Waits for all of them until `deadline` is over, and cuts off what is left then.
    async fn end(mut self, deadline: Duration) -> Result<(), RunError> {
        let mut failed = Ok(());
        let ending = async {
            while let Some((name, well)) = self.ends.next().await {
                if !well {
                    failed = Err(RunError::BrokeOff(name));
                }
            }
        };
        if tokio::time::timeout(deadline, ending).await.is_err() {
            self.aborts.iter().for_each(AbortHandle::abort);
            return Err(RunError::Overdue);
        }
        failed
    }
}

/// A service at work. Dropping it tells the service to stop, without waiting.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    name: &'static str,
    metrics: Metrics,
    stop: Stop,
    stop_jobs: Stop,
    server: JoinHandle<io::Result<()>>,
    jobs: Tasks,
    drain: Duration,
}

impl Running {
    /// Where it listens; with the real port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://address:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it counts and measures.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Serves until `signal` resolves, or the server or a job fails by itself, then stops as [`Running::stop`] does.
    ///
    /// # Errors
    /// [`RunError`] when the server or a job failed.
    pub async fn run_until(mut self, signal: impl Future) -> Result<(), RunError> {
        tokio::select! {
            _ = signal => self.stop().await,
            name = self.jobs.broken_off() => self.stop().await.and(Err(RunError::BrokeOff(name))),
            ended = &mut self.server => {
                let ended = server_end(ended);
                self.stop_jobs().await.and(ended)
            }
        }
    }

    /// Drains and stops: no new connection, answers in flight are finished up to the deadline, then the jobs end, for which they
    /// have as long again, and 5 s at least.
    ///
    /// # Errors
    /// [`RunError`] when the server or a job failed.
    pub async fn stop(mut self) -> Result<(), RunError> {
        self.stop.now();
        let ended = server_end((&mut self.server).await);
        let jobs = self.stop_jobs().await;
        ended.and(jobs)
    }

    async fn stop_jobs(self) -> Result<(), RunError> {
        self.stop_jobs.now();
        let ended = self.jobs.end(self.drain.max(LEAST_FOR_JOBS)).await;
        tracing::info!(service = self.name, "stopped");
        ended
    }
}

fn server_end(ended: Result<io::Result<()>, tokio::task::JoinError>) -> Result<(), RunError> {
    ended.map_err(|_| RunError::BrokeOff("the server"))?.map_err(RunError::Server)
}

type Configure = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// What handlers share, to be given to each worker's app.
#[derive(Clone, Default)]
pub(crate) struct States(Vec<Configure>);

impl States {
    pub(crate) fn apply<T>(&self, mut app: App<T>) -> App<T>
    where
        T: ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<BoxBody>,
                Error = actix_web::Error,
                InitError = (),
            >,
    {
        for state in &self.0 {
            app = app.configure(|config| state(config));
        }
        app
    }
}

/// The exit code of a process that could not start as it was told to.
const NOT_STARTED: u8 = 2;

/// A service as a process of its own: logs, settings, and then until the operating system asks it to stop. What went wrong is said on
/// standard error in one line. Exit codes: 0 it stopped as asked, 1 it failed while it ran, 2 it could not start.
pub async fn process<E: Display>(
    name: &str,
    start: impl FnOnce(&Environment) -> Result<Running, E>,
) -> ExitCode {
    let environment = Environment::from_process();
    if let Err(error) = prepare(&environment) {
        return ended(name, &error, NOT_STARTED);
    }
    match start(&environment) {
        Err(error) => ended(name, &error, NOT_STARTED),
        Ok(running) => match running.run_until(stop_signal()).await {
            Err(error) => ended(name, &error, 1),
            Ok(()) => ExitCode::SUCCESS,
        },
    }
}

/// What comes before any service: logs, and secrets that are not each other.
fn prepare(environment: &Environment) -> Result<(), String> {
    let logging = environment.logging().map_err(|error| error.to_string())?;
    telemetry::start(&logging).map_err(|error| error.to_string())?;
    environment.require_distinct_secrets().map_err(|error| error.to_string())
}

fn ended(name: &str, error: &dyn Display, code: u8) -> ExitCode {
    // Without a standard error there is nobody left to tell.
    writeln!(io::stderr(), "{name}: {error}").unwrap_or_default();
    ExitCode::from(code)
}
