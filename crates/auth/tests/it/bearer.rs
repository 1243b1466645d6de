//! S1: bearer tokens.

use auth::bearer::{BearerError, BearerTokens, token};

use crate::keys::ring;

const TOKEN: &str = "Placeholder-token-of-the-service-api-0001";
const OLD: &str = "Placeholder-token-of-the-service-api-0000";
const REPORTS: &str = "Placeholder-token-of-another-caller-00002";

fn tokens() -> BearerTokens {
    BearerTokens::new(vec![
        ("service-api".to_owned(), ring(&[TOKEN, OLD])),
        ("reports".to_owned(), ring(&[REPORTS])),
    ])
}

fn of(header: &str) -> Result<String, BearerError> {
    tokens().authenticate(Some(header)).map(|name| name.to_string())
}

#[test]
fn each_credential_has_its_name_whichever_value_it_shows() {
    assert_eq!(of(&format!("Bearer {TOKEN}")).unwrap(), "service-api");
    assert_eq!(of(&format!("Bearer {OLD}")).unwrap(), "service-api");
    assert_eq!(of(&format!("Bearer {REPORTS}")).unwrap(), "reports");
    assert_eq!(tokens().authenticate(Some(&format!("Bearer {TOKEN}"))).unwrap().as_str(), "service-api");
}

#[test]
fn the_scheme_is_of_any_case_the_token_is_not() {
    for scheme in ["bearer", "BEARER", "bEaReR", "Bearer "] {
        assert_eq!(of(&format!("{scheme} {TOKEN}")).unwrap(), "service-api", "{scheme}");
    }
    for other in [TOKEN.to_lowercase(), TOKEN.to_uppercase()] {
        assert_eq!(of(&format!("Bearer {other}")), Err(BearerError::Unknown));
    }
}

#[test]
fn every_other_token_is_unknown() {
    for end in 1..TOKEN.len() {
        assert_eq!(of(&format!("Bearer {}", &TOKEN[..end])), Err(BearerError::Unknown), "a prefix");
        assert_eq!(of(&format!("Bearer {}", &TOKEN[end..])), Err(BearerError::Unknown), "a suffix");
    }
    for other in [
        format!("{TOKEN}x"),
        format!("x{TOKEN}"),
        format!("{TOKEN}{TOKEN}"),
        format!("{TOKEN}="),
        "*".to_owned(),
    ] {
        assert_eq!(of(&format!("Bearer {other}")), Err(BearerError::Unknown), "{other}");
    }
    assert_eq!(BearerTokens::new(vec![]).authenticate(Some("Bearer x")), Err(BearerError::Unknown));
}

#[test]
fn every_other_header_is_malformed_or_missing() {
    assert_eq!(tokens().authenticate(None), Err(BearerError::Missing));
    let headers = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer   ".to_owned(),
        TOKEN.to_owned(),
        format!("Basic {TOKEN}"),
        format!("Token {TOKEN}"),
        format!("BearerX {TOKEN}"),
        format!("Bearer{TOKEN}"),
        format!("Bearer\t{TOKEN}"),
        format!(" Bearer {TOKEN}"),
        format!("Bearer {TOKEN} {TOKEN}"),
        format!("Bearer {TOKEN}, Bearer {TOKEN}"),
        format!("Bearer {TOKEN}\n"),
        format!("Bearer {TOKEN}\0"),
    ];
    for header in headers {
        assert_eq!(of(&header), Err(BearerError::Malformed), "{header:?}");
        assert_eq!(token(Some(&header)), Err(BearerError::Malformed), "{header:?}");
    }
}

#[test]
fn a_token_can_be_taken_out_whosever_it_is() {
    assert_eq!(token(Some("bearer abc.def.ghi")), Ok("abc.def.ghi"));
    assert_eq!(token(None), Err(BearerError::Missing));
}
