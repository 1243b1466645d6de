//! Settings: what is read, and that a bad one is named without its value.

use contract::kyc::KycStatus;
use http_kit::config::Environment;
use webhook_ingest::Config;

const WHOLE: [(&str, &str); 7] = [
    ("DATABASE_URL", "sqlite:data/webhook_ingest.db"),
    ("WEBHOOK_SECRET", "site-secret-for-tests-only-000000000"),
    ("INTERNAL_SECRET", "internal-secret-for-tests-only-00000"),
    ("SERVICE_API_URL", "http://127.0.0.1:8082"),
    ("AUDIT_LOG_URL", "http://127.0.0.1:8083"),
    ("JWT_SECRET", "jwt-secret-for-tests-only-000000000"),
    ("SSO_ISSUER_URL", "http://127.0.0.1:8084"),
];

/// The whole settings, with these changes.
fn read(changes: &[(&str, &str)]) -> Result<Config, String> {
    let settings = WHOLE.iter().chain(changes).copied();
    Config::from_environment(&Environment::from_iter(settings)).map_err(|error| error.to_string())
}

#[test]
fn each_source_has_its_secret_and_its_former_one() {
    let config = read(&[
        ("WEBHOOK_SECRET_PREVIOUS", "site-secret-for-tests-only-00000-old"),
        ("WEBHOOK_SECRET_ACME_FX", "acme-secret-for-tests-only-000000000"),
        ("WEBHOOK_SECRET_ACME_FX_PREVIOUS", "acme-secret-for-tests-only-00000-old"),
        ("WEBHOOK_STANDARD_SECRET", crate::support::STANDARD),
    ])
    .expect("good settings");
    let sources: Vec<(&str, usize)> =
        config.secrets.sources.iter().map(|(source, ring)| (source.as_str(), ring.all().count())).collect();
    assert_eq!(sources, [("acme_fx", 2), ("site", 2)]);
    assert!(config.secrets.standard.is_some());
    assert_eq!(
        config.secrets.others.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["JWT_SECRET", "INTERNAL_SECRET", "WEBHOOK_STANDARD_SECRET"]
    );
}

#[test]
fn what_is_needed_is_named_when_it_is_missing() {
    for (needed, _) in WHOLE {
        let refused = read(&[(needed, "")]).expect_err(needed);
        assert_eq!(refused, format!("{needed} is not set"));
    }
}

#[test]
fn a_bad_setting_is_named_and_its_value_is_not() {
    let long = "hunter2-hunter2-hunter2-hunter2-hunter2";
    for (name, value) in [
        ("DATABASE_URL", "mysql://hunter2"),
        ("WEBHOOK_SECRET_SITE", long),
        ("WEBHOOK_SECRET_EVENTS", long),
        ("WEBHOOK_SECRET_a", long),
        ("KYC_WORDS", "hunter2=good"),
        ("WEBHOOK_SECRET_", long),
        ("WEBHOOK_STANDARD_SECRET", "whsec_hunter2hunter2hunter2hunter2hunter2!"),
        ("WEBHOOK_SECRET", " hunter2hunter2hunter2hunter2hunter2"),
    ] {
        let refused = read(&[(name, value)]).expect_err(name);
        assert!(refused.contains(name) && !refused.contains("hunter2"), "{name}: {refused}");
    }
    let alone = read(&[("WEBHOOK_SECRET_ACME_PREVIOUS", long)]).expect_err("a former value alone");
    assert_eq!(alone, "WEBHOOK_SECRET_ACME is not set");
}

#[test]
fn further_kyc_words_are_read() {
    let config = read(&[("KYC_WORDS", "green=approved")]).expect("good settings");
    assert_eq!(config.kyc_words.read("green"), Some(KycStatus::Approved));
}

#[test]
fn a_spool_is_for_those_whose_database_may_be_away() {
    let spool = ("WEBHOOK_SPOOL_DIR", "/var/spool/webhooks");
    let refused = read(&[spool]).expect_err("SQLite needs none");
    assert!(refused.contains("WEBHOOK_SPOOL_DIR") && refused.contains("SQLite"), "{refused}");
    let away = ("DATABASE_URL", "postgres://crm@db.example/crm");
    let config = read(&[away, spool]).expect("good settings");
    assert_eq!(config.spool.as_deref(), Some(std::path::Path::new(spool.1)));
    assert_eq!(config.spool_bytes, 1 << 30);
    assert_eq!(read(&[away]).expect("good settings").spool, None);
}
