//! Waits for what comes true by itself. A wait ends as soon as it has; the bound only makes a failure of what never does.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until the condition holds.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub async fn wait_for(what: &str, condition: impl AsyncFn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < until, "waited in vain for {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks until what is seen is `done`, and gives it back.
///
/// # Panics
/// When it is not within [`PATIENCE`], with what was seen last.
pub async fn eventually<T: Debug>(look: impl AsyncFn() -> T, done: impl Fn(&T) -> bool) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if done(&seen) {
            return seen;
        }
        assert!(Instant::now() < until, "it never came true: {seen:?}");
        tokio::time::sleep(PAUSE).await;
    }
}
