//! Where a service's audit entries become durable: an async function that the service supplies.

use std::error::Error as StdError;
use std::sync::Arc;

use contract::audit::Sealed;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;

/// How many entries of a batch are handed over at once where the service takes one at a time.
const AT_ONCE: usize = 256;

/// An entry could not be made durable; the answer that needs it becomes a 503.
#[derive(Debug, thiserror::Error)]
#[error("the audit entry could not be made durable")]
pub struct RecordError(#[source] Box<dyn StdError + Send + Sync>);

impl RecordError {
    /// With its cause, for the log.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

type RecordAll = dyn Fn(Vec<Sealed>) -> BoxFuture<'static, Result<(), RecordError>> + Send + Sync;

/// Makes entries durable. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(Arc<RecordAll>);

impl Recorder {
    /// A recorder of whole batches: `Ok` means that all of them are durable. Recording an entry again must be harmless.
    pub fn batches<F, Fut>(record: F) -> Self
    where
        F: Fn(Vec<Sealed>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), RecordError>> + Send + 'static,
    {
        Self(Arc::new(move |entries| Box::pin(record(entries))))
    }

    /// A recorder of single entries: `Ok` means that the entry is durable. Recording an entry again must be harmless.
    pub fn new<F, Fut>(record: F) -> Self
    where
        F: Fn(Sealed) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), RecordError>> + Send + 'static,
    {
        let record = Arc::new(record);
        Self::batches(move |entries| {
            let record = Arc::clone(&record);
            async move {
                let mut recording =
                    stream::iter(entries).map(|entry| record(entry)).buffer_unordered(AT_ONCE);
                let mut all = Ok(());
                while let Some(one) = recording.next().await {
                    all = all.and(one);
                }
                all
            }
        })
    }

    /// Makes one entry durable.
    ///
    /// # Errors
    /// [`RecordError`] if that failed; the entry may have become durable all the same.
    pub async fn record(&self, entry: Sealed) -> Result<(), RecordError> {
        self.record_all(vec![entry]).await
    }

    /// Makes several entries durable.
    ///
    /// # Errors
    /// [`RecordError`] if that failed for any; some may have become durable.
    pub async fn record_all(&self, entries: Vec<Sealed>) -> Result<(), RecordError> {
        (self.0)(entries).await
    }
}
