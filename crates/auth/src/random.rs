//! Randomness, as a value that is handed around: the operating system's, or a repeatable one for tests. Nothing else draws any.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

use crate::digest::hmac_sha256;

/// A source of random bytes. Clones draw from the same source, so no two draws repeat.
#[derive(Debug, Clone)]
pub struct Random(Source);

/// What a thread asks the operating system for at once, in bytes: ids and salts are drawn several a request.
const DRAWN: usize = 512;

thread_local! {
    /// Bytes drawn ahead, and how many of them were given away.
    static AHEAD: RefCell<([u8; DRAWN], usize)> = const { RefCell::new(([0; DRAWN], DRAWN)) };
}

#[derive(Debug, Clone)]
enum Source {
    System(SystemRandom),
    Seeded { seed: u64, drawn: Arc<AtomicU64> },
}

impl Random {
    /// The operating system's generator: the only one for product code.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(SystemRandom::new()))
    }

    /// The same bytes in the same order for the same seed. **For tests only**: whoever knows the seed knows every secret.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded { seed, drawn: Arc::default() })
    }

    /// Fills `bytes`.
    ///
    /// If the operating system has no randomness to give, the process is aborted: guessable keys and ids would be worse, and every
    /// guarantee of the system holds over a crash at any instruction.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System(system) if bytes.len() > DRAWN => draw(system, bytes),
            Source::System(system) => AHEAD.with_borrow_mut(|ahead| give(system, ahead, bytes)),
            Source::Seeded { seed, drawn } => {
                for chunk in bytes.chunks_mut(32) {
                    let number = drawn.fetch_add(1, Ordering::Relaxed);
                    let block = hmac_sha256(&seed.to_be_bytes(), &number.to_be_bytes());
                    chunk.iter_mut().zip(block).for_each(|(to, from)| *to = from);
                }
            }
        }
    }

    /// `N` random bytes; as [`Random::fill`].
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// Fills `bytes` from those drawn ahead, which are wiped as they are given: no byte is given twice, and none stays to be found.
fn give(system: &SystemRandom, (ahead, given): &mut ([u8; DRAWN], usize), bytes: &mut [u8]) {
    if DRAWN - *given < bytes.len() {
        draw(system, ahead);
        *given = 0;
    }
    for (to, from) in bytes.iter_mut().zip(ahead.iter_mut().skip(*given)) {
        *to = std::mem::take(from);
    }
    *given += bytes.len();
}

fn draw(system: &SystemRandom, bytes: &mut [u8]) {
    if system.fill(bytes).is_err() {
        std::process::abort();
    }
}
