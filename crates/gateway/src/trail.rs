//! Where the gateway's counted refusals become durable: in audit-log, by an internal call. There is no database here, so what waits,
//! waits in memory: while a batch is tried again http-kit goes on counting, within its bounds, and a kill loses what it counted.

use std::time::Duration;

use auth::random::Random;
use contract::audit::Sealed;
use contract::clock::Clock;
use contract::internal::{APPEND_ENTRIES, AppendEntries, AppendedEntries};
use http_kit::audit::{RecordError, Recorder};
use http_kit::backoff::Backoff;
use http_kit::client::{CallError, InternalClient};
use http_kit::context::RequestContext;
use http_kit::server::Shutdown;

/// How many entries go in one call.
const AT_ONCE: usize = 500;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(5);

/// Between tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// Ships entries to audit-log.
#[derive(Clone)]
struct Trail {
    client: InternalClient,
    clock: Clock,
    random: Random,
    stopping: Shutdown,
}

/// A recorder that tries again until audit-log has the entries, or `stopping` says that there is no more time.
pub(crate) fn recorder(client: InternalClient, clock: Clock, random: Random, stopping: Shutdown) -> Recorder {
    let trail = Trail { client, clock, random, stopping };
    Recorder::batches(move |entries| {
        let trail = trail.clone();
        async move { trail.ship(entries).await }
    })
}

impl Trail {
    async fn ship(&self, mut entries: Vec<Sealed>) -> Result<(), RecordError> {
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(AT_ONCE));
            let batch = AppendEntries { entries };
            if let Err(error) = self.ship_batch(&batch).await {
                let lost = batch.entries.len() + rest.len();
                tracing::error!(lost, %error, "the gateway stops before audit-log took these audit entries");
                return Err(RecordError::new(error));
            }
            entries = rest;
        }
        Ok(())
    }

    /// Ships one batch. A batch that audit-log finds senseless is dropped, or it would stand in the way of all others for ever.
    async fn ship_batch(&self, batch: &AppendEntries) -> Result<(), CallError> {
        let mut failures: u32 = 0;
        loop {
            let context = RequestContext::fresh(&self.clock, &self.random);
            let last = self.stopping.is_requested();
            let called =
                self.client.post_json::<_, AppendedEntries>(&context, APPEND_ENTRIES, batch, CALL).await;
            let Err(error) = called else { return Ok(()) };
            if error.is_about_the_body() {
                tracing::error!(dropped = batch.entries.len(), %error, "audit-log refuses these audit entries for good");
                return Ok(());
            }
            if last {
                return Err(error);
            }
            tracing::warn!(waiting = batch.entries.len(), %error, "counted refusals wait for audit-log");
            failures = failures.saturating_add(1);
            self.wait(BACKOFF.after(failures, &self.random)).await;
        }
    }

    /// Waits that long, or until there is no more time.
    async fn wait(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.stopping.requested() => {}
        }
    }
}
