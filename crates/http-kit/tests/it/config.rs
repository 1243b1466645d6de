//! The environment: what is read, what is refused, and that no refusal repeats a value.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt as _;

use contract::kyc::KycStatus;
use http_kit::config::{ConfigError, Environment, Mode};
use proptest::prelude::*;
use serde::Deserialize;
use tempfile::TempDir;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Settings {
    name: String,
    port: u16,
    #[serde(default)]
    ratio: Option<f64>,
    #[serde(default)]
    colour: Option<Colour>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    loud: bool,
}

fn environment<const N: usize>(settings: [(&str, &str); N]) -> Environment {
    settings.into_iter().collect()
}

fn file(folder: &TempDir, bytes: &[u8]) -> String {
    let path = folder.path().join("secret");
    fs::write(&path, bytes).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_struct_is_read_by_its_field_names_under_a_prefix() {
    let settings = environment([
        ("APP_NAME", "one"),
        ("APP_PORT", "8080"),
        ("APP_RATIO", "0.5"),
        ("APP_COLOUR", "green"),
        ("APP_TAGS", "a,b"),
        ("APP_LOUD", "true"),
        ("APP_UNKNOWN", " not ours "),
        ("PORT", "1"),
    ]);
    let read: Settings = settings.load("APP_").expect("readable");
    let tags = vec!["a".to_owned(), "b".to_owned()];
    let expected = Settings {
        name: "one".to_owned(),
        port: 8080,
        ratio: Some(0.5),
        colour: Some(Colour::Green),
        tags,
        loud: true,
    };
    assert_eq!(read, expected);
}

#[test]
fn absent_and_empty_settings_are_the_same() {
    let absent = environment([("NAME", "one")]).load::<Settings>("");
    let empty = environment([("NAME", "one"), ("PORT", "")]).load::<Settings>("");
    assert_eq!(absent, Err(ConfigError::Missing("PORT".to_owned())));
    assert_eq!(empty, absent);
    assert_eq!(environment([("A", "")]).text("A"), Ok(None));
    assert_eq!(environment([("A", "")]).required("A"), Err(ConfigError::Missing("A".to_owned())));
}

#[test]
fn the_setting_that_does_not_read_is_the_one_named() {
    for (name, value) in [("PORT", "65536"), ("RATIO", "half"), ("COLOUR", "blue"), ("LOUD", "maybe")] {
        let mut settings = environment([(name, value)]);
        for (name, value) in [
            ("NAME", "one"),
            ("PORT", "1"),
            ("RATIO", "1"),
            ("COLOUR", "red"),
            ("LOUD", "true"),
            ("TAGS", "x"),
        ] {
            settings.set_default(name, value);
        }
        let error = settings.load::<Settings>("").expect_err("refused");
        assert!(
            matches!(&error, ConfigError::Invalid { name: named, .. } if named == name),
            "{name}: {error}"
        );
        assert!(!error.to_string().contains(value), "{error}");
    }
}

#[test]
fn a_file_stands_in_for_a_value_and_loses_one_newline() {
    let folder = TempDir::new().expect("a folder");
    for (bytes, expected) in [
        (&b"text\n"[..], Ok(Some("text".to_owned()))),
        (b"text", Ok(Some("text".to_owned()))),
        (b"text\n\n", Err(ConfigError::WhiteSpace("A".to_owned()))),
        (b"text\r\n", Err(ConfigError::WhiteSpace("A".to_owned()))),
        (b"\xff\n", Err(ConfigError::NotUnicode("A_FILE".to_owned()))),
        (b"\n", Ok(None)),
    ] {
        assert_eq!(environment([("A_FILE", &file(&folder, bytes))]).text("A"), expected, "{bytes:?}");
    }
    let large = file(&folder, &[b'x'; 64 * 1024 + 1]);
    let too_large = ConfigError::File { name: "A".to_owned(), kind: ErrorKind::FileTooLarge };
    assert_eq!(environment([("A_FILE", &large)]).text("A"), Err(too_large));
    let both = environment([("A", "x"), ("A_FILE", &file(&folder, b"x"))]);
    assert_eq!(both.text("A"), Err(ConfigError::Both("A".to_owned())));
    let nowhere = environment([("A_FILE", "/nowhere/hidden-path")]).text("A").expect_err("refused");
    assert_eq!(nowhere, ConfigError::File { name: "A".to_owned(), kind: ErrorKind::NotFound });
    assert!(!nowhere.to_string().contains("hidden-path"));
}

#[test]
fn a_file_feeds_a_struct_too() {
    let folder = TempDir::new().expect("a folder");
    let settings = environment([("NAME_FILE", &file(&folder, b"one\n")), ("PORT", "1")]);
    assert_eq!(settings.load::<Settings>("").expect("readable").name, "one");
}

#[test]
fn what_nobody_asks_for_does_not_matter() {
    let strange = OsString::from_vec(b"\xff".to_vec());
    let settings: Environment = [
        ("OTHER", strange.clone()),
        ("SSL_CERT_FILE", OsString::from("/nowhere")),
        ("NAME", OsString::from("one")),
        ("PORT", OsString::from("1")),
    ]
    .into_iter()
    .collect();
    assert!(settings.load::<Settings>("").is_ok());
    assert_eq!(settings.text("OTHER"), Err(ConfigError::NotUnicode("OTHER".to_owned())));
}

#[test]
fn names_under_a_prefix_are_found_whether_direct_or_as_a_file() {
    let settings = environment([
        ("WEBHOOK_SECRET_ACME", "x"),
        ("WEBHOOK_SECRET_BETA_FILE", "/run/beta"),
        ("WEBHOOK_SECRET_ACME_PREVIOUS", "y"),
        ("WEBHOOK_SECRET_EMPTY", ""),
        ("OTHER", "z"),
    ]);
    let expected = ["WEBHOOK_SECRET_ACME", "WEBHOOK_SECRET_ACME_PREVIOUS", "WEBHOOK_SECRET_BETA"];
    assert_eq!(settings.names_under("WEBHOOK_SECRET_"), expected);
}

#[test]
fn defaults_never_replace_what_is_set() {
    let mut settings = environment([("A", "direct"), ("B_FILE", "/run/b")]);
    for name in ["A", "B", "C"] {
        settings.set_default(name, "default");
    }
    assert_eq!(settings.text("A"), Ok(Some("direct".to_owned())));
    assert!(matches!(settings.text("B"), Err(ConfigError::File { .. })));
    assert_eq!(settings.text("C"), Ok(Some("default".to_owned())));
}

#[test]
fn a_key_ring_needs_its_current_secret() {
    let only_previous = environment([("S_PREVIOUS", "placeholder")]);
    assert_eq!(only_previous.key_ring("S").err(), Some(ConfigError::Missing("S".to_owned())));
    assert!(environment([]).key_ring("S").expect("absent").is_none());
    assert!(environment([("S", "one"), ("S_PREVIOUS", "two")]).key_ring("S").expect("two").is_some());
}

#[test]
fn every_process_has_a_mode_a_log_and_an_address() {
    assert_eq!(environment([]).mode(), Ok(Mode::Development));
    assert_eq!(environment([("ENVIRONMENT", "production")]).mode(), Ok(Mode::Production));
    assert!(environment([("ENVIRONMENT", "Production")]).mode().is_err());
    let logging = environment([("LOG_FORMAT", "json"), ("LOG_LEVEL", "warn")]).logging().expect("readable");
    assert_eq!((logging.format, logging.filter.as_str()), (telemetry::Format::Json, "warn"));
    let listen =
        environment([("WORKERS", "3"), ("DRAIN_SECONDS", "5")]).listen("127.0.0.1:0").expect("readable");
    assert_eq!((listen.address.as_str(), listen.workers, listen.drain.as_secs()), ("127.0.0.1:0", 3, 5));
    assert!(environment([("WORKERS", "0")]).listen("127.0.0.1:0").is_err());
}

/// Values as people paste them by mistake; long enough that finding one inside a message is no accident.
fn value() -> impl Strategy<Value = String> {
    "[ \\t]?[A-Za-z0-9+/=._:é-]{12,40}[ \\n]?"
}

proptest! {
    #[test]
    fn no_error_repeats_a_value(value in value(), shown in prop::sample::select(vec!["NAME", "PORT", "RATIO", "COLOUR", "LOUD"])) {
        let mut settings = environment([(shown, value.as_str())]);
        for (name, value) in [("NAME", "n"), ("PORT", "1"), ("RATIO", "1"), ("COLOUR", "red"), ("LOUD", "true")] {
            settings.set_default(name, value);
        }
        let secret = value.trim();
        if let Err(error) = settings.load::<Settings>("") {
            let texts = [error.to_string(), format!("{error:?}")];
            prop_assert!(texts.iter().all(|text| !text.contains(secret) && text.contains(shown)), "{texts:?}");
        } else {
            // Only free text takes such a value, and a number may be as long.
            prop_assert!(matches!(shown, "NAME" | "RATIO"));
        }
        let path = environment([("A_FILE", value.as_str())]).text("A").expect_err("no such file");
        prop_assert!(!path.to_string().contains(secret) && path.to_string().contains("A_FILE"));
        if value != secret {
            prop_assert_eq!(environment([("A", value.as_str())]).text("A"), Err(ConfigError::WhiteSpace("A".to_owned())));
        } else {
            prop_assert_eq!(environment([("A", value.as_str())]).text("A"), Ok(Some(value.clone())));
        }
    }
}

#[test]
fn kyc_words_are_read_in_one_place_and_a_bad_list_is_named() {
    let read = |value: &str| environment([("KYC_WORDS", value)]).kyc_words();
    assert_eq!(read("").expect("none").read("green"), None);
    assert_eq!(read("green=approved").expect("good").read("Green"), Some(KycStatus::Approved));
    let refused = read("hunter2").expect_err("no meaning").to_string();
    assert!(refused.starts_with("KYC_WORDS is not a list") && !refused.contains("hunter2"), "{refused}");
}
