//! Settings: what is read, and that a bad one is named without its value.

use http_kit::config::Environment;
use sso_issuer::{Config, UnknownStaff};

const WHOLE: [(&str, &str); 6] = [
    ("DATABASE_URL", "sqlite:data/sso_issuer.db"),
    ("INTERNAL_SECRET", "internal-secret-for-tests-only-00000"),
    ("JWT_SECRET", "jwt-secret-for-tests-only-0000000000"),
    ("SSO_SECRET", "sso-secret-for-tests-only-0000000000"),
    ("SERVICE_API_URL", "http://127.0.0.1:8082"),
    ("AUDIT_LOG_URL", "http://127.0.0.1:8083"),
];

/// The whole settings, with these changes.
fn read(changes: &[(&str, &str)]) -> Result<Config, String> {
    let settings = WHOLE.iter().chain(changes).copied();
    Config::from_environment(&Environment::from_iter(settings)).map_err(|error| error.to_string())
}

#[test]
fn what_is_needed_is_named_when_it_is_missing() {
    for (needed, _) in WHOLE {
        assert_eq!(read(&[(needed, "")]).expect_err(needed), format!("{needed} is not set"));
    }
    let production = ("ENVIRONMENT", "production");
    assert_eq!(read(&[production]).expect_err("refused"), "TRADING_PLATFORM_URL is not set");
}

#[test]
fn production_refuses_people_whom_only_their_token_knows() {
    let url = ("TRADING_PLATFORM_URL", "https://trade.example");
    for (settings, expected) in [
        (vec![], UnknownStaff::Accept),
        (vec![("STAFF_JWT_UNKNOWN", "refuse")], UnknownStaff::Refuse),
        (vec![url, ("ENVIRONMENT", "production")], UnknownStaff::Refuse),
        (vec![url, ("ENVIRONMENT", "production"), ("STAFF_JWT_UNKNOWN", "accept")], UnknownStaff::Accept),
    ] {
        assert_eq!(read(&settings).expect("good settings").unknown_staff, expected, "{settings:?}");
    }
    let refused = read(&[("STAFF_JWT_UNKNOWN", "hunter2")]).expect_err("refused");
    assert!(refused.contains("STAFF_JWT_UNKNOWN") && !refused.contains("hunter2"), "{refused}");
}

#[test]
fn links_are_built_on_the_url_as_it_was_given() {
    for (given, kept) in [
        ("", "http://127.0.0.1:9090"),
        ("https://trade.example", "https://trade.example"),
        ("https://trade.example/", "https://trade.example"),
        ("https://trade.example//", "https://trade.example/"),
        ("https://Trade.Example/a/b", "https://Trade.Example/a/b"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
    ] {
        assert_eq!(read(&[("TRADING_PLATFORM_URL", given)]).expect(given).platform_url, kept);
    }
    for bad in [
        "trade.example",
        "javascript:alert(1)",
        "ftp://trade.example",
        "https://",
        "https://trade.example/?next=hunter2",
        "https://trade.example/#hunter2",
        "https://admin:hunter2@trade.example",
        "https://trade.example/a b",
        "http://x.example/\"><script>",
        "http://x.example/%zz",
    ] {
        let refused = read(&[("TRADING_PLATFORM_URL", bad)]).expect_err(bad);
        assert!(refused.contains("TRADING_PLATFORM_URL") && !refused.contains("hunter2"), "{refused}");
    }
}
