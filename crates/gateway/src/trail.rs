//! Where the gateway's counted refusals become durable: in audit-log, by an internal call. There is no database here, so what waits,
//! waits in memory: while a batch is tried again http-kit goes on counting, within its bounds, and a kill loses what it counted.

use std::time::Duration;

use auth::random::Random;
use contract::audit::Sealed;
use contract::clock::Clock;
use contract::internal::{AppendEntries, AppendedEntries};
use http_kit::audit::{RecordError, Recorder};
use http_kit::client::{CallError, InternalClient};
use http_kit::context::RequestContext;
use http_kit::server::Shutdown;

/// How many entries go in one call.
const AT_ONCE: usize = 500;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(5);

/// The first and the longest pause between tries, in milliseconds.
const PAUSES: (u64, u64) = (200, 5_000);

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
        let mut pause = PAUSES.0;
        loop {
            let context = RequestContext::fresh(&self.clock, &self.random);
            let last = self.stopping.is_requested();
            let called =
                self.client.post_json::<_, AppendedEntries>(&context, "/internal/entries", batch, CALL).await;
            let Err(error) = called else { return Ok(()) };
            if is_final(&error) {
                tracing::error!(dropped = batch.entries.len(), %error, "audit-log refuses these audit entries for good");
                return Ok(());
            }
            if last {
                return Err(error);
            }
            tracing::warn!(waiting = batch.entries.len(), %error, "counted refusals wait for audit-log");
            self.wait(pause).await;
            pause = PAUSES.1.min(pause * 2);
        }
    }

    /// Half of the pause and a random part of the other half, so that several gateways don't come back at one time.
    async fn wait(&self, pause: u64) {
        let random = u64::from(u16::from_be_bytes(self.random.bytes()));
        let milliseconds = pause / 2 + pause * random / u64::from(u16::MAX) / 2;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(milliseconds)) => {}
            () = self.stopping.requested() => {}
        }
    }
}

/// Would the same batch be refused again? Everything but its own content may be better next time.
fn is_final(error: &CallError) -> bool {
    matches!(error, CallError::Refused { status: 400 | 413 | 422, .. })
}
