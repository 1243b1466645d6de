//! A client that sends exactly the bytes it is told to, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// A member of the JSON body, as text.
    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no text {member} in {self:?}")).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// Status and problem code, for one assert.
    pub(crate) fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"), "{self:?}");
        (self.status, self.text("code"))
    }
}

/// Posts `body` with these header lines, and a `Content-Length` of its own unless they state one.
pub(crate) async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: crm.example\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let framed = |name: &str| headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    if !framed("content-length") && !framed("transfer-encoding") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    send(address, &[head.as_bytes(), body].concat()).await
}

/// Asks for `path` with these header lines.
pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: crm.example\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    send(address, format!("{head}\r\n").as_bytes()).await
}

/// Sends these bytes and reads one answer.
pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut from, mut to) = stream.split();
    let (mut answer, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    // A server that refuses early answers while we still write, and may close then: what it said counts.
    let reading = async {
        loop {
            let read = from.read(&mut chunk).await.unwrap_or_default();
            answer.extend_from_slice(&chunk[..read]);
            if read == 0 || whole(&answer).is_some() {
                break;
            }
        }
    };
    let writing = async {
        drop(to.write_all(bytes).await);
        std::future::pending::<()>().await;
    };
    tokio::time::timeout(Duration::from_secs(40), async {
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
    })
    .await
    .expect("an answer in time");
    whole(&answer).unwrap_or_else(|| panic!("no whole answer: {:?}", String::from_utf8_lossy(&answer)))
}

/// The answer in these bytes, if they hold all of it.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..split].to_vec()).expect("a head in ASCII");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let answer = Answer { status, head, body: bytes[split + 4..].to_vec() };
    let length: usize = answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    (answer.body.len() >= length).then_some(answer)
}
