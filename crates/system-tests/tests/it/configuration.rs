//! Bad configuration ends with one line that names the setting, never its value, and a non-zero code.

use std::process::Output;

use crate::cluster::SERVICES;
use crate::harness::{SECRETS, command, run};

fn refused(output: &Output, setting: &str, value: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "one line: {said}");
    assert!(said.contains(setting), "names {setting}: {said}");
    assert!(value.is_empty() || !said.contains(value.trim()), "shows the value: {said}");
}

#[test]
fn a_missing_secret_is_named() {
    for program in SERVICES {
        let mut command = command(program);
        complete(&mut command).env_remove("INTERNAL_SECRET");
        refused(&run(&mut command), "INTERNAL_SECRET is not set", "");
    }
}

#[test]
fn who_takes_the_service_token_must_have_it() {
    for program in ["service-api", "gateway"] {
        let mut command = command(program);
        complete(&mut command).env_remove("SERVICE_API_TOKEN");
        refused(&run(&mut command), "SERVICE_API_TOKEN is not set", "");
    }
}

#[test]
fn a_limit_that_is_no_number_within_bounds_is_named() {
    let data = tempfile::tempdir().expect("a folder");
    for setting in ["SERVICE_API_RATE_LIMIT", "FAILED_AUTH_RATE_LIMIT"] {
        for value in ["many", "-1", "1.5", "100001", "99999999999"] {
            let mut alone = command("gateway");
            refused(&run(complete(&mut alone).env(setting, value)), setting, value);
            let mut all = command("crm-bridge");
            all.arg("--data-dir").arg(data.path()).env("LISTEN_ADDRESS", "127.0.0.1:0").env(setting, value);
            refused(&run(&mut all), setting, value);
        }
    }
}

#[test]
fn a_bad_address_is_named() {
    for program in SERVICES {
        let mut command = command(program);
        complete(&mut command).env("LISTEN_ADDRESS", "not-an-address");
        refused(&run(&mut command), "LISTEN_ADDRESS: not-an-address", "");
    }
}

#[test]
fn white_space_around_a_secret_is_named() {
    for program in SERVICES {
        let mut command = command(program);
        complete(&mut command).env("INTERNAL_SECRET", " padded-padded-padded-padded-padded-padded");
        refused(&run(&mut command), "INTERNAL_SECRET", "padded-padded");
    }
}

/// I17: half of a key pair stands where a shared secret belongs.
#[test]
fn a_pem_file_in_place_of_a_secret_is_named() {
    let pem = "-----BEGIN PRIVATE KEY-----\nplaceholder-placeholder\n-----END PRIVATE KEY-----";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{pem}\n")).expect("written");
    for program in SERVICES {
        let mut given = command(program);
        refused(
            &run(complete(&mut given).env("INTERNAL_SECRET", pem)),
            "INTERNAL_SECRET is a PEM",
            "placeholder",
        );
        let mut read = command(program);
        complete(&mut read).env_remove("INTERNAL_SECRET").env("INTERNAL_SECRET_FILE", &file);
        refused(&run(&mut read), "is a PEM file", "placeholder");
    }
}

#[test]
fn short_secrets_are_refused_in_production() {
    for program in SERVICES {
        let mut command = command(program);
        complete(&mut command).env("ENVIRONMENT", "production").env("INTERNAL_SECRET", "hunter2hunter2");
        refused(&run(&mut command), "INTERNAL_SECRET", "hunter2hunter2");
    }
}

#[test]
fn two_secrets_of_one_value_are_named() {
    for program in SERVICES {
        let mut command = command(program);
        complete(&mut command).env("INTERNAL_SECRET", crate::harness::JWT_SECRET);
        refused(&run(&mut command), "JWT_SECRET", crate::harness::JWT_SECRET);
    }
}

#[test]
fn a_setting_that_is_not_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    for program in SERVICES {
        let mut command = command(program);
        complete(&mut command).env("INTERNAL_SECRET", std::ffi::OsStr::from_bytes(b"\xff\xfe"));
        refused(&run(&mut command), "INTERNAL_SECRET", "");
    }
}

#[test]
fn a_secret_can_come_from_a_file_and_not_from_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, "padded-padded-padded-padded-padded \n").expect("written");
    for program in SERVICES {
        let mut both = command(program);
        complete(&mut both).env("INTERNAL_SECRET_FILE", &file);
        refused(&run(&mut both), "INTERNAL_SECRET_FILE", "padded-padded");
        let mut padded = command(program);
        complete(&mut padded).env_remove("INTERNAL_SECRET").env("INTERNAL_SECRET_FILE", &file);
        refused(&run(&mut padded), "INTERNAL_SECRET", "padded-padded");
    }
}

#[test]
fn a_database_of_an_unknown_kind_is_named_and_its_password_is_not() {
    for program in ["webhook-ingest", "service-api", "audit-log"] {
        let mut command = command(program);
        complete(&mut command).env("DATABASE_URL", "mysql://crm:hunter2@db/crm");
        refused(&run(&mut command), "DATABASE_URL", "hunter2");
    }
}

#[test]
fn an_address_of_a_database_that_its_client_would_quote_is_named_alone() {
    let data = tempfile::tempdir().expect("a folder");
    for address in
        ["u:hunter2@[bad/x", "u:hunter2%re@127.0.0.1/x", "u:x hunter2@127.0.0.1/x", "u:x@hunter2@127.0.0.1/x"]
    {
        let url = format!("postgres://{address}");
        for program in ["webhook-ingest", "service-api", "audit-log", "sso-issuer"] {
            let mut alone = command(program);
            refused(&run(complete(&mut alone).env("DATABASE_URL", &url)), "DATABASE_URL", "hunter2");
        }
        for arguments in [&[][..], &["migrate"], &["staff", "list"]] {
            let mut all = command("crm-bridge");
            all.arg("--data-dir").arg(data.path()).args(arguments).env("DATABASE_URL", &url);
            refused(&run(all.env("LISTEN_ADDRESS", "127.0.0.1:0")), "DATABASE_URL", "hunter2");
        }
    }
}

#[test]
fn what_a_setting_should_be_is_said() {
    for (program, setting, value, expected) in [
        ("gateway", "WORKERS", "513", "a number from 1 to 512"),
        ("service-api", "WORKERS", "100000", "a number from 1 to 512"),
        ("service-api", "WORKERS", "abc", "a number from 1 to 512"),
        ("service-api", "DRAIN_SECONDS", "abc", "a number of seconds"),
        ("gateway", "ENVIRONMENT", "hunter2", "development or production"),
        ("gateway", "LOG_FORMAT", "hunter2", "json or human"),
        ("gateway", "SERVICE_API_RATE_LIMIT", "-5", "a number from 0 to 100000"),
        ("sso-issuer", "STAFF_JWT_UNKNOWN", "hunter2", "accept or refuse"),
    ] {
        let mut command = command(program);
        let output = run(complete(&mut command).env(setting, value));
        refused(&output, &format!("{setting} is not {expected}"), "hunter2");
    }
}

/// Whoever exports the example as it stands has secrets that everybody knows.
#[test]
fn the_example_of_an_environment_is_refused_in_production() {
    let example = crate::harness::repository_file(".env.example");
    let settings: Vec<_> = example
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name != "LISTEN_ADDRESS")
        .collect();
    assert!(settings.iter().any(|(name, _)| *name == "WEBHOOK_SECRET"), "{settings:?}");
    let data = tempfile::tempdir().expect("a folder");
    let told = |arguments: &[&str]| {
        let mut all = command("crm-bridge");
        all.arg("--data-dir").arg(data.path()).args(arguments).envs(settings.iter().copied());
        run(all.env("ENVIRONMENT", "production").env("LISTEN_ADDRESS", "127.0.0.1:0"))
    };
    let started = told(&[]);
    let said = String::from_utf8_lossy(&started.stderr);
    assert_eq!(started.status.code(), Some(2), "{said}");
    assert!(crate::harness::SECRETS.iter().any(|(name, _)| said.contains(name)), "names one: {said}");
    let checked = told(&["secrets", "check"]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("not fit for use"), "{said}");
    for name in ["WEBHOOK_SECRET", "SERVICE_API_TOKEN", "SSO_SECRET", "JWT_SECRET", "INTERNAL_SECRET"] {
        assert!(said.contains(&format!("refused: {name}")), "{name}: {said}");
    }
}

#[test]
fn the_all_in_one_refuses_as_its_services_do() {
    let data = tempfile::tempdir().expect("a folder");
    let mut command = command("crm-bridge");
    command.arg("--data-dir").arg(data.path()).env("WEBHOOK_SECRET", "padded-padded-padded-padded-padded ");
    refused(&run(&mut command), "WEBHOOK_SECRET", "padded-padded");
}

#[test]
fn a_database_that_cannot_be_reached_is_named_with_its_cause() {
    let url = "postgres://nobody:hunter2@127.0.0.1:9/nothing";
    for arguments in [&[][..], &["migrate"], &["migrate", "--check"]] {
        let data = tempfile::tempdir().expect("a folder");
        let mut command = command("crm-bridge");
        command.arg("--data-dir").arg(data.path()).args(arguments).env("DATABASE_URL", url);
        let output = run(command.env("LISTEN_ADDRESS", "127.0.0.1:0"));
        refused(&output, "DATABASE_URL", "hunter2");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("refused") || said.contains("timed out"), "the cause: {said}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = tempfile::tempdir().expect("a folder");
    let mut command = command("crm-bridge");
    command.arg("--data-dir").arg(data.path()).env("LISTEN_ADDRESS", &address);
    let output = run(&mut command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("LISTEN_ADDRESS") && said.contains(&address), "{said}");
}

/// Everything a service needs, so that one setting can be spoiled.
fn complete(command: &mut std::process::Command) -> &mut std::process::Command {
    command
        .envs(SECRETS)
        .env("LISTEN_ADDRESS", "127.0.0.1:0")
        .env("DATABASE_URL", "sqlite:/nonexistent/never-opened.sqlite")
        .env("WEBHOOK_INGEST_URL", "http://127.0.0.1:9")
        .env("SERVICE_API_URL", "http://127.0.0.1:9")
        .env("AUDIT_LOG_URL", "http://127.0.0.1:9")
        .env("SSO_ISSUER_URL", "http://127.0.0.1:9")
        .env("DASHBOARD_URL", "http://127.0.0.1:9")
}
