//! I5 and the claims of staff JWTs.

use auth::jwt::{JwtError, Signer, Verifier};
use auth::staff::{Role, StaffClaims, verify};
use serde_json::{Value, json};

use crate::keys::{SECRET, at, ring};

const NOW: i64 = 1_760_000_000;

fn read(mut claims: Value) -> Result<StaffClaims, JwtError> {
    claims["exp"] = json!(NOW + 60);
    let token = Signer::new(ring(&[SECRET])).sign(&claims).unwrap();
    verify(&Verifier::new(ring(&[SECRET])), &token, at(NOW))
}

fn roles(claims: Value) -> Vec<Role> {
    let Value::Object(mut claims) = claims else { panic!("claims are an object") };
    claims.insert("sub".to_owned(), json!("stf_1"));
    read(Value::Object(claims)).unwrap().roles
}

#[test]
fn roles_are_exact_words_in_their_places() {
    for role in Role::ALL {
        assert_eq!(roles(json!({ "role": role.as_str() })), [role]);
        assert_eq!(roles(json!({ "roles": [role.as_str()] })), [role]);
        assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        assert_eq!(Role::of(role.as_str()), Some(role));
    }
    assert_eq!(
        roles(json!({ "roles": ["support", "admin", "support", "chef", 1, null] })),
        [Role::Admin, Role::Support]
    );
    assert_eq!(roles(json!({ "role": "auditor", "roles": ["support"] })), [Role::Support, Role::Auditor]);
}

#[test]
fn anything_else_grants_nothing() {
    for claims in [
        json!({}),
        json!({ "role": "Admin" }),
        json!({ "role": "admin " }),
        json!({ "role": "Admin " }),
        json!({ "role": " admin" }),
        json!({ "role": "admin,support" }),
        json!({ "role": "аdmin" }), // a Cyrillic а
        json!({ "role": "" }),
        json!({ "role": ["Admin"] }),
        json!({ "role": ["admin"] }),
        json!({ "role": { "admin": 1 } }),
        json!({ "role": true }),
        json!({ "role": null }),
        json!({ "roles": "admin" }),
        json!({ "roles": { "admin": 1 } }),
        json!({ "roles": [["admin"]] }),
        json!({ "Role": "admin" }),
        json!({ "scope": "admin", "isAdmin": true }),
    ] {
        assert_eq!(roles(claims.clone()), [], "{claims}");
    }
}

#[test]
fn someone_must_be_named() {
    let named = |claims| read(claims).map(|staff| (staff.sub, staff.email));
    let email = Some("staff@broker.example".to_owned());
    assert_eq!(named(json!({ "sub": "stf_1" })), Ok(("stf_1".to_owned(), None)));
    assert_eq!(
        named(json!({ "sub": 7, "email": "staff@broker.example" })),
        Ok(("7".to_owned(), email.clone()))
    );
    assert_eq!(
        named(json!({ "email": "staff@broker.example" })),
        Ok(("staff@broker.example".to_owned(), email))
    );
    for claims in [json!({}), json!({ "sub": "" }), json!({ "sub": null, "email": 7 }), json!({ "sub": 1.5 })]
    {
        assert_eq!(named(claims.clone()), Err(JwtError::Claims), "{claims}");
    }
}

#[test]
fn a_structure_for_a_name_is_refused() {
    for claims in [json!({ "sub": ["a"] }), json!({ "sub": { "id": "a" } })] {
        assert!(read(claims.clone()).is_err(), "{claims}");
    }
}

/// A name with control characters is nobody's, and PostgreSQL takes no U+0000 in a query.
#[test]
fn names_have_no_control_characters() {
    for control in ['\0', '\n', '\u{1f}', '\u{7f}', '\u{85}'] {
        let name = format!("a{control}b");
        for claims in [
            json!({ "sub": name }),
            json!({ "sub": "stf_1", "email": name }),
            json!({ "sub": "stf_1", "sid": name }),
        ] {
            assert_eq!(read(claims.clone()), Err(JwtError::Claims), "{claims}");
        }
    }
    assert!(read(json!({ "sub": "Zoë B.", "email": "zoë@broker.example", "sid": "🦀" })).is_ok());
}

/// The clock of another part of the CRM may be ahead by a minute; more would outlive a log-out everywhere.
#[test]
fn nothing_is_issued_in_the_future() {
    let issued = |iat: Value| read(json!({ "sub": "stf_1", "iat": iat })).map(|staff| staff.issued_at);
    for iat in [0, NOW, NOW + 60] {
        assert_eq!(issued(json!(iat)), Ok(Some(iat)));
    }
    for iat in [NOW + 61, i64::MAX] {
        assert_eq!(issued(json!(iat)), Err(JwtError::NotYet));
    }
    assert_eq!(issued(json!(i64::MIN)), Ok(Some(i64::MIN)));
    assert_eq!(issued(json!(u64::MAX)), Ok(None), "no whole seconds, so it says nothing");
}

/// I4, even if somebody gave both kinds one key.
#[test]
fn an_impersonation_token_is_not_staff() {
    let claims = json!({ "sub": "c1", "clientEmail": "a@example.com", "impersonatedBy": "staff@broker.example", "role": "admin" });
    assert_eq!(read(claims), Err(JwtError::Claims));
}

#[test]
fn a_bad_token_is_refused_as_any() {
    let verifier = Verifier::new(ring(&[SECRET]));
    let foreign =
        Signer::new(ring(&["another-placeholder"])).sign(&json!({ "sub": "s", "exp": NOW + 60 })).unwrap();
    assert_eq!(verify(&verifier, &foreign, at(NOW)), Err(JwtError::Signature));
    assert_eq!(verify(&verifier, "garbage", at(NOW)), Err(JwtError::Malformed));
}
