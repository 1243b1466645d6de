//! What is said of something, field by field: of two statements about one field the one with the greater order key stands. Nothing
//! else decides, so that any order of arrival and any repetition end the same.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::order::OrderKey;

/// What a field holds, and the order key of the event that said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) value: String,
    pub(crate) order: OrderKey,
}

/// The fields of one thing that anything was said about.
pub(crate) type Facts<F> = BTreeMap<F, Fact>;

/// One statement about one field. `Some(true)` if the field holds something else now, `Some(false)` if it was so already, `None` if
/// something newer stands there.
pub(crate) fn state<F: Ord>(facts: &mut Facts<F>, field: F, value: &str, order: OrderKey) -> Option<bool> {
    match facts.entry(field) {
        Entry::Occupied(entry) if entry.get().order > order => None,
        Entry::Occupied(entry) => {
            let fact = entry.into_mut();
            fact.order = order;
            let differs = fact.value != value;
            if differs {
                value.clone_into(&mut fact.value);
            }
            Some(differs)
        }
        Entry::Vacant(entry) => {
            entry.insert(Fact { value: value.to_owned(), order });
            Some(true)
        }
    }
}

/// Takes over all that is said elsewhere of the same thing.
pub(crate) fn absorb<F: Ord>(facts: &mut Facts<F>, others: Facts<F>) {
    for (field, Fact { value, order }) in others {
        state(facts, field, &value, order);
    }
}

/// What statements did, counted while they are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    stated: usize,
    overtaken: usize,
    /// The names of the fields that hold something else now, as the wire has them.
    pub(crate) changed: Vec<&'static str>,
}

impl Heard {
    /// Notes what [`state`] said of a field of this name.
    pub(crate) fn note(&mut self, name: &'static str, said: Option<bool>) {
        self.stated += 1;
        match said {
            None => self.overtaken += 1,
            Some(true) => self.changed.push(name),
            Some(false) => {}
        }
    }

    /// Notes a change that no order key can overrule.
    pub(crate) fn changes(&mut self, name: &'static str) {
        self.changed.push(name);
    }

    /// Everything that was said had been overtaken, and nothing changed.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.stated > 0 && self.overtaken == self.stated && self.changed.is_empty()
    }

    /// As [`Heard::is_overtaken`], of both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.stated += other.stated;
        self.overtaken += other.overtaken;
        self.changed.extend(other.changed);
        self
    }
}
