//! I1 to I4 at this service's door: what is no staff JWT, at the route that matters most.

use auth::digest::hmac_sha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use test_kit::credentials::signed;
use test_kit::database::{both, sqlite};

use crate::world::{JWT, SSO, World, body, problem};

const PATH: &str = "/api/clients/1001/impersonate";

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let tag = sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn hs256(message: &[u8]) -> Vec<u8> {
    hmac_sha256(JWT.as_bytes(), message).to_vec()
}

fn claims(world: &World) -> Value {
    let now = world.seams.clock.now().as_seconds();
    json!({ "sub": "crm-7", "email": "boss@broker.example", "role": "admin", "exp": now + 60 })
}

#[tokio::test]
async fn only_hs256_under_our_key_counts_and_hints_at_keys_are_not_followed() {
    for database in both() {
        let world = World::start(&database).await;
        let claims = claims(&world);
        for header in [
            json!({ "alg": "HS256", "kid": "../../etc/passwd" }),
            json!({ "alg": "HS256", "jku": "https://evil.example/keys", "x5u": "https://evil.example", "jwk": { "kty": "oct", "k": "AA" } }),
        ] {
            body(world.post(PATH, &token(&header, &claims, hs256), &json!({})).await, 200).await;
        }
        let mut bad = vec!["x".to_owned(), "a.b.c".to_owned(), "..".to_owned()];
        for alg in ["none", "None", "NONE", "nOnE", "RS256", "ES256", "HS384", "HS512", "hs256", ""] {
            bad.push(token(&json!({ "alg": alg }), &claims, hs256));
            bad.push(token(&json!({ "alg": alg }), &claims, |_| Vec::new()));
        }
        let sha2 = |algorithm| {
            move |message: &[u8]| {
                hmac::sign(&hmac::Key::new(algorithm, JWT.as_bytes()), message).as_ref().to_vec()
            }
        };
        bad.push(token(&json!({ "alg": "HS384" }), &claims, sha2(hmac::HMAC_SHA384)));
        bad.push(token(&json!({ "alg": "HS512" }), &claims, sha2(hmac::HMAC_SHA512)));
        bad.push(token(&json!({ "alg": "HS256" }), &claims, |message| hmac_sha256(b"", message).to_vec()));
        for token in bad {
            problem(world.post(PATH, &token, &json!({})).await, 401, "credentials_invalid").await;
        }
    }
}

#[tokio::test]
async fn the_time_of_a_token_is_exact() {
    for database in both() {
        let world = World::start(&database).await;
        let now = world.seams.clock.now().as_seconds();
        for (exp, status) in [
            (json!(now + 1), 200),
            (json!(now), 401),
            (json!(now - 59), 401),
            (json!((now + 60).to_string()), 401),
            (json!(-1), 401),
            (json!(1e20), 401),
            (json!(i128::from(now + 60) as f64 + 0.5), 401),
            (Value::Null, 401),
        ] {
            let mut claims = claims(&world);
            claims["exp"] = exp.clone();
            let answer = world.post(PATH, &signed(JWT, &claims), &json!({})).await;
            assert_eq!(answer.status(), status, "{exp}");
        }
    }
}

#[tokio::test]
async fn every_byte_of_a_token_counts() {
    let database = sqlite();
    let world = World::start(&database).await;
    let good = signed(JWT, &claims(&world));
    body(world.post(PATH, &good, &json!({})).await, 200).await;
    // The last character of a signature has two bits that say nothing, and a decoder that minds refuses them when set.
    for index in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        problem(world.post(PATH, &changed, &json!({})).await, 401, "credentials_invalid").await;
    }
}

#[tokio::test]
async fn tokens_for_something_else_are_no_staff_jwt() {
    for database in both() {
        let world = World::start(&database).await;
        let link = body(world.post(PATH, &world.foreign_admin(), &json!({})).await, 200).await;
        let sso = link["ssoToken"].as_str().expect("a token");
        let now = world.seams.clock.now().as_seconds();
        let both_kinds = json!({
            "sub": "1001", "email": "x@y.example", "role": "admin", "impersonatedBy": "x@y.example", "exp": now + 60
        });
        for token in
            [sso, "the-service-token-of-a-platform", &signed(JWT, &both_kinds), &signed(SSO, &claims(&world))]
        {
            problem(world.post(PATH, token, &json!({})).await, 401, "credentials_invalid").await;
        }
    }
}
