//! `crm-bridge webhook`: signs a body as platforms do, sends it, and says what a refused signature looks like. It touches no database.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use auth::diagnose::diagnose;
use auth::keyring::KeyRing;
use auth::malformed::Shape;
use auth::secret::Secret;
use auth::webhook::{self, HEADER, SignatureError};
use http_kit::config::Environment;
use serde_json::{Value, json};
use webhook_ingest::domain::signature::setting_of;

use super::{Ended, in_words, remote, say};
use crate::cli::{BodyArgs, DiagnoseArgs, SendArgs, SignArgs, WebhookCommand};
use crate::settings;

/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(data: &Path, command: WebhookCommand) -> Ended {
    let environment = settings::environment(data).map_err(in_words)?;
    match command {
        WebhookCommand::Sign(arguments) => sign(&environment, &arguments),
        WebhookCommand::Send(arguments) => send(&environment, &arguments),
        WebhookCommand::Diagnose(arguments) => diagnose_signature(&environment, &arguments),
    }
}

fn sign(environment: &Environment, arguments: &SignArgs) -> Ended {
    let body = read_body(&arguments.body)?;
    let (_, ring) = key(environment, &arguments.body.source)?;
    let signature = webhook::sign(ring.current(), &body);
    if arguments.body.json {
        say(json!({"header": HEADER, "signature": signature}));
    } else {
        say(signature);
    }
    Ok(true)
}

fn send(environment: &Environment, arguments: &SendArgs) -> Ended {
    let SendArgs { body: BodyArgs { source, json, .. }, url } = arguments;
    let body = read_body(&arguments.body)?;
    let (_, ring) = key(environment, source)?;
    let signature = webhook::sign(ring.current(), &body);
    let url = format!("{}/api/webhooks/{source}", url.trim_end_matches('/'));
    let (status, answer) = post(&url, &signature, body)?;
    if *json {
        let body: Value = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
        say(json!({"status": status, "body": body}));
    } else {
        say(format_args!("{status} {answer}"));
    }
    Ok((200..300).contains(&status))
}

#[tokio::main(flavor = "current_thread")]
async fn post(url: &str, signature: &str, body: Vec<u8>) -> Result<(u16, String), String> {
    let client = remote::client(url, PATIENCE)?;
    let sending = client.post(url).header(HEADER, signature).header("content-type", "application/json");
    let answer = sending.body(body).send().await.map_err(remote::unanswered(url))?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(remote::unanswered(url))?))
}

fn diagnose_signature(environment: &Environment, arguments: &DiagnoseArgs) -> Ended {
    let body = read_body(&arguments.body)?;
    let (name, ring) = key(environment, &arguments.body.source)?;
    let header = arguments.signature.as_bytes();
    let others = others(environment, &name)?;
    let (verdict, hint) = match webhook::verify(&ring, [header], body.clone().into()) {
        Ok(_) => ("valid", None),
        Err(SignatureError::Mismatch) => {
            let hint = diagnose(&body, header, &ring, &name, &others);
            ("mismatch", hint.map(|hint| (hint.as_str(), hint.to_string())))
        }
        Err(SignatureError::Missing | SignatureError::Malformed) => {
            let shape = Shape::of(&[header]);
            ("malformed", Some((shape.as_str(), shape.to_string())))
        }
    };
    let (hint, meaning) = match (verdict, hint) {
        ("valid", _) => (None, "The signature is valid.".to_owned()),
        (_, Some((word, meaning))) => (Some(word), meaning),
        (_, None) => (None, UNKNOWN.to_owned()),
    };
    if arguments.body.json {
        say(json!({"valid": verdict == "valid", "verdict": verdict, "hint": hint, "meaning": meaning}));
    } else {
        say(meaning);
    }
    Ok(verdict == "valid")
}

const UNKNOWN: &str =
    "The signature does not match, and looks like no mistake that we know: compare the secret and the bytes.";

/// The setting of a source's key, and the key.
fn key(environment: &Environment, source: &str) -> Result<(String, KeyRing), String> {
    let name = setting_of(source);
    let ring = environment.required_key_ring(&name).map_err(in_words)?;
    Ok((name, ring))
}

/// Our other secrets, as far as this environment has them.
fn others(environment: &Environment, name: &str) -> Result<Vec<(String, Secret)>, String> {
    let mut others = Vec::new();
    for other in environment.secret_names().into_iter().filter(|other| other != name) {
        if let Some(secret) = environment.secret(&other).map_err(in_words)? {
            others.push((other, secret));
        }
    }
    Ok(others)
}

fn read_body(arguments: &BodyArgs) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let read = if arguments.file.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut body).map(|_| body)
    } else {
        fs::read(&arguments.file)
    };
    read.map_err(|error| format!("{}: {error}", arguments.file.display()))
}
