//! The load: connections that ask one thing after another, as fast as they are answered (closed loop) or at a rate that does not heed the
//! answers (open loop). In an open loop a request's time runs from when it was due, so that a server that stalls can't hide the
//! requests that it kept from being sent (no coordinated omission).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth::secret::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::requests::{Requests, WEBHOOK_SECRET};

/// For an answer that is under way when the time is up.
const LAST_ANSWER: Duration = Duration::from_secs(10);

/// Fields of an answer's head at most.
const FIELDS: usize = 64;

/// What is asked, of whom, how.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Requests,
    pub(crate) connections: usize,
    pub(crate) length: Duration,
    pub(crate) rhythm: Rhythm,
    /// How many requests have had their effect, as somebody else keeps counting.
    pub(crate) finished: Arc<AtomicU64>,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rhythm {
    /// Once the last one of its connection is answered.
    Closed,
    /// When it is due, at so many a second, whatever is answered.
    Open(f64),
    /// Once the last one of its connection is answered, unless so many await their effect, by [`Load::finished`] less what had had its
    /// effect `before`.
    Behind { most: u64, before: u64 },
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Answers within the time, in an open loop to all that was due within it, by their status.
    pub(crate) answers: BTreeMap<u16, u64>,
    /// Connections that broke.
    pub(crate) broken: u64,
    /// Microseconds of each answer, in ascending order.
    pub(crate) latencies: Vec<u32>,
    /// The same until the effect was seen, of those that were looked for.
    pub(crate) sightings: Vec<u32>,
    pub(crate) seconds: f64,
}

impl Outcome {
    /// Answers of that status in each second.
    pub(crate) fn per_second(&self, status: u16) -> f64 {
        let answers = self.answers.get(&status).copied().unwrap_or(0);
        f64::from(u32::try_from(answers).unwrap_or(u32::MAX)) / self.seconds
    }

    /// The latency that this share of answers did not exceed, in milliseconds; 0 without answers.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        percentile(&self.latencies, share)
    }

    /// The same of the sightings.
    pub(crate) fn sighted(&self, share: f64) -> f64 {
        percentile(&self.sightings, share)
    }
}

fn percentile(latencies: &[u32], share: f64) -> f64 {
    let last = latencies.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a number of answers is one of them"
    )]
    let at = (last as f64 * share).ceil() as usize;
    latencies.get(at).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
}

impl Outcome {
    /// Fails unless all answers had this status.
    pub(crate) fn expect_only(&self, status: u16) -> Result<(), String> {
        let others = self.answers.keys().any(|answered| *answered != status);
        match others || self.broken > 0 || self.answers.is_empty() {
            true => Err(format!("not only {status}: {:?}, {} connections broke", self.answers, self.broken)),
            false => Ok(()),
        }
    }
}

struct Shared {
    load: Load,
    secret: Secret,
    next: Cell<u64>,
    start: Instant,
    end: Instant,
    outcome: RefCell<Outcome>,
}

/// Runs it on this thread.
pub(crate) async fn run(load: Load) -> Outcome {
    let (count, length) = (load.connections, load.length);
    let start = Instant::now();
    let shared = Rc::new(Shared {
        load,
        secret: Secret::new(WEBHOOK_SECRET),
        next: Cell::new(0),
        start,
        end: start + length,
        outcome: RefCell::default(),
    });
    let here = LocalSet::new();
    let mut connections = JoinSet::new();
    for _ in 0..count {
        let shared = Rc::clone(&shared);
        connections.spawn_local_on(async move { shared.converse().await }, &here);
    }
    here.run_until(async { while connections.join_next().await.is_some() {} }).await;
    drop(here);
    let mut outcome = shared.outcome.take();
    outcome.seconds = length.as_secs_f64();
    outcome.latencies.sort_unstable();
    outcome.sightings.sort_unstable();
    outcome
}

impl Shared {
    /// One connection, and the next when it breaks.
    async fn converse(&self) {
        while Instant::now() < self.end {
            if self.connected().await.is_err() {
                self.outcome.borrow_mut().broken += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    async fn connected(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.load.address).await?;
        stream.set_nodelay(true)?;
        let (mut request, mut answer) = (Vec::new(), Vec::with_capacity(16 * 1024));
        while let Some((number, due)) = self.next().await {
            self.load.requests.write(number, &self.secret, &mut request);
            let asked = due.unwrap_or_else(Instant::now);
            stream.write_all(&request).await?;
            let status = timeout(LAST_ANSWER, read(&mut stream, &mut answer)).await??;
            let now = Instant::now();
            // In an open loop all that was due counts, however late it is answered.
            if due.is_some() || now <= self.end {
                let mut outcome = self.outcome.borrow_mut();
                *outcome.answers.entry(status).or_default() += 1;
                outcome.latencies.push(u32::try_from((now - asked).as_micros()).unwrap_or(u32::MAX));
            }
            if self.load.requests.write_next(number, &mut request) {
                stream.write_all(&request).await?;
                let status = timeout(LAST_ANSWER, read(&mut stream, &mut answer)).await??;
                let micros = u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX);
                let mut outcome = self.outcome.borrow_mut();
                match status {
                    200 => outcome.sightings.push(micros),
                    // The run fails by it.
                    other => *outcome.answers.entry(other).or_default() += 1,
                }
            }
        }
        Ok(())
    }

    /// The number of the next request and, in an open loop, when it was due, once it is. `None` when the time is up.
    async fn next(&self) -> Option<(u64, Option<Instant>)> {
        let number = self.next.get();
        self.next.set(number + 1);
        let rate = match self.load.rhythm {
            Rhythm::Open(rate) => rate,
            Rhythm::Closed => return (Instant::now() < self.end).then_some((number, None)),
            Rhythm::Behind { most, before } => {
                while number + before >= self.load.finished.load(Ordering::Relaxed) + most {
                    if Instant::now() >= self.end {
                        return None;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                return (Instant::now() < self.end).then_some((number, None));
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "no run sends 2^52 requests")]
        let due = self.start + Duration::from_secs_f64(number as f64 / rate);
        if due >= self.end {
            return None;
        }
        sleep_until(due).await;
        Some((number, Some(due)))
    }
}

/// Reads one answer, over what is in `answer`; its status.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<u16> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let parsed = head.parse(answer).map_err(io::Error::other)?;
        if let (httparse::Status::Complete(begin), Some(status)) = (parsed, head.code) {
            let length = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
            let length: usize = length
                .and_then(|field| str::from_utf8(field.value).ok()?.parse().ok())
                .ok_or_else(|| io::Error::other("an answer without a length"))?;
            while answer.len() < begin + length {
                if stream.read_buf(answer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok(status);
        }
    }
}
