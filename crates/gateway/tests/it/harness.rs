//! Both sides of the gateway: raw clients, and raw services behind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use auth::keyring::KeyRing;
use auth::random::Random;
use contract::clock::Clock;
use gateway::{Config, Seams, Timeouts};
use http_kit::server::Listen;
use http_kit::service::Running;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// An obvious placeholder.
const INTERNAL_SECRET: &str = "test-internal-secret-test-internal-secret-test-internal-00000005";

/// What platforms show.
pub(crate) const SERVICE_API_TOKEN: &str = "test-service-token-test-service-token-test-service-token-000002";

/// How long anything may take. A wait ends as soon as its condition holds; this only bounds failures.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for it, with patience.
pub(crate) async fn soon<T>(what: &str, it: impl Future<Output = T>) -> T {
    timeout(PATIENCE, it).await.unwrap_or_else(|_| panic!("still waiting for {what}"))
}

/// The key ring that the gateway signs with.
pub(crate) fn ring() -> KeyRing {
    test_kit::credentials::ring(INTERNAL_SECRET)
}

/// An address where nobody listens until the test does.
pub(crate) fn nowhere() -> SocketAddr {
    test_kit::ports::free_address()
}

/// A gateway with one service behind all of its doors.
pub(crate) async fn before(service: SocketAddr) -> Gateway {
    before_with(service, nowhere(), |_| {})
}

/// A gateway with a service behind two doors, and audit-log, with a change of its settings.
pub(crate) fn before_with(
    service: SocketAddr,
    audit_log: SocketAddr,
    change: impl FnOnce(&mut Config),
) -> Gateway {
    before_at(Clock::system(), service, audit_log, change)
}

/// The same by a clock of the test's.
pub(crate) fn before_at(
    clock: Clock,
    service: SocketAddr,
    audit_log: SocketAddr,
    change: impl FnOnce(&mut Config),
) -> Gateway {
    let url = format!("http://{service}");
    let mut config = Config {
        listen: Listen::on("127.0.0.1:0"),
        internal: ring(),
        service_token: test_kit::credentials::ring(SERVICE_API_TOKEN),
        service_api_rate_limit: 100,
        failed_auth_rate_limit: 60,
        webhook_ingest_url: url.clone(),
        service_api_url: url.clone(),
        sso_issuer_url: url.clone(),
        dashboard_url: url,
        audit_log_url: format!("http://{audit_log}"),
        metrics_address: None,
        body_room: 64 * 1024 * 1024,
        // Longer than any test waits: what ends sooner ends for another reason.
        timeouts: Timeouts { first_byte: 10 * PATIENCE, idle: 10 * PATIENCE, ..Timeouts::default() },
    };
    change(&mut config);
    Gateway(gateway::start(config, Seams { clock, random: Random::seeded(7) }).expect("started"))
}

/// A running gateway.
pub(crate) struct Gateway(pub(crate) Running);

impl Gateway {
    /// A fresh connection to it.
    pub(crate) async fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.0.address()).await.expect("connected"))
    }

    /// One request with no body, on a fresh connection.
    pub(crate) async fn get(&self, target: &str) -> Message {
        self.exchange(&format!("GET {target} HTTP/1.1\r\nhost: crm.example\r\n\r\n")).await
    }

    /// These bytes on a fresh connection, and the answer.
    pub(crate) async fn exchange(&self, request: &str) -> Message {
        let mut client = self.connect().await;
        client.write(request.as_bytes()).await;
        client.answer().await
    }
}

/// A message as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Message {
    /// The first line, without its end.
    pub(crate) line: String,
    /// Name and value of each field, names as they were written.
    pub(crate) fields: Vec<(String, String)>,
    /// The body without its framing.
    pub(crate) body: Vec<u8>,
    /// Did the body end as its head said?
    pub(crate) whole: bool,
}

impl Message {
    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that is there once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is there {} times", all.len());
        all.first().copied()
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// The problem in an answer: its code. It must be whole, and name the request that the header names.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["requestId"].as_str(), self.field("x-request-id"));
        assert_eq!(problem["status"].as_u64(), Some(u64::from(self.status())));
        problem["code"].as_str().expect("a code").to_owned()
    }
}

/// One end of a connection.
pub(crate) struct Peer(pub(crate) BufReader<TcpStream>);

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(stream))
    }

    /// Sends these bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        soon("bytes to be taken", self.0.get_mut().write_all(bytes)).await.expect("written");
    }

    /// The head of the next message; `None` when the connection was closed instead.
    pub(crate) async fn head(&mut self) -> Option<Message> {
        let line = self.line().await?;
        let mut fields = Vec::new();
        while let Some(field) = self.line().await.filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once(':').expect("a field");
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
        Some(Message { line, fields, body: Vec::new(), whole: false })
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        // A reset is an end too.
        let read = soon("a line", self.0.read_until(b'\n', &mut line)).await.unwrap_or(0);
        let line = String::from_utf8(line).expect("UTF-8");
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next message with its body; `None` when the connection was closed instead.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        let mut message = self.head().await?;
        if message.field("transfer-encoding") == Some("chunked") {
            message.whole = self.chunks(&mut message.body).await.is_some();
        } else if let Some(length) = message.field("content-length") {
            let length = length.parse().expect("a length");
            let (body, whole) = self.up_to(length).await;
            (message.body, message.whole) = (body, whole);
        } else {
            message.whole = true;
        }
        Some(message)
    }

    /// The next message, which must come.
    pub(crate) async fn answer(&mut self) -> Message {
        self.message().await.expect("an answer")
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Option<()> {
        loop {
            let length = usize::from_str_radix(&self.line().await?, 16).expect("the length of a chunk");
            let (chunk, whole) = self.up_to(length).await;
            body.extend(chunk);
            self.line().await.filter(|_| whole)?;
            if length == 0 {
                return Some(());
            }
        }
    }

    /// So many bytes, or those that came before the end.
    async fn up_to(&mut self, length: usize) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        let mut reading = (&mut self.0).take(length as u64);
        // A reset is an end too.
        soon("a body", reading.read_to_end(&mut bytes)).await.unwrap_or(0);
        let whole = bytes.len() == length;
        (bytes, whole)
    }

    /// Everything until the connection is closed.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        soon("the end", self.0.read_to_end(&mut bytes)).await.unwrap_or(0);
        bytes
    }

    /// Waits until the other side closes the connection, which must not say anything more.
    pub(crate) async fn closed(&mut self) {
        assert_eq!(String::from_utf8_lossy(&self.rest().await), "");
    }
}

/// A service behind that hands each of its connections to the test.
pub(crate) struct Service {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Service {
    /// On a free port.
    pub(crate) fn new() -> Self {
        Self::on("127.0.0.1:0".parse().expect("an address"))
    }

    /// At this address.
    pub(crate) fn on(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a socket");
        socket.bind(address).expect("bound");
        // As many as our services let wait: the kernel drops what goes over, and a dropped connection takes a second to come again.
        let listener = socket.listen(2048).expect("listening");
        Self { address: listener.local_addr().expect("an address"), listener }
    }

    /// The next connection from the gateway.
    pub(crate) async fn accept(&self) -> Peer {
        soon("a connection", self.accept_at_leisure()).await
    }

    /// The next connection, whenever it comes.
    pub(crate) async fn accept_at_leisure(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.expect("accepted");
        Peer::new(stream)
    }

    /// Nobody has connected since the last [`Service::accept`].
    pub(crate) async fn assert_untouched(self) {
        // What was connected stands in the queue already; a connection of our own shows where the queue ends.
        let last = TcpStream::connect(self.address).await.expect("connected");
        let (_, peer) = self.listener.accept().await.expect("accepted");
        assert_eq!(peer, last.local_addr().expect("an address"), "the gateway has connected");
    }
}

/// The requests that an answering service has seen.
pub(crate) struct Seen(mpsc::UnboundedReceiver<Message>);

impl Seen {
    /// The next request.
    pub(crate) async fn next(&mut self) -> Message {
        soon("a request", self.0.recv()).await.expect("a request")
    }

    /// No request waits to be looked at.
    pub(crate) fn assert_empty(&mut self) {
        assert!(self.0.try_recv().is_err(), "the service has seen a request");
    }
}

/// A service that answers every request alike, on as many connections as it is asked to.
pub(crate) async fn answering(answer: &'static str) -> (SocketAddr, Seen) {
    answering_by(move |_| answer)
}

/// A service that answers each request as the test says.
pub(crate) fn answering_by(
    answer: impl Fn(&Message) -> &'static str + Copy + Send + 'static,
) -> (SocketAddr, Seen) {
    let service = Service::new();
    let address = service.address;
    let (sender, seen) = mpsc::unbounded_channel();
    let sender = Arc::new(sender);
    tokio::spawn(async move {
        loop {
            let (mut peer, sender) = (service.accept_at_leisure().await, Arc::clone(&sender));
            tokio::spawn(async move {
                while let Some(request) = peer.message().await {
                    let answer = answer(&request);
                    // What the gateway itself tells an audit-log was not passed on. The test may be over.
                    if !request.line.starts_with("POST /internal/entries ") {
                        sender.send(request).unwrap_or_default();
                    }
                    if peer.0.get_mut().write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, Seen(seen))
}

/// The shortest answer with a body.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
