//! I18: whatever the system writes is searched for what must not be in it. Secrets and tokens are nowhere: not in logs, not in metrics,
//! not on the trail, not in a database. What is a person's is in no log and no metric.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use test_kit::database::{Backend, postgres, sqlite};

use crate::calls::{Caller, staff_token, told};
use crate::harness::{AllInOne, SECRETS, SERVICE_API_TOKEN, wait_for};

const CLIENTS: usize = 1_000;

/// What identifies one client. Each has one of [`MARKS`], which are found nowhere else.
fn personal(number: usize) -> [String; 5] {
    [
        format!("quillon.{number:04}@leaktest.example"),
        format!("+99{number:04}5550199"),
        format!("Quillonfirst{number:04}"),
        format!("Quillonlast{number:04}"),
        format!("Quillonnote{number:04}"),
    ]
}

/// In lower case. They are searched for instead of 5,000 whole values: quicker, and a part of a value is found too.
const MARKS: [&str; 3] = ["quillon", "leaktest", "5550199"];

/// What only its owner may know, by what it is.
type Private = Vec<(&'static str, String)>;

/// Somebody is added to the staff and logs in: what they were given and what they chose.
async fn log_in(caller: &Caller) -> Private {
    let staff = |path: &str, body: Value| caller.request(Method::POST, path).json(&body);
    let new = json!({"email": "quillon.staff@leaktest.example", "name": "Quillon Staff", "role": "support"});
    let added = staff("/api/staff", new).bearer_auth(staff_token("admin")).send().await;
    let (status, added) = told(added.expect("an answer")).await;
    assert_eq!(status, 201, "{added}");
    let one_time = added["oneTimePassword"].as_str().expect("a password").to_owned();
    let chosen = "a password that quite certainly nobody writes down".to_owned();
    let said =
        json!({"email": "quillon.staff@leaktest.example", "password": one_time, "newPassword": chosen});
    let (status, begun) = told(staff("/api/auth/login", said).send().await.expect("an answer")).await;
    assert_eq!(status, 200, "{begun}");
    let token = begun["token"].as_str().expect("a token").to_owned();
    vec![("a one-time password", one_time), ("a chosen password", chosen), ("a log-in's token", token)]
}

async fn live_through(caller: &Caller) {
    for number in 0..CLIENTS {
        let [email, phone, first, last, note] = personal(number);
        let id = format!("leak-{number}");
        let register = json!({"event": "client.registered",
            "data": {"clientId": id, "email": email, "firstName": first, "lastName": last, "phone": phone}});
        let kyc = json!({"event": "kyc.updated", "data": {"clientId": id, "kycStatus": "pending", "kycNotes": note}});
        for body in [register, kyc] {
            assert_eq!(caller.webhook(body.to_string().as_bytes()).await.status(), 200);
        }
    }
    for number in (0..CLIENTS).step_by(50) {
        let [email, _, _, _, note] = personal(number);
        wait_for("the client's events to take effect", async || {
            told(caller.client(&email).await).await.1["kycStatus"] == "pending"
        })
        .await;
        let path = format!("/api/service/clients/{email}");
        let service = |method, path: &str| caller.request(method, path).bearer_auth(SERVICE_API_TOKEN);
        let noted = service(Method::POST, &format!("{path}/notes")).json(&json!({"comment": note}));
        assert_eq!(noted.send().await.expect("an answer").status(), 201);
        let refused = service(Method::PATCH, &format!("{path}/kyc")).json(&json!({"kycStatus": note}));
        assert_eq!(refused.send().await.expect("an answer").status(), 422);
        let staff = |method, path: &str| caller.request(method, path).bearer_auth(staff_token("admin"));
        let link = staff(Method::POST, &format!("/api/clients/leak-{number}/impersonate")).send().await;
        assert_eq!(link.expect("an answer").status(), 200);
        let login = json!({"email": email, "password": note});
        let failed = caller.request(Method::POST, "/api/auth/login").json(&login).send().await;
        assert_eq!(failed.expect("an answer").status(), 401);
        let forged = caller.signed(email.as_bytes(), &"0".repeat(64)).await;
        assert_eq!(forged.status(), 401);
        let searched = staff(Method::GET, &format!("/api/clients?query={email}")).send().await;
        assert_eq!(searched.expect("an answer").status(), 200);
    }
}

#[tokio::test]
async fn nothing_written_holds_a_secret_and_no_log_a_person() {
    for database in [sqlite(), postgres()] {
        let backend = database.backend();
        let data = tempfile::tempdir().expect("a temporary folder");
        let metrics_at = test_kit::ports::free_address().to_string();
        let wordy = [("LOG_LEVEL", "debug"), ("LOG_FORMAT", "json"), ("METRICS_ADDRESS", &*metrics_at)];
        let mut system = AllInOne::start_with(database, data, &wordy).await;
        let caller = system.caller();
        live_through(&caller).await;
        let mut private = log_in(&caller).await;
        private.extend(SECRETS.map(|(name, secret)| (name, secret.to_owned())));
        let trail = Value::from(caller.whole_trail("").await).to_string();
        assert!(trail.contains("client.impersonate"), "the trail was read");
        let metrics = crate::metrics::read(&format!("http://{metrics_at}")).await;
        assert_eq!(system.process.stop(), Some(0));
        let log = system.process.log();
        assert!(log.lines().count() > 10, "there is a log: {log}");

        let mut written = vec![("the log", log.clone().into_bytes()), ("the trail", trail.into_bytes())];
        written.push(("the metrics", metrics.clone().into_bytes()));
        if backend == Backend::Sqlite {
            for file in fs::read_dir(system.data.path()).expect("the data folder") {
                let path = file.expect("an entry").path();
                if path.extension().is_some_and(|kind| kind != "env") {
                    written.push(("a database", fs::read(&path).expect("a file")));
                }
            }
            assert!(written.len() >= 6, "the databases were read");
        } else {
            let rows = system.database.rows().join("\n");
            for known in ["quillon.0007@leaktest.example", "client.impersonate", "$argon2id$"] {
                assert!(rows.contains(known), "the databases were read: {known}");
            }
            written.push(("a database", rows.into_bytes()));
        }
        for (what, bytes) in &written {
            for (name, secret) in &private {
                assert!(!holds(bytes, secret), "{what} holds {name}");
            }
            assert!(!holds_token(bytes), "{what} holds a token");
        }
        let (log, metrics) = (log.to_lowercase(), metrics.to_lowercase());
        for mark in MARKS {
            assert!(!metrics.contains(mark), "the metrics tell of a person");
            assert!(
                personal(7).iter().any(|value| value.to_lowercase().contains(mark)),
                "{mark} marks something"
            );
            let line = log.lines().find(|line| line.contains(mark));
            assert_eq!(line, None, "no line of the log tells of a person");
        }
    }
}

/// Two parts of a JWT: `eyJ`, at least ten letters of base64url, a dot, and `eyJ` again. The three letters alone are in many a digest.
fn holds_token(bytes: &[u8]) -> bool {
    let letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'-' | b'_');
    bytes.windows(3).enumerate().filter(|(_, three)| *three == b"eyJ").any(|(at, _)| {
        let header = bytes[at..].iter().take_while(letter).count();
        header >= 10 && bytes[at + header..].starts_with(b".eyJ")
    })
}

#[test]
fn a_token_is_found_where_there_is_one() {
    let token = test_kit::credentials::staff_token(crate::harness::JWT_SECRET, &json!("admin"));
    assert!(holds_token(format!("x={token}&y").as_bytes()));
    assert!(!holds_token(b"abceyJdefghijklmnop"));
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
