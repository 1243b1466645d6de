//! What goes wrong is sorted alike on both engines.

use crate::things::{Thing, insert, thing, with_things};
use db::types::UtcTime;
use db::{Class, Conn, DbError, DbResult};
use test_kit::database::{both, postgres};

type Work = fn(&mut Conn) -> DbResult<()>;

async fn class(on: &test_kit::database::TestDatabase, work: Work) -> (Class, String) {
    let error = on.open("svc").write(work).await.unwrap_err();
    (error.class(), format!("{error:?}"))
}

#[tokio::test]
async fn errors_are_sorted_alike() {
    let cases: [(&str, Class, Work); 8] = [
        ("unique", Class::Conflict, |conn| insert(conn, &[thing("a", 2)]).map(drop)),
        ("check", Class::Data, |conn| insert(conn, &[thing("b", -1)]).map(drop)),
        ("not null", Class::Data, |conn| conn.execute_batch("INSERT INTO things (key) VALUES ('b')")),
        ("no such table", Class::Broken, |conn| conn.execute_batch("SELECT * FROM missing")),
        ("no such column", Class::Broken, |conn| conn.execute_batch("SELECT missing FROM things")),
        ("syntax", Class::Broken, |conn| conn.execute_batch("SELEKT 1")),
        ("unwritable time", Class::Data, |conn| {
            let far = chrono::DateTime::<chrono::Utc>::MAX_UTC;
            insert(conn, &[Thing { at: Some(UtcTime(far)), ..thing("b", 5) }]).map(drop)
        }),
        ("a fault of ours", Class::Broken, |_| Err(DbError::broken("found what can't be"))),
    ];
    for on in both() {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("a", 1)])).await.unwrap();
        for (name, expected, work) in cases {
            let (found, said) = class(&on, work).await;
            assert_eq!(found, expected, "{name} on {:?}: {said}", on.backend());
        }
    }
}

#[tokio::test]
async fn a_conflict_names_its_key() {
    for (on, primary, unique) in both()
        .zip([("things.key", "things.number"), ("things_pkey", "things_number")])
        .map(|(on, (a, b))| (on, a, b))
    {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("a", 1)])).await.unwrap();
        for (row, name) in [(thing("a", 2), primary), (thing("b", 1), unique)] {
            let error =
                database.write(move |conn| insert(conn, std::slice::from_ref(&row))).await.unwrap_err();
            let DbError::Conflict { constraint, .. } = error else { panic!("{error:?}") };
            assert_eq!(constraint, name);
        }
    }
}

#[tokio::test]
async fn postgres_errors_without_a_kind_are_sorted_too() {
    let on = postgres();
    let database = with_things(&on);
    for (sql, expected) in [
        ("SELECT 1 / (SELECT 0)", Class::Data),
        ("SELECT (SELECT 'x')::text::bigint", Class::Data),
        ("SELECT repeat('9', 30)::numeric::bigint", Class::Data),
        ("SET ROLE pg_monitor; DELETE FROM svc.things", Class::Broken),
        ("SET LOCAL statement_timeout = 10; SELECT pg_sleep(60)", Class::Unavailable),
        ("SELECT missing(1)", Class::Broken),
        (
            "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01', MESSAGE = 'deadlock detected'; END $$",
            Class::Busy,
        ),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$", Class::Busy),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '08006'; END $$", Class::Unavailable),
    ] {
        let error = database.write(move |conn| conn.execute_batch(sql)).await.unwrap_err();
        assert_eq!(error.class(), expected, "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn a_text_with_nul_is_refused_by_postgres_as_data() {
    let on = postgres();
    let database = with_things(&on);
    let error = database.write(|conn| insert(conn, &[thing("a\0b", 1)])).await.unwrap_err();
    assert_eq!(error.class(), Class::Data, "{error:?}");
}

#[test]
fn what_is_shown_holds_no_stored_value() {
    let cause = "duplicate key (email)=(someone@example.test)";
    let error = DbError::broken(cause);
    assert!(!error.to_string().contains("example.test"), "{error}");
}
