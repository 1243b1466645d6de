//! Passwords: Argon2id against the reference implementation's vector, and for users who do not exist.

use auth::password::{self, Memory, PasswordError};
use auth::random::Random;
use auth::secret::Secret;

fn hash(password: &Secret, random: &Random) -> Result<String, PasswordError> {
    password::hash(password, random, &mut Memory::default())
}

fn verify(password: &Secret, hash: Option<&str>) -> Result<bool, PasswordError> {
    password::verify(password, hash, &mut Memory::default())
}

#[test]
fn only_the_right_password_matches() {
    let password = Secret::new("correct horse battery staple");
    let kept = hash(&password, &Random::seeded(1)).unwrap();
    assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "OWASP's parameters: {kept}");
    assert_eq!(verify(&password, Some(&kept)), Ok(true));
    for other in
        ["", "correct horse battery stapl", "correct horse battery staple ", "Correct horse battery staple"]
    {
        assert_eq!(verify(&Secret::new(other), Some(&kept)), Ok(false), "{other}");
    }
}

#[test]
fn every_hash_has_a_salt_of_its_own() {
    let (password, random) = (Secret::new("a password"), Random::system());
    assert_ne!(hash(&password, &random).unwrap(), hash(&password, &random).unwrap());
}

#[test]
fn long_passwords_count_to_their_last_byte() {
    let long = "p".repeat(200);
    let kept = hash(&Secret::new(format!("{long}1")), &Random::seeded(1)).unwrap();
    assert_eq!(verify(&Secret::new(format!("{long}2")), Some(&kept)), Ok(false));
    assert_eq!(verify(&Secret::new(long), Some(&kept)), Ok(false));
}

/// From the tests of the reference implementation (phc-winner-argon2): other parameters than ours still verify.
#[test]
fn the_reference_vector_holds() {
    let kept = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(verify(&Secret::new("password"), Some(kept)), Ok(true));
    assert_eq!(verify(&Secret::new("passwore"), Some(kept)), Ok(false));
}

#[test]
fn an_unknown_user_has_no_password() {
    for guess in ["", "password"] {
        assert_eq!(verify(&Secret::new(guess), None), Ok(false));
    }
}

#[test]
fn a_hash_that_is_none_is_an_error_not_a_refusal() {
    let password = Secret::new("password");
    for kept in [
        "",
        "password",
        "$2b$12$placeholderplaceholderplaceholderplaceholderplacehold",
        "$argon2id$v=19$m=19456,t=2,p=1",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
    ] {
        assert_eq!(verify(&password, Some(kept)), Err(PasswordError::Unreadable), "{kept}");
    }
}

/// Whatever was computed in it before, larger or smaller: nothing of that gets into a hash.
#[test]
fn memory_serves_one_hash_after_the_other() {
    let mut memory = Memory::default();
    let reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let (mine, wrong) = (Secret::new("correct horse battery staple"), Secret::new("wrong"));
    let kept = password::hash(&mine, &Random::seeded(1), &mut memory).unwrap();
    assert_eq!(kept, hash(&mine, &Random::seeded(1)).unwrap());
    for _ in 0..2 {
        assert_eq!(password::verify(&mine, Some(&kept), &mut memory), Ok(true));
        assert_eq!(password::verify(&wrong, Some(&kept), &mut memory), Ok(false));
        assert_eq!(password::verify(&mine, None, &mut memory), Ok(false));
        assert_eq!(password::verify(&Secret::new("password"), Some(reference), &mut memory), Ok(true));
    }
    assert_eq!(format!("{memory:?}"), "Memory(65536 KiB)", "as large as the largest");
}
