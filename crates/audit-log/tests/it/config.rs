//! Settings: what is missing or can't be is named, and no value is shown.

use audit_log::Config;
use http_kit::config::Environment;

use crate::world::{INTERNAL_SECRET, JWT_SECRET};

fn settings() -> Vec<(&'static str, &'static str)> {
    vec![
        ("DATABASE_URL", "sqlite:data/audit_log.db"),
        ("INTERNAL_SECRET", INTERNAL_SECRET),
        ("JWT_SECRET", JWT_SECRET),
        ("SSO_ISSUER_URL", "http://127.0.0.1:8084"),
    ]
}

fn refusal(change: (&'static str, &'static str)) -> String {
    let environment = settings().into_iter().chain([change]).collect::<Environment>();
    Config::from_environment(&environment).expect_err("refused").to_string()
}

#[test]
fn what_is_needed_is_named() {
    let whole = settings().into_iter().collect::<Environment>();
    let config = Config::from_environment(&whole).expect("good settings");
    assert_eq!(config.listen.address, "127.0.0.1:8083");
    assert_eq!(config.database.to_string(), "sqlite:data/audit_log.db");
    for name in ["DATABASE_URL", "INTERNAL_SECRET", "JWT_SECRET", "SSO_ISSUER_URL"] {
        assert_eq!(refusal((name, "")), format!("{name} is not set"));
    }
}

#[test]
fn no_value_is_shown() {
    let refused = refusal(("DATABASE_URL", "mysql://crm:hunter2@database/crm"));
    assert!(refused.contains("DATABASE_URL") && !refused.contains("hunter2"), "{refused}");
    let refused = refusal(("JWT_SECRET", " hunter2-hunter2-hunter2-hunter2-hunter2"));
    assert!(refused.contains("JWT_SECRET") && !refused.contains("hunter2"), "{refused}");
}
