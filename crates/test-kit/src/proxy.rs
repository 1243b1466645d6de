//! A TCP proxy that stands between two parties and does what networks do: it cuts connections, refuses them, goes silent, and loses the
//! end of an answer. With several targets it hands new connections to one after the other, as a load balancer does.
//!
//! It never makes bytes up, drops some and goes on, or reorders them: TCP does none of that either.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How many bytes are on their way through at most, in each direction of a connection.
const BUFFER: usize = 16 * 1024;

/// Where connections go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To an address.
    Tcp(SocketAddr),
    /// To a socket in the file system.
    Unix(PathBuf),
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From who connected to the target.
    ToTarget,
    /// From the target to who connected.
    FromTarget,
}

/// A running proxy; its connections end with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    targets: Mutex<Vec<Target>>,
    /// Whose turn it is.
    turn: AtomicUsize,
    orders: watch::Sender<Orders>,
    /// The direction, and how many bytes still go that way before their connection is cut.
    allowance: Mutex<Option<(Direction, usize)>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    /// Connections of an older number are cut.
    generation: u64,
    refusing: bool,
    stalled: bool,
}

impl Proxy {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start(targets: Vec<Target>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            targets: Mutex::new(targets),
            turn: AtomicUsize::new(0),
            orders: watch::Sender::new(Orders::default()),
            allowance: Mutex::new(None),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections go to these from now on; those that are there stay where they are.
    pub fn set_targets(&self, targets: Vec<Target>) {
        *self.shared.targets.lock().unwrap_or_else(PoisonError::into_inner) = targets;
    }

    /// Cuts all connections. New ones are let through.
    pub fn cut(&self) {
        self.shared.orders.send_modify(|orders| orders.generation += 1);
    }

    /// Cuts all connections, and closes new ones at once.
    pub fn refuse(&self) {
        self.shared.orders.send_modify(|orders| {
            orders.generation += 1;
            orders.refusing = true;
        });
    }

    /// Goes silent: connections stay, new ones are taken, and nothing comes out at the other end. Nothing is lost of what goes in.
    pub fn stall(&self) {
        self.shared.orders.send_modify(|orders| orders.stalled = true);
    }

    /// Lets this many bytes more through that way, counted over all connections, then cuts the connection that the next one is on. Once.
    pub fn cut_after(&self, direction: Direction, bytes: usize) {
        *self.shared.allowance() = Some((direction, bytes));
    }

    /// Ends all trouble: nothing is refused, silent or about to be cut any more.
    pub fn resume(&self) {
        *self.shared.allowance() = None;
        self.shared.orders.send_modify(|orders| {
            orders.refusing = false;
            orders.stalled = false;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn allowance(&self) -> std::sync::MutexGuard<'_, Option<(Direction, usize)>> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_target(&self) -> Option<Target> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        targets.get(turn.checked_rem(targets.len())?).cloned()
    }

    /// How many of these bytes go on; if not all, their connection is to be cut.
    fn allowed(&self, direction: Direction, bytes: usize) -> usize {
        let mut allowance = self.allowance();
        match *allowance {
            Some((counted, left)) if counted == direction && bytes > left => {
                *allowance = None;
                left
            }
            Some((counted, left)) if counted == direction => {
                *allowance = Some((counted, left - bytes));
                bytes
            }
            _ => bytes,
        }
    }
}

/// Takes connections for ever; they end with this task.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // What went wrong with one connection is its own affair.
        let Ok((client, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if shared.orders.borrow().refusing {
            continue;
        }
        connections.spawn(serve(client, Arc::clone(&shared)));
    }
}

/// One connection, until either side ends it or it is cut.
async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let orders = shared.orders.subscribe();
    let generation = orders.borrow().generation;
    let mut cut = orders.clone();
    let through = async {
        match shared.next_target() {
            Some(Target::Tcp(address)) => {
                let target = TcpStream::connect(address).await?;
                target.set_nodelay(true)?;
                both_ways(client, target, &shared).await
            }
            Some(Target::Unix(path)) => both_ways(client, UnixStream::connect(path).await?, &shared).await,
            None => Ok(()),
        }
    };
    tokio::select! {
        // That it broke off is what both sides see; there is nobody else to tell.
        _ended = through => {}
        _cut = cut.wait_for(|now| now.generation != generation) => {}
    }
}

async fn both_ways<T: AsyncRead + AsyncWrite>(
    client: TcpStream,
    target: T,
    shared: &Shared,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_target, to_target) = tokio::io::split(target);
    tokio::try_join!(
        pump(from_client, to_target, Direction::ToTarget, shared),
        pump(from_target, to_client, Direction::FromTarget, shared),
    )
    .map(|_| ())
}

/// Carries bytes one way until they end; then says so to the other side, which may still answer.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    shared: &Shared,
) -> io::Result<()> {
    let mut orders = shared.orders.subscribe();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        // What was read while nothing may pass is held, and no more is read.
        // The proxy outlives its connections, so that there is always somebody to order on.
        drop(orders.wait_for(|now| !now.stalled).await);
        if read == 0 {
            return to.shutdown().await;
        }
        let allowed = shared.allowed(direction, read);
        to.write_all(buffer.get(..allowed).unwrap_or_default()).await?;
        if allowed < read {
            to.flush().await?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}
