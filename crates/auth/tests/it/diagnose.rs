//! Every mistake that is recognised, with signatures as openssl, Node, Python and shells made them; and that none is accepted.

use auth::diagnose::{Hint, diagnose};
use auth::digest::hmac_sha256;
use auth::keyring::KeyRing;
use auth::secret::Secret;
use auth::webhook::{SignatureError, sign, verify};
use bytes::Bytes;
use proptest::prelude::*;

use crate::keys::{SECRET, ring};

const BODY: &str = r#"{"event":"client.registered","data":{"clientId":"c1","email":"a@example.com"}}"#;

/// A body whose text shells change.
const ESCAPED: &str =
    r#"{"event":"kyc.updated","data":{"clientId":"c1","kycNotes":"Ren\u00e9e\nsaid \"ok\""}}"#;

const SERVICE_TOKEN: &str = "placeholder-service-token-for-tests-only";

fn look_with(ring: &KeyRing, body: &[u8], signature: &str) -> Option<Hint> {
    let others = [
        ("JWT_SECRET".to_owned(), Secret::new("placeholder-jwt-secret-for-tests-only")),
        ("SERVICE_API_TOKEN".to_owned(), Secret::new(SERVICE_TOKEN)),
    ];
    let refused = verify(ring, Some(signature.as_bytes()), Bytes::copy_from_slice(body)).unwrap_err();
    assert_eq!(refused, SignatureError::Mismatch, "what is recognised is still refused");
    diagnose(body, signature.as_bytes(), ring, "WEBHOOK_SECRET", &others)
}

fn look(body: &[u8], signature: &str) -> Option<Hint> {
    look_with(&ring(&[SECRET, "old-placeholder"]), body, signature)
}

/// What is said of `BODY` if the sender signed `signed` with the right key.
fn signing(signed: &[u8], sent: &[u8]) -> Option<Hint> {
    look(sent, &sign(&Secret::new(SECRET), signed))
}

/// What is said if the sender signed the right body with `key`.
fn keyed(key: &[u8]) -> Option<Hint> {
    look(BODY.as_bytes(), &hex::encode(hmac_sha256(key, BODY.as_bytes())))
}

#[test]
fn a_line_break_more_or_less() {
    // echo "$BODY" | openssl dgst -sha256 -hmac $SECRET
    let by_openssl = "d8ce62ed058eeee7a53fe5ca8fdb36f5ecd30573f36ffb526858f8fdaeb41a0d";
    assert_eq!(look(BODY.as_bytes(), by_openssl), Some(Hint::BodyPlusNewline));
    assert_eq!(
        look(BODY.as_bytes(), &format!("sha256={}", by_openssl.to_uppercase())),
        Some(Hint::BodyPlusNewline)
    );
    let line = format!("{BODY}\n");
    let dos_line = format!("{BODY}\r\n");
    assert_eq!(signing(dos_line.as_bytes(), BODY.as_bytes()), Some(Hint::BodyPlusNewline));
    assert_eq!(
        signing(BODY.as_bytes(), line.as_bytes()),
        Some(Hint::BodyPlusNewline),
        "the file was sent with its end"
    );
    assert_eq!(signing(BODY.as_bytes(), dos_line.as_bytes()), Some(Hint::BodyPlusNewline));
    // The key before it is recognised as well.
    let by_old = sign(&Secret::new("old-placeholder"), line.as_bytes());
    assert_eq!(look(BODY.as_bytes(), &by_old), Some(Hint::BodyPlusNewline));
}

/// Node: `createHmac('sha256', KEY).update(JSON.stringify(JSON.parse(body)))` while `body` itself was sent.
#[test]
fn json_written_anew_by_node() {
    let sent = "{\n  \"event\": \"deposit.completed\",\n  \"data\": { \"amount\": 1000.50, \"fee\": 1e3, \"tiny\": 0.0000001, \
                \"name\": \"Ren\\u00e9e \\ud83d\\ude00 \\/\", \"tags\": [ ] }\n}\n";
    for by_node in [
        "cc2ecb34d0f5102514134c5b14c0b8d5f8a6b7494c5ec980f9d72e52a949810d", // JSON.stringify(x)
        "0e837d73d47ea58b5fe6d11d6491ee8cd34575112d3f0cb4015c5e5d1a8c89b8", // JSON.stringify(x, null, 2)
    ] {
        assert_eq!(look(sent.as_bytes(), by_node), Some(Hint::ReserializedJson));
    }
}

#[test]
fn json_written_anew_by_others() {
    // Python: json.dumps(json.loads(body))
    let by_python = "e0601a94b624c823cc893e97e41cb8c85c267866907dc853c8b090e0a2c76660";
    assert_eq!(look(BODY.as_bytes(), by_python), Some(Hint::ReserializedJson));
    let sent = br#"{ "b": 1.50, "a": "\u00e9/" }"#;
    for signed in [
        "{\"b\":1.50,\"a\":\"é/\"}",               // kept numbers
        "{\"b\":1.50,\"a\":\"é/\"}\n",             // jq -c .
        "{\n  \"b\": 1.50,\n  \"a\": \"é/\"\n}\n", // jq .
        "{\"b\":1.50,\"a\":\"\\u00e9\\/\"}",       // PHP
        "{\"a\":\"é/\",\"b\":1.5}",                // sorted keys
    ] {
        assert_eq!(signing(signed.as_bytes(), sent), Some(Hint::ReserializedJson), "{signed}");
    }
}

#[test]
fn escapes_that_a_shell_expanded() {
    for by_shell in [
        "fdcda46dc0e9827b7190450ef120e7770923f82c3607615ddfb2475205f8146b", // dash: echo "$BODY" | openssl …
        "5d795b6cb375eb06d951cbb1b3330e2cc42a7b85c36f246341d79c11ecb24fa5", // dash: printf "$BODY" | openssl …
        "dd7cb655b37f220572e91e2ba8f583dadb28e9eba02ae8298c2e018d7d23dff8", // bash: printf "$BODY" | openssl …
        "82e5900ba48c5645fbae731a27aa0418d1be55937068b7d0fdc93cb7b565df1b", // bash: echo -e "$BODY" | openssl …
    ] {
        assert_eq!(look(ESCAPED.as_bytes(), by_shell), Some(Hint::ExpandedEscapes), "{by_shell}");
    }
    // bash's plain echo expands nothing.
    let by_bash_echo = "6ddd22a48040a4f670950a27c2570a2c17835c2f987fa7dec0d27bd18f3bc7d2";
    assert_eq!(look(ESCAPED.as_bytes(), by_bash_echo), Some(Hint::BodyPlusNewline));
    // The other way round: signed as it is, and expanded on its way to curl.
    let sent = ESCAPED.replace("\\n", "\n") + "\n";
    assert_eq!(signing(ESCAPED.as_bytes(), sent.as_bytes()), Some(Hint::ExpandedEscapes));
}

#[test]
fn options_that_echo_printed() {
    // sh: echo -n "$BODY" | openssl …, where echo knows no options
    let by_sh = "161b5b05fce4e5bb83fec7f155a4125fc4e2e880ba584e545458c5fd14c38578";
    assert_eq!(look(BODY.as_bytes(), by_sh), Some(Hint::EchoNPrefix));
    assert_eq!(signing(format!("-n {BODY}").as_bytes(), BODY.as_bytes()), Some(Hint::EchoNPrefix));
    // dash: echo -e "$BODY" | openssl …
    let by_dash = "3820234ead16177e4ef11a2570f5122c23fbc60d5dcda19133de724422905ab1";
    assert_eq!(look(ESCAPED.as_bytes(), by_dash), Some(Hint::EchoNPrefix));
    // Signed as it is, and printed so on its way to curl.
    assert_eq!(signing(BODY.as_bytes(), format!("-n {BODY}\n").as_bytes()), Some(Hint::EchoNPrefix));
    assert_eq!(signing(BODY.as_bytes(), format!("-n {BODY}").as_bytes()), Some(Hint::EchoNPrefix));
}

/// W3.
#[test]
fn a_key_decoded_from_hex() {
    let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let signature = hex::encode(hmac_sha256(&hex::decode(secret).unwrap(), BODY.as_bytes()));
    assert_eq!(look_with(&ring(&[secret]), BODY.as_bytes(), &signature), Some(Hint::HexDecodedKey));
    let upper = secret.to_uppercase();
    assert_eq!(look_with(&ring(&["other", &upper]), BODY.as_bytes(), &signature), Some(Hint::HexDecodedKey));
}

#[test]
fn a_key_that_is_none() {
    for name in [
        "WEBHOOK_SECRET",
        "$WEBHOOK_SECRET",
        "${WEBHOOK_SECRET}",
        "process.env.WEBHOOK_SECRET",
        "KEY",
        "$KEY",
    ] {
        assert_eq!(keyed(name.as_bytes()), Some(Hint::VariableNameAsKey(name.to_owned())));
    }
    for nothing in ["", "undefined", "null", "None"] {
        assert_eq!(keyed(nothing.as_bytes()), Some(Hint::EmptyKey), "{nothing}");
    }
    for wrapped in
        [format!("{SECRET}\n"), format!("{SECRET}\r\n"), format!("\"{SECRET}\""), format!("'{SECRET}'")]
    {
        assert_eq!(keyed(wrapped.as_bytes()), Some(Hint::WrappedKey), "{wrapped:?}");
    }
    assert_eq!(keyed(SERVICE_TOKEN.as_bytes()), Some(Hint::OtherSecret("SERVICE_API_TOKEN".to_owned())));
}

#[test]
fn nothing_is_recognised_where_there_is_nothing() {
    assert_eq!(keyed(b"some-key-of-a-stranger"), None);
    assert_eq!(signing(b"some other body", BODY.as_bytes()), None);
    assert_eq!(look(BODY.as_bytes(), &"0".repeat(64)), None);
    let others: [(String, Secret); 0] = [];
    for header in [&b""[..], b"sha256=", b"nonsense", b"\xff"] {
        assert_eq!(
            diagnose(BODY.as_bytes(), header, &ring(&[SECRET]), "WEBHOOK_SECRET", &others),
            None,
            "{header:?}"
        );
    }
}

#[test]
fn each_hint_has_a_word_and_a_sentence_that_hold_no_secret() {
    let hints = [
        (Hint::BodyPlusNewline, "body_plus_newline"),
        (Hint::ReserializedJson, "reserialized_json"),
        (Hint::ExpandedEscapes, "expanded_escapes"),
        (Hint::EchoNPrefix, "echo_n_prefix"),
        (Hint::HexDecodedKey, "hex_decoded_key"),
        (Hint::WrappedKey, "wrapped_key"),
        (Hint::VariableNameAsKey("$WEBHOOK_SECRET".to_owned()), "variable_name_as_key"),
        (Hint::EmptyKey, "empty_key"),
        (Hint::OtherSecret("JWT_SECRET".to_owned()), "other_secret"),
    ];
    for (hint, word) in hints {
        assert_eq!(hint.as_str(), word);
        let sentence = hint.to_string();
        assert!(sentence.ends_with('.') && !sentence.contains("  "), "{sentence}");
        if let Hint::VariableNameAsKey(name) | Hint::OtherSecret(name) = &hint {
            assert!(sentence.contains(name), "{sentence}");
        }
    }
}

/// A body made to be dear: what it costs is bounded, as it has no signature that anyone checked.
#[test]
fn a_hostile_body_is_only_looked_at() {
    let deep = "[".repeat(130_000) + &"]".repeat(130_000);
    let wide = "[".repeat(60) + &"1,".repeat(120_000) + "1" + &"]".repeat(60);
    let slashes = "\\".repeat(256 * 1024);
    let open = "\"".to_owned() + &"\\u".repeat(120_000);
    for body in [deep, wide, slashes, open] {
        assert_eq!(look(body.as_bytes(), &"0".repeat(64)), None);
    }
}

proptest! {
    #[test]
    fn no_body_panics(body: Vec<u8>, text in "\\PC*", jsonish in r#"[\[\]{}":,\\ud8ce0-9eE+. \n-]{0,80}"#) {
        for body in [body.as_slice(), text.as_bytes(), jsonish.as_bytes()] {
            prop_assert_eq!(look(body, &"0".repeat(64)), None);
        }
    }
}
