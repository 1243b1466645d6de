//! Both databases have the same tables, every migration can be undone, and what moves rows moves the right ones.

use contract::clock::Timestamp;
use contract::internal::ApplyEvent;
use db::{Backend, on_backend};
use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use test_kit::database::both;
use test_kit::waiting::wait_for;

use crate::support::{Api, NOBODY, named, registered, told};

#[tokio::test]
async fn both_folders_make_the_same_tables() {
    test_kit::migrations::check(&service_api::MIGRATIONS).await;
}

/// The migration that gave the tables the form they have: what is older was written for another.
const NARROW_ROWS: &str = "20261127000000_narrow_rows";

/// Down and up of a migration.
fn texts(backend: Backend, name: &str) -> [String; 2] {
    let folder = match backend {
        Backend::Postgres => "postgres",
        Backend::Sqlite => "sqlite",
    };
    let of = |file: &str| {
        let path =
            format!("{}/../../migrations/service-api/{folder}/{name}/{file}.sql", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    [of("down"), of("up")]
}

impl Api {
    async fn runs(&self, sql: String) {
        let run = move |conn: &mut db::Conn| Ok(on_backend!(conn, |c| c.batch_execute(&sql))?);
        self.database.write(run).await.expect("it runs");
    }
}

#[tokio::test]
async fn present_addresses_leave_the_former_ones_and_come_back() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[
            registered(1, Some("1"), Some("a@x.org")),
            registered(2, Some("1"), Some("b@x.org")),
            registered(3, Some("2"), Some("a@x.org")),
            registered(4, Some("3"), None),
        ])
        .await;
        let addresses = async || {
            let rows = "select c.client_id || ' ' || e.email_key as text \
                        from client_emails e join clients c on c.id = e.client order by 1";
            api.texts(rows).await
        };
        let [widen, narrow] = texts(on.backend(), NARROW_ROWS);
        let [down, up] = texts(on.backend(), "20261126010000_former_addresses");
        api.runs(widen).await;
        api.runs(down).await;
        assert_eq!(addresses().await, ["1 a@x.org", "1 b@x.org", "2 a@x.org"], "all that anybody ever had");
        api.runs(up).await;
        api.runs(narrow).await;
        assert_eq!(addresses().await, ["1 a@x.org"], "what is in no record");
        assert_eq!(api.record("a@x.org").await["clientId"], "2");
        assert_eq!(api.record("b@x.org").await["clientId"], "1");
    }
}

#[tokio::test]
async fn activities_keep_their_client_and_their_order_whatever_their_key_is() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        for n in 1..=4 {
            let money = json!({"clientId": format!("{}", n % 2), "transactionId": n, "amount": n});
            api.applies(&[told(n, "deposit.completed", &money)]).await;
        }
        let lists = async || {
            let list = async |client: &str| {
                api.as_staff("admin", "GET", &format!("/api/clients/{client}/activity"), &Value::Null)
                    .await
                    .json()
            };
            [list("0").await["activities"].clone(), list("1").await["activities"].clone()]
        };
        let before = lists().await;
        assert_eq!(before[0].as_array().map(Vec::len), Some(2), "{before:#?}");
        let [widen, narrow] = texts(on.backend(), NARROW_ROWS);
        let [down, up] = texts(on.backend(), "20261126020000_fewer_indexes");
        for sql in [widen, down, up, narrow] {
            api.runs(sql).await;
        }
        assert_eq!(lists().await, before);
    }
}

/// A bit of everything that a table of the record holds.
async fn fill(api: &Api) -> Vec<ApplyEvent> {
    let mut senseless = registered(2, Some("2"), Some("bob@x.org"));
    senseless.effective_at = Timestamp::MIN;
    let money = json!({"clientId": "1", "transactionId": "t", "amount": "10.50", "accountId": "a"});
    let other = json!({"clientId": "1", "transactionId": "t", "amount": "11"});
    let kyc = json!({"clientId": "1", "kycStatus": "approved", "kycNotes": null});
    let events = vec![
        named(registered(1, Some("1"), Some("Ann@x.org")), "Ann"),
        senseless,
        registered(3, None, Some("alone@x.org")),
        registered(4, Some("1"), Some("alone@x.org")),
        told(5, "account.updated", &json!({"clientId": "1", "accountId": "a", "balance": 5})),
        told(6, "deposit.completed", &money),
        told(7, "deposit.completed", &other),
        told(8, "deposit.completed", &json!({"clientId": "2", "amount": 3})),
        told(9, "kyc.updated", &kyc),
        registered(10, Some("A-3"), Some("Of@B\u{fc}cher.example")),
    ];
    for event in &events {
        api.apply(std::slice::from_ref(event)).await;
    }
    let note = json!({"comment": "called"});
    assert_eq!(api.as_staff("admin", "POST", "/api/clients/1/notes", &note).await.status, 201);
    events
}

/// What staff read of all clients.
async fn all_of(api: &Api) -> Value {
    let get = async |path: &str| {
        let answer = api.as_staff("admin", "GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    };
    let mut all = vec![get("/api/clients").await];
    for client in ["1", "2", "A-3"] {
        for list in ["", "/accounts", "/transactions", "/notes", "/activity"] {
            all.push(get(&format!("/api/clients/{client}{list}")).await);
        }
    }
    Value::Array(all)
}

#[tokio::test]
async fn rows_grow_narrow_and_wide_again_and_say_what_they_said() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let events = fill(&api).await;
        let before = all_of(&api).await;
        let [down, up] = texts(on.backend(), NARROW_ROWS);
        api.runs(down).await;

        let mut ids: Vec<String> = events.iter().map(|event| event.event_id.to_string()).collect();
        ids.sort();
        assert_eq!(api.texts("select event_id as text from applied_events order by 1").await, ids);
        let live =
            "select id as text from clients where merged_into is null order by updated_at desc, id desc";
        let listed = before[0]["clients"].as_array().expect("clients");
        assert_eq!(api.texts(live).await, listed.iter().map(|one| one["id"].clone()).collect::<Vec<_>>());
        let emails = "select email as text from clients where merged_into is null order by client_id";
        assert_eq!(api.texts(emails).await, ["alone@x.org", "bob@x.org", "Of@B\u{fc}cher.example"]);
        assert_eq!(api.texts("select search as text from clients where search is not null").await.len(), 0);
        let told = "select metadata as text from activities where client = \
                    (select id from clients where client_id = '1') order by created_at desc, id desc";
        let metadata: Vec<Value> =
            api.texts(told).await.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
        let activities = before[5]["activities"].as_array().expect("activities");
        assert_eq!(metadata, activities.iter().map(|one| one["metadata"].clone()).collect::<Vec<_>>());
        assert!(metadata.len() >= 6, "{metadata:#?}");
        let descriptions = "select description as text from activities where type = 'note.added'";
        assert_eq!(api.texts(descriptions).await, ["Note added"]);
        let orphans = "select 'x' as text from applied_events e where not exists (select 1 from clients c where c.id = e.client)";
        assert_eq!(api.texts(orphans).await.len(), 0);

        api.runs(up).await;
        assert_eq!(all_of(&api).await, before);
        for event in &events {
            api.apply(std::slice::from_ref(event)).await;
        }
        assert_eq!(all_of(&api).await, before, "each of them was applied");
        assert_eq!(api.entries("event.apply", 0).await.len(), events.len());
        api.applies(&[registered(20, Some("1"), Some("new@x.org"))]).await;
        assert_eq!(api.record("ann@x.org").await["clientId"], "1", "a former address");

        let later = Api::start(&on, NOBODY).await;
        wait_for("all to be searchable", async || {
            let page = later.as_staff("admin", "GET", "/api/clients?query=b%C3%BCcher", &Value::Null).await;
            page.json()["clients"][0]["clientId"] == "A-3"
        })
        .await;
    }
}
