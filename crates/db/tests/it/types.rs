//! What goes in comes out, on both engines alike.

use crate::things::{Thing, insert, thing, things, with_things};
use bigdecimal::{BigDecimal, Num};
use chrono::{DateTime, TimeZone, Utc};
use db::types::{Decimal, Id, Instant, Money, Uid, UtcTime};
use db::{Conn, Database, DbResult, on_backend, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use test_kit::database::{both, postgres, sqlite};
use uuid::Uuid;

/// Amounts as the contract allows: up to 20 digits before and 18 after the point, of either sign, trailing zeros too.
fn amounts() -> impl Strategy<Value = BigDecimal> {
    ("-?(0|[1-9][0-9]{0,19})", "[0-9]{0,18}").prop_map(|(whole, part)| {
        BigDecimal::from_str_radix(&format!("{whole}.{part}0").replace(".0", ".00"), 10).unwrap()
    })
}

/// Microseconds of the years 1 to 9999, often at the ends of seconds.
fn times() -> impl Strategy<Value = DateTime<Utc>> {
    let first = Utc.with_ymd_and_hms(1, 1, 1, 0, 0, 0).unwrap().timestamp();
    let last = Utc.with_ymd_and_hms(9999, 12, 31, 23, 59, 59).unwrap().timestamp();
    let micros = prop_oneof![Just(0u32), Just(1), Just(999_999), 0..1_000_000u32];
    (first..=last, micros)
        .prop_map(|(seconds, micros)| DateTime::from_timestamp(seconds, micros * 1000).unwrap())
}

fn round_trip(conn: &mut Conn, row: &Thing) -> DbResult<Thing> {
    on_backend!(&mut *conn, |c| diesel::delete(things::table).execute(c))?;
    insert(conn, std::slice::from_ref(row))?;
    Ok(on_backend!(conn, |c| things::table.select(Thing::as_select()).get_result(c))?)
}

fn for_all<S: Strategy>(strategy: S, check: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    runner.run(&strategy, check).unwrap();
}

fn run<T: Send + 'static>(
    runtime: &tokio::runtime::Runtime,
    database: &Database,
    work: impl FnMut(&mut Conn) -> DbResult<T> + Send + 'static,
) -> T {
    runtime.block_on(database.write(work)).unwrap()
}

#[test]
fn amounts_and_times_come_back_as_they_went() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for on in both() {
        let database = with_things(&on);
        for_all((proptest::option::of(amounts()), proptest::option::of(times())), |(amount, at)| {
            let row = Thing { amount: amount.map(Decimal), at: at.map(UtcTime), ..thing("a", 1) };
            let sent = row.clone();
            let back = run(&runtime, &database, move |conn| round_trip(conn, &sent));
            prop_assert_eq!(&back, &row);
            // 1.50 is 1.5 as a number; the scale is kept as well, but for a zero's.
            if let (Some(Decimal(back)), Some(Decimal(sent))) = (back.amount, row.amount) {
                prop_assert_eq!(back.normalized(), sent.normalized());
            }
            Ok(())
        });
    }
}

#[test]
fn arrays_go_to_postgres_in_one_statement() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let on = postgres();
    let database = with_things(&on);
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Money)]
        amount: BigDecimal,
        #[diesel(sql_type = Instant)]
        at: DateTime<Utc>,
    }
    let cases = proptest::collection::vec((amounts(), times()), 0..20);
    for_all(cases, |sent| {
        let (amounts, times): (Vec<_>, Vec<_>) = sent.iter().cloned().unzip();
        let back: Vec<Row> = run(&runtime, &database, move |conn| {
            let Conn::Postgres(c) = conn else { panic!("not PostgreSQL") };
            Ok(diesel::sql_query("SELECT * FROM unnest($1, $2) AS u (amount, at)")
                .bind::<Array<Money>, _>(&amounts)
                .bind::<Array<Instant>, _>(&times)
                .load(c)?)
        });
        let back: Vec<_> = back.into_iter().map(|row| (row.amount, row.at)).collect();
        prop_assert_eq!(back, sent);
        Ok(())
    });
}

#[test]
fn sqlite_orders_times_as_time_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let on = sqlite();
    let database = with_things(&on);
    for_all(proptest::collection::vec(times(), 1..20), |mut sent| {
        let rows: Vec<_> = (0..)
            .zip(&sent)
            .map(|(number, at)| Thing { at: Some(UtcTime(*at)), ..thing(&format!("{number}"), 0) })
            .collect();
        let back: Vec<Option<UtcTime>> = run(&runtime, &database, move |conn| {
            on_backend!(&mut *conn, |c| diesel::delete(things::table).execute(c))?;
            insert(conn, &rows)?;
            Ok(on_backend!(conn, |c| things::table.order(things::at).select(things::at).load(c))?)
        });
        sent.sort();
        prop_assert_eq!(back.into_iter().map(|at| at.unwrap().0).collect::<Vec<_>>(), sent);
        Ok(())
    });
}

#[tokio::test]
async fn what_is_finer_than_a_microsecond_is_cut_off_on_both_alike() {
    for on in both() {
        let database = with_things(&on);
        // Before 1970 and before 2000 too, where cutting towards an epoch would round the other way.
        for seconds in [-2_000_000_000, 500_000_000, 1_900_000_000] {
            let at = DateTime::from_timestamp(seconds, 123_456_789).unwrap();
            let row = Thing { at: Some(UtcTime(at)), ..thing("a", 1) };
            let back = database.write(move |conn| round_trip(conn, &row)).await.unwrap();
            assert_eq!(back.at.unwrap().0, DateTime::from_timestamp(seconds, 123_456_000).unwrap());
        }
    }
}

#[tokio::test]
async fn sqlite_holds_readable_text() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        amount: String,
        #[diesel(sql_type = Text)]
        at: String,
    }
    let on = sqlite();
    let database = with_things(&on);
    let at = DateTime::from_timestamp(1_900_000_000, 1000).unwrap();
    for (amount, text) in
        [("1e3", "1000"), ("0.000000000000000001", "0.000000000000000001"), ("-5.50", "-5.50")]
    {
        let amount = Some(Decimal(amount.parse().unwrap()));
        let thing = Thing { amount, at: Some(UtcTime(at)), ..thing("a", 1) };
        let row: Row = database
            .write(move |conn| {
                round_trip(conn, &thing)?;
                Ok(on_backend!(conn, |c| diesel::sql_query("SELECT amount, at FROM things").get_result(c))?)
            })
            .await
            .unwrap();
        assert_eq!((row.amount.as_str(), row.at.as_str()), (text, "2030-03-17T17:46:40.000001Z"));
    }
}

#[tokio::test]
async fn an_amount_of_absurd_size_is_refused_before_it_is_written_out() {
    for on in both() {
        let database = with_things(&on);
        for absurd in ["1e999999999", "1e-999999999"] {
            let row = Thing { amount: Some(Decimal(absurd.parse().unwrap())), ..thing("a", 1) };
            let error = database.write(move |conn| round_trip(conn, &row)).await.unwrap_err();
            assert_eq!(error.class(), db::Class::Data, "{error:?}");
        }
    }
}

#[tokio::test]
async fn nullable_times_are_compared_with_plain_ones() {
    for on in both() {
        let database = with_things(&on);
        let at = |second| UtcTime(DateTime::from_timestamp(second, 0).unwrap());
        let rows = [
            Thing { at: Some(at(5)), ..thing("a", 1) },
            Thing { at: Some(at(7)), ..thing("b", 2) },
            thing("c", 3),
        ];
        database.write(move |conn| insert(conn, &rows)).await.unwrap();
        let due = database.read(move |conn| {
            let due = things::table.filter(things::at.le(at(6)).or(things::at.is_null()));
            Ok(on_backend!(conn, |c| due.order(things::key).select(things::key).load::<String>(c))?)
        });
        assert_eq!(due.await.unwrap(), ["a", "c"]);
    }
}

fn uuids() -> impl Strategy<Value = Uuid> {
    // At the ends, too, where signed numbers would go wrong.
    prop_oneof![any::<u128>(), any::<u8>().prop_map(u128::from), Just(u128::MAX), Just(1 << 127)]
        .prop_map(Uuid::from_u128)
}

#[test]
fn ids_come_back_as_they_went_and_sort_by_their_bytes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for on in both() {
        let database = with_things(&on);
        for_all(proptest::collection::btree_set(uuids(), 1..6), |sent| {
            let rows: Vec<_> = (0..)
                .zip(sent.iter().rev())
                .map(|(number, id)| Thing { id: Some(Uid(*id)), ..thing(&format!("{number}"), 0) })
                .collect();
            let asked: Vec<Uid> = sent.iter().take(3).copied().map(Uid).collect();
            let these = asked.clone();
            let (back, found) = run(&runtime, &database, move |conn| {
                on_backend!(&mut *conn, |c| diesel::delete(things::table).execute(c))?;
                insert(conn, &rows)?;
                let all = things::table.order(things::id).select(things::id);
                let few = all.filter(things::id.eq_any(&these));
                let back: Vec<Option<Uid>> = on_backend!(&mut *conn, |c| all.load(c))?;
                Ok((back, on_backend!(conn, |c| few.load::<Option<Uid>>(c))?))
            });
            prop_assert_eq!(
                back.into_iter().flatten().map(Uuid::from).collect::<Vec<_>>(),
                Vec::from_iter(sent)
            );
            prop_assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), asked);
            Ok(())
        });
    }
}

#[test]
fn arrays_of_ids_go_to_postgres_in_one_statement() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let on = postgres();
    let database = with_things(&on);
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Id)]
        id: Uid,
        #[diesel(sql_type = Nullable<Id>)]
        other: Option<Uid>,
    }
    for_all(proptest::collection::vec((uuids(), proptest::option::of(uuids())), 0..20), |sent| {
        let sent: Vec<_> = sent.into_iter().map(|(id, other)| (Uid(id), other.map(Uid))).collect();
        let (ids, others): (Vec<_>, Vec<_>) = sent.iter().copied().unzip();
        let back: Vec<Row> = run(&runtime, &database, move |conn| {
            let Conn::Postgres(c) = conn else { panic!("not PostgreSQL") };
            Ok(prepared("select * from unnest(?, ?) as u (id, other)")
                .bind::<Array<Id>, _>(&ids)
                .bind::<Array<Nullable<Id>>, _>(&others)
                .load(c)?)
        });
        prop_assert_eq!(back.into_iter().map(|row| (row.id, row.other)).collect::<Vec<_>>(), sent);
        Ok(())
    });
}

#[tokio::test]
async fn an_id_is_sixteen_bytes_and_nothing_else_is_one() {
    #[derive(QueryableByName)]
    struct Bytes {
        #[diesel(sql_type = Text)]
        kind: String,
        #[diesel(sql_type = BigInt)]
        length: i64,
    }
    let on = sqlite();
    let database = with_things(&on);
    let row = Thing { id: Some(Uid(Uuid::from_u128(7))), ..thing("a", 1) };
    let bytes: Bytes = database
        .write(move |conn| {
            round_trip(conn, &row)?;
            let sql = "SELECT typeof(id) AS kind, length(id) AS length FROM things";
            Ok(on_backend!(conn, |c| diesel::sql_query(sql).get_result(c))?)
        })
        .await
        .unwrap();
    assert_eq!((bytes.kind.as_str(), bytes.length), ("blob", 16));
    for bad in ["x'0011'", "''", "'cl_01k7ff36zve008000000000000'"] {
        let error = database
            .write(move |conn| {
                let spoil = format!("UPDATE things SET id = {bad}");
                on_backend!(&mut *conn, |c| diesel::sql_query(spoil).execute(c))?;
                Ok(on_backend!(conn, |c| things::table.select(things::id).load::<Option<Uid>>(c))?)
            })
            .await
            .unwrap_err();
        assert_eq!(error.class(), db::Class::Broken, "{bad}: {error:?}");
    }
}
