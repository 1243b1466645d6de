//! Keeps the leases of the lanes, and wakes lanes that have something due. A replica takes every lane that is free; a lane's task
//! works only while its lease is here. That two replicas believe they hold one lane for a moment is harmless: see [`super::apply`].

use std::sync::Arc;
use std::time::Duration;

use contract::clock::Timestamp;
use db::lease::{self, Lease};
use db::types::UtcTime;
use db::{Backend, Conn, DbResult};
use http_kit::server::Shutdown;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{apply, pause};
use crate::db::inbox;
use crate::domain::lanes::{LANES, Queue};
use crate::state::State;

/// How long a lease holds without being renewed: so long a killed replica's lanes stand still.
const TTL: Duration = Duration::from_secs(10);

/// How often leases are renewed.
const RENEW: Duration = Duration::from_millis(3_300);

/// How often lanes that others hold are asked for.
const ASK: Duration = Duration::from_secs(1);

/// How often due rows are looked for on PostgreSQL, where a replica without this lane may have accepted them.
const POLL_SHARED: Duration = Duration::from_millis(100);

/// How often due rows are looked for on SQLite, where the one process is told of all that it accepts: for second attempts.
const POLL_ALONE: Duration = Duration::from_secs(1);

type Leases = Vec<watch::Sender<Option<Lease>>>;

/// Runs until told to stop; then the lanes finish what they have in hand, and the leases are given back.
pub(super) async fn run(state: Arc<State>, shutdown: Shutdown) {
    let leases: Leases = (0..LANES).map(|_| watch::Sender::new(None)).collect();
    let mut tasks = JoinSet::new();
    for (lane, lease) in (0..LANES).zip(&leases) {
        tasks.spawn(supervise(Arc::clone(&state), lane, lease.subscribe(), shutdown.clone()));
    }
    let leases = Arc::new(leases);
    tasks.spawn(poll(Arc::clone(&state), Arc::clone(&leases), shutdown.clone()));
    let working = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the lanes did not end well");
            }
        }
    };
    // The leases are kept up until the last lane has finished.
    tokio::select! {
        () = working => {}
        () = keep(&state, &leases) => {}
    }
    give_back(&state, &leases).await;
}

/// Runs a lane's task, and runs it anew should it ever panic: a leased lane must not stand still.
async fn supervise(state: Arc<State>, lane: i32, lease: watch::Receiver<Option<Lease>>, shutdown: Shutdown) {
    loop {
        let task = tokio::spawn(apply::run(Arc::clone(&state), lane, lease.clone(), shutdown.clone()));
        let Err(error) = task.await else { return };
        tracing::error!(%error, lane, "a lane's task broke down");
        if !pause(ASK, &shutdown).await {
            return;
        }
    }
}

/// Takes free lanes and renews those it has, for ever.
async fn keep(state: &State, leases: &Leases) {
    let owner = owner(state);
    loop {
        let held: Vec<Option<Lease>> = leases.iter().map(|lease| lease.borrow().clone()).collect();
        let (name, now) = (owner.clone(), state.clock.now());
        let kept = state.database.write(move |conn| keep_once(conn, &held, &name, now)).await;
        let complete = match kept {
            Ok(kept) => {
                for (sender, lease) in leases.iter().zip(&kept) {
                    sender.send_if_modified(|held| {
                        let changed = held != lease;
                        held.clone_from(lease);
                        changed
                    });
                }
                kept.iter().all(Option::is_some)
            }
            Err(error) => {
                tracing::warn!(%error, "the lanes' leases were not renewed");
                false
            }
        };
        tokio::time::sleep(if complete { RENEW } else { ASK }).await;
    }
}

/// Who we are in the leases. On SQLite all processes, one after the other, are the same owner, so that a restart after a kill need
/// not wait for its own former leases.
fn owner(state: &State) -> String {
    match state.database.backend() {
        Backend::Sqlite => "this machine".to_owned(),
        Backend::Postgres => hex::encode(state.random.bytes::<8>()),
    }
}

fn keep_once(
    conn: &mut Conn,
    held: &[Option<Lease>],
    owner: &str,
    now: Timestamp,
) -> DbResult<Vec<Option<Lease>>> {
    let mut kept = Vec::with_capacity(held.len());
    for (lane, held) in (0..LANES).zip(held) {
        let name = format!("lane-{lane:02}");
        kept.push(match held {
            Some(lease) if lease::renew(conn, lease, now.into(), TTL)? => Some(lease.clone()),
            _ => lease::acquire(conn, &name, owner, now.into(), TTL)?,
        });
    }
    Ok(kept)
}

async fn give_back(state: &State, leases: &Leases) {
    let held: Vec<Lease> = leases.iter().filter_map(|lease| lease.borrow().clone()).collect();
    let now = state.clock.now().into();
    let given_back = state
        .database
        .write(move |conn| held.iter().try_for_each(|lease| lease::release(conn, lease, now)))
        .await;
    if let Err(error) = given_back {
        tracing::warn!(%error, "the lanes' leases were not given back; they end by themselves");
    }
}

/// Wakes lanes that have due rows: what other replicas accepted, and what is to be tried again.
async fn poll(state: Arc<State>, leases: Arc<Leases>, shutdown: Shutdown) {
    let every = match state.database.backend() {
        Backend::Postgres => POLL_SHARED,
        Backend::Sqlite => POLL_ALONE,
    };
    while pause(every, &shutdown).await {
        if leases.iter().all(|lease| lease.borrow().is_none()) {
            continue;
        }
        let now = UtcTime::of(state.clock.now());
        let due = state
            .database
            .read(move |conn| Ok((inbox::lanes_with_fresh(conn)?, inbox::lanes_with_failing(conn, now)?)));
        match due.await {
            Ok((fresh, failing)) => {
                fresh.into_iter().for_each(|lane| state.signals.wake(Queue::Fresh, lane));
                failing.into_iter().for_each(|lane| state.signals.wake(Queue::Failing, lane));
            }
            Err(error) => tracing::debug!(%error, "due rows were not looked for"),
        }
    }
}
