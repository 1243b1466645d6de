//! Ports that a test may leave and take again: below those that the kernel gives to outgoing connections, so that none of
//! these can take one in between. Nor can another test: each process has ports of its own, by a lock that ends with it.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// The first port. Linux gives out ports from 32,768 on.
const FIRST: u16 = 20_000;

/// How many ranges there are, and how many ports each has.
const RANGES: u16 = 250;
const WIDTH: u16 = 40;

/// Ports that are this process's for as long as it lives.
struct Range {
    first: u16,
    given: u16,
    /// Locked; the kernel ends the lock with the process, however it ends. Children do not inherit it.
    _lock: File,
}

impl Range {
    /// The first range from the `start`th on that no living process has.
    fn take(start: u16) -> Self {
        let ranges = (0..RANGES).map(|n| (start + n) % RANGES);
        ranges.into_iter().find_map(Self::lock).expect("a range of ports that is free")
    }

    /// The range with this number, unless it is taken.
    fn lock(number: u16) -> Option<Self> {
        let first = FIRST + number * WIDTH;
        let path = tempfile::env::temp_dir().join(format!("crm-bridge-test-ports-{first}.lock"));
        // Who made the file does not matter: one that can only be read can be locked too.
        let made = File::options().append(true).create(true).open(&path);
        let lock = made.or_else(|_| File::open(&path)).ok()?;
        lock.try_lock().ok()?;
        Some(Self { first, given: 0, _lock: lock })
    }

    /// The next port of the range where nobody listens.
    fn next(&mut self) -> Option<u16> {
        while self.given < WIDTH {
            let port = self.first + self.given;
            self.given += 1;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(port);
            }
        }
        None
    }
}

/// A port of the loopback interface where nobody listens. No two calls ever give the same, as long as the processes that made them
/// live.
///
/// # Panics
/// When all ranges are taken.
pub fn free_port() -> u16 {
    static MINE: Mutex<Vec<Range>> = Mutex::new(Vec::new());
    let mut mine = MINE.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(port) = mine.last_mut().and_then(Range::next) {
            return port;
        }
        // Processes begin at different ranges, so that they seldom find one taken.
        let start = u16::try_from(std::process::id() % u32::from(RANGES)).expect("less than the ranges");
        mine.push(Range::take(start));
    }
}

/// [`free_port`] as an address.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn who_has_a_range_has_it_alone() {
        // A lock belongs to the file that was opened, so one process can play two that want the same range.
        let first = Range::take(0);
        let number = (first.first - FIRST) / WIDTH;
        assert!(Range::lock(number).is_none());
        assert_ne!(Range::take(number).first, first.first);
    }

    #[test]
    fn no_port_is_given_twice_and_more_are_had_than_a_range_has() {
        let many = usize::from(WIDTH) * 2;
        let given: BTreeSet<u16> = (0..many).map(|_| free_port()).collect();
        assert_eq!(given.len(), many);
        assert!(given.iter().all(|port| (FIRST..FIRST + RANGES * WIDTH).contains(port)), "{given:?}");
    }
}
