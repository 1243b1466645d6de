//! Passwords: which are good enough, one-time ones, and the few threads on which they are hashed. A hash takes 19 MiB and tens of
//! milliseconds of one processor on purpose; without a bound, log-ins would be a way to take the machine.

use std::sync::Arc;

use auth::password::{self, PasswordError};
use auth::random::Random;
use auth::secret::Secret;
use tokio::sync::Semaphore;

/// The shortest and the longest password, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=256;

/// How many are hashed at once.
const AT_ONCE: usize = 2;

/// How many more may wait for that.
const WAITING: usize = 64;

/// Letters and digits of one-time passwords: Crockford's, without i, l, o and u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a password could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("too many passwords wait to be hashed")]
    Full,
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
}

/// Leave to hash: whoever has it is not refused any more.
#[derive(Debug)]
pub(crate) struct Leave {
    running: Arc<Semaphore>,
    _admitted: tokio::sync::OwnedSemaphorePermit,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Leave to hash, or at once the word that too many wait.
    pub(crate) fn admit(&self) -> Result<Leave, Trouble> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Trouble::Full)?;
        Ok(Leave { running: Arc::clone(&self.running), _admitted: admitted })
    }
}

impl Leave {
    /// Is `password` the one of `hash`? Without a hash, the same work is done for nothing.
    pub(crate) async fn verify(&self, password: &Secret, hash: Option<String>) -> Result<bool, Trouble> {
        let password = password.clone();
        self.run(move || password::verify(&password, hash.as_deref())).await
    }

    /// The hash of a password that was chosen.
    pub(crate) async fn hash(&self, password: &Secret, random: &Random) -> Result<String, Trouble> {
        let (password, random) = (password.clone(), random.clone());
        self.run(move || password::hash(&password, &random)).await
    }

    /// A one-time password.
    pub(crate) async fn one_time(&self, random: &Random) -> Result<OneTimePassword, Trouble> {
        let random = random.clone();
        self.run(move || OneTimePassword::make(&random)).await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, PasswordError> + Send + 'static,
    {
        let slot = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Trouble::BrokeOff)?;
        let limited = move || {
            let _slot = slot;
            work()
        };
        #[expect(clippy::disallowed_methods, reason = "it needs no database, and `running` is its limit")]
        let done = tokio::task::spawn_blocking(limited).await;
        Ok(done.map_err(|_| Trouble::BrokeOff)??)
    }
}

/// Is this long enough for a password, and not too long?
pub(crate) fn fits(password: &Secret) -> bool {
    LENGTHS.contains(&password.expose().chars().count())
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
        let letters = random
            .bytes::<20>()
            .map(|byte| ALPHABET.get(usize::from(byte % 32)).copied().map_or('x', char::from));
        let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
        let password = Secret::new(groups.join("-"));
        Ok(Self { hash: password::hash(&password, random)?, password })
    }
}
