//! PostgreSQL goes away and comes back. With a spool every delivery is acknowledged meanwhile, and afterwards stands where it would
//! have stood: once, with each attempt on the trail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::clock::Clock;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_kit::database::{Cluster, TestDatabase, postgres_on};
use test_kit::waiting::{eventually, wait_for};
use tokio::task::JoinSet;
use webhook_ingest::{Config, Seams};

use crate::http::{Answer, post};
use crate::migrations::texts;
use crate::support::{
    Ingest, Row, SECRET, ServiceApi, config, event, registration, sign, start, start_unmigrated, states,
};
use crate::trouble::{assert_unavailable, block, readiness};
use crate::waiting::wait_for as ask_for;

/// A PostgreSQL of the test's own, and a folder for a spool.
struct World {
    cluster: Cluster,
    on: TestDatabase,
    folder: TempDir,
    service_api: ServiceApi,
}

impl World {
    async fn new() -> Self {
        let cluster = Cluster::start();
        let on = postgres_on(cluster.url());
        let service_api = ServiceApi::start().await;
        Self { cluster, on, folder: TempDir::with_prefix("crm-spool.").expect("a folder"), service_api }
    }

    fn config(&self) -> Config {
        let folder = Some(self.folder.path().join("spool"));
        Config { spool: folder, ..config(&self.on, &self.service_api.url()) }
    }

    /// One instance, on a database that answers.
    async fn start(&self) -> Ingest {
        start(&self.on, self.config()).await
    }

    /// One instance, whether the database answers or not.
    async fn start_away(&self, database: db::Database) -> Ingest {
        start_unmigrated(database, self.config(), Clock::system()).await
    }

    /// Makes sure that the next delivery goes to the spool without a look at the database.
    async fn go_away(&self, ingest: &Ingest) {
        self.cluster.stop();
        let answer = ingest.deliver(&registration("gone", "gone")).await;
        assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"), "{answer:?}");
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("spool").join("spool.sqlite")
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many rows are in a spool's file, and how many keys.
fn left_in(file: &Path) -> (i64, i64) {
    let mut conn = SqliteConnection::establish(file.to_str().expect("UTF-8")).expect("the file opens");
    let mut count = |table: &str| {
        let query = diesel::sql_query(format!("select count(*) as number from {table}"));
        query.get_result::<Count>(&mut conn).expect("the file can be read").number
    };
    (count("spooled"), count("seen"))
}

async fn drained(world: &World) {
    wait_for("the spool to be empty", async || left_in(&world.file()) == (0, 0)).await;
}

fn ids_of(rows: &[Row]) -> BTreeMap<String, String> {
    rows.iter().map(|row| (row.event_id.clone(), row.state.clone())).collect()
}

fn of_action<'a>(trail: &'a [Value], action: &str) -> Vec<&'a Value> {
    trail.iter().filter(|entry| entry["action"] == action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_middle_of_a_load_loses_nothing_of_senders_that_try_once() {
    const SENDERS: usize = 8;
    const EACH: usize = 60;
    let world = World::new().await;
    let ingest = world.start().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for sender in 0..SENDERS {
        let (address, sent) = (ingest.address, Arc::clone(&sent));
        running.spawn(async move {
            let mut answers = Vec::new();
            for number in 0..EACH {
                let body = registration(&format!("{sender}-{number}"), &format!("c{sender}-{number}"));
                let signature = sign(SECRET, &body);
                let headers = [("x-webhook-signature", signature.as_str())];
                answers.push(post(address, "/api/webhooks/site", &headers, &body).await);
                sent.fetch_add(1, Ordering::Relaxed);
            }
            answers
        });
    }
    let so_far = async |number: usize| {
        wait_for("some deliveries", async || sent.load(Ordering::Relaxed) >= number).await;
    };
    so_far(SENDERS * EACH / 4).await;
    world.cluster.stop();
    so_far(SENDERS * EACH / 2).await;
    world.cluster.start_again();
    let answers: Vec<Answer> = running.join_all().await.into_iter().flatten().collect();
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text("status") == "accepted"));
    let answered: BTreeSet<String> = answers.iter().map(|answer| answer.text("eventId")).collect();
    assert_eq!(answered.len(), SENDERS * EACH);

    drained(&world).await;
    let rows = eventually(|| ingest.inbox(), |rows| rows.iter().all(|row| row.state == "applied")).await;
    assert_eq!(rows.iter().map(|row| row.event_id.clone()).collect::<BTreeSet<_>>(), answered);
    assert_eq!(usize::try_from(ingest.seen().await).expect("a count"), SENDERS * EACH);
    let trail = ingest.trail().await;
    let attempts = of_action(&trail, "webhook.receive");
    let told: BTreeSet<&str> =
        attempts.iter().map(|entry| entry["target"]["id"].as_str().expect("a target")).collect();
    assert_eq!((attempts.len(), told.len()), (SENDERS * EACH, SENDERS * EACH));
    assert!(attempts.iter().any(|entry| entry["details"]["spooled"] == true));
    assert!(attempts.iter().any(|entry| entry["details"]["spooled"].is_null()));
    assert!(of_action(&trail, "webhook.drain").is_empty(), "all became what they were answered");
    ingest.stop().await;
}

/// One delivery of each kind, and its repeat.
struct Kinds {
    first: Answer,
    reused: Answer,
    unknown: Answer,
    held: Answer,
}

async fn deliver_each_kind(ingest: &Ingest) -> Kinds {
    let first = ingest.deliver(&registration("a", "c1")).await;
    assert_eq!((first.status, first.text("status").as_str()), (200, "accepted"));
    let again = ingest.deliver(&registration("a", "c1")).await;
    assert_eq!((again.status, again.text("status").as_str()), (200, "duplicate"));
    assert_eq!(again.text("eventId"), first.text("eventId"));
    let reused = ingest.deliver(&registration("a", "other")).await;
    assert_eq!(reused.refusal(), (409, "event_id_reused".to_owned()));
    assert_ne!(reused.text("eventId"), first.text("eventId"));
    let reused_again = ingest.deliver(&registration("a", "other")).await;
    assert_eq!((reused_again.status, reused_again.text("eventId")), (409, reused.text("eventId")));
    let unknown = ingest.deliver(&event("u", "moon.rose", "{}")).await;
    assert_eq!((unknown.status, unknown.text("status").as_str()), (200, "unrecognized"));
    let held = ingest.deliver(&event("h", "kyc.updated", "{}")).await;
    assert_eq!((held.status, &held.json()["kept"]), (422, &json!(true)));
    let held_again = ingest.deliver(&event("h", "kyc.updated", "{}")).await;
    assert_eq!((held_again.status, held_again.text("eventId")), (422, held.text("eventId")));
    Kinds { first, reused, unknown, held }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_durable_else_is_durable_in_an_outage_too() {
    let world = World::new().await;
    let ingest = world.start().await;
    world.go_away(&ingest).await;
    let Kinds { first, reused, unknown, held } = deliver_each_kind(&ingest).await;
    world.cluster.start_again();
    drained(&world).await;
    let rows = eventually(|| ingest.inbox(), |rows| !states(rows).contains(&"pending")).await;
    let expected = [(&first, "applied"), (&reused, "held"), (&unknown, "unrecognized"), (&held, "held")];
    let mut expected: BTreeMap<String, String> =
        expected.map(|(answer, state)| (answer.text("eventId"), state.to_owned())).into();
    expected.insert(rows[0].event_id.clone(), "applied".to_owned());
    assert_eq!(ids_of(&rows), expected, "oldest first, each once");
    let sent: BTreeSet<String> =
        world.service_api.events().iter().map(|event| event.event_id.to_string()).collect();
    assert_eq!(sent, BTreeSet::from([rows[0].event_id.clone(), first.text("eventId")]));

    let trail = ingest.trail().await;
    let attempts = of_action(&trail, "webhook.receive");
    let spooled = attempts.iter().filter(|entry| entry["details"]["spooled"] == true);
    let words: Vec<&str> =
        spooled.map(|entry| entry["details"]["status"].as_str().expect("a status")).collect();
    assert_eq!(
        words,
        ["accepted", "accepted", "duplicate", "held", "held", "unrecognized", "held", "held"],
        "each attempt as it was answered"
    );
    assert_eq!((attempts.len(), of_action(&trail, "webhook.drain").len()), (8, 0), "{trail:?}");
    let shown = ingest.ask("admin", &format!("/api/webhooks/events/{}", held.text("eventId"))).await;
    assert_eq!(shown.status, 200);
    // From now on it goes the direct way, and finds what came through the spool.
    let later = ingest.deliver(&registration("a", "c1")).await;
    assert_eq!((later.text("status").as_str(), later.text("eventId")), ("duplicate", first.text("eventId")));
    let attempts = ingest.attempts().await;
    assert_eq!(attempts.last().expect("an entry")["details"]["spooled"], Value::Null);
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_database_goes_on_and_what_does_says_so() {
    let world = World::new().await;
    let ingest = world.start().await;
    world.go_away(&ingest).await;
    assert_eq!(ingest.deliver(&registration("a", "c1")).await.status, 200);
    assert_eq!(readiness(&ingest).await, 200, "the balancer goes on sending webhooks");
    // A client whom an acknowledged event names is not denied.
    let asked = ask_for(&ingest, "c1@example.com", 0).await;
    assert_eq!((asked.status, &asked.json()["pending"]), (200, &json!(true)));
    assert_unavailable(&ask_for(&ingest, "nobody@example.com", 0).await);
    assert_unavailable(&ingest.ask("admin", "/api/webhooks/events").await);
    // Forged ones are refused as ever, leave no trace in the file, and are counted until they can be told of.
    for _ in 0..3 {
        let forged = ingest.deliver_under(&sign("not the secret", b"{}"), b"{}").await;
        assert_eq!(forged.refusal(), (401, "signature_mismatch".to_owned()));
    }
    assert_eq!(left_in(&world.file()), (2, 2));
    world.cluster.start_again();
    let refused = |trail: &[Value]| -> u64 {
        let refused = trail.iter().filter(|entry| entry["reason"] == "signature_mismatch");
        refused.filter_map(|entry| entry["count"].as_u64()).sum()
    };
    eventually(|| ingest.trail(), |trail| refused(trail) == 3).await;
    ingest.stop().await;
}

/// Delivers what PostgreSQL has already while it can't be seen. The ids that were answered: of the same event again, and of another
/// under an id that was used.
async fn deliver_what_is_there(world: &World, ingest: &Ingest) -> (String, String) {
    world.go_away(ingest).await;
    let mut ids = Vec::new();
    for body in [registration("a", "c1"), registration("b", "other")] {
        let answer = ingest.deliver(&body).await;
        assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"));
        ids.push(answer.text("eventId"));
    }
    (ids.remove(0), ids.remove(0))
}

/// Checks that what was there before stands as it did, and what was acknowledged besides stands visibly.
async fn check_what_was_there(world: &World, ingest: &Ingest, first: &str, same: &str, other: &str) {
    let rows = eventually(|| ingest.inbox(), |rows| !states(rows).contains(&"pending")).await;
    assert_eq!(rows.len(), 5, "{rows:?}");
    let of = |id: &str| rows.iter().find(|row| row.event_id == id).expect("it is there");
    assert_eq!((of(first).state.as_str(), of(first).reason.as_deref()), ("applied", None));
    assert_eq!((of(same).state.as_str(), of(same).reason.as_deref()), ("superseded", Some("duplicate")));
    assert_eq!(of(other).state, "held");
    assert!(of(other).problem.as_deref().is_some_and(|problem| problem.contains("event_id_reused")));
    let clients: BTreeSet<String> = world
        .service_api
        .events()
        .iter()
        .map(|event| event.event.identity().client_id.expect("a client"))
        .collect();
    assert_eq!(clients, BTreeSet::from(["c1", "c2", "gone"].map(str::to_owned)), "the other took no effect");
    let told: Vec<Value> = world.service_api.events().iter().map(|event| json!(event.event_id)).collect();
    assert!(!told.contains(&json!(same)) && !told.contains(&json!(other)), "{told:?}");

    let trail = ingest.trail().await;
    assert_eq!(of_action(&trail, "webhook.receive").len(), 5);
    let later: BTreeMap<String, &Value> = of_action(&trail, "webhook.drain")
        .into_iter()
        .map(|entry| (entry["target"]["id"].as_str().expect("a target").to_owned(), entry))
        .collect();
    assert_eq!((later.len(), of_action(&trail, "webhook.drain").len()), (2, 2), "{later:?}");
    assert_eq!(later[same]["details"], json!({ "status": "duplicate", "duplicateOf": first }));
    assert_eq!(
        (&later[other]["outcome"], &later[other]["reason"]),
        (&json!("refused"), &json!("event_id_reused"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_the_outage_is_found_when_it_is_over() {
    let world = World::new().await;
    let ingest = world.start().await;
    let first = ingest.deliver(&registration("a", "c1")).await.text("eventId");
    ingest.deliver(&registration("b", "c2")).await;
    let (same, other) = deliver_what_is_there(&world, &ingest).await;
    world.cluster.start_again();
    drained(&world).await;
    check_what_was_there(&world, &ingest, &first, &same, &other).await;
    // Whoever was told the id can ask for it, and replaying it is a no-op that says so.
    let shown = ingest.ask("admin", &format!("/api/webhooks/events/{same}")).await.json();
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("superseded"), &json!("duplicate")));
    assert_eq!(ingest.replay(&same, "").await.json()["outcome"], "already_applied");
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dying_between_storing_and_removing_does_nothing_twice() {
    let world = World::new().await;
    let ingest = world.start().await;
    let first = ingest.deliver(&registration("a", "c1")).await.text("eventId");
    ingest.deliver(&registration("b", "c2")).await;
    let (same, other) = deliver_what_is_there(&world, &ingest).await;
    let database = ingest.database.clone();
    ingest.stop().await;
    let kept = world.folder.path().join("kept");
    std::fs::copy(world.file(), &kept).expect("the closed file is one file");
    assert_eq!(left_in(&kept), (3, 3));

    for round in 0..3 {
        world.cluster.start_again();
        let ingest = world.start_away(database.clone()).await;
        drained(&world).await;
        check_what_was_there(&world, &ingest, &first, &same, &other).await;
        assert_eq!(ingest.seen().await, 4, "in round {round}");
        ingest.stop().await;
        // As if the process had died before it removed anything.
        std::fs::copy(&kept, world.file()).expect("the file is put back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_outage_goes_on_with_what_waits() {
    let world = World::new().await;
    let ingest = world.start().await;
    world.go_away(&ingest).await;
    let first = ingest.deliver(&registration("a", "c1")).await.text("eventId");
    let database = ingest.database.clone();
    ingest.stop().await;
    let ingest = world.start_away(database).await;
    assert_eq!(readiness(&ingest).await, 200);
    let again = ingest.deliver(&registration("a", "c1")).await;
    assert_eq!((again.text("status").as_str(), again.text("eventId")), ("duplicate", first));
    assert_eq!(ingest.deliver(&registration("b", "c2")).await.text("status"), "accepted");
    world.cluster.start_again();
    drained(&world).await;
    eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 3]).await;
    assert_eq!(ingest.attempts().await.len(), 4);
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_and_stores_nothing_of_what_it_refused() {
    let world = World::new().await;
    let ingest = start(&world.on, Config { spool_bytes: 4 * 1024 * 1024, ..world.config() }).await;
    world.go_away(&ingest).await;
    let large = |number: usize| {
        let data =
            json!({ "clientId": format!("c{number}"), "email": "a@example.com", "x": "y".repeat(200_000) });
        event(&number.to_string(), "client.registered", &data.to_string())
    };
    let (mut taken, mut number) = (1, 0);
    let refused = loop {
        let answer = ingest.deliver(&large(number)).await;
        if answer.status != 200 {
            break answer;
        }
        (taken, number) = (taken + 1, number + 1);
    };
    assert_unavailable(&refused);
    assert!((10..21).contains(&taken), "{taken}");
    assert_eq!(readiness(&ingest).await, 503, "there is room nowhere");
    assert_eq!(left_in(&world.file()).0, taken);
    world.cluster.start_again();
    drained(&world).await;
    let rows = eventually(|| ingest.inbox(), |rows| !states(rows).contains(&"pending")).await;
    assert_eq!(i64::try_from(rows.len()).expect("a count"), taken);
    let body = large(number);
    let again = eventually(|| ingest.deliver(&body), |answer| answer.status == 200).await;
    assert_eq!(again.text("status"), "accepted", "nothing of it was there");
    // The room is there again.
    world.cluster.stop();
    assert_eq!(ingest.deliver(&large(number + 1)).await.text("status"), "accepted");
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_holds_nobody_up() {
    let world = World::new().await;
    let ingest = world.start().await;
    assert_eq!(ingest.deliver(&registration("before", "c0")).await.status, 200);
    let free = block(&ingest.database).await;
    let mut running = JoinSet::new();
    // Some of them twice.
    for number in 0..24 {
        let (address, body) = (ingest.address, registration(&format!("{}", number % 20), "c1"));
        running.spawn(async move {
            let signature = sign(SECRET, &body);
            post(address, "/api/webhooks/site", &[("x-webhook-signature", &signature)], &body).await
        });
        // The first wait for the database as long as anyone does.
        if number == 7 {
            wait_for("the spool to be used", async || left_in(&world.file()).0 > 0).await;
        }
    }
    let answers = running.join_all().await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200; 24]);
    drop(free);
    drained(&world).await;
    let rows = eventually(|| ingest.inbox(), |rows| !states(rows).contains(&"pending")).await;
    let applied = rows.iter().filter(|row| row.state == "applied").count();
    assert_eq!((applied, ingest.seen().await), (21, 21), "{rows:?}");
    let answered: BTreeSet<String> = answers.iter().map(|answer| answer.text("eventId")).collect();
    let known: BTreeSet<String> = rows.iter().map(|row| row.event_id.clone()).collect();
    assert!(answered.is_subset(&known), "each id that was answered can be asked for");
    assert_eq!(ingest.attempts().await.len(), 25);
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_database_does_not_take_stays_and_holds_up_nothing() {
    let world = World::new().await;
    let ingest = world.start().await;
    world.go_away(&ingest).await;
    for number in 0..5 {
        ingest.deliver(&registration(&format!("{number}"), &format!("c{number}"))).await;
    }
    let database = ingest.database.clone();
    ingest.stop().await;
    let mut conn =
        SqliteConnection::establish(world.file().to_str().expect("UTF-8")).expect("the file opens");
    conn.batch_execute("update spooled set event_id = 'spoilt' where intake = 3")
        .expect("a row can be spoilt");
    drop(conn);
    world.cluster.start_again();
    let ingest = world.start_away(database).await;
    wait_for("all others to be drained", async || left_in(&world.file()) == (1, 1)).await;
    eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 5]).await;
    // What comes after it goes on its way, in the next outage too.
    assert_eq!(ingest.deliver(&registration("later", "c9")).await.text("status"), "accepted");
    world.cluster.stop();
    assert_eq!(ingest.deliver(&registration("last", "c9")).await.text("status"), "accepted");
    world.cluster.start_again();
    wait_for("the last to be drained", async || left_in(&world.file()) == (1, 1)).await;
    eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 7]).await;
    ingest.stop().await;
}

/// More of them than one round reads, and more than look like trouble of another kind.
#[tokio::test(flavor = "multi_thread")]
async fn nor_do_very_many_of_them() {
    let world = World::new().await;
    let ingest = world.start().await;
    world.go_away(&ingest).await;
    for number in 0..160 {
        ingest.deliver(&registration(&format!("{number}"), &format!("c{number}"))).await;
    }
    let database = ingest.database.clone();
    ingest.stop().await;
    let mut conn =
        SqliteConnection::establish(world.file().to_str().expect("UTF-8")).expect("the file opens");
    conn.batch_execute("update spooled set disclosures = 'spoilt' where intake between 2 and 151")
        .expect("rows can be spoilt");
    drop(conn);
    world.cluster.start_again();
    let ingest = world.start_away(database).await;
    wait_for("those behind them to be drained", async || left_in(&world.file()).0 == 150).await;
    eventually(|| ingest.inbox(), |rows| rows.len() == 11).await;
    // The database is known to be back.
    assert_eq!(ingest.deliver(&registration("direct", "c9")).await.text("status"), "accepted");
    eventually(|| ingest.inbox(), |rows| rows.len() == 12).await;
    assert_eq!(left_in(&world.file()).0, 150);
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_meets_what_still_waits_although_the_database_is_back() {
    let world = World::new().await;
    let ingest = world.start().await;
    world.go_away(&ingest).await;
    let first = ingest.deliver(&registration("a", "c1")).await.text("eventId");
    let database = ingest.database.clone();
    ingest.stop().await;
    // A drain that can't get on: the key of what waits is being written by somebody else.
    world.cluster.start_again();
    let free = block(&database).await;
    let ingest = world.start_away(database).await;
    let again = ingest.deliver(&registration("a", "c1")).await;
    assert_eq!((again.text("status").as_str(), again.text("eventId")), ("duplicate", first.clone()));
    let status = ingest.ask("admin", &format!("/api/webhooks/events/{first}")).await;
    assert_unavailable(&status);
    drop(free);
    drained(&world).await;
    eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 2]).await;
    assert_eq!(ingest.ask("admin", &format!("/api/webhooks/events/{first}")).await.status, 200);
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_one_process_s_alone() {
    let world = World::new().await;
    let ingest = world.start().await;
    let refused = webhook_ingest::start(world.config(), Seams::system()).expect_err("it is taken");
    assert!(refused.to_string().starts_with("WEBHOOK_SPOOL_DIR: another process"), "{refused}");
    let mode = std::os::unix::fs::PermissionsExt::mode;
    let folder = std::fs::metadata(world.file().parent().expect("a folder")).expect("it is there");
    assert_eq!(mode(&folder.permissions()) & 0o777, 0o700);
    let file = std::fs::metadata(world.file()).expect("it is there");
    assert_eq!(mode(&file.permissions()) & 0o777, 0o600);
    ingest.stop().await;
    let started = eventually(
        async || {
            webhook_ingest::start(world.config(), Seams::system())
                .map(|_| ())
                .map_err(|error| error.to_string())
        },
        |started| started.is_ok(),
    )
    .await;
    assert_eq!(started, Ok(()));

    let shared = world.folder.path().join("shared");
    std::fs::create_dir(&shared).expect("a folder");
    std::fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("a mode");
    let settings = Config { spool: Some(shared), ..world.config() };
    let refused = webhook_ingest::start(settings, Seams::system()).expect_err("anyone may write there");
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
    let settings = Config { spool: Some(world.file()), ..world.config() };
    let refused = webhook_ingest::start(settings, Seams::system()).expect_err("no folder");
    assert!(refused.to_string().starts_with("WEBHOOK_SPOOL_DIR:"), "{refused}");
}

/// An upgrade finds what an outage left in the file.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_file_survives_its_migrations() {
    let world = World::new().await;
    let ingest = world.start().await;
    world.go_away(&ingest).await;
    let bare = br#"{"event":"client.registered","data":{"clientId":"c1","email":"c1@example.com"}}"#;
    let answers = [
        ingest.deliver(bare).await,
        ingest.deliver(&registration("1", "c2")).await,
        ingest.deliver(b"?").await,
    ];
    let repeat = ingest.deliver(bare).await;
    assert_eq!(repeat.text("status"), "duplicate");
    ingest.stop().await;
    let left = left_in(&world.file());
    let mut conn =
        SqliteConnection::establish(world.file().to_str().expect("UTF-8")).expect("the file opens");
    for sql in texts("webhook-ingest-spool", db::Backend::Sqlite, "20261127000000_narrow_keys") {
        conn.batch_execute(&sql).expect("it runs");
    }
    drop(conn);
    assert_eq!(left_in(&world.file()), left);

    world.cluster.start_again();
    let ingest = world.start().await;
    drained(&world).await;
    let rows =
        eventually(|| ingest.inbox(), |rows| rows.len() == 4 && !states(rows).contains(&"pending")).await;
    let known = ids_of(&rows);
    for answer in &answers {
        let state = &known[&answer.text("eventId")];
        assert_eq!(state, if answer.status == 200 { "applied" } else { "held" });
    }
    assert_eq!(ingest.deliver(bare).await.text("eventId"), answers[0].text("eventId"));
    ingest.stop().await;
}
