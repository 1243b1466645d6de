//! Keeps the leases of the lanes, and wakes workers whose lanes have something due. Replicas share the lanes evenly: each takes free
//! ones up to its share, and gives up what it has beyond. A worker works only on lanes whose leases are here. That two replicas believe
//! they hold one lane for a moment is harmless: see [`super::apply`].

use std::collections::BTreeMap;
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
use crate::db::pending;
use crate::domain::lanes::{LANES, Queue, WORKERS, worker_of};
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

/// What the lease of a lane is called.
const LANE: &str = "lane-";

/// What the lease is called by which replicas count each other.
const REPLICA: &str = "replica-";

/// How long after its end a replica's row is kept: nobody looks at it any more.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// The lanes that are ours now.
pub(super) type Held = BTreeMap<i32, Lease>;

/// Runs until told to stop; then the workers finish what they have in hand, and the leases are given back.
pub(super) async fn run(state: Arc<State>, shutdown: Shutdown) {
    let held = watch::Sender::new(Held::new());
    let mut tasks = JoinSet::new();
    let fresh = (0..WORKERS).map(|worker| {
        let lanes: Vec<i32> = (0..LANES).filter(|lane| worker_of(*lane) == worker).collect();
        (Queue::Fresh, lanes)
    });
    // What failed by itself may hang: each lane's has a worker of its own.
    let failing = (0..LANES).map(|lane| (Queue::Failing, vec![lane]));
    for (queue, lanes) in fresh.chain(failing) {
        tasks.spawn(supervise(Arc::clone(&state), queue, lanes, held.subscribe(), shutdown.clone()));
    }
    tasks.spawn(poll(Arc::clone(&state), held.subscribe(), shutdown.clone()));
    let (at_work, is_over) = watch::channel(());
    let working = async move {
        let _at_work = at_work;
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the lanes did not end well");
            }
        }
    };
    let owner = owner(&state);
    // The leases are kept up until the last worker has finished, and given back once none can be taken any more.
    tokio::join!(working, keep(&state, &owner, &held, is_over));
    give_back(&state, &owner, &held).await;
}

/// Runs a worker, and runs it anew should it ever panic: leased lanes must not stand still.
async fn supervise(
    state: Arc<State>,
    queue: Queue,
    lanes: Vec<i32>,
    held: watch::Receiver<Held>,
    shutdown: Shutdown,
) {
    loop {
        let worker = apply::run(Arc::clone(&state), queue, lanes.clone(), held.clone(), shutdown.clone());
        let Err(error) = tokio::spawn(worker).await else { return };
        tracing::error!(%error, ?lanes, "a worker of the lanes broke down");
        if !pause(ASK, &shutdown).await {
            return;
        }
    }
}

/// Takes free lanes and renews those it has, until the other end of `over` is gone: never in the middle, for what was begun takes lanes
/// all the same.
async fn keep(state: &State, owner: &str, held: &watch::Sender<Held>, mut over: watch::Receiver<()>) {
    loop {
        let (before, owner, now) = (held.borrow().clone(), owner.to_owned(), state.clock.now());
        let kept = state.database.write(move |conn| keep_once(conn, &before, &owner, now)).await;
        let complete = match kept {
            Ok((kept, share)) => {
                let complete = kept.len() >= share;
                held.send_if_modified(|held| {
                    let changed = *held != kept;
                    *held = kept;
                    changed
                });
                complete
            }
            Err(error) => {
                tracing::warn!(%error, "the lanes' leases were not renewed");
                false
            }
        };
        tokio::select! {
            () = tokio::time::sleep(if complete { RENEW } else { ASK }) => {}
            _ = over.changed() => return,
        }
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

/// The lanes that are ours from now on, and how many are to be.
fn keep_once(conn: &mut Conn, held: &Held, owner: &str, now: Timestamp) -> DbResult<(Held, usize)> {
    let now = now.into();
    lease::acquire(conn, &format!("{REPLICA}{owner}"), owner, now, TTL)?;
    let share = share_of(lease::count_held(conn, REPLICA, now, FORGOTTEN)?);
    let mut kept = Held::new();
    for (lane, lease) in held {
        if kept.len() >= share {
            lease::release(conn, lease, now)?;
        } else if lease::renew(conn, lease, now, TTL)? {
            kept.insert(*lane, lease.clone());
        }
    }
    for lane in 0..LANES {
        if kept.len() >= share {
            break;
        }
        if kept.contains_key(&lane) {
            continue;
        }
        if let Some(lease) = lease::acquire(conn, &format!("{LANE}{lane:02}"), owner, now, TTL)? {
            kept.insert(lane, lease);
        }
    }
    Ok((kept, share))
}

/// How many lanes each of so many replicas may have, so that none is left.
fn share_of(replicas: i64) -> usize {
    let (lanes, replicas) = (i64::from(LANES), replicas.max(1));
    usize::try_from((lanes + replicas - 1) / replicas).unwrap_or(1)
}

async fn give_back(state: &State, owner: &str, held: &watch::Sender<Held>) {
    let (held, owner, now) = (held.borrow().clone(), owner.to_owned(), state.clock.now().into());
    let given_back = state.database.write(move |conn| {
        if let Some(replica) = lease::acquire(conn, &format!("{REPLICA}{owner}"), &owner, now, TTL)? {
            lease::release(conn, &replica, now)?;
        }
        held.values().try_for_each(|lease| lease::release(conn, lease, now))
    });
    if let Err(error) = given_back.await {
        tracing::warn!(%error, "the lanes' leases were not given back; they end by themselves");
    }
}

/// Wakes lanes that have due rows: what other replicas accepted, and what is to be tried again.
async fn poll(state: Arc<State>, held: watch::Receiver<Held>, shutdown: Shutdown) {
    let every = match state.database.backend() {
        Backend::Postgres => POLL_SHARED,
        Backend::Sqlite => POLL_ALONE,
    };
    while pause(every, &shutdown).await {
        if held.borrow().is_empty() {
            continue;
        }
        let now = UtcTime::of(state.clock.now());
        let due = state.database.read(move |conn| {
            Ok((pending::lanes_with_fresh(conn)?, pending::lanes_with_failing(conn, now)?))
        });
        match due.await {
            Ok((fresh, failing)) => {
                fresh.into_iter().for_each(|lane| state.signals.wake(Queue::Fresh, lane));
                failing.into_iter().for_each(|lane| state.signals.wake(Queue::Failing, lane));
            }
            Err(error) => tracing::debug!(%error, "due rows were not looked for"),
        }
    }
}
