//! Passwords: which are good enough, one-time ones, and the few threads on which they are hashed. A hash takes 19 MiB and tens of
//! milliseconds of one processor on purpose; without a bound, log-ins would be a way to take the machine, and without one for each
//! network, a way to keep everybody else out. The memory of one hash serves the next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use auth::password::{self, Memory, PasswordError};
use auth::random::Random;
use auth::secret::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The shortest and the longest password, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=256;

/// How many are hashed at once.
const AT_ONCE: usize = 2;

/// How many more may wait for that.
const WAITING: usize = 64;

/// How many of all these may be of one network: enough for an office behind one address.
const OF_A_NETWORK: usize = 8;

/// Letters and digits of one-time passwords: Crockford's, without i, l, o and u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a password could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("too many passwords wait to be hashed")]
    Full,
    #[error("too many passwords of one network wait to be hashed")]
    Crowded,
    #[error("the hashing broke off")]
    BrokeOff,
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// The threads that hash. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    memories: Arc<Memories>,
    networks: Arc<Networks>,
    /// How many hashes were computed.
    hashed: Arc<AtomicU64>,
}

/// What hashes were computed in and no hash is computed in now: no more of them than ever ran at once.
#[derive(Debug, Default)]
struct Memories(Mutex<Vec<Memory>>);

/// How many were admitted of each network, of those that have any. `None` stands for all whose address is not known.
#[derive(Debug, Default)]
struct Networks(Mutex<HashMap<Option<IpAddr>, usize>>);

/// One of those that were admitted of a network.
#[derive(Debug)]
struct Place {
    networks: Arc<Networks>,
    network: Option<IpAddr>,
}

/// Leave to hash: whoever has it is not refused any more.
#[derive(Debug)]
pub(crate) struct Leave {
    running: Arc<Semaphore>,
    memories: Arc<Memories>,
    hashed: Arc<AtomicU64>,
    _admitted: OwnedSemaphorePermit,
    _place: Place,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            memories: Arc::default(),
            networks: Arc::default(),
            hashed: Arc::default(),
        }
    }

    /// Leave to hash for somebody of this network, or at once the word that too many wait.
    pub(crate) fn admit(&self, network: Option<IpAddr>) -> Result<Leave, Trouble> {
        let place = Place::take(&self.networks, network).ok_or(Trouble::Crowded)?;
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Trouble::Full)?;
        Ok(Leave {
            running: Arc::clone(&self.running),
            memories: Arc::clone(&self.memories),
            hashed: Arc::clone(&self.hashed),
            _admitted: admitted,
            _place: place,
        })
    }

    /// How many hashes were computed so far.
    #[cfg(test)]
    pub(crate) fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::SeqCst)
    }
}

impl Memories {
    /// Works in a memory that is free, or a new one. Every step leaves a whole list.
    fn with<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = free().pop().unwrap_or_default();
        let done = work(&mut memory);
        free().push(memory);
        done
    }
}

impl Networks {
    /// Works on the entry of a network. Every step leaves a whole map.
    fn with<T>(
        &self,
        network: Option<IpAddr>,
        work: impl FnOnce(Entry<'_, Option<IpAddr>, usize>) -> T,
    ) -> T {
        work(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(network))
    }
}

impl Place {
    fn take(networks: &Arc<Networks>, network: Option<IpAddr>) -> Option<Self> {
        let taken = networks.with(network, |entry| {
            let count = entry.or_insert(0);
            let free = *count < OF_A_NETWORK;
            *count += usize::from(free);
            free
        });
        taken.then(|| Self { networks: Arc::clone(networks), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.networks.with(self.network, |entry| match entry {
            Entry::Occupied(mut several) if *several.get() > 1 => *several.get_mut() -= 1,
            Entry::Occupied(last) => drop(last.remove()),
            Entry::Vacant(_) => {}
        });
    }
}

impl Leave {
    /// Is `password` the one of `hash`? Without a hash, the same work is done for nothing.
    pub(crate) async fn verify(&self, password: &Secret, hash: Option<String>) -> Result<bool, Trouble> {
        let password = password.clone();
        self.run(move |memory| password::verify(&password, hash.as_deref(), memory)).await
    }

    /// The hash of a password that was chosen.
    pub(crate) async fn hash(&self, password: &Secret, random: &Random) -> Result<String, Trouble> {
        let (password, random) = (password.clone(), random.clone());
        self.run(move |memory| password::hash(&password, &random, memory)).await
    }

    /// A one-time password.
    pub(crate) async fn one_time(&self, random: &Random) -> Result<OneTimePassword, Trouble> {
        let random = random.clone();
        self.run(move |memory| OneTimePassword::make_in(memory, &random)).await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&mut Memory) -> Result<T, PasswordError> + Send + 'static,
    {
        let slot = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Trouble::BrokeOff)?;
        let (memories, hashed) = (Arc::clone(&self.memories), Arc::clone(&self.hashed));
        let limited = move || {
            let _slot = slot;
            hashed.fetch_add(1, Ordering::SeqCst);
            memories.with(work)
        };
        #[expect(clippy::disallowed_methods, reason = "it needs no database, and `running` is its limit")]
        let done = tokio::task::spawn_blocking(limited).await;
        Ok(done.map_err(|_| Trouble::BrokeOff)??)
    }
}

/// Is this long enough for a password, and not too long? Spaces belong to a password, but those at its ends don't make it longer.
pub(crate) fn fits(password: &Secret) -> bool {
    let (whole, trimmed) = (password.expose(), password.expose().trim());
    LENGTHS.contains(&trimmed.chars().count()) && LENGTHS.contains(&whole.chars().count())
}

/// A password that is shown once, to whoever made it, and is good for one log-in.
pub struct OneTimePassword {
    /// The password.
    pub password: Secret,
    /// What is kept of it.
    pub(crate) hash: String,
}

impl OneTimePassword {
    /// A new one: 100 random bits as four groups of five characters. Takes tens of milliseconds.
    ///
    /// # Errors
    /// [`PasswordError::Failed`] when there is no memory to hash it in.
    pub fn make(random: &Random) -> Result<Self, PasswordError> {
        Self::make_in(&mut Memory::default(), random)
    }

    fn make_in(memory: &mut Memory, random: &Random) -> Result<Self, PasswordError> {
        let letters = random
            .bytes::<20>()
            .map(|byte| ALPHABET.get(usize::from(byte % 32)).copied().map_or('x', char::from));
        let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
        let password = Secret::new(groups.join("-"));
        Ok(Self { hash: password::hash(&password, random, memory)?, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Malloc keeps what every thread that ever hashed gave back, so none is given back.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_memory_of_a_hash_serves_the_next() {
        let passwords = Passwords::new();
        let made = || passwords.memories.0.lock().expect("whole").len();
        let (random, password) = (Random::system(), Secret::new("a password"));
        let leave = passwords.admit(None).expect("nobody waits");
        leave.verify(&password, None).await.expect("hashed");
        let hash = leave.hash(&password, &random).await.expect("hashed");
        assert!(leave.verify(&password, Some(hash)).await.expect("hashed"));
        leave.one_time(&random).await.expect("hashed");
        assert_eq!((passwords.hashed(), made()), (4, 1), "one after the other need one");

        let several = (0..OF_A_NETWORK - 1).map(|_| {
            let (leave, password) = (passwords.admit(None).expect("not crowded"), password.clone());
            tokio::spawn(async move { leave.verify(&password, None).await })
        });
        for one in several.collect::<Vec<_>>() {
            one.await.expect("no panic").expect("hashed");
        }
        assert!((1..=AT_ONCE).contains(&made()), "{}", made());
        assert!(passwords.hashed() > u64::try_from(OF_A_NETWORK).expect("small"));
    }

    #[test]
    fn one_network_leaves_room_for_others_and_nothing_behind() {
        let passwords = Passwords::new();
        let network = |number: u8| Some(IpAddr::from([192, 0, 2, number]));
        let admitted: Vec<Leave> = std::iter::from_fn(|| passwords.admit(network(1)).ok()).collect();
        assert_eq!(admitted.len(), OF_A_NETWORK);
        assert!(matches!(passwords.admit(network(1)), Err(Trouble::Crowded)));
        // Whose address is not known is of one network, too.
        let unknown: Vec<Leave> = std::iter::from_fn(|| passwords.admit(None).ok()).collect();
        assert_eq!(unknown.len(), OF_A_NETWORK);
        let mut others: Vec<Leave> =
            (2..=255).map_while(|number| passwords.admit(network(number)).ok()).collect();
        assert_eq!(others.len(), AT_ONCE + WAITING - 2 * OF_A_NETWORK);
        assert!(matches!(passwords.admit(network(255)), Err(Trouble::Full)));
        // One that is refused for all takes no place of its network.
        assert_eq!(passwords.networks.0.lock().expect("whole").get(&network(255)), None);
        others.pop();
        assert!(matches!(passwords.admit(network(1)), Err(Trouble::Crowded)));
        drop((admitted, unknown, others));
        assert_eq!(passwords.networks.0.lock().expect("whole").len(), 0);
    }
}
