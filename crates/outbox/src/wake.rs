//! Tells the shipper of this process that something is there. It carries nothing and promises nothing: the shipper
//! also looks by itself.

use std::sync::Arc;
use tokio::sync::Notify;

/// Wakes the shipper; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// A new one, for one writer and one shipper.
    pub fn new() -> Self {
        Self::default()
    }

    /// To be called after a commit that held rows of the outbox.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Resolves at the next call of [`Wake::wake`], or at once when there was one since the last.
    pub(crate) async fn woken(&self) {
        self.0.notified().await;
    }
}
