//! Makes audit entries durable that have no commit of their own: reads, refusals. Many of them share one commit.

use crate::table::insert_many;
use crate::wake::Wake;
use contract::audit::Sealed;
use db::pace::Pressure;
use db::{BatchOptions, BatchWriter, Database, DbResult, SubmitError};
use http_kit::audit::{RecordError, Recorder};

/// How many entries may wait. Each is about a kilobyte.
const CAPACITY: usize = 4096;

/// How many entries share a commit at most.
const BATCH: usize = 500;

/// While one commit is under way, the next is written.
const THREADS: usize = 2;

/// Stores entries in the service's own outbox; cheap to clone.
#[derive(Debug, Clone)]
pub struct OutboxWriter {
    batches: BatchWriter<Sealed, ()>,
    wake: Wake,
}

impl OutboxWriter {
    /// Starts its thread, named `name`. The shipper waits on `wake`.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn start(database: &Database, name: &'static str, wake: &Wake) -> DbResult<Self> {
        let options = BatchOptions { name, capacity: CAPACITY, batch: BATCH, threads: THREADS };
        let write = |conn: &mut db::Conn, entries: &[Sealed]| {
            insert_many(conn, entries)?;
            Ok(vec![(); entries.len()])
        };
        let batches = BatchWriter::start(database, &options, |entry: &Sealed| entry.id.to_string(), write)?;
        Ok(Self { batches, wake: wake.clone() })
    }

    /// Returns once the entry is durable. Recording it again is harmless: the trail takes it once.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn record(&self, entry: Sealed) -> Result<(), SubmitError> {
        self.batches.submit(entry).await?;
        self.wake.wake();
        Ok(())
    }

    /// How hard it is at work, for those who should let its callers go first.
    pub fn pressure(&self) -> Pressure {
        self.batches.pressure()
    }

    pub(crate) fn batches(&self) -> &BatchWriter<Sealed, ()> {
        &self.batches
    }

    /// As the recorder that http-kit asks a service for.
    pub fn recorder(&self) -> Recorder {
        let writer = self.clone();
        Recorder::new(move |entry| {
            let writer = writer.clone();
            async move { writer.record(entry).await.map_err(RecordError::new) }
        })
    }

    /// Takes no more entries, and waits until those it took are durable.
    pub async fn close(&self) {
        self.batches.close().await;
    }
}
