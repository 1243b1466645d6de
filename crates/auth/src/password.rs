//! Passwords: Argon2id (RFC 9106) with OWASP's parameters (19 MiB, two passes, one lane), kept as PHC strings. Each call takes tens of
//! milliseconds on purpose: callers run it where it may block, and limit how many run at once.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use argon2::{ARGON2ID_IDENT, Argon2};

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

/// The PHC string of `password` with a fresh salt of 16 bytes. Every byte of the password counts.
///
/// # Errors
/// [`PasswordError::Failed`].
pub fn hash(password: &Secret, random: &Random) -> Result<String, PasswordError> {
    Ok(with_salt(password, &random.bytes())?.to_string())
}

/// Whether `password` is the one that `hash` was made from. `None` stands for a user we do not know: the same work is done, so that the
/// time does not tell who exists, and the answer is no.
///
/// # Errors
/// [`PasswordError`].
pub fn verify(password: &Secret, hash: Option<&str>) -> Result<bool, PasswordError> {
    let Some(hash) = hash else {
        std::hint::black_box(with_salt(password, &[0; 16])?);
        return Ok(false);
    };
    let hash = PasswordHash::new(hash).map_err(|_| PasswordError::Unreadable)?;
    if hash.algorithm != ARGON2ID_IDENT || hash.salt.is_none() || hash.hash.is_none() {
        return Err(PasswordError::Unreadable);
    }
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(Error::OutOfMemory) => Err(PasswordError::Failed),
        Err(_) => Err(PasswordError::Unreadable),
    }
}

fn with_salt(password: &Secret, salt: &[u8; 16]) -> Result<PasswordHash, PasswordError> {
    Argon2::default().hash_password_with_salt(password.as_bytes(), salt).map_err(|_| PasswordError::Failed)
}
