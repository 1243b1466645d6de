//! Standard Webhooks, against the vector of the specification's reference libraries.

use auth::standard_webhooks::{BadStandardSecret, Headers, StandardError, StandardSecrets, sign, verify};
use auth::webhook::SignatureError;
use bytes::Bytes;

use crate::keys::{at, ring};

/// The key, message and signature that all reference libraries test with.
const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const SENT: i64 = 1_649_367_553;
const BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

/// Another key, of 32 zero bytes.
const OTHER_KEY: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn decide(id: &str, timestamp: &str, signature: &str, now: i64) -> Result<(), StandardError> {
    let secrets = StandardSecrets::of(&ring(&[KEY])).unwrap();
    let headers = Headers { id, timestamp, signature };
    verify(&secrets, headers, Bytes::from(BODY), at(now))
        .map(|body| assert_eq!(body.bytes(), BODY.as_bytes()))
}

#[test]
fn the_reference_vector_holds() {
    assert_eq!(sign(KEY, ID, &SENT.to_string(), BODY.as_bytes()).unwrap(), SIGNATURE);
    assert_eq!(decide(ID, &SENT.to_string(), SIGNATURE, SENT), Ok(()));
    let unpadded = SIGNATURE.trim_end_matches('=');
    assert_eq!(decide(ID, &SENT.to_string(), unpadded, SENT), Ok(()));
}

#[test]
fn one_good_signature_of_several_is_enough() {
    let sent = SENT.to_string();
    let bad = "v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q=";
    for list in [
        format!("{bad} {SIGNATURE}"),
        format!("{SIGNATURE} {bad}"),
        format!("v1a,AAAA {bad} v2,AAAA {SIGNATURE} nonsense v1,%%"),
    ] {
        assert_eq!(decide(ID, &sent, &list, SENT), Ok(()), "{list}");
    }
    for list in [bad.to_owned(), format!("{bad} {bad}"), format!("{bad} v1a,{}", &SIGNATURE[3..])] {
        assert_eq!(decide(ID, &sent, &list, SENT), Err(StandardError::Mismatch), "{list}");
    }
}

#[test]
fn id_time_and_body_are_all_signed() {
    let sent = SENT.to_string();
    assert_eq!(decide("msg_other", &sent, SIGNATURE, SENT), Err(StandardError::Mismatch));
    assert_eq!(decide(ID, &(SENT + 1).to_string(), SIGNATURE, SENT), Err(StandardError::Mismatch));
    assert_eq!(
        decide(ID, &format!("0{sent}"), SIGNATURE, SENT),
        Err(StandardError::Mismatch),
        "as sent, not as read"
    );
    let secrets = StandardSecrets::of(&ring(&[KEY])).unwrap();
    let headers = Headers { id: ID, timestamp: &sent, signature: SIGNATURE };
    let changed = verify(&secrets, headers, Bytes::from(format!("{BODY} ")), at(SENT));
    assert_eq!(changed.unwrap_err(), StandardError::Mismatch);
}

#[test]
fn five_minutes_either_way_and_no_more() {
    let sent = SENT.to_string();
    for now in [SENT - 300, SENT + 300] {
        assert_eq!(decide(ID, &sent, SIGNATURE, now), Ok(()), "{}", now - SENT);
    }
    for now in [SENT - 301, SENT + 301, 0, 253_402_300_799] {
        assert_eq!(decide(ID, &sent, SIGNATURE, now), Err(StandardError::Stale), "{}", now - SENT);
        let forged = decide("msg_forged", &sent, SIGNATURE, now);
        assert_eq!(forged, Err(StandardError::Mismatch), "only what is signed is stale");
    }
}

#[test]
fn other_forms_are_malformed() {
    let sent = SENT.to_string();
    let long = "i".repeat(256);
    for id in ["", "msg.1", "msg 1", "msg\t", "é", "msg\0", &long] {
        assert_eq!(decide(id, &sent, SIGNATURE, SENT), Err(StandardError::Malformed), "{id:?}");
    }
    for time in
        ["", "-1", "+1649367553", "1649367553.0", "1e9", " 1", "2022-04-07T21:39:13Z", "99999999999999999999"]
    {
        assert_eq!(decide(ID, time, SIGNATURE, SENT), Err(StandardError::Malformed), "{time:?}");
    }
    for signature in ["", " ", "v1", "v1,%", "v1a,AAAA", &SIGNATURE[3..], "V1,AAAA"] {
        assert_eq!(decide(ID, &sent, signature, SENT), Err(StandardError::Malformed), "{signature:?}");
    }
    // An empty or short signature is one that does not match.
    assert_eq!(decide(ID, &sent, "v1, v1,AAAA", SENT), Err(StandardError::Mismatch));
}

/// With a full stop allowed in ids, one signature would be good for two readings of the same bytes.
#[test]
fn a_signed_text_has_one_reading() {
    let body = Bytes::from(format!("{SENT}.{BODY}"));
    let signature = sign(KEY, "a", &SENT.to_string(), &body).unwrap();
    let secrets = StandardSecrets::of(&ring(&[KEY])).unwrap();
    let timestamp = SENT.to_string();
    let dotted = format!("a.{SENT}");
    let shifted = Headers { id: &dotted, timestamp: &timestamp, signature: &signature };
    let misread = verify(&secrets, shifted, Bytes::from(BODY), at(SENT));
    assert_eq!(misread.unwrap_err(), StandardError::Malformed);
}

#[test]
fn keys_rotate_and_must_be_base64_of_24_bytes() {
    let sent = SENT.to_string();
    let by_old = sign(OTHER_KEY, ID, &sent, BODY.as_bytes()).unwrap();
    let holds = |secrets: &[&str], signature: &str| {
        let secrets = StandardSecrets::of(&ring(secrets)).unwrap();
        verify(&secrets, Headers { id: ID, timestamp: &sent, signature }, Bytes::from(BODY), at(SENT)).is_ok()
    };
    assert!(holds(&[KEY, OTHER_KEY], &by_old) && holds(&[KEY, OTHER_KEY], SIGNATURE));
    assert!(!holds(&[KEY], &by_old));
    assert!(holds(&[KEY.trim_start_matches("whsec_")], SIGNATURE), "the prefix may be left out");
    for bad in ["", "whsec_", "whsec_AAAA", "whsec_not base64 at all, whatever the length", "whpk_AAAA"] {
        assert_eq!(StandardSecrets::of(&ring(&[KEY, bad])).unwrap_err(), BadStandardSecret, "{bad}");
        assert_eq!(sign(bad, ID, &sent, b"").unwrap_err(), BadStandardSecret);
    }
}

#[test]
fn callers_hear_the_three_usual_reasons() {
    assert_eq!(SignatureError::from(StandardError::Malformed), SignatureError::Malformed);
    assert_eq!(SignatureError::from(StandardError::Mismatch), SignatureError::Mismatch);
    assert_eq!(SignatureError::from(StandardError::Stale), SignatureError::Mismatch);
}
