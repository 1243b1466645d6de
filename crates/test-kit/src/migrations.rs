//! Holds a service's two migration folders to each other.

use crate::database::{TestDatabase, postgres, sqlite};
use db::{Conn, Database, DbResult, Migrations};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use std::collections::{BTreeMap, BTreeSet};

/// Runs a service's migrations on both engines, compares what they made (tables, columns, types, nullability, unique
/// keys), undoes them to nothing, and runs them again to the same.
///
/// # Panics
/// With the difference, when there is one.
pub async fn check(migrations: &'static Migrations) {
    let (on_postgres, ran) = round(migrations, &postgres()).await;
    let (on_sqlite, ran_sqlite) = round(migrations, &sqlite()).await;
    assert_eq!(ran, ran_sqlite, "both folders have the same migrations");
    assert_eq!(
        on_postgres.keys().collect::<Vec<_>>(),
        on_sqlite.keys().collect::<Vec<_>>(),
        "PostgreSQL and SQLite have the same tables"
    );
    for (name, table) in &on_postgres {
        let Some(other) = on_sqlite.get(name) else { continue };
        assert_eq!(table.unique, other.unique, "unique keys of {name}, PostgreSQL and SQLite");
        assert_eq!(table.columns, other.columns, "columns of {name}, PostgreSQL and SQLite");
    }
}

/// Runs the migrations of a file that is SQLite's alone, undoes them to nothing, and runs them again to the same.
///
/// # Panics
/// With what is wrong, when something is.
pub async fn check_sqlite_alone(migrations: &'static Migrations) {
    round(migrations, &sqlite()).await;
    let refused = migrations.run(&postgres().open("alone")).await;
    assert!(refused.is_err(), "PostgreSQL never gets these tables");
}

type Shape = BTreeMap<String, Table>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// Name → kind, nullable.
    columns: BTreeMap<String, (String, bool)>,
    /// Sorted names, and whether only some rows count.
    unique: BTreeSet<(Vec<String>, bool)>,
}

async fn round(migrations: &'static Migrations, on: &TestDatabase) -> (Shape, Vec<String>) {
    let database = on.open("parity");
    assert!(!migrations.is_current(&database).await.expect("asking works before the first migration"));
    let ran = migrations.run(&database).await.expect("up runs");
    assert!(!ran.is_empty(), "there are migrations");
    assert!(migrations.is_current(&database).await.expect("asking works"));
    let first = shape(&database).await;
    let undone = migrations.revert_all(&database).await.expect("down runs");
    assert_eq!(undone.iter().rev().collect::<Vec<_>>(), ran.iter().collect::<Vec<_>>(), "each is undone");
    assert_eq!(left(&database).await, Vec::<String>::new(), "down leaves nothing, on {:?}", on.backend());
    let again = migrations.run(&database).await.expect("up runs after down");
    assert_eq!(again, ran);
    assert_eq!(shape(&database).await, first, "up after down makes the same, on {:?}", on.backend());
    (first, ran)
}

async fn shape(database: &Database) -> Shape {
    database
        .read(|conn| Ok(shape_of(columns(conn)?, uniques(conn)?)))
        .await
        .expect("the catalogue can be read")
}

fn shape_of(columns: Vec<Column>, uniques: Vec<Unique>) -> Shape {
    let mut shape = Shape::new();
    for column in columns {
        let kind = kind(&column.kind).unwrap_or_else(|| {
            panic!(
                "{}.{}: migrations/README.md has no type {}",
                column.table_name, column.column_name, column.kind
            )
        });
        let table = shape.entry(column.table_name).or_default();
        table.columns.insert(column.column_name, (kind.to_owned(), column.nullable));
    }
    for unique in uniques {
        let mut names: Vec<String> = unique.columns.split(',').map(str::to_owned).collect();
        names.sort();
        shape.entry(unique.table_name).or_default().unique.insert((names, unique.partial));
    }
    shape
}

/// What both engines' names of a type come to. Where SQLite has one for several of PostgreSQL's, so have we.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "text" | "timestamptz" | "numeric" => "text, timestamptz or numeric",
        "bytea" | "blob" | "uuid" => "bytes",
        "bool" | "boolean" => "boolean",
        "int2" | "int4" | "int8" | "smallint" | "integer" | "bigint" => "whole number",
        _ => return None,
    })
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

#[derive(QueryableByName)]
struct Unique {
    #[diesel(sql_type = Text)]
    table_name: String,
    /// Names with commas between; `?` for an expression.
    #[diesel(sql_type = Text)]
    columns: String,
    #[diesel(sql_type = Bool)]
    partial: bool,
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

fn columns(conn: &mut Conn) -> DbResult<Vec<Column>> {
    Ok(match conn {
        Conn::Postgres(c) => diesel::sql_query(
            "SELECT table_name::text, column_name::text, udt_name::text AS kind, is_nullable = 'YES' AS nullable
             FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name NOT LIKE '\\_\\_diesel%'",
        )
        .load(c)?,
        // A lone `integer primary key` is the row's number, and never null whatever `notnull` says.
        Conn::Sqlite(c) => diesel::sql_query(
            "SELECT t.name AS table_name, c.name AS column_name, c.type AS kind,
                    NOT (c.\"notnull\" OR (c.pk = 1 AND upper(c.type) = 'INTEGER'
                         AND (SELECT count(*) FROM pragma_table_info(t.name) WHERE pk > 0) = 1)) AS nullable
             FROM sqlite_master t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
               AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'",
        )
        .load(c)?,
    })
}

fn uniques(conn: &mut Conn) -> DbResult<Vec<Unique>> {
    Ok(match conn {
        Conn::Postgres(c) => diesel::sql_query(
            "SELECT t.relname::text AS table_name, i.indpred IS NOT NULL AS partial,
                    (SELECT string_agg(coalesce(a.attname, '?'), ',')
                     FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
                     LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number AND k.number > 0
                     WHERE k.place <= i.indnkeyatts) AS columns
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
             WHERE i.indisunique AND t.relnamespace = current_schema()::regnamespace
               AND t.relname NOT LIKE '\\_\\_diesel%'",
        )
        .load(c)?,
        Conn::Sqlite(c) => diesel::sql_query(
            "SELECT t.name AS table_name, i.partial AS partial,
                    (SELECT group_concat(coalesce(k.name, '?'), ',') FROM pragma_index_info(i.name) k) AS columns
             FROM sqlite_master t JOIN pragma_index_list(t.name) i
             WHERE t.type = 'table' AND i.\"unique\" AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'
             UNION ALL
             SELECT t.name, 0, group_concat(c.name, ',')
             FROM sqlite_master t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.pk > 0 AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'
             GROUP BY t.name",
        )
        .load(c)?,
    })
}

/// All that is in the schema but diesel's own record.
async fn left(database: &Database) -> Vec<String> {
    let names = database.read(|conn| {
        let names: Vec<Named> = match conn {
            Conn::Postgres(c) => diesel::sql_query(
                "SELECT relname::text AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace
                 UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
                 UNION ALL SELECT typname::text FROM pg_type WHERE typnamespace = current_schema()::regnamespace",
            )
            .load(c)?,
            Conn::Sqlite(c) => diesel::sql_query(
                "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            )
            .load(c)?,
        };
        Ok(names.into_iter().map(|row| row.name).filter(|name| !name.contains("__diesel")).collect())
    });
    names.await.expect("the catalogue can be read")
}
