//! I17: what secrets are refused, and that none is ever shown.

use auth::random::Random;
use auth::secret::{BadSecret, Secret, Strictness, Weakness, check, check_distinct};

const GOOD: &str = "0123456789abcdef0123456789abcdef";

fn refused(text: &str) -> BadSecret {
    let development = check("A_SECRET", &Secret::new(text), Strictness::Development).expect_err(text);
    let production = check("A_SECRET", &Secret::new(text), Strictness::Production).expect_err(text);
    assert_eq!(development, production);
    assert!(
        text.trim().is_empty() || !production.to_string().contains(text.trim()),
        "the value is not shown"
    );
    assert!(production.to_string().starts_with("A_SECRET "), "the setting is");
    production
}

#[test]
fn bad_secrets_are_refused_everywhere() {
    let name = || "A_SECRET".to_owned();
    assert_eq!(refused(""), BadSecret::Empty { name: name() });
    for end in [" ", "\n", "\r\n", "\t", "\u{a0}"] {
        assert_eq!(refused(&format!("{GOOD}{end}")), BadSecret::WhiteSpace { name: name() });
        assert_eq!(refused(&format!("{end}{GOOD}")), BadSecret::WhiteSpace { name: name() });
    }
    assert_eq!(refused("   "), BadSecret::WhiteSpace { name: name() });
    assert_eq!(refused(&format!("{GOOD}\n{GOOD}")), BadSecret::Control { name: name() });
    assert_eq!(refused(&format!("{GOOD}\0")), BadSecret::Control { name: name() });
    let pem = "-----BEGIN PRIVATE KEY-----\nplaceholder\n-----END PRIVATE KEY-----\n";
    assert_eq!(refused(pem), BadSecret::Pem { name: name() });
    assert_eq!(refused(&pem.replace('\n', "\\n")), BadSecret::Pem { name: name() });
}

#[test]
fn short_secrets_are_for_development_alone() {
    let short = Secret::new(&GOOD[1..]);
    assert_eq!(check("A", &short, Strictness::Development), Ok(vec![Weakness::Short]));
    assert_eq!(check("A", &short, Strictness::Production), Err(BadSecret::Short { name: "A".to_owned() }));
    for strictness in [Strictness::Development, Strictness::Production] {
        assert_eq!(check("A", &Secret::new(GOOD), strictness), Ok(vec![]));
        assert_eq!(
            check("A", &Secret::new("inner spaces are part of a pass phrase"), strictness),
            Ok(vec![])
        );
    }
}

#[test]
fn equal_secrets_are_refused_wherever_they_stand() {
    let [one, two, three] = ["1", "2", "3"].map(|end| Secret::new(format!("{GOOD}{end}")));
    let again = one.clone();
    assert_eq!(check_distinct(&[]), Ok(()));
    assert_eq!(check_distinct(&[("A", &one), ("B", &two), ("C", &three)]), Ok(()));
    let same = BadSecret::Same { name: "A".to_owned(), other: "C".to_owned() };
    assert_eq!(same.to_string(), "A and C have the same value");
    assert_eq!(check_distinct(&[("A", &one), ("B", &two), ("C", &again)]), Err(same));
}

#[test]
fn a_generated_secret_is_64_hex_characters_and_good() {
    let secret = Secret::generate(&Random::seeded(1));
    assert_eq!(secret.expose().len(), 64);
    assert!(secret.expose().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    assert_eq!(check("A", &secret, Strictness::Production), Ok(vec![]));
    let random = Random::system();
    assert_ne!(Secret::generate(&random), Secret::generate(&random));
}

#[test]
fn the_text_is_the_key_and_debug_hides_it() {
    let secret: Secret = serde_json::from_str(&format!("\"{GOOD}\"")).unwrap();
    assert_eq!(secret.as_bytes(), GOOD.as_bytes(), "never hex-decoded");
    assert_eq!(secret, Secret::new(GOOD));
    assert_eq!(format!("{secret:?}"), "***");
    let ring = crate::keys::ring(&[GOOD]);
    let bearer = auth::bearer::BearerTokens::new(vec![("service-api".to_owned(), ring.clone())]);
    let (signer, verifier) = (auth::jwt::Signer::new(ring.clone()), auth::jwt::Verifier::new(ring.clone()));
    let standard = auth::standard_webhooks::StandardSecrets::of(&ring).unwrap();
    let shown = format!("{ring:?} {bearer:?} {signer:?} {verifier:?} {standard:?}");
    let decimal = format!("{:?}", &GOOD.as_bytes()[..4]);
    assert!(!shown.contains(&GOOD[..4]) && !shown.contains(decimal.trim_matches(['[', ']'])), "{shown}");
}
