//! The frozen surface (section 1 of the contract) as a platform uses it that was built long before us: every call, in its exact
//! shape, through the gateway, on both databases.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use test_kit::database::both;

use crate::calls::{Caller, staff_token, told};
use crate::harness::{AllInOne, SERVICE_API_TOKEN, wait_for};

/// The members of an object, which are exactly these.
fn assert_members(value: &Value, members: &[&str]) {
    let there: BTreeSet<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(there, members.iter().copied().collect(), "{value}");
}

/// A call of the service API.
async fn service(caller: &Caller, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = caller.request(method, &format!("/api/service/{path}")).bearer_auth(SERVICE_API_TOKEN);
    if let Some(body) = body {
        request = request.json(&body);
    }
    told(request.send().await.expect("an answer")).await
}

/// The five events, as platforms send them; each is accepted.
async fn send_all_events(caller: &Caller) {
    let events = [
        (
            "client.registered",
            json!({"clientId": "1001", "email": "Ann@Example.com", "firstName": "Ann", "lastName": "Lee", "phone": "+4420000000"}),
        ),
        (
            "account.updated",
            json!({"clientId": "1001", "accountId": "A1", "login": "700001", "platform": "MT5", "server": "Live-1",
                "type": "live", "currency": "usd", "leverage": 100, "balance": 2500.5, "status": "active"}),
        ),
        (
            "account.updated",
            json!({"clientId": "1001", "accountId": "S1", "parentAccountId": "A1", "server": "Live-1", "balance": "10"}),
        ),
        (
            "deposit.completed",
            json!({"clientEmail": "ann@example.com", "transactionId": "9", "amount": 1000.5, "currency": "USD", "accountId": "A1"}),
        ),
        (
            "withdrawal.completed",
            json!({"clientId": 1001, "transactionId": "9", "amount": "0.30", "currency": "USD"}),
        ),
        ("kyc.updated", json!({"clientId": "1001", "kycStatus": "PENDING", "kycNotes": "documents came"})),
    ];
    for (minute, (event, data)) in events.into_iter().enumerate() {
        let timestamp = format!("2025-10-13T19:{minute:02}:00Z");
        let body = json!({"event": event, "data": data, "timestamp": timestamp}).to_string();
        let (status, answer) = told(caller.webhook(body.as_bytes()).await).await;
        assert_eq!((status, answer["status"].as_str()), (200, Some("accepted")), "{event}: {answer}");
        assert_members(&answer, &["status", "eventId"]);
    }
    wait_for("all six to take effect", async || caller.count("action=event.apply").await == 6).await;
}

#[tokio::test]
async fn a_platform_of_the_frozen_contract_works_unchanged() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        send_all_events(&caller).await;
        reads_the_record(&caller).await;
        reads_the_accounts(&caller).await;
        changes_the_kyc(&caller).await;
        notes_and_activity(&caller).await;
        impersonates(&caller).await;
    }
}

async fn reads_the_record(caller: &Caller) {
    let (status, record) = service(caller, Method::GET, "clients/ann@example.com", None).await;
    assert_eq!(status, 200, "{record}");
    assert_members(
        &record,
        &[
            "id",
            "clientId",
            "email",
            "firstName",
            "lastName",
            "phone",
            "country",
            "language",
            "status",
            "kycStatus",
            "kycNotes",
            "kycUpdatedAt",
            "otherClientIds",
            "createdAt",
            "updatedAt",
            "version",
        ],
    );
    assert_eq!(
        (&record["email"], &record["kycStatus"], &record["kycNotes"], &record["status"]),
        (&json!("Ann@Example.com"), &json!("pending"), &json!("documents came"), &json!("active")),
        "{record}"
    );
}

async fn reads_the_accounts(caller: &Caller) {
    let (status, answer) = service(caller, Method::GET, "accounts/ann@example.com", None).await;
    assert_eq!(status, 200, "{answer}");
    assert_members(&answer, &["clientId", "email", "accounts"]);
    let fields = [
        "accountId",
        "login",
        "platform",
        "server",
        "type",
        "group",
        "name",
        "currency",
        "leverage",
        "leverageText",
        "balance",
        "equity",
        "credit",
        "margin",
        "freeMargin",
        "marginLevel",
        "status",
        "createdAt",
        "updatedAt",
    ];
    let accounts = answer["accounts"].as_array().expect("accounts");
    assert_eq!(accounts.len(), 1, "{answer}");
    assert_members(&accounts[0], &[&fields[..], &["subaccounts"]].concat());
    assert_eq!(
        (
            &accounts[0]["balance"],
            &accounts[0]["leverage"],
            &accounts[0]["leverageText"],
            &accounts[0]["currency"]
        ),
        (&json!("2500.5"), &json!(100), &json!("1:100"), &json!("USD")),
    );
    let parts = accounts[0]["subaccounts"].as_array().expect("subaccounts");
    assert_eq!(parts.len(), 1, "{answer}");
    assert_members(&parts[0], &[&fields[..], &["parentAccountId"]].concat());
    assert_eq!((&parts[0]["accountId"], &parts[0]["parentAccountId"]), (&json!("S1"), &json!("A1")));
}

async fn changes_the_kyc(caller: &Caller) {
    let change = json!({"kycStatus": "approved", "kycNotes": "all fine"});
    let (status, answer) = service(caller, Method::PATCH, "clients/ann@example.com/kyc", Some(change)).await;
    assert_eq!(status, 200, "{answer}");
    assert_members(
        &answer,
        &["clientId", "email", "kycStatus", "previousKycStatus", "kycNotes", "kycUpdatedAt", "version"],
    );
    assert_eq!(
        (&answer["kycStatus"], &answer["previousKycStatus"], &answer["kycNotes"]),
        (&json!("approved"), &json!("pending"), &json!("all fine")),
    );
}

async fn notes_and_activity(caller: &Caller) {
    let note = json!({"comment": "called back"});
    let (status, answer) = service(caller, Method::POST, "clients/ann@example.com/notes", Some(note)).await;
    assert_eq!(status, 201, "{answer}");
    assert_members(&answer, &["noteId", "clientId", "comment", "author", "createdAt"]);
    assert_members(&answer["author"], &["type", "id"]);

    let (status, answer) = service(caller, Method::GET, "clients/ann@example.com/activity", None).await;
    assert_eq!(status, 200, "{answer}");
    assert_members(&answer, &["activities", "nextCursor"]);
    let activities = answer["activities"].as_array().expect("activities");
    for activity in activities {
        assert_members(activity, &["activityId", "type", "description", "actor", "metadata", "createdAt"]);
        assert_members(&activity["actor"], &["type", "id"]);
    }
    let types: Vec<_> = activities.iter().filter_map(|activity| activity["type"].as_str()).collect();
    assert_eq!(types.first(), Some(&"note.added"), "newest first: {types:?}");
    for needed in ["client.registered", "account.changed", "deposit.completed", "withdrawal.completed"] {
        assert!(types.contains(&needed), "{needed}: {types:?}");
    }
    assert_eq!(types.iter().filter(|kind| **kind == "kyc.changed").count(), 2, "{types:?}");
}

async fn impersonates(caller: &Caller) {
    let call =
        || caller.request(Method::POST, "/api/clients/1001/impersonate").bearer_auth(staff_token("admin"));
    // I8 and I13: nothing that a caller makes up gets into the link.
    let made_up = json!({"impersonatedBy": "evil@x.example", "clientEmail": "evil@x.example", "exp": 1, "role": "evil"});
    let ways = [
        call(),
        call().header(CONTENT_TYPE, "application/json"),
        call().json(&json!({"reason": "asked"})),
        call().header("host", "evil.example").header("x-forwarded-host", "evil.example").json(&made_up),
    ];
    let mut tokens = BTreeSet::new();
    for request in ways {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        let (status, answer) = told(answer).await;
        assert_eq!(status, 200, "{answer}");
        assert_members(&answer, &["ssoToken", "ssoUrl", "expiresIn"]);
        let token = answer["ssoToken"].as_str().expect("a token");
        let url = answer["ssoUrl"].as_str().expect("a URL");
        assert_eq!(url, format!("http://127.0.0.1:9090/sso/impersonate?token={token}"));
        let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = String::from_utf8(claims.expect("base64url")).expect("text");
        assert!(claims.contains("staff@broker.example") && !claims.contains("evil"), "{claims}");
        assert_eq!(answer["expiresIn"], 900);
        tokens.insert(token.to_owned());
    }
    assert_eq!(tokens.len(), 4, "each token is its own");
    let refused = caller
        .request(Method::POST, "/api/clients/1001/impersonate")
        .bearer_auth(staff_token("support"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status(), 403);
    let unknown =
        caller.request(Method::POST, "/api/clients/1001/impersonate").send().await.expect("an answer");
    assert_eq!(unknown.status(), 401);
    assert!(unknown.headers().contains_key("www-authenticate"));
    wait_for("the impersonations among the activities", async || {
        let (_, answer) =
            service(caller, Method::GET, "clients/ann@example.com/activity?type=client.impersonated", None)
                .await;
        answer["activities"].as_array().is_some_and(|activities| activities.len() == 4)
    })
    .await;
}

/// Section 1.3: a hundred calls a minute, by default.
#[tokio::test]
async fn the_limit_is_told_with_every_answer() {
    for database in both() {
        let system = AllInOne::start_limited(database).await;
        let answer = system.caller().client("nobody@example.com").await;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"service-api\";q=100;w=60");
        let limit = answer.headers()["ratelimit"].to_str().expect("text").to_owned();
        assert!(limit.starts_with("\"service-api\";r=99;t="), "{limit}");
    }
}
