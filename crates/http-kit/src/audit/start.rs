//! The entry that tells of a start. Counts of refusals that a kill took along are lost; that there was a kill the trail shows by this.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Text};
use contract::ids::EntryId;

use super::seal;
use crate::backoff::Backoff;
use crate::kit::{Kit, Shared};
use crate::problem::chain;
use crate::server::Shutdown;

/// The entry's action.
const ACTION: &str = "service.start";

/// Between tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Puts the start on the trail, once the service is ready for that. It holds up nobody.
pub(crate) async fn record_start(shared: Arc<Shared>, shutdown: Shutdown) {
    let kit = &shared.kit;
    // Sealed once: tried again it is the same entry, which the trail takes once.
    let sealed = seal(&started(kit), &kit.random);
    let mut failures: u32 = 0;
    loop {
        let recorded = match kit.readiness.look().await {
            Ok(_) => kit.recorder.record(sealed.clone()).await.map_err(|error| chain(&error)),
            Err((check, _)) => Err(format!("not ready: {check}")),
        };
        let Err(cause) = recorded else { return };
        tracing::debug!(cause, "the entry of this start waits");
        failures = failures.saturating_add(1);
        let pause = BACKOFF.after(failures, &kit.random);
        if tokio::time::timeout(pause, shutdown.requested()).await.is_ok() {
            return;
        }
    }
}

fn started(kit: &Kit) -> Entry {
    let now = kit.clock.now();
    let version = Text::open(env!("CARGO_PKG_VERSION"));
    Entry {
        id: EntryId::new(now, kit.random.bytes()),
        time: now,
        service: kit.service,
        category: Category::System,
        action: ACTION.to_owned(),
        outcome: Outcome::Success,
        reason: None,
        actor: Actor { kind: ActorKind::System, id: None },
        target: None,
        address: None,
        request_id: None,
        method: None,
        route: None,
        count: 1,
        details: BTreeMap::from([("version".to_owned(), version.into())]),
    }
}
