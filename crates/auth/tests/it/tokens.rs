//! Internal tokens.

use auth::internal_token::{Gate, LIFETIME, issue, verify};
use auth::jwt::{JwtError, Signer};
use serde_json::json;

use crate::keys::{SECRET, at, ring};

const NOW: i64 = 1_760_000_000;

fn shown(token: &str, audience: &str, now: i64) -> Result<String, JwtError> {
    verify(&ring(&[SECRET]), audience, token, at(now)).map(|issuer| issuer.to_string())
}

#[test]
fn a_token_says_who_calls_whom_for_a_minute() {
    let token = issue(&ring(&[SECRET]), "gateway", "service-api", at(NOW));
    for now in [NOW - 30, NOW, NOW + LIFETIME - 1] {
        assert_eq!(shown(&token, "service-api", now), Ok("gateway".to_owned()));
    }
    for now in [NOW + LIFETIME, NOW + LIFETIME + 59] {
        assert_eq!(shown(&token, "service-api", now), Err(JwtError::Expired));
    }
    for audience in ["audit-log", "service-ap", "Service-api", ""] {
        assert_eq!(shown(&token, audience, NOW), Err(JwtError::Claims), "{audience}");
    }
}

#[test]
fn names_of_any_characters_survive() {
    let token = issue(&ring(&[SECRET]), "a\"b\\é\n", "x\"y", at(NOW));
    assert_eq!(shown(&token, "x\"y", NOW), Ok("a\"b\\é\n".to_owned()));
}

#[test]
fn a_token_without_names_or_of_another_key_is_refused() {
    let signer = Signer::new(ring(&[SECRET]));
    let exp = NOW + 60;
    for claims in [
        json!({ "exp": exp, "aud": "service-api" }),
        json!({ "exp": exp, "aud": "service-api", "iss": "" }),
        json!({ "exp": exp, "iss": "gateway" }),
        json!({ "exp": exp, "iss": "gateway", "aud": ["service-api"] }),
        json!({ "exp": exp, "iss": "gateway", "aud": "" }),
    ] {
        assert_eq!(
            shown(&signer.sign(&claims).unwrap(), "service-api", NOW),
            Err(JwtError::Claims),
            "{claims}"
        );
    }
    let foreign = issue(&ring(&["another-placeholder"]), "gateway", "service-api", at(NOW));
    assert_eq!(shown(&foreign, "service-api", NOW), Err(JwtError::Signature));
}

#[test]
fn the_key_rotates() {
    let token = issue(&ring(&["new", "old"]), "gateway", "service-api", at(NOW));
    let holds = |secrets: &[&str]| verify(&ring(secrets), "service-api", &token, at(NOW)).is_ok();
    assert!(holds(&["new"]) && holds(&["newer", "new"]) && !holds(&["old"]));
}

#[test]
fn what_a_gate_remembers_holds_no_longer_than_the_token() {
    let gate = Gate::new(&ring(&[SECRET]), "service-api");
    let admit = |token: &str, now| gate.admit(token, at(now)).map(|issuer| issuer.to_string());
    let token = issue(&ring(&[SECRET]), "gateway", "service-api", at(NOW));
    for now in [NOW, NOW, NOW + LIFETIME - 1] {
        assert_eq!(admit(&token, now), Ok("gateway".to_owned()));
    }
    assert_eq!(admit(&token, NOW + LIFETIME), Err(JwtError::Expired));
    // A clock that is set back asks again.
    assert_eq!(admit(&token, NOW - 1), Ok("gateway".to_owned()));
    let not_before = Signer::new(ring(&[SECRET]))
        .sign(&json!({ "iss": "gateway", "aud": "service-api", "nbf": NOW, "exp": NOW + 60 }))
        .unwrap();
    assert_eq!(admit(&not_before, NOW), Ok("gateway".to_owned()));
    assert_eq!(admit(&not_before, NOW - 1), Err(JwtError::NotYet));
}

#[test]
fn a_gate_that_remembers_tokens_admits_none_that_differs() {
    let gate = Gate::new(&ring(&[SECRET]), "service-api");
    let callers: Vec<String> = (0..20).map(|number| format!("caller-{number}")).collect();
    for _ in 0..2 {
        for caller in &callers {
            let token = issue(&ring(&[SECRET]), caller, "service-api", at(NOW));
            assert_eq!(gate.admit(&token, at(NOW)).map(|issuer| issuer.to_string()), Ok(caller.clone()));
            for changed in [format!("{token}A"), token[..token.len() - 1].to_owned(), String::new()] {
                assert!(gate.admit(&changed, at(NOW)).is_err(), "{changed}");
            }
            let other = issue(&ring(&[SECRET]), caller, "audit-log", at(NOW));
            assert_eq!(gate.admit(&other, at(NOW)).err(), Some(JwtError::Claims));
            assert!(!format!("{gate:?}").contains(&token));
        }
    }
}
