//! A limit on failed authentications by address. It refuses only what fails: whether a token or a signature is good is known when it
//! was checked, so a call is passed on whatever its address did before, and only a 401 that is one too many is answered 429 in its place.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::clock::Clock;
use http_kit::caller::network;

use super::window::{SPAN, Window};

/// How many addresses are remembered. Of more, those whose last failure is longest ago are forgotten: a flood from everywhere costs
/// bounded memory, and at worst goes unlimited.
const MOST_ADDRESSES: usize = 10_000;

/// Failures by address.
pub(super) struct Failures {
    most: usize,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_address: HashMap<IpAddr, Seen>,
    /// The addresses by when they last failed, the longest ago first.
    order: BTreeMap<u64, IpAddr>,
    /// Numbers failures.
    next: u64,
}

struct Seen {
    window: Window,
    /// Its place in the order.
    place: u64,
    last: Duration,
}

impl Failures {
    /// So many a minute for each address; `None` for 0, which stands for no limit at all.
    pub(super) fn new(most: u32, clock: Clock) -> Option<Self> {
        let most = usize::try_from(most).ok().filter(|most| *most > 0)?;
        Some(Self { most, clock, state: Mutex::default() })
    }

    /// A call from this address has failed to authenticate. When that is one too many: how long until one more would not be.
    pub(super) fn fail(&self, address: IpAddr) -> Option<Duration> {
        let address = network(address);
        let state = &mut *self.lock();
        let now = self.clock.uptime();
        let place = state.next;
        state.next += 1;
        let seen = state.by_address.entry(address).or_insert_with(|| Seen {
            window: Window::new(self.most),
            place,
            last: now,
        });
        state.order.remove(&seen.place);
        state.order.insert(place, address);
        (seen.place, seen.last) = (place, seen.last.max(now));
        let standing = seen.window.come(now);
        state.forget(now);
        (!standing.admitted).then_some(standing.frees_in)
    }

    /// How long one more failure from this address would be one too many; `None` while it would not be.
    pub(super) fn full_for(&self, address: IpAddr) -> Option<Duration> {
        let state = &mut *self.lock();
        let seen = state.by_address.get_mut(&network(address))?;
        seen.window.full_for(self.clock.uptime())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // At worst an address is in one of the two maps alone, and so forgotten early.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops the addresses that have nothing left to count, and those over the cap.
    fn forget(&mut self, now: Duration) {
        while let Some(oldest) = self.order.first_entry() {
            let last = self.by_address.get(oldest.get()).map(|seen| seen.last);
            let over = last.is_none_or(|last| last + SPAN <= now);
            if !over && self.by_address.len() <= MOST_ADDRESSES {
                return;
            }
            self.by_address.remove(&oldest.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use contract::clock::{Clock, ManualClock, Timestamp};

    use super::{Failures, MOST_ADDRESSES};

    fn failures(most: u32) -> (Failures, ManualClock) {
        let (clock, hands) = Clock::manual(Timestamp::from_micros(0));
        (Failures::new(most, clock).expect("a limit"), hands)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_a_limit_of_its_own() {
        let (failures, hands) = failures(2);
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!((failures.full_for(one), failures.fail(one)), (None, None));
        hands.advance(Duration::from_secs(10));
        assert_eq!((failures.full_for(one), failures.fail(one)), (None, None));
        let wait = Some(Duration::from_secs(50));
        assert_eq!((failures.full_for(one), failures.fail(one)), (wait, wait));
        assert_eq!((failures.full_for(other), failures.fail(other)), (None, None));
        hands.advance(Duration::from_secs(50));
        assert_eq!(
            (failures.full_for(one), failures.fail(one)),
            (None, None),
            "what was refused does not count"
        );
        assert_eq!(failures.fail(one), Some(Duration::from_secs(10)));
    }

    #[test]
    fn no_limit_is_none() {
        assert!(Failures::new(0, Clock::system()).is_none());
    }

    #[test]
    fn a_flood_from_everywhere_costs_bounded_memory_and_is_forgotten() {
        let (failures, hands) = failures(1);
        let from =
            |number: usize| IpAddr::from(Ipv4Addr::from_bits(u32::try_from(number).expect("a number")));
        let first = address("192.0.2.1");
        failures.fail(first);
        for number in 0..2 * MOST_ADDRESSES {
            failures.fail(from(number));
            // Whoever goes on failing is not forgotten for others.
            assert!(failures.fail(first).is_some(), "{number}");
        }
        let state = failures.lock();
        assert_eq!((state.by_address.len(), state.order.len()), (MOST_ADDRESSES, MOST_ADDRESSES));
        drop(state);
        assert_eq!(failures.full_for(from(0)), None, "longest ago");
        assert!(failures.full_for(from(2 * MOST_ADDRESSES - 1)).is_some(), "just now");
        hands.advance(Duration::from_secs(60));
        failures.fail(first);
        let state = failures.lock();
        assert_eq!((state.by_address.len(), state.order.len()), (1, 1), "what is over is forgotten");
    }
}
