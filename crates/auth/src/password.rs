//! Passwords: Argon2id (RFC 9106) with OWASP's parameters (19 MiB, two passes, one lane), kept as PHC strings. Each call takes tens of
//! milliseconds on purpose: callers run it where it may block, and limit how many run at once. The memory is the caller's, to be used
//! again: what is given back to the allocator in such pieces, from many threads, stays with the process for good.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

use crate::random::Random;
use crate::secret::Secret;

/// Why a password could be neither kept nor compared. A wrong password is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The kept text is not a PHC string of Argon2id.
    #[error("the stored password hash cannot be read")]
    Unreadable,
    /// The hash could not be computed: no memory, or a password of 4 GiB.
    #[error("the password hash cannot be computed")]
    Failed,
}

/// What hashes are computed in, one after the other. Empty at first; it stays as large as the largest hash needed.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], PasswordError> {
        let more = count.saturating_sub(self.0.len());
        self.0.try_reserve_exact(more).map_err(|_| PasswordError::Failed)?;
        self.0.resize(self.0.len() + more, Block::new());
        Ok(&mut self.0)
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} KiB)", self.0.len())
    }
}

/// The PHC string of `password` with a fresh salt of 16 bytes. Every byte of the password counts.
///
/// # Errors
/// [`PasswordError::Failed`].
pub fn hash(password: &Secret, random: &Random, memory: &mut Memory) -> Result<String, PasswordError> {
    let (params, salt) = (Params::default(), random.bytes::<16>());
    let kept = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|_| PasswordError::Failed)?,
        salt: Some(Salt::new(&salt).map_err(|_| PasswordError::Failed)?),
        hash: Some(output(password, &salt, Version::V0x13, params, memory)?),
    };
    Ok(kept.to_string())
}

/// Whether `password` is the one that `hash` was made from. `None` stands for a user we do not know: the same work is done, so that the
/// time does not tell who exists, and the answer is no.
///
/// # Errors
/// [`PasswordError`].
pub fn verify(password: &Secret, hash: Option<&str>, memory: &mut Memory) -> Result<bool, PasswordError> {
    let Some(hash) = hash else {
        std::hint::black_box(output(password, &[0; 16], Version::V0x13, Params::default(), memory)?);
        return Ok(false);
    };
    let hash = PasswordHash::new(hash).map_err(|_| PasswordError::Unreadable)?;
    let (ARGON2ID_IDENT, Some(salt), Some(kept)) = (hash.algorithm, &hash.salt, &hash.hash) else {
        return Err(PasswordError::Unreadable);
    };
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from);
    let (Ok(version), Ok(params)) = (version, Params::try_from(&hash)) else {
        return Err(PasswordError::Unreadable);
    };
    // The library compares outputs in constant time.
    Ok(output(password, salt, version, params, memory)? == *kept)
}

/// The hash itself; `params` say how long it is.
fn output(
    password: &Secret,
    salt: &[u8],
    version: Version,
    params: Params,
    memory: &mut Memory,
) -> Result<Output, PasswordError> {
    let blocks = memory.blocks(params.block_count())?;
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
    let fill = |out: &mut [u8]| argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, blocks);
    let mut bytes = [0; Output::MAX_LENGTH];
    let out = bytes.get_mut(..length).ok_or(PasswordError::Unreadable)?;
    fill(out).map_err(|_| PasswordError::Failed)?;
    Output::new(out).map_err(|_| PasswordError::Failed)
}
