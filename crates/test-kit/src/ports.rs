//! Ports that a test may leave and take again: below those that the kernel gives to outgoing connections, so that none of
//! these can take one in between.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where the range begins, and how many ports it has. Linux gives out ports from 32,768 on.
const RANGE: (u16, u16) = (20_000, 10_000);

/// How far the first ports of two processes with neighbouring numbers lie apart.
const STEP: u32 = 40;

/// A port of the loopback interface where nobody listens. Two calls in one process never give the same.
///
/// # Panics
/// When the whole range is taken or was given out.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let (first, many) = RANGE;
    let start = std::process::id() % (u32::from(many) / STEP) * STEP;
    loop {
        let number = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(number < many, "there is no free port left");
        let offset = (start + u32::from(number)) % u32::from(many);
        let port = first + u16::try_from(offset).expect("less than the range");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// [`free_port`] as an address.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}
