//! Many small reads in few transactions: all keys that wait are looked up together, in one snapshot, and each reader is told what its own
//! key came to. The threads and the queue are a [`BatchWriter`]'s. It knows neither the keys nor the tables: the service gives the closure
//! that reads.

use crate::batch::{BatchOptions, BatchWriter, SubmitError};
use crate::conn::{Conn, Mode};
use crate::database::Database;
use crate::error::{DbError, DbResult};

/// Hands keys to the reading threads; cheap to clone. When the last clone is dropped the threads answer who waits, and end.
pub struct BatchReader<K, V> {
    batches: BatchWriter<K, V>,
}

impl<K, V> BatchReader<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + 'static,
{
    /// Starts the threads, as [`BatchWriter::start`] does, for transactions that only read.
    ///
    /// `read` gets the keys of a batch in their order, equal ones side by side, and returns one value for each, in the same order. It may
    /// be run again, and over parts of the batch.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn start<R>(database: &Database, options: &BatchOptions, read: R) -> DbResult<Self>
    where
        R: FnMut(&mut Conn, &[K]) -> DbResult<Vec<V>> + Clone + Send + 'static,
    {
        let batches = BatchWriter::start_in(Mode::Read, database, options, K::clone, read)?;
        Ok(Self { batches })
    }

    /// What this key comes to, in a snapshot taken after the call: whatever was committed before it is seen.
    ///
    /// # Errors
    /// `Unavailable` when too many wait already, or the database is away or busy for the whole batch; else what the look-up of this key
    /// alone returned.
    pub async fn read(&self, key: K) -> DbResult<V> {
        self.batches.submit(key).await.map_err(|error| match error {
            SubmitError::Refused(error) => error,
            SubmitError::Full | SubmitError::Unavailable => DbError::Unavailable(error.into()),
        })
    }

    /// What is at work behind it, to be watched.
    pub fn batches(&self) -> &BatchWriter<K, V> {
        &self.batches
    }
}

impl<K, V> Clone for BatchReader<K, V> {
    fn clone(&self) -> Self {
        Self { batches: self.batches.clone() }
    }
}

impl<K, V> std::fmt::Debug for BatchReader<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchReader").finish_non_exhaustive()
    }
}
