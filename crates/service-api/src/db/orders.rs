//! `field_orders`: the order keys of what a row holds, as JSON. An event mostly says many fields at once, so the key that most of them
//! have is written once, as that of `all` fields with a value that are not named beside it:
//! `{"all": [effective time in µs since 1970, sequence or null, intake number], "phone": [...]}`. Rows from before name each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::facts::Facts;
use crate::domain::order::OrderKey;

/// The order keys of the fields of one thing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "F: Serialize", deserialize = "F: Deserialize<'de> + Ord"))]
pub(super) struct Orders<F> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<OrderKey>,
    #[serde(flatten)]
    fields: BTreeMap<F, OrderKey>,
}

impl<F: Ord + Copy> Orders<F> {
    /// Of these facts. Equal facts are written as equal texts.
    pub(super) fn of(facts: &Facts<F>) -> Self {
        Self::but_for(facts, None)
    }

    /// Of these facts but one.
    pub(super) fn but_for(facts: &Facts<F>, one: Option<F>) -> Self {
        let fields = facts.iter().filter(|(field, _)| Some(**field) != one);
        let mut fields: BTreeMap<F, OrderKey> = fields.map(|(field, fact)| (*field, fact.order)).collect();
        let mut counts: BTreeMap<OrderKey, usize> = BTreeMap::new();
        for order in fields.values() {
            *counts.entry(*order).or_default() += 1;
        }
        let all = counts.into_iter().max_by_key(|(order, count)| (*count, *order)).map(|(order, _)| order);
        fields.retain(|_, order| Some(*order) != all);
        Self { all, fields }
    }

    /// That of a field which has a value.
    pub(super) fn of_field(&self, field: F) -> Option<OrderKey> {
        self.fields.get(&field).copied().or(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::Orders;
    use crate::domain::client::Field;
    use crate::domain::facts::{Fact, Facts};
    use crate::domain::order::OrderKey;

    fn facts(orders: &[(Field, OrderKey)]) -> Facts<Field> {
        orders.iter().map(|(field, order)| (*field, Fact { value: "x".to_owned(), order: *order })).collect()
    }

    fn text(facts: &Facts<Field>) -> String {
        serde_json::to_string(&Orders::of(facts)).expect("JSON")
    }

    #[test]
    fn the_key_that_most_fields_have_is_written_once() {
        let (older, newer): (OrderKey, OrderKey) = ((5, None, 1).into(), (6, Some(2), 3).into());
        let one = facts(&[(Field::Email, older), (Field::FirstName, older), (Field::Country, older)]);
        assert_eq!(text(&one), r#"{"all":[5,null,1]}"#);
        let two = facts(&[(Field::Email, older), (Field::Phone, newer), (Field::Country, older)]);
        assert_eq!(text(&two), r#"{"all":[5,null,1],"phone":[6,2,3]}"#);
        let tie = facts(&[(Field::Email, newer), (Field::Phone, older)]);
        assert_eq!(text(&tie), r#"{"all":[6,2,3],"phone":[5,null,1]}"#);
        assert_eq!(text(&facts(&[])), "{}");
    }

    #[test]
    fn what_is_written_reads_back_and_so_does_what_named_each_field() {
        let (older, newer): (OrderKey, OrderKey) = ((5, None, 1).into(), (6, Some(2), 3).into());
        let shared = r#"{"all":[5,null,1],"phone":[6,2,3]}"#;
        let each = r#"{"email":[5,null,1],"phone":[6,2,3]}"#;
        for text in [shared, each] {
            let read: Orders<Field> = serde_json::from_str(text).expect("it reads");
            assert_eq!(read.of_field(Field::Email), Some(older), "{text}");
            assert_eq!(read.of_field(Field::Phone), Some(newer), "{text}");
        }
        let each: Orders<Field> = serde_json::from_str(each).expect("it reads");
        assert_eq!(each.of_field(Field::Country), None);
    }
}
