//! Who is let in: abuse cases W1 to W3, rotation, further sources, Standard Webhooks, and what the trail says of those who are not.

use std::time::Duration;

use contract::clock::{Clock, Timestamp};
use serde_json::Value;
use test_kit::database::{both, sqlite};
use test_kit::waiting::eventually;

use crate::http::{Answer, post};
use crate::support::{
    ACME_SECRET, API_TOKEN, Ingest, NOBODY, PREVIOUS, SECRET, STANDARD, config, registration, sign,
    start_alone, start_with,
};

/// The refusals on the trail, once they add up to `count`.
async fn refusals(ingest: &Ingest, count: u64) -> Vec<Value> {
    let number =
        |entries: &Vec<Value>| entries.iter().filter_map(|entry| entry["count"].as_u64()).sum::<u64>();
    eventually(|| ingest.attempts(), |entries| number(entries) >= count).await
}

async fn nothing_is_stored(ingest: &Ingest) {
    assert_eq!(ingest.inbox().await, []);
    assert_eq!(ingest.seen().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_a_bad_signature_is_refused_and_counted_and_stores_nothing() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = registration("a", "c1");
        let good = sign(SECRET, &body);
        let other = sign(SECRET, b"another body");
        let wrong = sign("some-other-secret-for-tests-only-0", &body);
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "signature_missing"),
            (&[("x-webhook-signature", "")], "signature_malformed"),
            (&[("x-webhook-signature", &good[..63])], "signature_malformed"),
            (&[("x-webhook-signature", &format!("{good}0"))], "signature_malformed"),
            (&[("x-webhook-signature", &good.replacen(|_| true, "g", 1))], "signature_malformed"),
            (&[("x-webhook-signature", "sha256=")], "signature_malformed"),
            (&[("x-webhook-signature", &good), ("x-webhook-signature", &good)], "signature_malformed"),
            (&[("x-webhook-signature", &other)], "signature_mismatch"),
            (&[("x-webhook-signature", &wrong)], "signature_mismatch"),
            (&[("x-webhook-signature", &"0".repeat(64))], "signature_mismatch"),
        ];
        for (headers, code) in cases {
            let answer = post(ingest.address, "/api/webhooks/site", headers, &body).await;
            assert_eq!(answer.refusal(), (401, (*code).to_owned()), "{headers:?}");
            assert!(answer.header("www-authenticate").is_some());
        }
        nothing_is_stored(&ingest).await;
        let entries = refusals(&ingest, cases.len() as u64).await;
        let counted: u64 = entries.iter().filter_map(|entry| entry["count"].as_u64()).sum();
        assert_eq!(counted, cases.len() as u64, "{entries:?}");
        for code in ["signature_missing", "signature_malformed", "signature_mismatch"] {
            let entry = entries.iter().find(|entry| entry["reason"] == code).expect(code);
            assert_eq!(entry["outcome"], "refused");
            assert_eq!(entry["category"], "webhook");
            assert_eq!(entry["actor"]["kind"], "platform");
            assert_eq!(entry["actor"]["id"], "site");
            assert!(entry["address"]["sha256"].is_string(), "{entry}");
        }
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_as_platforms_write_them_are_accepted() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = |id: &str| registration(id, "c1");
        for (id, signature) in [
            ("lower", sign(SECRET, &body("lower"))),
            ("upper", sign(SECRET, &body("upper")).to_uppercase()),
            ("prefixed", format!("sha256={}", sign(SECRET, &body("prefixed")))),
            ("rotated", sign(PREVIOUS, &body("rotated"))),
        ] {
            let answer = ingest.deliver_under(&signature, &body(id)).await;
            assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"), "{id}");
        }
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w2_w3_a_near_miss_is_refused_and_the_trail_says_what_it_looks_like() {
    let on = sqlite();
    let (clock, hands) = Clock::manual(Timestamp::from_micros(1_790_000_000_000_000));
    let ingest = start_with(&on, config(&on, NOBODY), clock).await;
    let body = br#"{"event": "client.registered",  "data": {"email": "ada@example.com"}}"#;
    let compact = br#"{"event":"client.registered","data":{"email":"ada@example.com"}}"#;
    let cases = [
        ("reserialized_json", sign(SECRET, compact)),
        ("body_plus_newline", sign(SECRET, &[&body[..], b"\n"].concat())),
        ("other_secret", sign(API_TOKEN, body)),
        ("wrong_length", sign(SECRET, body)[1..].to_owned()),
        ("openssl_line", format!("SHA2-256(stdin)= {}", sign(SECRET, body))),
    ];
    for (hint, signature) in &cases {
        hands.advance(Duration::from_secs(1));
        let answer = ingest.deliver_under(signature, body).await;
        let code = if signature.len() == 64 { "signature_mismatch" } else { "signature_malformed" };
        assert_eq!(answer.refusal(), (401, code.to_owned()), "{hint}");
        assert!(!answer.json().to_string().contains("looksLike"), "the answer keeps the hint to itself");
    }
    nothing_is_stored(&ingest).await;
    let entries = refusals(&ingest, 5).await;
    let hints: Vec<&str> =
        entries.iter().filter_map(|entry| entry["details"]["looksLike"].as_str()).collect();
    assert_eq!(hints.len(), 5, "{entries:?}");
    for (hint, _) in &cases {
        assert!(hints.iter().any(|found| found.starts_with(hint)), "{hint} in {hints:?}");
    }
    assert!(
        !entries.iter().any(|entry| entry.to_string().contains(API_TOKEN)),
        "a hint names a secret, and never shows it"
    );
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_looked_into_once_a_second() {
    let on = sqlite();
    let (clock, hands) = Clock::manual(Timestamp::from_micros(1_790_000_000_000_000));
    let ingest = start_with(&on, config(&on, NOBODY), clock).await;
    let body = registration("a", "c1");
    let near_miss = sign(SECRET, &[&body[..], b"\n"].concat());
    for _ in 0..5 {
        assert_eq!(ingest.deliver_under(&near_miss, &body).await.status, 401);
    }
    hands.advance(Duration::from_secs(1));
    assert_eq!(ingest.deliver_under(&near_miss, &body).await.status, 401);
    let entries = refusals(&ingest, 6).await;
    let looked_into = entries.iter().filter(|entry| entry["details"]["looksLike"].is_string()).count();
    assert_eq!(looked_into, 2, "{entries:?}");
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_has_its_own_secret_and_an_unknown_one_is_not_found() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = registration("a", "c1");
        let (site, acme) = (sign(SECRET, &body), sign(ACME_SECRET, &body));
        let to = async |source: &str, signature: &str| {
            post(
                ingest.address,
                &format!("/api/webhooks/{source}"),
                &[("x-webhook-signature", signature)],
                &body,
            )
            .await
        };
        assert_eq!(to("acme", &site).await.refusal(), (401, "signature_mismatch".to_owned()));
        assert_eq!(to("site", &acme).await.refusal(), (401, "signature_mismatch".to_owned()));
        for unknown in ["nobody", "SITE", "site%20", "previous"] {
            assert_eq!(to(unknown, &site).await.refusal(), (404, "source_not_found".to_owned()), "{unknown}");
        }
        assert_eq!(to("acme", &acme).await.text("status"), "accepted");
        assert_eq!(to("site", &site).await.text("status"), "accepted", "one id of two sources is two events");
        let rows = ingest.inbox().await;
        assert_eq!(rows.iter().map(|row| row.source.as_str()).collect::<Vec<_>>(), ["acme", "site"]);
        ingest.stop().await;
    }
}

/// Posts as Standard Webhooks say, sent at `at`.
pub(crate) async fn standard(ingest: &Ingest, source: &str, id: &str, at: Timestamp, body: &[u8]) -> Answer {
    let seconds = at.as_seconds().to_string();
    let signature = auth::standard_webhooks::sign(STANDARD, id, &seconds, body).expect("a good secret");
    let headers = [("webhook-id", id), ("webhook-timestamp", &seconds), ("webhook-signature", &signature)];
    post(ingest.address, &format!("/api/webhooks/{source}"), &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_webhooks_are_accepted_within_five_minutes_and_their_signed_id_is_the_key() {
    for on in both() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let (clock, _hands) = Clock::manual(now);
        let ingest = start_with(&on, config(&on, NOBODY), clock).await;
        let body = registration("inner", "c1");
        let first = standard(&ingest, "site", "msg_1", now, &body).await;
        assert_eq!((first.status, first.text("status").as_str()), (200, "accepted"));
        let retry = standard(&ingest, "site", "msg_1", now.plus(Duration::from_secs(299)), &body).await;
        assert_eq!(
            (retry.text("status"), retry.text("eventId")),
            ("duplicate".to_owned(), first.text("eventId"))
        );
        let other = standard(&ingest, "site", "msg_1", now, &registration("inner", "c2")).await;
        assert_eq!(other.refusal(), (409, "event_id_reused".to_owned()));
        assert_eq!(
            standard(&ingest, "site", "msg_2", now, &body).await.text("status"),
            "accepted",
            "another message"
        );

        let late = Duration::from_secs(301);
        for at in [now.minus(late), now.plus(late)] {
            let answer = standard(&ingest, "site", "msg_3", at, &body).await;
            assert_eq!(answer.refusal(), (401, "signature_mismatch".to_owned()));
            assert!(
                answer.text("detail").contains("5 minutes"),
                "whoever has the secret is told why: {answer:?}"
            );
        }
        let long_ago = (now.as_seconds() - 3_600).to_string();
        let headers =
            [("webhook-id", "msg_5"), ("webhook-timestamp", &*long_ago), ("webhook-signature", "v1,AAAA")];
        let forged = post(ingest.address, "/api/webhooks/site", &headers, &body).await;
        assert_eq!(forged.refusal(), (401, "signature_mismatch".to_owned()));
        assert!(!forged.text("detail").contains("5 minutes"), "nobody else is: {forged:?}");
        let elsewhere = standard(&ingest, "acme", "msg_4", now, &body).await;
        assert_eq!(
            elsewhere.refusal(),
            (401, "signature_missing".to_owned()),
            "the one secret opens one source"
        );
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_our_own_header_is_present_it_alone_decides() {
    let on = sqlite();
    let ingest = start_alone(&on).await;
    let body = registration("a", "c1");
    let seconds = Clock::system().now().as_seconds().to_string();
    let good = auth::standard_webhooks::sign(STANDARD, "msg_1", &seconds, &body).expect("a good secret");
    let zeros = "0".repeat(64);
    let own = sign(SECRET, &body);
    let with = async |own: &str, signature: &str| {
        let headers = [
            ("x-webhook-signature", own),
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", &seconds),
            ("webhook-signature", signature),
        ];
        post(ingest.address, "/api/webhooks/site", &headers, &body).await
    };
    assert_eq!(with(&zeros, &good).await.refusal(), (401, "signature_mismatch".to_owned()));
    assert_eq!(with("", &good).await.refusal(), (401, "signature_malformed".to_owned()));
    assert_eq!(with(&own, "v1,AAAA").await.text("status"), "accepted");
    let two = [("webhook-id", "msg_1"), ("webhook-timestamp", seconds.as_str())];
    let answer = post(ingest.address, "/api/webhooks/site", &two, &body).await;
    assert_eq!(answer.refusal(), (401, "signature_missing".to_owned()), "two of the three are none");
    ingest.stop().await;
}
