//! Migrations, and the helper that holds a service's two folders to each other.

use db::{Class, Database, Migrations, Options};
use test_kit::database::{both, postgres, sqlite};

static BOTH: Migrations = db::migrations!("tests/migrations/postgres", "tests/migrations/sqlite");
static FIRST: Migrations =
    db::migrations!("tests/migrations/unlike/postgres", "tests/migrations/unlike/version");

#[tokio::test]
async fn they_run_once_and_in_order() {
    for on in both() {
        let database = on.open("svc");
        assert!(!BOTH.is_current(&database).await.unwrap());
        assert_eq!(BOTH.run(&database).await.unwrap(), ["20260101000000", "20260101000001"]);
        assert!(BOTH.is_current(&database).await.unwrap());
        assert_eq!(BOTH.run(&database).await.unwrap(), Vec::<String>::new());
        assert_eq!(BOTH.revert_all(&database).await.unwrap(), ["20260101000001", "20260101000000"]);
        assert!(!BOTH.is_current(&database).await.unwrap());
    }
}

#[tokio::test]
async fn replicas_that_migrate_at_once_wait_for_each_other() {
    for on in both() {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let replica = on.open("svc");
            tasks.spawn(async move { BOTH.run(&replica).await.unwrap() });
        }
        let ran: Vec<_> = tasks.join_all().await.concat();
        assert_eq!(ran.len(), 2, "each migration ran once: {ran:?}");
    }
}

#[tokio::test]
async fn a_missing_schema_is_created_if_the_role_may() {
    let on = postgres();
    let url = on.url("fresh_schema");
    let database = Database::open(url, "fresh_schema", &Options::default()).unwrap();
    assert!(!BOTH.is_current(&database).await.unwrap());
    BOTH.run(&database).await.unwrap();
    assert!(BOTH.is_current(&database).await.unwrap());

    on.run("public", "DROP ROLE IF EXISTS crm_least; CREATE ROLE crm_least LOGIN", "");
    let least = on.url_text("svc").replace("user=postgres", "user=crm_least").parse().unwrap();
    let least = Database::open(least, "svc", &Options::default()).unwrap();
    assert!(!BOTH.is_current(&least).await.unwrap(), "asking needs no right to create");
    let refused = BOTH.run(&least).await.unwrap_err();
    assert_eq!(refused.class(), Class::Broken, "{refused:?}");
    on.run("public", "DROP ROLE crm_least", "");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_of_any() {
    for on in both() {
        let database = on.open("svc");
        // The second migration's table is there already.
        let taken = "CREATE TABLE holders (x integer)";
        on.run("svc", taken, taken);
        assert_eq!(BOTH.run(&database).await.unwrap_err().class(), Class::Broken);
        assert!(!BOTH.is_current(&database).await.unwrap());
        on.run("svc", "DROP TABLE holders", "DROP TABLE holders");
        assert_eq!(BOTH.run(&database).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_schema_that_is_ahead_of_the_code_is_current() {
    let on = postgres();
    let database = on.open("svc");
    BOTH.run(&database).await.unwrap();
    assert!(FIRST.is_current(&database).await.unwrap());
}

#[tokio::test]
async fn equal_folders_pass_the_parity_check() {
    test_kit::migrations::check(&BOTH).await;
}

/// A check that can't fail proves nothing: each kind of difference must be found.
#[tokio::test]
async fn each_kind_of_difference_fails_the_parity_check() {
    static COLUMN: Migrations =
        db::migrations!("tests/migrations/unlike/postgres", "tests/migrations/unlike/column");
    static NULLABLE: Migrations =
        db::migrations!("tests/migrations/unlike/postgres", "tests/migrations/unlike/nullable");
    static UNIQUE: Migrations =
        db::migrations!("tests/migrations/unlike/postgres", "tests/migrations/unlike/unique");
    static PARTIAL: Migrations =
        db::migrations!("tests/migrations/unlike/postgres", "tests/migrations/unlike/partial");
    static TABLE: Migrations =
        db::migrations!("tests/migrations/unlike/postgres", "tests/migrations/unlike/table");
    static LEFTOVER: Migrations =
        db::migrations!("tests/migrations/unlike/postgres", "tests/migrations/unlike/leftover");
    for (unlike, said) in [
        (&COLUMN, "columns of accounts"),
        (&NULLABLE, "columns of accounts"),
        (&UNIQUE, "unique keys of accounts"),
        (&PARTIAL, "unique keys of accounts"),
        (&TABLE, "have the same tables"),
        (&FIRST, "have the same migrations"),
        (&LEFTOVER, "down leaves nothing"),
    ] {
        let failed = tokio::spawn(test_kit::migrations::check(unlike)).await.unwrap_err().into_panic();
        let message = failed.downcast_ref::<String>().expect("a formatted message");
        assert!(message.contains(said), "expected {said:?} in {message}");
    }
}

#[tokio::test]
async fn sqlite_and_postgres_ask_without_making_anything() {
    for on in [sqlite(), postgres()] {
        let database = on.open("svc");
        assert!(!BOTH.is_current(&database).await.unwrap());
        // diesel's own question would have made its table.
        let made = database.write(|conn| conn.execute_batch("SELECT * FROM __diesel_schema_migrations"));
        assert_eq!(made.await.unwrap_err().class(), Class::Broken);
    }
}
