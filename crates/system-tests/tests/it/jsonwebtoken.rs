//! I12: what we sign passes the npm package `jsonwebtoken` 9 as platforms call it: `jwt.verify(token, secret)`, no options.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use auth::jwt::Signer;
use auth::random::Random;
use contract::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use test_kit::credentials::ring;
use test_kit::database::both;
use test_kit::waiting::eventually;

use crate::calls::{registration, staff_token, told};
use crate::harness::{AllInOne, SSO_SECRET, environment};

/// Reads lines of `{token, secret}`, and answers each with a line of its claims, or of why it is refused.
const VERIFY: &str = r#"
const jwt = require("jsonwebtoken");
if (!require("jsonwebtoken/package.json").version.startsWith("9.")) throw new Error("another jsonwebtoken");
const answer = (line) => {
  const { token, secret } = JSON.parse(line);
  try { return { claims: jwt.verify(token, secret) }; } catch (error) { return { error: error.message }; }
};
let text = "";
process.stdin.setEncoding("utf8").on("data", (chunk) => (text += chunk)).on("end", () => {
  const lines = text.split("\n").filter((line) => line !== "");
  process.stdout.write(lines.map((line) => JSON.stringify(answer(line)) + "\n").join(""));
});
"#;

/// Where scripts/install-needs puts the package.
fn node_modules() -> PathBuf {
    let folder = environment("CRM_TEST_NODE_MODULES").map(PathBuf::from).unwrap_or_else(|| {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-node/node_modules")).to_owned()
    });
    assert!(folder.join("jsonwebtoken").exists(), "{}: run scripts/install-needs", folder.display());
    folder
}

/// What `jwt.verify(token, secret)` says of each: `{"claims": …}` or `{"error": …}`.
pub(crate) fn verified(tokens: &[(String, String)]) -> Vec<Value> {
    let mut node = Command::new("node")
        .args(["-e", VERIFY])
        .env("NODE_PATH", node_modules())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let mut input = node.stdin.take().expect("a pipe");
    // It reads to the end before it writes, so neither waits for the other.
    for (token, secret) in tokens {
        writeln!(input, "{}", json!({"token": token, "secret": secret})).expect("written");
    }
    drop(input);
    let output = node.wait_with_output().expect("node ends");
    assert!(output.status.success(), "node failed");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A number below `limit`.
fn below(random: &Random, limit: u32) -> u32 {
    u32::from_be_bytes(random.bytes()) % limit
}

/// A character of any script, and often one that a careless writer of JSON, URLs or base64 trips over.
fn character(random: &Random) -> char {
    const DELICATE: [char; 16] = [
        '"', '\'', '\\', '/', '+', '=', '&', '%', '<', '\u{2028}', '\u{202e}', '\u{7f}', 'é', 'K', 'ı', '👩',
    ];
    match below(random, 4) {
        0 => DELICATE[below(random, 16) as usize],
        1 => char::from_u32(below(random, 0x11_0000)).unwrap_or('\u{fffd}'),
        _ => char::from(b'!' + u8::try_from(below(random, 94)).expect("below 94")),
    }
}

fn text(random: &Random, characters: u32) -> String {
    (0..characters).map(|_| character(random)).collect()
}

/// Mostly as people make them: 64 hex characters. Else any text of at least 32 bytes.
fn secret(random: &Random) -> String {
    if below(random, 2) == 0 {
        random.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect()
    } else {
        let characters = 32 + below(random, 64);
        text(random, characters)
    }
}

/// The claims of an impersonation, as contract 1.4 and 4 name them.
fn claims(random: &Random, now: i64) -> Value {
    let characters = below(random, 300);
    json!({
        "iss": "crm-bridge",
        "aud": "trading-platform",
        "sub": text(random, 12),
        "clientId": text(random, 12),
        "clientEmail": format!("{}@example.com", text(random, characters)),
        "impersonatedBy": format!("{}@broker.example", text(random, 10)),
        "type": "sso_impersonation",
        "act": {"sub": "st_1"},
        "jti": text(random, 20),
        "iat": now,
        "exp": now + 900,
    })
}

#[test]
fn ten_thousand_tokens_pass_and_say_what_we_said() {
    let seed = u64::from_be_bytes(Random::system().bytes());
    let random = Random::seeded(seed);
    let now = Clock::system().now().as_seconds();
    let (mut tokens, mut said) = (Vec::new(), Vec::new());
    for _ in 0..10_000 {
        let (claims, secret) = (claims(&random, now), secret(&random));
        tokens.push((Signer::new(ring(&secret)).sign(&claims).expect("signed"), secret));
        said.push(claims);
    }
    let heard = verified(&tokens);
    assert_eq!(heard.len(), said.len(), "seed {seed}");
    for (heard, said) in heard.iter().zip(&said) {
        assert_eq!(heard["claims"], *said, "seed {seed}: {heard}");
    }
}

/// The other way round: what must not pass does not, so that the test above could fail.
#[test]
fn a_wrong_secret_and_an_expired_token_do_not_pass() {
    let now = Clock::system().now().as_seconds();
    let random = Random::seeded(1);
    let (right, wrong) = (secret(&random), secret(&random));
    let signed = |now| Signer::new(ring(&right)).sign(&claims(&random, now)).expect("signed");
    let heard =
        verified(&[(signed(now), right.clone()), (signed(now), wrong), (signed(now - 901), right.clone())]);
    assert!(heard[0]["claims"]["clientEmail"].is_string(), "{}", heard[0]);
    assert_eq!(heard[1]["error"], "invalid signature");
    assert_eq!(heard[2]["error"], "jwt expired");
}

/// The whole way: impersonated through the gateway, verified by the platform's library.
#[tokio::test]
async fn an_impersonation_through_the_gateway_passes() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let email = "o'brien+\"é\"@example.com";
        assert_eq!(system.caller().webhook(&registration("1001", email)).await.status(), 200);
        let impersonate = async || {
            let request = system.caller().request(Method::POST, "/api/clients/1001/impersonate");
            told(request.bearer_auth(staff_token("admin")).send().await.expect("an answer")).await
        };
        // Acknowledged, and soon applied.
        let (status, answer) = eventually(impersonate, |(status, _)| *status == 200).await;
        assert_eq!((status, &answer["expiresIn"]), (200, &json!(900)), "{answer}");
        let token = answer["ssoToken"].as_str().expect("a token").to_owned();
        let link = answer["ssoUrl"].as_str().expect("a link");
        assert!(link.ends_with(&format!("/sso/impersonate?token={token}")), "{link}");
        let heard = verified(&[(token, SSO_SECRET.to_owned())]);
        let claims = &heard[0]["claims"];
        assert_eq!(claims["clientEmail"], email, "{heard:?}");
        assert_eq!(claims["impersonatedBy"], "staff@broker.example", "{heard:?}");
        let times = (claims["exp"].as_i64().expect("exp"), claims["iat"].as_i64().expect("iat"));
        assert_eq!(times.0 - times.1, 900);
        assert!(claims.get("nbf").is_none(), "{heard:?}");
    }
}
