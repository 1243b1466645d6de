//! What a service counts and measures, as OpenMetrics text at `GET /metrics`. A metric is about the machinery alone: its labels are words
//! of ours from closed lists, never a client, an address or an id. What has to be looked up is looked up when somebody asks, and the
//! service says how, in a query whose cost is bounded.

mod listener;
mod merge;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};
use futures_util::future::BoxFuture;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};
use tokio::time::Instant;

use crate::caller::{Anyone, Caller};
use crate::kit::Shared;
use crate::routes::{Audit, Route};

pub use listener::MetricsListener;
pub use merge::merged;

/// Where they are read.
pub(crate) const PATH: &str = "/metrics";

/// The media type of OpenMetrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What was looked up less than this ago is not looked up again, however many ask.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Label = [(&'static str, &'static str); 1];
type Value = Gauge<f64, AtomicU64>;
type Look = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The metrics of one service. Clones are the same metrics.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    looks: Mutex<Vec<Look>>,
    looked: tokio::sync::Mutex<Option<Instant>>,
    writers: Writers,
}

/// Counts what happens, by a word of a closed list.
#[derive(Clone)]
pub struct Counts {
    label: &'static str,
    family: Family<Label, Counter>,
}

/// A measure that goes up and down. What is not known at the moment is `NaN`.
#[derive(Clone, Debug, Default)]
pub struct Measure(Value);

/// Measures of one kind, by a word of a closed list.
#[derive(Clone)]
pub struct Measures {
    label: &'static str,
    family: Family<Label, Value>,
}

/// What a queue of writes that share commits looks like at a moment. Numbers of commits and items since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterLook {
    /// Items that wait.
    pub waiting: usize,
    /// Items that may wait; more are refused.
    pub capacity: usize,
    /// Transactions that were committed.
    pub commits: u64,
    /// Items in them.
    pub items: u64,
}

struct Writers {
    waiting: Measures,
    capacity: Measures,
    commits: Counts,
    items: Counts,
}

impl Metrics {
    /// Those of this service; each says in a label whose it is.
    #[must_use]
    pub fn new(service: &'static str) -> Self {
        let labels = [("service".into(), service.into())];
        let inner = Inner {
            registry: Mutex::new(Registry::with_labels(labels.into_iter())),
            looks: Mutex::default(),
            looked: tokio::sync::Mutex::default(),
            writers: Writers {
                waiting: Measures::labelled("writer"),
                capacity: Measures::labelled("writer"),
                commits: Counts::labelled("writer"),
                items: Counts::labelled("writer"),
            },
        };
        let metrics = Self(Arc::new(inner));
        let Writers { waiting, capacity, commits, items } = &metrics.0.writers;
        metrics.register("crm_writer_waiting", "Writes that wait for their commit", waiting.family.clone());
        metrics.register(
            "crm_writer_capacity",
            "Writes that may wait; more are refused",
            capacity.family.clone(),
        );
        metrics.register("crm_writer_commits", "Commits that writes shared", commits.family.clone());
        metrics.register("crm_writer_items", "Writes in these commits", items.family.clone());
        metrics
    }

    /// A measure of its own.
    #[must_use]
    pub fn measure(&self, name: &'static str, help: &str) -> Measure {
        let measure = Measure::default();
        self.register(name, help, measure.0.clone());
        measure
    }

    /// Measures by this label.
    #[must_use]
    pub fn measures(&self, name: &'static str, help: &str, label: &'static str) -> Measures {
        let measures = Measures::labelled(label);
        self.register(name, help, measures.family.clone());
        measures
    }

    /// Counts by this label; these words stand at 0 from the start.
    #[must_use]
    pub fn counts(
        &self,
        name: &'static str,
        help: &str,
        label: &'static str,
        words: &[&'static str],
    ) -> Counts {
        let counts = Counts::labelled(label);
        for word in words {
            counts.add(word, 0);
        }
        self.register(name, help, counts.family.clone());
        counts
    }

    /// Watches a queue of writes under this name.
    pub fn watch_writer(&self, writer: &'static str, look: impl Fn() -> WriterLook + Send + Sync + 'static) {
        let metrics = Arc::downgrade(&self.0);
        self.before_each_scrape(move || {
            if let Some(inner) = metrics.upgrade() {
                inner.writers.set(writer, look());
            }
            std::future::ready(())
        });
    }

    /// Has this done before the metrics are read, once a second at most.
    pub fn before_each_scrape<F, Fut>(&self, look: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        locked(&self.0.looks).push(Arc::new(move || Box::pin(look())));
    }

    /// All of them, looked up and written down.
    pub async fn text(&self) -> String {
        self.look().await;
        let mut text = String::new();
        if encode(&mut text, &locked(&self.0.registry)).is_err() {
            tracing::error!("the metrics can't be written down");
        }
        text
    }

    async fn look(&self) {
        // Whoever comes meanwhile waits for this look, and finds it fresh.
        let mut looked = self.0.looked.lock().await;
        if looked.is_some_and(|last| last.elapsed() < LOOK_EVERY) {
            return;
        }
        let looks = locked(&self.0.looks).clone();
        for look in looks {
            look().await;
        }
        *looked = Some(Instant::now());
    }

    fn register(&self, name: &'static str, help: &str, metric: impl Metric) {
        locked(&self.0.registry).register(name, help, metric);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Counts {
    fn labelled(label: &'static str) -> Self {
        Self { label, family: Family::default() }
    }

    /// One more.
    pub fn count(&self, word: &'static str) {
        self.add(word, 1);
    }

    fn add(&self, word: &'static str, more: u64) {
        self.family.get_or_create(&[(self.label, word)]).inc_by(more);
    }

    /// What is counted elsewhere.
    fn reach(&self, word: &'static str, total: u64) {
        let counter = self.family.get_or_create(&[(self.label, word)]);
        counter.inc_by(total.saturating_sub(counter.get()));
    }
}

impl Measure {
    /// What it is now.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }
}

impl Measures {
    fn labelled(label: &'static str) -> Self {
        Self { label, family: Family::default() }
    }

    /// What the one of this word is now.
    pub fn set(&self, word: &'static str, value: f64) {
        self.family.get_or_create(&[(self.label, word)]).set(value);
    }
}

impl Writers {
    fn set(&self, writer: &'static str, look: WriterLook) {
        self.waiting.set(writer, look.waiting as f64);
        self.capacity.set(writer, look.capacity as f64);
        self.commits.reach(writer, look.commits);
        self.items.reach(writer, look.items);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing inside can be half done: every change is one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The route of a service inside. The gateway has none: there it would be open to all.
pub(crate) fn route() -> Route {
    Route::get(PATH, Audit::Quiet("a probe by the machinery that runs us"), read_metrics)
}

async fn read_metrics(_: Caller<Anyone>, shared: web::Data<Shared>) -> HttpResponse {
    answer(shared.kit.metrics.text().await)
}

fn answer(text: String) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, OPEN_METRICS)).body(text)
}
