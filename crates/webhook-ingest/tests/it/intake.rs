//! What becomes of signed bodies: abuse cases W4 to W7 and W9, and that every attempt leaves exactly one entry on the trail.

use serde_json::{Value, json};
use test_kit::database::both;

use crate::http::{post, send};
use crate::support::{Ingest, SECRET, registration, sign, start_alone, states};

fn event(event_type: &str, data: &Value) -> Vec<u8> {
    json!({ "event": event_type, "data": data, "timestamp": "2025-10-13T19:00:00Z" }).to_string().into_bytes()
}

/// The pointers of a problem, sorted.
fn pointers(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().expect("errors");
    let mut pointers: Vec<String> =
        errors.iter().map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect();
    pointers.sort();
    pointers
}

/// One entry for each attempt, in order: outcome, status or reason.
async fn outcomes(ingest: &Ingest) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = ingest.attempts().await;
    entries
        .iter()
        .map(|entry| match &entry["reason"] {
            Value::Null => (word(&entry["outcome"]), word(&entry["details"]["status"])),
            reason => (word(&entry["outcome"]), word(reason)),
        })
        .collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(outcome, word)| ((*outcome).to_owned(), (*word).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_stored_whole_and_its_repeat_is_a_duplicate() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = registration("a", "c1");
        let first = ingest.deliver(&body).await;
        assert_eq!((first.status, first.text("status").as_str()), (200, "accepted"));
        let event_id = first.text("eventId");
        assert!(event_id.starts_with("evt_"), "{event_id}");
        let again = ingest.deliver(&body).await;
        assert_eq!((again.status, again.text("status").as_str()), (200, "duplicate"));
        assert_eq!(again.text("eventId"), event_id);

        let rows = ingest.inbox().await;
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.event_id.as_str(), row.source.as_str()), (event_id.as_str(), "site"));
        assert_eq!((row.state.as_str(), row.event_type.as_deref()), ("pending", Some("client.registered")));
        assert_eq!(
            (row.email_key.as_deref(), row.client_id.as_deref()),
            (Some("c1@example.com"), Some("c1"))
        );
        assert_eq!(
            (row.warnings.as_str(), row.problem.as_deref(), row.reason.as_deref()),
            ("[]", None, None)
        );
        let entries = ingest.attempts().await;
        assert_eq!(entries.len(), 2);
        for (entry, status) in entries.iter().zip(["accepted", "duplicate"]) {
            assert_eq!(entry["outcome"], "success");
            assert_eq!(entry["actor"], json!({ "kind": "platform", "id": "site" }));
            assert_eq!(entry["target"], json!({ "kind": "event", "id": event_id }));
            assert_eq!(entry["details"]["status"], status);
            assert_eq!(entry["details"]["eventType"], "client.registered");
            assert_eq!(entry["route"], "/api/webhooks/{source}");
            assert!(!entry.to_string().contains("example.com"), "no e-mail in the open: {entry}");
        }
        assert_ne!(entries[0]["id"], entries[1]["id"]);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_id_the_raw_body_is_the_key() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = event("client.registered", &json!({ "email": "ada@example.com" }));
        let first = ingest.deliver(&body).await.text("eventId");
        assert_eq!(ingest.deliver(&body).await.text("eventId"), first);
        let respaced = String::from_utf8(body).expect("text").replacen(':', ": ", 1).into_bytes();
        let other = ingest.deliver(&respaced).await;
        assert_eq!(other.text("status"), "accepted", "other bytes are another delivery");
        assert_ne!(other.text("eventId"), first);
        assert_eq!(ingest.seen().await, 2);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_what_is_no_json_object_is_held_once() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_data = format!(r#"{{"event":"client.registered","data":{deep}}}"#);
    let bodies: [&[u8]; 7] = [
        b"hello",
        b"",
        b"[1,2]",
        b"\xff\xfe",
        deep.as_bytes(),
        deep_data.as_bytes(),
        br#"{"event":"client.registered","event":"kyc.updated","data":{}}"#,
    ];
    for on in both() {
        let ingest = start_alone(&on).await;
        for body in bodies {
            let first = ingest.deliver(body).await;
            assert_eq!(first.refusal(), (400, "invalid_json".to_owned()));
            assert_eq!(first.json()["kept"], true);
            let again = ingest.deliver(body).await;
            assert_eq!(again.refusal(), (400, "invalid_json".to_owned()));
            assert_eq!(again.text("eventId"), first.text("eventId"), "the same answer");
            assert_eq!(pointers(&again.json()), pointers(&first.json()));
        }
        let rows = ingest.inbox().await;
        assert_eq!(states(&rows), ["held"; 7], "one copy of each");
        assert!(
            rows.iter()
                .all(|row| row.problem.as_deref().is_some_and(|problem| problem.contains("invalid_json")))
        );
        assert_eq!(
            outcomes(&ingest).await,
            pairs(&[("refused", "invalid_json"); 14]),
            "an entry for each attempt"
        );
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w4b_odd_but_readable_bodies_are_accepted_with_warnings() {
    let cases: [(&[u8], bool); 6] = [
        (br#"{"event":"client.registered","data":{"email":"a@example.com","firstName":"\ud83d"},"timestamp":1760382000}"#, true),
        (br#"{"event":"client.registered","data":{"email":"b@example.com","lastName":"N\u0000L"},"timestamp":1760382000}"#, true),
        (b"\xef\xbb\xbf{\"event\":\"client.registered\",\"data\":{\"email\":\"c@example.com\"},\"timestamp\":1760382000000}", true),
        (br#"{"event":"client.registered","data":{"clientEmail":"d@example.com"},"timestamp":"2025-10-13T21:00:00+02:00"}"#, false),
        (br#"{"event":"client.registered","data":{"clientId":17,"email":"e@example.com"}}"#, true),
        (br#"{"id":42,"event":"client.registered","data":{"email":"f@example.com"},"timestamp":"2025-10-13T19:00:00Z"}"#, false),
    ];
    for on in both() {
        let ingest = start_alone(&on).await;
        for (body, _) in cases {
            let answer = ingest.deliver(body).await;
            assert_eq!(
                (answer.status, answer.text("status").as_str()),
                (200, "accepted"),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
        let rows = ingest.inbox().await;
        let warned: Vec<bool> = rows.iter().map(|row| row.warnings != "[]").collect();
        assert_eq!(warned, cases.map(|(_, warned)| warned), "{rows:?}");
        assert_eq!(rows[4].client_id.as_deref(), Some("17"));
        assert_eq!(rows[3].email_key.as_deref(), Some("d@example.com"));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_bad_fields_are_each_named_and_the_body_is_held() {
    let bodies: [(&[u8], &[&str]); 6] = [
        (br#"{"event":"client.registered"}"#, &["/data"]),
        (br#"{"data":{"email":"a@example.com"}}"#, &["/event"]),
        (br#"{"event":7,"data":[]}"#, &["/data", "/event"]),
        (br#"{"event":"client.registered","data":{"firstName":"Ada"}}"#, &["/data/email"]),
        (br#"{"event":"deposit.completed","data":{"clientId":""}}"#, &["/data/amount", "/data/clientId"]),
        (br#"{"event":"kyc.updated","data":{"clientId":"c1","status":"purple"}}"#, &["/data/status"]),
    ];
    for on in both() {
        let ingest = start_alone(&on).await;
        for (body, bad) in bodies {
            let answer = ingest.deliver(body).await;
            assert_eq!(
                answer.refusal(),
                (422, "invalid_event".to_owned()),
                "{}",
                String::from_utf8_lossy(body)
            );
            assert_eq!(answer.json()["kept"], true);
            let named = pointers(&answer.json());
            for pointer in bad {
                assert!(named.iter().any(|found| found.starts_with(pointer)), "{pointer} in {named:?}");
            }
        }
        assert_eq!(states(&ingest.inbox().await), ["held"; 6]);

        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_delivery_is_answered_with_all_that_helps_to_mend_it() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let answer = ingest.deliver(br#"{"event":"client.registered","data":{"firstName":"Ada"}}"#).await;
        let (event_id, request_id) = (answer.text("eventId"), answer.text("requestId"));
        let problem = answer.json();
        assert_eq!(answer.header("x-request-id"), Some(request_id.clone()));
        let whole = json!({
            "type": "urn:crm-bridge:problem:invalid_event",
            "title": "The event can't be read",
            "status": 422,
            "detail": "the body is kept; it can be applied once the mapping or the event is mended",
            "code": "invalid_event",
            "requestId": request_id,
            "errors": problem["errors"],
            "eventId": event_id,
            "kept": true,
        });
        assert_eq!(problem, whole);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_the_mended_event_is_accepted_under_its_id() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let broken = br#"{"id":"x","event":"client.registered","data":{"email":""},"timestamp":"2025-10-13T19:00:00Z"}"#;
        let held = ingest.deliver(broken).await;
        assert_eq!(held.status, 422);
        let later = br#"{"id":"x","event":"client.registered","data":{"email":""},"timestamp":"2025-10-13T20:00:00Z"}"#;
        assert_eq!(
            ingest.deliver(later).await.text("eventId"),
            held.text("eventId"),
            "a retry with a new timestamp"
        );
        let mended = br#"{"id":"x","event":"client.registered","data":{"email":"x@example.com"},"timestamp":"2025-10-13T19:00:00Z"}"#;
        let answer = ingest.deliver(mended).await;
        assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"));
        assert_ne!(answer.text("eventId"), held.text("eventId"));
        let optional = br#"{"event":"client.registered","data":{"email":"y@example.com","country":{"a":1}},"timestamp":1760382000}"#;
        assert_eq!(
            ingest.deliver(optional).await.text("status"),
            "accepted",
            "an optional field refuses nothing"
        );
        assert!(ingest.inbox().await.last().is_some_and(|row| row.warnings.contains("/data/country")));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_senseless_amounts_are_held_and_exact_ones_accepted() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = |amount: &str| {
            format!(
                r#"{{"event":"deposit.completed","data":{{"clientId":"c1","transactionId":"t","currency":"USD","amount":{amount}}}}}"#
            )
        };
        for amount in ["0", "-1", "\"NaN\"", "1e309", "\"1,000\"", &"9".repeat(40)] {
            let answer = ingest.deliver(body(amount).as_bytes()).await;
            assert_eq!(answer.refusal(), (422, "invalid_event".to_owned()), "{amount}");
            assert_eq!(pointers(&answer.json()), ["/data/amount"]);
        }
        for amount in ["0.30000000000000004", "1e-7", "\"12345678901234567890.123456789012345678\""] {
            assert_eq!(ingest.deliver(body(amount).as_bytes()).await.text("status"), "accepted", "{amount}");
        }
        let rows = ingest.inbox().await;
        assert_eq!(states(&rows), [["held"; 6].as_slice(), ["pending"; 3].as_slice()].concat());
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_body_over_the_limit_is_refused_before_it_is_read() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let limit = 256 * 1024;
        let padded = |size: usize| {
            let body = r#"{"event":"client.registered","data":{"email":"a@example.com"},"pad":""#;
            format!("{body}{}\"}}", "x".repeat(size - body.len() - 2)).into_bytes()
        };
        assert_eq!(ingest.deliver(&padded(limit)).await.text("status"), "accepted", "the limit itself");
        let over = padded(limit + 1);
        assert_eq!(ingest.deliver(&over).await.refusal(), (413, "payload_too_large".to_owned()));
        let signature = sign(SECRET, b"");
        let huge = [("x-webhook-signature", signature.as_str()), ("Content-Length", "10737418240")];
        let answer = post(ingest.address, "/api/webhooks/site", &huge, b"").await;
        assert_eq!(answer.refusal(), (413, "payload_too_large".to_owned()));
        let mut chunked = b"POST /api/webhooks/site HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..17 {
            chunked.extend_from_slice(b"4000\r\n");
            chunked.extend_from_slice(&[b'x'; 0x4000]);
            chunked.extend_from_slice(b"\r\n");
        }
        assert_eq!(send(ingest.address, &chunked).await.refusal(), (413, "payload_too_large".to_owned()));
        assert_eq!(ingest.inbox().await.len(), 1);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w9_one_id_with_other_facts_is_refused_and_both_are_kept() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = |event: &str, email: &str, hour: u32| {
            format!(
                r#"{{"id":"x","event":"{event}","data":{{"clientId":"c1","status":"approved","email":"{email}"}},"timestamp":"2025-10-13T{hour}:00:00Z"}}"#
            )
            .into_bytes()
        };
        let first = ingest.deliver(&body("client.registered", "a@example.com", 19)).await;
        let later = ingest.deliver(&body("client.registered", "a@example.com", 20)).await;
        assert_eq!(
            (later.text("status").as_str(), later.text("eventId")),
            ("duplicate", first.text("eventId"))
        );

        let reused = ingest.deliver(&body("client.registered", "b@example.com", 19)).await;
        assert_eq!(reused.refusal(), (409, "event_id_reused".to_owned()));
        assert_eq!(reused.json()["kept"], true);
        assert_ne!(reused.text("eventId"), first.text("eventId"));
        let repeated = ingest.deliver(&body("client.registered", "b@example.com", 21)).await;
        assert_eq!(repeated.refusal(), (409, "event_id_reused".to_owned()));
        assert_eq!(repeated.text("eventId"), reused.text("eventId"), "the same answer, no new copy");
        let other_type = ingest.deliver(&body("kyc.updated", "a@example.com", 19)).await;
        assert_eq!(other_type.refusal(), (409, "event_id_reused".to_owned()));
        assert_ne!(other_type.text("eventId"), reused.text("eventId"));

        let rows = ingest.inbox().await;
        assert_eq!(states(&rows), ["pending", "held", "held"]);
        assert!(rows[1].problem.as_deref().is_some_and(|problem| problem.contains("event_id_reused")));
        let wanted = [
            ("success", "accepted"),
            ("success", "duplicate"),
            ("refused", "event_id_reused"),
            ("refused", "event_id_reused"),
            ("refused", "event_id_reused"),
        ];
        assert_eq!(outcomes(&ingest).await, pairs(&wanted));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_event_type_is_kept_as_unrecognized() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let body = event("bonus.granted", &json!({ "clientId": "c1" }));
        let first = ingest.deliver(&body).await;
        assert_eq!((first.status, first.text("status").as_str()), (200, "unrecognized"));
        let again = ingest.deliver(&body).await;
        assert_eq!(
            (again.text("status").as_str(), again.text("eventId")),
            ("duplicate", first.text("eventId"))
        );
        let rows = ingest.inbox().await;
        assert_eq!(states(&rows), ["unrecognized"]);
        assert_eq!(rows[0].event_type.as_deref(), Some("bonus.granted"));
        assert_eq!(outcomes(&ingest).await, pairs(&[("success", "unrecognized"), ("success", "duplicate")]));
        let bare = ingest.deliver(br#"{"event":"bonus.granted"}"#).await;
        assert_eq!((bare.status, bare.text("status").as_str()), (200, "unrecognized"), "also without data");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_values_of_any_length_and_script_are_stored() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let long_mail = format!("{}@{}.example", "ä".repeat(60), "ü".repeat(240));
        for (id, client, email) in [
            ("€".repeat(255), "c".repeat(200), long_mail),
            (
                "\u{feff} '; drop table seen; --".to_owned(),
                "1 or 1=1".to_owned(),
                "o'neil@example.com".to_owned(),
            ),
            ("\u{1f980}".to_owned(), "\u{202e}x".to_owned(), "K\u{212a}@example.com".to_owned()),
        ] {
            let body = json!({ "id": id, "event": "client.registered", "data": { "clientId": client, "email": email } });
            let body = body.to_string().into_bytes();
            let first = ingest.deliver(&body).await;
            assert_eq!((first.status, first.text("status").as_str()), (200, "accepted"), "{id}");
            assert_eq!(ingest.deliver(&body).await.text("eventId"), first.text("eventId"), "{id}");
        }
        assert_eq!(ingest.inbox().await.len(), 3);
        for year in ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
            let body = json!({ "event": "client.registered", "data": { "email": "t@example.com" }, "timestamp": year });
            assert_eq!(
                ingest.deliver(body.to_string().as_bytes()).await.text("status"),
                "accepted",
                "{year}"
            );
        }
        ingest.stop().await;
    }
}
