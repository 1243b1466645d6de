//! Canonical JSON: what is written fast is what the reference writes.

use contract::canonical;
use proptest::prelude::*;
use serde_json::{Value, json};

fn value() -> impl Strategy<Value = Value> {
    let key = prop_oneof![3 => "[ -~]{0,6}", 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        // Every character that some writer escapes.
        prop::collection::vec(0_u8..=0x7f, 0..20)
            .prop_map(|bytes| Value::from(bytes.into_iter().map(char::from).collect::<String>())),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_is_written_as_the_reference_writes_it(value in value()) {
        let reference = serde_json_canonicalizer::to_string(&value).expect("finite numbers");
        prop_assert_eq!(canonical::text(&value).expect("finite numbers"), reference);
    }
}

/// RFC 8785, section 3.2.3: members stand in the order of their keys' UTF-16, and that differs from the order of their characters.
#[test]
fn keys_stand_in_the_order_of_utf_16() {
    let value =
        json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
    let text = canonical::text(&value).expect("whole numbers");
    assert_eq!(
        text,
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
    );
}

#[test]
fn numbers_beyond_the_whole_ones_are_written_as_doubles() {
    for (number, written) in [
        (json!(9_007_199_254_740_992_u64), "9007199254740992"),
        (json!(u64::MAX), "18446744073709552000"),
        (json!(1e21), "1e+21"),
        (json!(0.5), "0.5"),
    ] {
        assert_eq!(canonical::text(&number).expect("finite"), written);
    }
}
