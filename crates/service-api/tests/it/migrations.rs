//! Both databases have the same tables, every migration can be undone, and what moves rows moves the right ones.

use db::{Backend, on_backend};
use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use test_kit::database::both;

use crate::support::{Api, NOBODY, registered, told};

#[tokio::test]
async fn both_folders_make_the_same_tables() {
    test_kit::migrations::check(&service_api::MIGRATIONS).await;
}

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
        let [down, up] = texts(on.backend(), "20261126010000_former_addresses");
        api.runs(down).await;
        assert_eq!(addresses().await, ["1 a@x.org", "1 b@x.org", "2 a@x.org"], "all that anybody ever had");
        api.runs(up).await;
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
        let [down, up] = texts(on.backend(), "20261126020000_fewer_indexes");
        api.runs(down).await;
        api.runs(up).await;
        assert_eq!(lists().await, before);
    }
}
