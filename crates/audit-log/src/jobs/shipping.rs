//! What this service itself has to say is shipped to the trail as any other service ships, through its own front
//! door. So there is one way onto the trail, and one place that decides what may go onto it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use auth::keyring::KeyRing;
use db::Database;
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::kit::Seams;
use http_kit::server::Shutdown;
use outbox::{Shipper, Wake};

use crate::{MIGRATIONS, NAME};

/// Ships this service's own entries.
pub(crate) struct Shipping {
    /// Where the outbox is.
    pub(crate) database: Database,
    /// What signs calls to ourselves.
    pub(crate) internal: KeyRing,
    /// Time and chance.
    pub(crate) seams: Seams,
    /// Tells that entries wait.
    pub(crate) wake: Wake,
}

impl Shipping {
    /// Works until told to stop, once the schema is current; `address` is where this service listens. It may be stopped anywhere:
    /// what was not shipped waits in the outbox.
    pub(crate) async fn run(self, address: SocketAddr, shutdown: Shutdown) {
        let Self { database, internal, seams: Seams { clock, random }, wake } = self;
        let tokens = InternalTokens::new(NAME, NAME, internal, clock.clone());
        match InternalClient::new("LISTEN_ADDRESS", &format!("http://{}", own(address)), tokens) {
            Ok(client) => {
                let shipper = Shipper::new(database, client, clock, random, wake);
                shipper.run_once_current(&MIGRATIONS, shutdown).await;
            }
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
