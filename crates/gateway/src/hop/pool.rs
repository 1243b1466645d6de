//! Idle connections, for each worker thread and service behind. Nothing is shared between threads, so nothing is locked. The one
//! used last is taken first; those nobody needs grow old and are closed.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use actix_web::rt::spawn;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use super::upstream::Upstream;

/// How many idle connections a thread keeps to one service.
const MOST_IDLE: usize = 256;

#[derive(Default)]
struct Idle {
    /// The oldest first.
    connections: VecDeque<(Instant, Connection)>,
    /// Closes what grows old; runs while there is any.
    sweeper: Option<JoinHandle<()>>,
}

thread_local! {
    static IDLE: RefCell<HashMap<u64, Idle>> = RefCell::default();
}

/// An open connection that has not been idle for longer than `limit`, if this thread has one.
pub(super) fn take(upstream: &Upstream, limit: Duration) -> Option<Connection> {
    let now = Instant::now();
    IDLE.with_borrow_mut(|idle| {
        let connections = &mut idle.get_mut(&upstream.id())?.connections;
        while let Some((since, connection)) = connections.pop_back() {
            if now < since + limit && connection.is_ready() {
                return Some(connection);
            }
        }
        None
    })
}

/// A connection in use, on its way back.
pub(super) struct GivingBack {
    upstream: u64,
    limit: Duration,
    connection: Connection,
}

impl GivingBack {
    pub(super) fn new(upstream: &Upstream, limit: Duration, connection: Connection) -> Self {
        Self { upstream: upstream.id(), limit, connection }
    }

    /// The answer was read to its end. A connection that still sends a request nobody waits for is closed instead.
    pub(super) fn done(self) {
        let Self { upstream, limit, connection } = self;
        if !connection.is_ready() {
            return;
        }
        IDLE.with_borrow_mut(|idle| {
            let idle = idle.entry(upstream).or_default();
            if idle.connections.len() < MOST_IDLE {
                idle.connections.push_back((Instant::now(), connection));
            }
            if idle.sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
                idle.sweeper = Some(spawn(sweep(upstream, limit)));
            }
        });
    }
}

/// Closes connections as they reach the limit, until there are none.
async fn sweep(upstream: u64, limit: Duration) {
    while let Some(due) = close_old(upstream, limit) {
        sleep_until(due).await;
    }
}

/// When the next connection is due.
fn close_old(upstream: u64, limit: Duration) -> Option<Instant> {
    let now = Instant::now();
    IDLE.with_borrow_mut(|idle| {
        let connections = &mut idle.get_mut(&upstream)?.connections;
        while let Some((since, connection)) = connections.front() {
            let due = *since + limit;
            if now < due && connection.is_ready() {
                return Some(due);
            }
            connections.pop_front();
        }
        None
    })
}
