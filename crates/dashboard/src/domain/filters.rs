//! The filters of the trail as a person enters them. They go to audit-log as they are, which says what it can't take; the one thing
//! that is done to them is that a time without an offset, as the browser's field gives it, is a time in UTC.

/// The names of the filters, in the order of the form.
pub(crate) const NAMES: [&str; 8] =
    ["text", "category", "outcome", "action", "actor", "target", "from", "to"];

/// The name of the parameter that leads to an older page.
const CURSOR: &str = "cursor";

/// What a query string asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters(Vec<(String, String)>);

impl Filters {
    /// The parameters, without those that were left empty.
    pub(crate) fn read(parameters: Vec<(String, String)>) -> Self {
        Self(parameters.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of one.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Is any of these set?
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.get(name).is_empty())
    }

    /// Is this an older page?
    pub(crate) fn is_older(&self) -> bool {
        self.has_any(&[CURSOR])
    }

    /// The filters without the place in their pages.
    pub(crate) fn without_cursor(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(name, _)| name != CURSOR).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The filters with another place in their pages.
    pub(crate) fn at<'a>(&'a self, cursor: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.without_cursor().chain([(CURSOR, cursor)])
    }

    /// What audit-log is asked.
    pub(crate) fn to_ask(&self) -> Vec<(&str, String)> {
        let asked = |(name, value): &(String, String)| match name.as_str() {
            "from" | "to" => with_offset(value),
            _ => value.clone(),
        };
        self.0.iter().map(|pair| (pair.0.as_str(), asked(pair))).collect()
    }
}

/// A `datetime-local` value as a time in UTC; anything else as it is.
fn with_offset(text: &str) -> String {
    match local(text) {
        Some(_) if text.len() == MINUTES => format!("{text}:00Z"),
        Some(_) => format!("{text}Z"),
        None => text.to_owned(),
    }
}

/// The length of `2026-11-25T07:00`.
const MINUTES: usize = 16;

/// The text if the browser's field for a time can show it: with seconds and fractions or without, and without an offset.
pub(crate) fn local(text: &str) -> Option<&str> {
    let shape = b"0000-00-00T00:00:00.";
    let fits = |(nth, byte): (usize, u8)| match shape.get(nth) {
        Some(b'0') | None => byte.is_ascii_digit(),
        Some(other) => byte == *other,
    };
    let long_enough = text.len() == MINUTES || text.len() == 19 || (21..=29).contains(&text.len());
    (long_enough && text.bytes().enumerate().all(fits)).then_some(text)
}

/// A time that was given with `Z`, as the browser's field shows it.
pub(crate) fn for_field(text: &str) -> Option<&str> {
    local(text.strip_suffix('Z').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_field_are_utc_and_others_stay() {
        for (entered, asked) in [
            ("2026-11-25T07:00", "2026-11-25T07:00:00Z"),
            ("2026-11-25T07:00:01", "2026-11-25T07:00:01Z"),
            ("2026-11-25T07:00:01.5", "2026-11-25T07:00:01.5Z"),
            ("2026-11-25T07:00:00+01:00", "2026-11-25T07:00:00+01:00"),
            ("yesterday", "yesterday"),
            ("2026-11-25T07:00:", "2026-11-25T07:00:"),
        ] {
            let filters = Filters::read(vec![("from".to_owned(), entered.to_owned())]);
            assert_eq!(filters.to_ask(), [("from", asked.to_owned())]);
        }
        assert_eq!(for_field("2026-11-25T07:00:00Z"), Some("2026-11-25T07:00:00"));
        assert_eq!(for_field("2026-11-25T07:00:00+01:00"), None);
    }

    #[test]
    fn what_is_unknown_goes_on_too_for_audit_log_to_refuse() {
        let pairs = [("actor", "a&b"), ("text", ""), ("colour", "red"), ("cursor", "c")];
        let filters = Filters::read(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        assert!(filters.is_older());
        assert_eq!(filters.to_ask().len(), 3);
        assert_eq!(
            filters.at("d").collect::<Vec<_>>(),
            [("actor", "a&b"), ("colour", "red"), ("cursor", "d")]
        );
    }
}
