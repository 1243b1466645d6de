//! The HTTP server around an app: binds (port 0 too), keeps connections long enough for our own clients, and stops gracefully: no
//! new connection, answers in flight are finished up to a deadline. It handles no signal by itself: several may run in one process.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;
use socket2::SockRef;
use tokio::sync::watch;

use crate::kit::Shared;
use crate::routes::RouteTable;

/// Longer than our clients keep an idle connection (5 s), so that none posts into a closing one.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take to send a request's head; on a new connection counted from when it is there.
pub(crate) const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// How long we wait for a client to close a connection that we are done with.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// New connections that may wait to be accepted; of more the system drops some, and their clients try again only a second later. The
/// system's own limit may be lower (Linux: `net.core.somaxconn`, 4,096).
const BACKLOG: u32 = 4_096;

/// Where and how a server listens.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address and port, `127.0.0.1:8080`; port 0 takes a free one.
    pub address: String,
    /// A socket that listens already, and then counts for `address`: for services that must know each other's ports before
    /// either starts.
    pub taken: Option<Arc<TcpListener>>,
    /// Threads that serve requests.
    pub workers: usize,
    /// How long answers in flight may take once the server is to stop, in whole seconds.
    pub drain: Duration,
    /// How long a client may take to send a request's head; over it: 408 with an empty body, and the connection closes.
    pub head_deadline: Duration,
    /// How long a client may take to send the body after that, where the handler waits for it; over it: 408 as a problem.
    pub body_deadline: Duration,
}

impl Listen {
    /// Two workers, 8 s to finish answers, 10 s for a head, 30 s for a body.
    pub fn on(address: impl Into<String>) -> Self {
        // Under the ten seconds after which Docker kills what it has asked to stop.
        let [drain, body_deadline] = [8, 30].map(Duration::from_secs);
        let head_deadline = HEAD_DEADLINE;
        Self { address: address.into(), taken: None, workers: 2, drain, head_deadline, body_deadline }
    }

    /// [`Listen::on`], on a socket that listens already.
    pub fn taken(listener: TcpListener) -> Self {
        Self { taken: Some(Arc::new(listener)), ..Self::on(String::new()) }
    }
}

/// Told when the service is to stop. Clones wait for the same moment.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Tells when the service is to stop; dropping it tells so too.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Shutdown {
    /// The two ends.
    pub fn channel() -> (Stop, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stop(sender), Self(receiver))
    }

    /// Resolves once the service is to stop.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        while !*receiver.borrow_and_update() {
            // An error means that the other end was dropped, which says the same.
            if receiver.changed().await.is_err() {
                return;
            }
        }
    }

    /// Is the service to stop?
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

impl Stop {
    /// Tells so.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

/// Resolves when the operating system asks the process to stop: SIGTERM, or SIGINT (Ctrl-C).
///
/// # Errors
/// When the signals cannot be listened for.
pub async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Binds, and makes the server that is still to be polled.
pub(crate) fn bind(
    listen: &Listen,
    table: RouteTable,
    shared: Arc<Shared>,
    state: crate::service::States,
) -> io::Result<(SocketAddr, Server)> {
    let server = HttpServer::new(move || state.apply(crate::app::build(&table, &shared)))
        .workers(listen.workers.max(1))
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(listen.head_deadline)
        .client_disconnect_timeout(CLOSE_DEADLINE)
        // A client that closes its side has gone away (as nginx takes it too): what it waited for is given up.
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .shutdown_timeout(listen.drain.as_secs())
        .disable_signals()
        .backlog(BACKLOG);
    let server = match &listen.taken {
        Some(taken) => server.listen(deepened(taken)?)?,
        None => server.bind(&listen.address)?,
    };
    let address =
        server.addrs().first().copied().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    Ok((address, server.run()))
}

/// The same socket with our backlog: the standard library's sockets have one of 128, which a burst of callers fills.
fn deepened(taken: &TcpListener) -> io::Result<TcpListener> {
    SockRef::from(taken).listen(BACKLOG.try_into().unwrap_or(i32::MAX))?;
    taken.try_clone()
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    /// Three hundred callers who come at once, before the first is accepted.
    #[test]
    fn a_taken_socket_holds_a_burst_of_new_connections() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let deepened = deepened(&taken).expect("the same socket");
        let address = deepened.local_addr().expect("bound");
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(500));
        let callers: Vec<TcpStream> = (0..300).map_while(|number| connect(number).ok()).collect();
        assert_eq!(callers.len(), 300);
    }
}
