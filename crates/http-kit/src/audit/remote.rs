//! Where the counted refusals of a service without a database become durable: in audit-log, by an internal call. What waits, waits
//! in memory: while a batch is tried again the refusals are still counted, within their bounds, and a kill loses what was counted.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::client::{CallError, InternalClient};
use crate::context::RequestContext;
use crate::server::Shutdown;
use auth::random::Random;
use contract::audit::Sealed;
use contract::clock::Clock;
use contract::internal::{APPEND_ENTRIES, AppendEntries, AppendedEntries};

use super::{Alarm, RecordError, Recorder};

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
pub fn remote_recorder(client: InternalClient, clock: Clock, random: Random, stopping: Shutdown) -> Recorder {
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
                tracing::error!(lost, %error, "stopping before audit-log took these audit entries");
                return Err(RecordError::new(error));
            }
            entries = rest;
        }
        Ok(())
    }

    /// Ships one batch. A batch that audit-log finds senseless is dropped, or it would stand in the way of all others for ever.
    async fn ship_batch(&self, batch: &AppendEntries) -> Result<(), CallError> {
        let mut failures: u32 = 0;
        let mut alarm = Alarm::default();
        let oldest = batch.entries.iter().map(|entry| entry.id.made_at()).min();
        loop {
            let context = RequestContext::fresh(&self.clock, &self.random);
            let last = self.stopping.is_requested();
            let called =
                self.client.post_json::<_, AppendedEntries>(&context, APPEND_ENTRIES, batch, CALL).await;
            let Err(error) = called else {
                alarm.look(None, self.clock.now());
                return Ok(());
            };
            if error.is_about_the_body() {
                tracing::error!(dropped = batch.entries.len(), %error, "audit-log refuses these audit entries for good");
                return Ok(());
            }
            if last {
                return Err(error);
            }
            tracing::warn!(waiting = batch.entries.len(), %error, "counted refusals wait for audit-log");
            alarm.look(oldest, self.clock.now());
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
