//! I1 to I3: JWTs by hand, so that the tests do not lean on the library they test.

use auth::digest::hmac_sha256;
use auth::jwt::{JwtError, MAX_BYTES, Signer, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use ring::hmac;
use serde_json::json;

use crate::keys::{SECRET, at, ring};

const EXP: i64 = 1_760_000_000;
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The token with this header and these claims, both as JSON text, signed with HMAC-SHA256 under `key`.
fn token_by(key: &str, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims));
    let tag = hmac_sha256(key.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", b64(tag))
}

fn token(header: &str, claims: &str) -> String {
    token_by(SECRET, header, claims)
}

fn good() -> String {
    token(HEADER, &format!(r#"{{"sub":"stf_1","exp":{EXP}}}"#))
}

fn verify(token: &str, now: i64) -> Result<(), JwtError> {
    verify_with(&[SECRET], token, now)
}

fn verify_with(secrets: &[&str], token: &str, now: i64) -> Result<(), JwtError> {
    Verifier::new(ring(secrets)).verify(token, at(now)).map(|_| ())
}

/// RFC 7515, appendix A.1. Its key is not text, so the first half checks our HMAC, the second the same header and claims (line breaks
/// and all) under a key that is.
#[test]
fn the_example_of_rfc_7515_holds() {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
    let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                  eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    assert_eq!(signed, format!("{}.{}", b64(header), b64(claims)));
    let tag = hmac_sha256(&URL_SAFE_NO_PAD.decode(key).unwrap(), signed.as_bytes());
    assert_eq!(b64(tag), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");

    let claims = Verifier::new(ring(&[SECRET])).verify(&token(header, claims), at(1_300_819_379)).unwrap();
    assert_eq!(claims.text("iss"), Some("joe"));
    assert_eq!(claims.get("http://example.com/is_root"), Some(&json!(true)));
}

#[test]
fn what_we_sign_is_a_plain_hs256_token() {
    let claims = json!({ "sub": "stf_1", "exp": EXP });
    let made = Signer::new(ring(&[SECRET, "old-placeholder"])).sign(&claims).unwrap();
    assert_eq!(made, token(r#"{"typ":"JWT","alg":"HS256"}"#, &claims.to_string()));
    assert_eq!(verify(&made, EXP - 1), Ok(()));
    assert_eq!(Signer::new(ring(&[SECRET])).sign(&f64::NAN).map(|_| ()), Ok(()), "NaN is null to serde_json");
    assert_eq!(
        Signer::new(ring(&[SECRET])).sign(&std::collections::HashMap::from([([1], 2)])),
        Err(JwtError::Claims)
    );
}

#[test]
fn what_is_no_token_is_malformed() {
    let good = good();
    let parts: Vec<&str> = good.split('.').collect();
    let forms = [
        String::new(),
        "garbage".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", parts[2]),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}="),
        format!("{good}\n"),
        good.replace('.', ","),
        token("", "{}"),
        token("[]", "{}"),
        token("null", "{}"),
        token("{}", "{}"),
        token(HEADER, ""),
        token(HEADER, "[]"),
        token(HEADER, "7"),
        token(HEADER, &format!(r#"{{"exp":{EXP}"#)),
        token(r#"{"alg":"HS256","alg":"none"}"#, &format!(r#"{{"exp":{EXP}}}"#)),
        token(HEADER, &format!("{}1{}", "[".repeat(3000), "]".repeat(3000))),
    ];
    for form in forms {
        assert_eq!(verify(&form, 0), Err(JwtError::Malformed), "{form}");
    }
    let signature_gone = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(verify(&signature_gone, 0), Err(JwtError::Signature));
}

#[test]
fn the_length_is_limited() {
    let padded = |size: usize| token(HEADER, &format!(r#"{{"exp":{EXP},"pad":"{}"}}"#, "x".repeat(size)));
    assert!(padded(6000).len() <= MAX_BYTES && padded(6200).len() > MAX_BYTES);
    assert_eq!(verify(&padded(6000), 0), Ok(()));
    assert_eq!(verify(&padded(6200), 0), Err(JwtError::Malformed));
}

#[test]
fn no_algorithm_but_hs256_is_taken() {
    let claims = format!(r#"{{"sub":"stf_1","exp":{EXP}}}"#);
    // With the tag that HS256 would have, and without any: neither makes a difference.
    let others = [
        "none", "None", "NONE", "nOnE", "", "hs256", "Hs256", "HS256 ", "HS 256", "HS384", "HS512", "RS256",
        "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "dir", "A128KW",
    ];
    for alg in others {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
        let whole = token(&header, &claims);
        assert_eq!(verify(&whole, 0), Err(JwtError::Malformed), "{alg}");
        let unsigned = format!("{}.{}.", b64(&header), b64(&claims));
        assert_eq!(verify(&unsigned, 0), Err(JwtError::Malformed), "{alg}, unsigned");
    }
    for header in [
        r#"{"typ":"JWT"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":256}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"ALG":"HS256"}"#,
    ] {
        assert_eq!(verify(&token(header, &claims), 0), Err(JwtError::Malformed), "{header}");
    }
}

#[test]
fn longer_hmacs_under_the_right_key_are_refused() {
    for (alg, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let signed =
            format!("{}.{}", b64(format!(r#"{{"alg":"{alg}"}}"#)), b64(format!(r#"{{"exp":{EXP}}}"#)));
        let tag = hmac::sign(&hmac::Key::new(algorithm, SECRET.as_bytes()), signed.as_bytes());
        assert_eq!(verify(&format!("{signed}.{}", b64(tag)), 0), Err(JwtError::Malformed), "{alg}");
        // The same tag under a header that says HS256.
        let signed = format!("{}.{}", b64(HEADER), b64(format!(r#"{{"exp":{EXP}}}"#)));
        let tag = hmac::sign(&hmac::Key::new(algorithm, SECRET.as_bytes()), signed.as_bytes());
        assert_eq!(verify(&format!("{signed}.{}", b64(tag)), 0), Err(JwtError::Signature), "{alg}");
    }
}

#[test]
fn hints_about_keys_are_never_followed() {
    let claims = format!(r#"{{"sub":"stf_1","exp":{EXP}}}"#);
    let foreign = "a-key-that-the-sender-brings-along";
    let hints = [
        r#""kid":"../../../dev/null""#.to_owned(),
        r#""kid":"' UNION SELECT 'key""#.to_owned(),
        r#""jku":"https://attacker.example/keys.json""#.to_owned(),
        r#""x5u":"https://attacker.example/cert.pem""#.to_owned(),
        format!(r#""jwk":{{"kty":"oct","k":"{}"}}"#, b64(foreign)),
        r#""x5c":["MIIB"]"#.to_owned(),
    ];
    for hint in hints {
        let header = format!(r#"{{"alg":"HS256",{hint}}}"#);
        assert_eq!(verify(&token(&header, &claims), 0), Ok(()), "ignored: {hint}");
        assert_eq!(
            verify(&token_by(foreign, &header, &claims), 0),
            Err(JwtError::Signature),
            "not followed: {hint}"
        );
        assert_eq!(
            verify(&token_by("", &header, &claims), 0),
            Err(JwtError::Signature),
            "no empty key: {hint}"
        );
    }
}

/// RFC 7515, section 4.1.11: whoever does not understand an extension that is marked critical must refuse.
#[test]
fn critical_extensions_are_refused() {
    for header in [
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":"x"}"#,
    ] {
        assert_eq!(
            verify(&token(header, &format!(r#"{{"exp":{EXP}}}"#)), 0),
            Err(JwtError::Malformed),
            "{header}"
        );
    }
}

#[test]
fn every_changed_bit_is_refused() {
    let good = good();
    assert_eq!(verify(&good, 0), Ok(()));
    for (byte, bit) in (0..good.len()).flat_map(|byte| (0..7).map(move |bit| (byte, bit))) {
        let mut bytes = good.clone().into_bytes();
        bytes[byte] ^= 1 << bit;
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(verify(&changed, 0).is_err(), "byte {byte}, bit {bit}");
    }
    // The last character has two bits to spare: another with the same four is not the same token either.
    let (rest, last) = good.split_at(good.len() - 1);
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|c| !last.contains(*c))
    {
        assert!(verify(&format!("{rest}{other}"), 0).is_err(), "{other}");
    }
    for end in 0..good.len() {
        assert!(verify(&good[..end], 0).is_err(), "cut at {end}");
    }
}

#[test]
fn an_edited_payload_is_refused() {
    let mut parts: Vec<String> = good().split('.').map(str::to_owned).collect();
    parts[1] = b64(format!(r#"{{"sub":"stf_1","exp":{EXP},"role":"admin"}}"#));
    assert_eq!(verify(&parts.join("."), 0), Err(JwtError::Signature));
}

#[test]
fn exp_has_no_leeway() {
    assert_eq!(verify(&good(), EXP - 1), Ok(()));
    for late in [0, 1, 59, 60, 1_000_000] {
        assert_eq!(verify(&good(), EXP + late), Err(JwtError::Expired), "{late}");
    }
    // The last microsecond of the last second still counts.
    let verifier = Verifier::new(ring(&[SECRET]));
    let last = contract::clock::Timestamp::from_micros(EXP * 1_000_000 - 1);
    assert!(verifier.verify(&good(), last).is_ok());
}

#[test]
fn exp_must_be_there_and_an_integer() {
    let senseless = [
        r#"{"sub":"stf_1"}"#.to_owned(),
        r#"{"exp":null}"#.to_owned(),
        format!(r#"{{"exp":"{EXP}"}}"#),
        format!(r#"{{"exp":{EXP}.0}}"#),
        format!(r#"{{"exp":{EXP}.5}}"#),
        r#"{"exp":1.76e9}"#.to_owned(),
        r#"{"exp":1e20}"#.to_owned(),
        r#"{"exp":-1}"#.to_owned(),
        format!(r#"{{"exp":-{EXP}}}"#),
        r#"{"exp":9223372036854775808}"#.to_owned(),
        r#"{"exp":18446744073709551616}"#.to_owned(),
        r#"{"exp":true}"#.to_owned(),
        format!(r#"{{"Exp":{EXP}}}"#),
    ];
    for claims in senseless {
        assert_eq!(verify(&token(HEADER, &claims), 0), Err(JwtError::Time), "{claims}");
    }
    for claims in [format!(r#"{{"exp":[{EXP}]}}"#), r#"{"exp":{}}"#.to_owned(), r#"{"exp":1e999}"#.to_owned()]
    {
        assert!(verify(&token(HEADER, &claims), 0).is_err(), "{claims}");
    }
    assert_eq!(verify(&token(HEADER, r#"{"exp":9223372036854775807}"#), EXP), Ok(()));
    assert_eq!(verify(&token(HEADER, r#"{"exp":0}"#), 0), Err(JwtError::Expired));
}

#[test]
fn nbf_counts_if_it_is_there() {
    let with = |nbf: &str| token(HEADER, &format!(r#"{{"exp":{EXP},"nbf":{nbf}}}"#));
    assert_eq!(verify(&with("1000"), 1000), Ok(()));
    assert_eq!(verify(&with("1001"), 1000), Err(JwtError::NotYet));
    for nbf in ["null", "\"1000\"", "1000.0", "-1", "1e20"] {
        assert_eq!(verify(&with(nbf), 1000), Err(JwtError::Time), "{nbf}");
    }
}

#[test]
fn other_claims_do_not_disturb() {
    for claims in [
        r#""aud":"trading-platform""#,
        r#""aud":["a","b"]"#,
        r#""iss":7"#,
        r#""sub":7"#,
        r#""iat":99999999999"#,
    ] {
        assert_eq!(verify(&token(HEADER, &format!(r#"{{"exp":{EXP},{claims}}}"#)), 0), Ok(()), "{claims}");
    }
}

#[test]
fn keys_rotate() {
    let by_old = token_by("old-placeholder", HEADER, &format!(r#"{{"exp":{EXP}}}"#));
    assert_eq!(verify_with(&[SECRET, "old-placeholder"], &by_old, 0), Ok(()), "during");
    assert_eq!(verify_with(&[SECRET, "older", "old-placeholder"], &good(), 0), Ok(()), "during");
    assert_eq!(verify_with(&[SECRET], &by_old, 0), Err(JwtError::Signature), "after");
    assert_eq!(verify_with(&[SECRET, "old-placeholder"], &by_old, EXP), Err(JwtError::Expired));
}

proptest! {
    #[test]
    fn no_text_passes_or_panics(text in "\\PC*", parts in prop::array::uniform3("[A-Za-z0-9_-]{0,60}")) {
        prop_assert!(verify(&text, 0).is_err());
        prop_assert!(verify(&parts.join("."), 0).is_err());
    }

    #[test]
    fn no_signed_header_or_claims_panic(header in "\\PC*", claims in "\\PC*") {
        prop_assert!(verify(&token(&header, HEADER), 0).is_err());
        prop_assert!(verify(&token(HEADER, &claims), 0).is_err());
    }

    #[test]
    fn what_is_signed_comes_back(sub in ".+", lifetime in 1..1_000_000_i64, key in ".+") {
        let made = Signer::new(ring(&[&key])).sign(&json!({ "sub": sub, "exp": EXP + lifetime })).unwrap();
        let claims = Verifier::new(ring(&[&key])).verify(&made, at(EXP)).unwrap();
        prop_assert_eq!(claims.text("sub"), Some(sub.as_str()));
    }
}
