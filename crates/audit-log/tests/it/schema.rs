//! The migrations: both engines', and what becomes of the entries that were there.

use audit_log::{MIGRATIONS, SCHEMA};
use contract::audit::{Entry, Sealed, Text};
use db::{Backend, Database, DbResult, on_backend};
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use serde_json::Value;
use test_kit::database::{both, postgres};

use crate::query::various;
use crate::world::{ENTRIES, World, body, entry, seal};

#[tokio::test]
async fn both_engines_have_the_same_tables_and_each_migration_can_be_undone() {
    test_kit::migrations::check(&MIGRATIONS).await;
}

const PACKED: &str = "20261127000000_packed_entries";

/// Down and up of a migration.
fn texts(backend: Backend, name: &str) -> [String; 2] {
    let folder = match backend {
        Backend::Postgres => "postgres",
        Backend::Sqlite => "sqlite",
    };
    let of = |file: &str| {
        let path =
            format!("{}/../../migrations/audit-log/{folder}/{name}/{file}.sql", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    [of("down"), of("up")]
}

async fn run(database: &Database, sql: &str) -> DbResult<()> {
    let sql = sql.to_owned();
    database.write(move |conn| Ok(on_backend!(conn, |c| c.batch_execute(&sql))?)).await
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

async fn lines(database: &Database, sql: &'static str) -> Vec<String> {
    let rows = database
        .read(move |conn| Ok(on_backend!(conn, |c| diesel::sql_query(sql).load::<Line>(c))?))
        .await
        .expect("lines");
    rows.into_iter().map(|row| row.line).collect()
}

/// The row of an entry as it was before: the statement that made it.
fn old_row(entry: &Entry, sealed: &Sealed) -> String {
    let plain = |text: &Text| match text {
        Text::Open(text) | Text::Personal(text) => text.clone(),
    };
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let maybe = |text: Option<String>| text.map_or("null".to_owned(), |text| quoted(&text));
    let payload: Value = serde_json::from_str(&sealed.payload).expect("JSON");
    let target = entry.target.as_ref();
    let target_id = target.map(|target| plain(&target.id));
    let mut search = vec![
        plain(entry.address.as_ref().expect("an address")),
        entry.request_id.clone().expect("a request id"),
        entry.method.clone().expect("a method").to_lowercase(),
        entry.route.clone().expect("a route"),
    ];
    search.extend(target_id.iter().map(|id| id.to_lowercase()));
    search.extend(payload["details"]["looksLike"].as_str().map(str::to_owned));
    let time = entry.time.to_string().replace('T', " ").replace('Z', "+00:00");
    let columns = [
        quoted(&entry.id.to_string()),
        quoted(&sealed.payload),
        quoted(&serde_json::to_string(&sealed.disclosures).expect("JSON")),
        quoted(&time),
        quoted(entry.service),
        quoted(entry.category.as_str()),
        quoted(&entry.action),
        quoted(entry.outcome.as_str()),
        maybe(entry.reason.clone()),
        quoted(payload["actor"]["kind"].as_str().expect("a kind")),
        maybe(entry.actor.id.as_ref().map(plain)),
        maybe(target.map(|target| target.kind.clone())),
        maybe(target_id),
        quoted(&search.join("\n")),
        quoted(&time),
    ];
    format!(
        "insert into entries (entry_id, payload, disclosures, time, service, category, action, outcome, reason, actor_kind, actor_id, \
         target_kind, target_id, search, received_at) values ({});",
        columns.join(", ")
    )
}

/// What the trail answers to all kinds of questions, those about texts and pieces of ids among them.
async fn answers(world: &World, entries: &[Sealed]) -> Vec<Value> {
    let id = entries[1].id.to_string();
    let mut answers = Vec::new();
    for query in [
        "",
        "category=webhook",
        "category=audit",
        "category=system",
        "outcome=refused",
        "action=client.read",
        "actor=site",
        "target=cl_1",
        "text=ZO%C3%8B",
        "text=plus_new",
        "text=signature_mis",
        "text=auditor%40",
        "text=get",
        "text=clients/%7Bemail",
        "text=req-2",
        "text=aud_",
        &format!("text={}", &id[..14]),
        &format!("text={}", &id[17..28]),
        &format!("text={id}"),
    ] {
        answers.push(world.page(query).await);
    }
    for one in entries {
        answers.push(body(world.get(&format!("{ENTRIES}/{}", one.id)).await, 200).await);
    }
    answers
}

const OLD_COLUMNS: &str = "select entry_id || payload || disclosures || service || category || action || outcome || coalesce(reason, '-') \
    || actor_kind || coalesce(actor_id, '-') || coalesce(target_kind, '-') || coalesce(target_id, '-') || search || position as line \
    from entries order by position";

#[tokio::test]
async fn entries_of_before_are_kept_and_answer_as_those_of_today() {
    let entries = various();
    let sealed: Vec<Sealed> = entries.iter().map(seal).collect();
    for (before, today) in both().zip(both()) {
        let today = World::start(&today).await;
        today.appends(&sealed, [4, 0, 0]).await;
        let expected = answers(&today, &sealed).await;

        let database = before.open(SCHEMA);
        MIGRATIONS.run(&database).await.expect("migrates");
        let [down, up] = texts(before.backend(), PACKED);
        run(&database, &down).await.expect("goes back while there is no entry");
        for (entry, sealed) in entries.iter().zip(&sealed) {
            run(&database, &old_row(entry, sealed)).await.expect("an entry of before");
        }
        let rows = lines(&database, OLD_COLUMNS).await;
        run(&database, &up).await.expect("goes forward");
        run(&database, &down).await.expect("goes back while nothing is packed");
        assert_eq!(lines(&database, OLD_COLUMNS).await, rows);
        run(&database, &up).await.expect("goes forward again");

        let world = World::start_unmigrated(&before).await;
        assert_eq!(answers(&world, &sealed).await, expected);
        // Those that come again are known. From the first new one on there is no way back, and nothing is half undone.
        let new = seal(&entry(9));
        world.appends(&[sealed.clone(), vec![new.clone()]].concat(), [1, 4, 0]).await;
        run(&database, &down).await.expect_err("no way back");
        assert_eq!(world.ids("limit=2").await, [new.id.to_string(), sealed[3].id.to_string()]);
    }
}

/// Rights that were granted by hand go over to the tables of today, but for those to change the trail.
#[tokio::test]
async fn whoever_might_read_and_append_still_may() {
    let on = postgres();
    let database = on.open(SCHEMA);
    MIGRATIONS.run(&database).await.expect("migrates");
    let [down, up] = texts(Backend::Postgres, PACKED);
    run(&database, &down).await.expect("goes back");
    run(&database, "grant select, insert, update, delete on entries to public").await.expect("granted");
    let rights = async || {
        lines(
            &database,
            "select table_name || ' ' || privilege_type as line from information_schema.role_table_grants \
             where table_schema = current_schema() and grantee = 'PUBLIC' order by 1",
        )
        .await
    };
    run(&database, &up).await.expect("goes forward");
    assert_eq!(rights().await, ["entries INSERT", "entries SELECT", "kinds INSERT", "kinds SELECT"]);
    run(&database, &down).await.expect("goes back");
    assert_eq!(rights().await, ["entries INSERT", "entries SELECT"]);
}
