//! W1 to W3, and signatures as openssl and Node make them.

use auth::secret::Secret;
use auth::webhook::{SignatureError, sign, verify};
use bytes::Bytes;
use proptest::prelude::*;

use crate::keys::{SECRET, ring};

const BODY: &str = r#"{"event":"client.registered","data":{"clientId":"c1","email":"a@example.com"}}"#;

/// `printf %s "$BODY" | openssl dgst -sha256 -hmac $SECRET`, and Node's `createHmac('sha256', KEY)` alike.
const SIGNATURE: &str = "bcb65088a77a95d45da4e9db72e3168004b9c5893b8c1ddee9ad555628f4f73b";

fn decide(headers: &[&[u8]], body: &[u8]) -> Result<Bytes, SignatureError> {
    let headers = headers.iter().copied();
    verify(&ring(&[SECRET]), headers, Bytes::copy_from_slice(body)).map(auth::webhook::SignedBody::into_bytes)
}

#[test]
fn the_signatures_of_openssl_and_node_hold() {
    assert_eq!(sign(&Secret::new(SECRET), BODY.as_bytes()), SIGNATURE);
    let upper = SIGNATURE.to_uppercase();
    let forms = [
        SIGNATURE.to_owned(),
        upper.clone(),
        format!("sha256={SIGNATURE}"),
        format!("sha256={upper}"),
        format!("SHA256={upper}"),
        format!(" {SIGNATURE}\t"),
    ];
    for header in forms {
        assert_eq!(decide(&[header.as_bytes()], BODY.as_bytes()).unwrap(), BODY, "{header}");
    }
}

#[test]
fn no_signature_is_missing_and_two_are_malformed() {
    assert_eq!(decide(&[], BODY.as_bytes()), Err(SignatureError::Missing));
    let good = SIGNATURE.as_bytes();
    assert_eq!(decide(&[good, good], BODY.as_bytes()), Err(SignatureError::Malformed));
    assert_eq!(decide(&[good, b""], BODY.as_bytes()), Err(SignatureError::Malformed));
    assert!(verify(&ring(&[SECRET]), Some(good), Bytes::from(BODY)).is_ok(), "an Option serves");
}

#[test]
fn other_forms_are_malformed() {
    let forms: [&[u8]; 12] = [
        b"",
        b" ",
        b"sha256=",
        b"00",
        &SIGNATURE.as_bytes()[..63],
        &[SIGNATURE.as_bytes(), b"0"].concat(),
        &[SIGNATURE.as_bytes(), b"00"].concat(),
        &[b"g", &SIGNATURE.as_bytes()[1..]].concat(),
        &[b"sha1=", SIGNATURE.as_bytes()].concat(),
        &[b"sha256=sha256=", SIGNATURE.as_bytes()].concat(),
        &[SIGNATURE.as_bytes(), b", ", SIGNATURE.as_bytes()].concat(),
        b"\xff\xfe\x00",
    ];
    for header in forms {
        assert_eq!(decide(&[header], BODY.as_bytes()), Err(SignatureError::Malformed), "{header:?}");
    }
}

#[test]
fn every_other_body_key_or_tag_is_a_mismatch() {
    let reserialized = [
        BODY.replace(':', ": "),
        r#"{"data":{"clientId":"c1","email":"a@example.com"},"event":"client.registered"}"#.to_owned(),
    ];
    for body in reserialized.iter().map(String::as_str).chain(["", "{}", &format!("{BODY}\n")]) {
        assert_eq!(decide(&[SIGNATURE.as_bytes()], body.as_bytes()), Err(SignatureError::Mismatch), "{body}");
    }
    let tag = hex::decode(SIGNATURE).unwrap();
    for (byte, bit) in (0..tag.len()).flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
        let mut other = tag.clone();
        other[byte] ^= 1 << bit;
        assert_eq!(decide(&[hex::encode(other).as_bytes()], BODY.as_bytes()), Err(SignatureError::Mismatch));
    }
    // W3: 64 hex characters are a text; what they stand for is another key.
    let hex_secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let decoded = hex::encode(auth::digest::hmac_sha256(&hex::decode(hex_secret).unwrap(), BODY.as_bytes()));
    let under_decoded = verify(&ring(&[hex_secret]), Some(decoded.as_bytes()), Bytes::from(BODY));
    assert_eq!(under_decoded.unwrap_err(), SignatureError::Mismatch);
}

#[test]
fn a_ring_verifies_with_all_its_keys_and_signs_with_the_first() {
    let (old, new, other) = ("an-old-placeholder", "a-new-placeholder", "another-placeholder");
    let signed_by = |secret: &str| sign(&Secret::new(secret), BODY.as_bytes());
    let holds = |secrets: &[&str], header: &str| {
        verify(&ring(secrets), Some(header.as_bytes()), Bytes::from(BODY)).is_ok()
    };
    assert_eq!(sign(ring(&[new, old]).current(), BODY.as_bytes()), signed_by(new));
    assert!(holds(&[old], &signed_by(old)) && !holds(&[old], &signed_by(new)), "before");
    assert!(holds(&[new, old], &signed_by(old)) && holds(&[new, old], &signed_by(new)), "during");
    assert!(!holds(&[new], &signed_by(old)) && holds(&[new], &signed_by(new)), "after");
    assert!(!holds(&[new, old], &signed_by(other)));
    assert_eq!(ring(&[new, old]).all().count(), 2);
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_nothing_panics(secret in ".+", body: Vec<u8>, header: Vec<u8>) {
        let good = sign(&Secret::new(secret.as_str()), &body);
        let ring = ring(&[&secret]);
        prop_assert!(verify(&ring, Some(good.as_bytes()), body.clone().into()).is_ok());
        prop_assert!(verify(&ring, Some(header.as_slice()), body.into()).is_err());
    }
}
