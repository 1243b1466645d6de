//! Events that an older version could make nothing of take effect once a version that can has them read again.

use contract::internal::ApplyResult;
use contract::kyc::{KycStatus, KycWords};
use serde_json::{Value, json};
use test_kit::database::{TestDatabase, both};
use test_kit::waiting::eventually;
use webhook_ingest::{Config, SCHEMA};
use wiremock::ResponseTemplate;

use crate::support::{Ingest, ServiceApi, all, config, event, registration, start, start_alone, states};

/// Makes the rows look as a version left them that knew none of their types: nothing but the envelope was read.
fn forget_what_was_read(on: &TestDatabase) {
    let forget = "delete from pending; \
                  update inbox set state = 'unrecognized', client_id = null, warnings = '[]', problem = null";
    on.run(SCHEMA, forget, forget);
}

async fn outcome(ingest: &Ingest, id: &str) -> Value {
    let answer = ingest.replay(id, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["outcome"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_an_older_version_did_not_know_takes_effect_after_the_upgrade() {
    for on in both() {
        let older = start_alone(&on).await;
        let id = older.deliver(&registration("a", "c1")).await.text("eventId");
        older.stop().await;
        forget_what_was_read(&on);

        let service_api = ServiceApi::start().await;
        service_api.behave(|_| ResponseTemplate::new(503));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let story = ingest.ask("support", &format!("/api/webhooks/events/{id}/history")).await.json();
        assert_eq!(story["replay"]["outcome"], "replayable", "{story}");
        assert_eq!(outcome(&ingest, &id).await, "replayed");
        let rows = ingest.inbox().await;
        assert_eq!(rows[0].client_id.as_deref(), Some("c1"), "read anew");
        assert_eq!(rows[0].email_key.as_deref(), Some("c1@example.com"));
        let before = eventually(async || service_api.events().len(), |calls| *calls > 0).await;
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        let sent = service_api.events();
        let sent = &sent[before..];
        assert_eq!(
            (sent.len(), sent[0].event_id.to_string(), sent[0].intake),
            (1, id.clone(), rows[0].intake)
        );
        // Replaying what is applied does nothing, and says so; so does the sender's repeat.
        assert_eq!(outcome(&ingest, &id).await, "already_applied");
        assert_eq!(ingest.deliver(&registration("a", "c1")).await.text("status"), "duplicate");
        assert_eq!((service_api.events().len(), ingest.inbox().await.len()), (before + 1, 1));
        ingest.stop().await;
    }
}

/// As many as there are, by one filter; and each stands as counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_all_that_waited_for_an_upgrade_adds_up() {
    const GREEN: &str = r#"{"clientId":"c9","kycStatus":"green"}"#;
    for on in both() {
        let older = start_alone(&on).await;
        for number in 0..7 {
            older.deliver(&registration(&number.to_string(), &format!("c{number}"))).await;
        }
        older.deliver(&event("later", "trade.closed", "{}")).await;
        // A type that was unknown, and whose event is senseless to the version that knows it.
        older.deliver(&event("bad", "kyc.updated", r#"{"clientId":"c1","kycStatus":"blue"}"#)).await;
        older.stop().await;
        forget_what_was_read(&on);
        let before = start_alone(&on).await;
        for number in 0..3 {
            let held = before.deliver(&event(&format!("g{number}"), "kyc.updated", GREEN)).await;
            assert_eq!(held.status, 422);
        }
        before.stop().await;

        let service_api = ServiceApi::start().await;
        let kyc_words = KycWords::built_in().with("green", KycStatus::Approved);
        let ingest = start(&on, Config { kyc_words, ..config(&on, &service_api.url()) }).await;
        let sums = async |filter: Value| {
            let (mut sums, mut cursor) = ([0; 5], Value::Null);
            loop {
                let body = json!({ "filter": filter, "limit": 2, "cursor": cursor });
                let answer = ingest.replay_many(&body).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                let counts = answer.json();
                let names = ["replayed", "alreadyDone", "unreadable", "unrecognized", "notReplayable"];
                for (sum, name) in sums.iter_mut().zip(names) {
                    *sum += counts[name].as_u64().expect("a number");
                }
                cursor = counts["nextCursor"].clone();
                if cursor.is_null() {
                    return sums;
                }
            }
        };
        assert_eq!(sums(json!({ "state": "unrecognized" })).await, [7, 0, 1, 1, 0]);
        assert_eq!(sums(json!({})).await, [3, 0, 1, 1, 0], "the held ones, and what is left of the others");
        let applied = |rows: &Vec<_>| states(rows).iter().filter(|state| **state == "applied").count() == 10;
        let rows = eventually(|| ingest.inbox(), applied).await;
        let left: Vec<_> = states(&rows).into_iter().filter(|state| *state != "applied").collect();
        assert_eq!(left, ["unrecognized", "unrecognized"]);
        assert_eq!(sums(json!({})).await, [0, 0, 1, 1, 0], "nothing is replayed twice");
        assert_eq!(service_api.events().len(), 10);
        ingest.stop().await;
    }
}
