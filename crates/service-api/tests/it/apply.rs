//! Events take effect once, converge, and say so on the trail.

use auth::random::Random;
use contract::clock::Clock;
use contract::events::{Event, KycWords, Reading, read};
use contract::internal::{ApplyEvent, ApplyResult};
use serde_json::{Value, json};
use service_api::SCHEMA;
use test_kit::database::{TestDatabase, both, postgres, sqlite};

use crate::support::{Api, NOBODY, at, config, named, registered, told};

#[tokio::test]
async fn an_event_takes_effect_once_and_has_one_entry() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let events = [
            named(registered(9, Some("1"), Some("a@x.org")), "New"),
            named(registered(2, Some("1"), Some("a@x.org")), "Old"),
        ];
        api.applies(&events[..1]).await;
        let before = api.record("a@x.org").await;
        let both_again = api.apply(&events).await;
        assert_eq!(both_again, [(ApplyResult::AlreadyApplied, None), (ApplyResult::Applied, None)]);
        let older = named(registered(5, Some("1"), Some("a@x.org")), "Between");
        assert_eq!(api.apply(std::slice::from_ref(&older)).await, [(ApplyResult::Superseded, None)]);
        assert_eq!(
            api.apply(&[older.clone(), older.clone()]).await[1],
            (ApplyResult::Superseded, None),
            "said again, it is so still"
        );

        let after = api.record("a@x.org").await;
        assert_eq!((&after["firstName"], &after["id"]), (&before["firstName"], &before["id"]));
        assert_eq!(after["createdAt"], at(2).to_string());
        let entries = api.entries("event.apply", 3).await;
        let said: Vec<_> =
            entries.iter().map(|entry| (&entry["details"]["eventId"], &entry["details"]["result"])).collect();
        let expected = [(&events[0], "applied"), (&events[1], "applied"), (&older, "superseded")];
        assert_eq!(said.len(), expected.len());
        for ((event_id, result), (event, expected)) in said.iter().zip(expected) {
            assert_eq!(
                (event_id.as_str(), result.as_str()),
                (Some(event.event_id.to_string().as_str()), Some(expected))
            );
        }
        let entry = &entries[0];
        assert_eq!(
            (entry["category"].as_str(), entry["outcome"].as_str()),
            (Some("webhook"), Some("success"))
        );
        assert_eq!(
            (entry["actor"]["kind"].as_str(), entry["actor"]["id"].as_str()),
            (Some("platform"), Some("site"))
        );
        assert_eq!((&entry["target"]["kind"], &entry["target"]["id"]), (&"client".into(), &before["id"]));
    }
}

#[tokio::test]
async fn twins_in_one_batch_take_effect_once() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let event = registered(1, Some("1"), Some("a@x.org"));
        let verdicts = api.apply(&[event.clone(), event]).await;
        assert_eq!(verdicts, [(ApplyResult::Applied, None), (ApplyResult::AlreadyApplied, None)]);
        assert_eq!(api.entries("event.apply", 1).await.len(), 1);
        assert_eq!(api.apply(&[]).await, []);
    }
}

/// Clients by clientId, by address, by both; some turn out to be one.
fn mixed() -> Vec<ApplyEvent> {
    let mut events = vec![
        named(registered(1, None, Some("p@x.org")), "By address"),
        named(registered(2, Some("p"), None), "By id"),
        registered(3, Some("p"), Some("P@X.org")),
        named(registered(4, None, Some("p@x.org")), "Last"),
        registered(5, Some("q"), Some("shared@x.org")),
        named(registered(6, Some("r"), Some("shared@x.org")), "R"),
        registered(7, Some("q"), Some("q@x.org")),
        named(registered(8, None, Some("alone@x.org")), "A"),
        named(registered(9, None, Some("ALONE@x.org")), "B"),
        named(registered(10, Some("s"), Some("one@x.org")), "S"),
        registered(11, Some("s"), Some("two@x.org")),
        registered(12, None, Some("one@x.org")),
    ];
    // Ties of time: the sequence decides, then the intake number.
    for (intake, sequence, name) in [(13, Some(2), "two"), (14, Some(1), "one"), (15, None, "none")] {
        let mut event = named(registered(20, Some("t"), None), name);
        event.intake = intake;
        event.sequence = sequence;
        events.push(event);
    }
    events
}

/// Another order of the same events, with some of them twice.
fn shuffled(events: &[ApplyEvent], random: &Random) -> Vec<ApplyEvent> {
    let mut pile: Vec<ApplyEvent> = events.to_vec();
    pile.extend_from_slice(&events[..4]);
    let mut order = Vec::new();
    while !pile.is_empty() {
        let at = usize::from(u16::from_be_bytes(random.bytes())) % pile.len();
        order.push(pile.swap_remove(at));
    }
    order
}

#[tokio::test]
async fn any_order_and_any_repetition_end_in_the_same_records() {
    let events = mixed();
    let mut expected: Option<Vec<String>> = None;
    for fresh in [sqlite as fn() -> TestDatabase, postgres] {
        for seed in 0..6_u64 {
            let on = fresh();
            let api = Api::start(&on, NOBODY).await;
            let order = if seed == 0 { events.clone() } else { shuffled(&events, &Random::seeded(seed)) };
            let batch = [1, 3, 40][usize::try_from(seed % 3).expect("small")];
            for batch in order.chunks(batch) {
                api.apply(batch).await;
            }
            // How the databases write times differs; what they say does not.
            let whole: Vec<String> = api
                .whole()
                .await
                .iter()
                .map(|line| line.replace(['T', 'Z', ' '], "").replace("+00", ""))
                .collect();
            let whole: Vec<String> = whole.iter().map(|line| line.replace(".000000", "")).collect();
            assert_eq!(whole.len(), 6, "{whole:#?}");
            assert_eq!(expected.get_or_insert_with(|| whole.clone()), &whole, "seed {seed}");
            assert_eq!(api.record("p@x.org").await["firstName"], "Last");
            assert_eq!(api.record("shared@x.org").await["clientId"], "r", "q moved away");
            assert_eq!(api.record("two@x.org").await["email"], "one@x.org", "the address came back");
            assert_eq!(api.entries("event.apply", events.len()).await.len(), events.len());
        }
    }
}

#[tokio::test]
async fn a_merged_record_leaves_a_pointer_and_hands_its_addresses_over() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[registered(1, Some("1"), None)]).await;
        api.applies(&[named(registered(2, None, Some("a@x.org")), "Ann")]).await;
        let alone = api.record("a@x.org").await;
        api.applies(&[registered(3, Some("1"), Some("a@x.org"))]).await;
        let record = api.record("a@x.org").await;
        assert_eq!((&record["clientId"], &record["firstName"]), (&"1".into(), &"Ann".into()));
        assert_ne!(record["id"], alone["id"]);
        assert!(record["version"].as_i64() > alone["version"].as_i64());
        let pointers = "select coalesce(p.client_id, '-') || ' ' || c.client_id as text \
                        from clients p join clients c on c.id = p.merged_into";
        assert_eq!(api.texts(pointers).await, ["- 1"]);
        let path = format!("/api/clients/{}", alone["id"].as_str().expect("id"));
        assert_eq!(api.as_staff("admin", "GET", &path, &Value::Null).await.json()["id"], record["id"]);
        assert_eq!(former(&api).await, Vec::<String>::new(), "it is in the record that has it now");
        assert_eq!(record["email"], "a@x.org");
    }
}

/// The addresses beside those in the records, each with the clientId of whose it was.
async fn former(api: &Api) -> Vec<String> {
    let rows = "select coalesce(c.client_id, '-') || ' ' || e.email_key as text \
                from client_emails e join clients c on c.id = e.client order by 1";
    api.texts(rows).await
}

#[tokio::test]
async fn an_address_is_in_the_record_or_among_the_former_ones_and_finds_its_client_wherever_it_is() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[registered(1, Some("1"), Some("a@x.org")), registered(2, Some("2"), None)]).await;
        assert_eq!(former(&api).await, Vec::<String>::new());
        api.applies(&[registered(3, Some("1"), Some("b@x.org"))]).await;
        assert_eq!(former(&api).await, ["1 a@x.org"]);
        // By a former address alone, it is the same client; one that never was the record's is a former one too.
        api.applies(&[named(registered(4, None, Some("A@x.org")), "Ann")]).await;
        assert_eq!(api.record("b@x.org").await["firstName"], "Ann");
        assert_eq!(former(&api).await, ["1 b@x.org"], "it came back");
        api.applies(&[registered(2, Some("1"), Some("c@x.org"))]).await;
        assert_eq!(former(&api).await, ["1 b@x.org", "1 c@x.org"]);
        // Known by addresses alone, then merged: present and former ones go to whose they turn out to be.
        let moved = json!({"clientEmail": "d@x.org", "email": "e@x.org"});
        api.applies(&[told(5, "account.updated", &moved)]).await;
        assert_eq!(former(&api).await, ["- d@x.org", "1 b@x.org", "1 c@x.org"]);
        api.applies(&[told(
            6,
            "kyc.updated",
            &json!({"clientId": "2", "email": "d@x.org", "kycStatus": "approved"}),
        )])
        .await;
        assert_eq!(former(&api).await, ["1 b@x.org", "1 c@x.org", "2 d@x.org"]);
        for (email, client_id) in
            [("a@x.org", "1"), ("b@x.org", "1"), ("c@x.org", "1"), ("d@x.org", "2"), ("e@x.org", "2")]
        {
            assert_eq!(api.record(email).await["clientId"], client_id, "{email}");
        }
        // Whoever has it now comes before who had it, in events as in look-ups.
        api.applies(&[registered(7, Some("3"), Some("b@x.org"))]).await;
        api.applies(&[named(registered(8, None, Some("b@x.org")), "Bea")]).await;
        let record = api.record("b@x.org").await;
        assert_eq!((&record["clientId"], &record["firstName"]), (&"3".into(), &"Bea".into()));
        assert_eq!(former(&api).await, ["1 b@x.org", "1 c@x.org", "2 d@x.org"]);
    }
}

fn of_platform(body: &str) -> Event {
    match read(body.as_bytes(), &KycWords::built_in(), at(1)) {
        Reading::Known(envelope) => envelope.event.expect("a known type"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_can_never_be_applied_is_refused_and_holds_nothing_up() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let mut deposit = registered(1, None, None);
        deposit.event = of_platform(
            r#"{"event":"deposit.completed","data":{"clientId":"1","amount":"10","currency":"EUR"}}"#,
        );
        let nobody = registered(2, None, None);
        let too_long = registered(3, Some(&"9".repeat(3_000)), Some("a@x.org"));
        let nul = named(registered(4, Some("4"), None), "a\0b");
        let good = registered(5, Some("5"), Some("five@x.org"));
        let verdicts = api.apply(&[deposit, nobody, too_long, nul, good]).await;
        let reason = |text: &str| Some(text.to_owned());
        let expected = [
            (ApplyResult::Applied, None),
            (ApplyResult::Refused, reason("no_identity")),
            (ApplyResult::Refused, reason("client_id_too_long")),
            (ApplyResult::Refused, reason("unstorable_text")),
            (ApplyResult::Applied, None),
        ];
        assert_eq!(verdicts, expected);
        assert_eq!(api.whole().await.len(), 2);
        assert_eq!(api.entries("event.apply", 2).await.len(), 2);
    }
}

#[tokio::test]
async fn senseless_times_and_long_texts_hold_nothing_up() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let mut ancient = registered(1, Some("1"), Some("a@x.org"));
        ancient.effective_at = contract::clock::Timestamp::MIN;
        let mut created = registered(2, Some("2"), Some(&format!("{}@x.org", "\u{1f600}".repeat(300))));
        if let Event::ClientRegistered(said) = &mut created.event {
            said.created_at = Some(contract::clock::Timestamp::MIN);
            said.first_name = Some("x".repeat(200_000));
        }
        api.applies(&[ancient, created, registered(3, Some(&"\u{1f600}".repeat(500)), None)]).await;
        assert_eq!(api.record("a@x.org").await["createdAt"], "0001-01-01T00:00:00.000000Z");
    }
}

fn poison(on: &TestDatabase, name: &str) {
    on.run(
        SCHEMA,
        &format!(
            "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'poisoned'; end $$;
             create trigger poison before insert on clients for each row when (new.first_name = '{name}') execute function refuse()"
        ),
        &format!("create trigger poison before insert on clients when new.first_name = '{name}' begin select raise(abort, 'poisoned'); end"),
    );
}

#[tokio::test]
async fn one_poisoned_event_fails_alone() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        poison(&on, "Poison");
        let mut batch: Vec<ApplyEvent> = (1..=7).map(|n| registered(n, Some(&n.to_string()), None)).collect();
        batch[3] = named(batch[3].clone(), "Poison");
        let verdicts = api.apply(&batch).await;
        let failed = (ApplyResult::Failed, Some("internal_error".to_owned()));
        for (index, verdict) in verdicts.iter().enumerate() {
            assert_eq!(verdict, if index == 3 { &failed } else { &(ApplyResult::Applied, None) }, "{index}");
        }
        assert_eq!(api.whole().await.len(), 6);
        assert_eq!(
            api.entries("event.apply", 6).await.len(),
            6,
            "what failed left nothing, on the trail neither"
        );
        on.run(SCHEMA, "drop trigger poison on clients", "drop trigger poison");
        assert_eq!(
            api.apply(&batch[3..4]).await,
            [(ApplyResult::Applied, None)],
            "it is tried again, and not lost"
        );
    }
}

#[tokio::test]
async fn a_large_batch_is_one_call() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let batch: Vec<ApplyEvent> =
            (1..=2_300).map(|n| registered(n, Some(&n.to_string()), Some(&format!("c{n}@x.org")))).collect();
        api.applies(&batch).await;
        assert_eq!(api.record("c2300@x.org").await["clientId"], "2300");
        assert_eq!(api.texts("select cast(count(*) as text) as text from applied_events").await, ["2300"]);
    }
}

#[tokio::test]
async fn a_change_is_never_stamped_before_the_last_one() {
    for on in both() {
        let (clock, hands) = Clock::manual(Clock::system().now());
        let api = Api::start_as(&on, config(&on, NOBODY), clock).await;
        api.applies(&[registered(1, Some("1"), Some("a@x.org"))]).await;
        let first = api.record("a@x.org").await["updatedAt"].clone();
        // The machine's clock is set back a little; tokens stay valid.
        hands.set(Clock::system().now().minus(std::time::Duration::from_secs(20)));
        api.applies(&[named(registered(2, Some("1"), None), "Ann")]).await;
        let record = api.record("a@x.org").await;
        assert_eq!((&record["updatedAt"], &record["version"]), (&first, &2.into()));
    }
}
