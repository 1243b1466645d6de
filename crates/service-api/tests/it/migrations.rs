//! Both databases have the same tables, every migration can be undone, and what moves rows moves the right ones.

use db::{Backend, on_backend};
use diesel::connection::SimpleConnection as _;
use test_kit::database::both;

use crate::support::{Api, NOBODY, registered};

#[tokio::test]
async fn both_folders_make_the_same_tables() {
    test_kit::migrations::check(&service_api::MIGRATIONS).await;
}

/// Down and up of a migration, on PostgreSQL and on SQLite.
macro_rules! texts {
    ($name:literal) => {
        |backend| match backend {
            Backend::Postgres => (
                include_str!(concat!("../../../../migrations/service-api/postgres/", $name, "/down.sql")),
                include_str!(concat!("../../../../migrations/service-api/postgres/", $name, "/up.sql")),
            ),
            Backend::Sqlite => (
                include_str!(concat!("../../../../migrations/service-api/sqlite/", $name, "/down.sql")),
                include_str!(concat!("../../../../migrations/service-api/sqlite/", $name, "/up.sql")),
            ),
        }
    };
}

impl Api {
    async fn runs(&self, sql: &'static str) {
        let run = move |conn: &mut db::Conn| Ok(on_backend!(conn, |c| c.batch_execute(sql))?);
        self.database.write(run).await.expect("it runs");
    }
}

#[tokio::test]
async fn present_addresses_leave_the_former_ones_and_come_back() {
    let texts: fn(Backend) -> _ = texts!("20261126010000_former_addresses");
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
        let (down, up) = texts(on.backend());
        api.runs(down).await;
        assert_eq!(addresses().await, ["1 a@x.org", "1 b@x.org", "2 a@x.org"], "all that anybody ever had");
        api.runs(up).await;
        assert_eq!(addresses().await, ["1 a@x.org"], "what is in no record");
        assert_eq!(api.record("a@x.org").await["clientId"], "2");
        assert_eq!(api.record("b@x.org").await["clientId"], "1");
    }
}
