//! Background work: what this service itself has to say is shipped to the trail as any other service ships, through its own front
//! door. So there is one way onto the trail, and one place that decides what may go onto it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use auth::keyring::KeyRing;
use db::Database;
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::kit::Seams;
use http_kit::server::Shutdown;
use outbox::{Shipper, Wake};
use tokio::sync::oneshot;

use crate::{MIGRATIONS, NAME};

/// How often the schema is looked at while it is not current.
const SCHEMA_POLL: Duration = Duration::from_millis(200);

/// Ships this service's own entries.
pub(crate) struct Shipping {
    database: Database,
    internal: KeyRing,
    seams: Seams,
    wake: Wake,
    reached: oneshot::Receiver<SocketAddr>,
}

/// Says where this service can be reached: known once it listens, where it was given port 0.
pub(crate) struct Reach(oneshot::Sender<SocketAddr>);

impl Reach {
    /// At this address.
    pub(crate) fn at(self, address: SocketAddr) {
        if self.0.send(address).is_err() {
            tracing::debug!("told to stop while starting");
        }
    }
}

impl Shipping {
    /// Ships what `wake` tells of, once it is told where to.
    pub(crate) fn new(database: Database, internal: KeyRing, seams: Seams, wake: Wake) -> (Self, Reach) {
        let (reach, reached) = oneshot::channel();
        (Self { database, internal, seams, wake, reached }, Reach(reach))
    }

    /// Works until told to stop, once the service listens and the schema is current. It may be stopped anywhere: what was not
    /// shipped waits in the outbox.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let Self { database, internal, seams: Seams { clock, random }, wake, reached } = self;
        // An error means that the service did not start.
        let Ok(address) = reached.await else { return };
        if !is_current(&database, &shutdown).await {
            return;
        }
        let tokens = InternalTokens::new(NAME, NAME, internal, clock.clone());
        match InternalClient::new("LISTEN_ADDRESS", &format!("http://{}", own(address)), tokens) {
            Ok(client) => Shipper::new(database, client, clock, random, wake).run(shutdown).await,
            Err(error) => {
                tracing::error!(%error, "this service can't ship its own entries; they wait in the outbox");
            }
        }
    }
}

/// Where a service that listens on `address` reaches itself.
fn own(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Waits until the schema is current; false if told to stop before.
async fn is_current(database: &Database, shutdown: &Shutdown) -> bool {
    loop {
        match MIGRATIONS.is_current(database).await {
            Ok(true) => return true,
            Ok(false) => tracing::debug!("waiting for the schema"),
            Err(error) => tracing::debug!(%error, "waiting for the database"),
        }
        if tokio::time::timeout(SCHEMA_POLL, shutdown.requested()).await.is_ok() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn a_service_that_listens_everywhere_reaches_itself_at_home() {
        for (listens, reached) in [
            ("0.0.0.0:8083", "127.0.0.1:8083"),
            ("[::]:8083", "[::1]:8083"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(own(listens.parse().expect("an address")).to_string(), reached);
        }
    }
}
