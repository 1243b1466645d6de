//! What a list may be asked: the parameters of its query, read strictly. A misspelt filter must not answer with more than was
//! asked for, so what we do not know is refused.

use contract::clock::Timestamp;
use contract::json::pointer_token;
use contract::problems::FieldError;
use contract::resources::ActivityType;

/// Items on a page, unless asked otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Items on a page at most.
const MOST: usize = 200;
/// Characters of a search at most.
const LONGEST_QUERY: usize = 200;
/// Words of a search at most.
const MOST_WORDS: usize = 10;

/// A list's own filters, by the names of their parameters. `limit` and `cursor` belong to every list.
pub(crate) type Filters = &'static [&'static str];

/// Lists of clients.
pub(crate) const OF_CLIENTS: Filters = &["query", "updatedSince"];
/// Lists of activities.
pub(crate) const OF_ACTIVITIES: Filters = &["type"];
/// Lists without filters.
pub(crate) const OF_ALL: Filters = &[];

/// One page's worth of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// 1 to 200.
    pub(crate) limit: usize,
    /// Where the last page ended, as the caller showed it.
    pub(crate) cursor: Option<String>,
    /// Only activities of this type.
    pub(crate) activity_type: Option<ActivityType>,
    /// Only clients in whom each word of this stands.
    pub(crate) query: Option<String>,
    /// Only what changed then or later.
    pub(crate) updated_since: Option<Timestamp>,
}

type Bad = (&'static str, String);

impl Listing {
    /// Reads the parameters of a query string, decoded, in any order. An empty filter counts as absent.
    ///
    /// # Errors
    /// What is wrong with each parameter; the pointer is its name behind a slash.
    pub(crate) fn read(parameters: &[(String, String)], filters: Filters) -> Result<Self, Vec<FieldError>> {
        let mut listing = Self {
            limit: DEFAULT_LIMIT,
            cursor: None,
            activity_type: None,
            query: None,
            updated_since: None,
        };
        let mut errors = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in parameters {
            let taken = if seen.contains(&name.as_str()) {
                Err(("repeated", "the parameter is there more than once".to_owned()))
            } else {
                listing.take(name, value, filters)
            };
            seen.push(name);
            if let Err((code, detail)) = taken {
                errors.push(error(name, code, detail));
            }
        }
        if errors.is_empty() { Ok(listing) } else { Err(errors) }
    }

    fn take(&mut self, name: &str, value: &str, filters: Filters) -> Result<(), Bad> {
        if !matches!(name, "limit" | "cursor") && !filters.contains(&name) {
            return Err(("unknown_parameter", format!("known are limit, cursor{}", also(filters))));
        }
        match name {
            "limit" => self.limit = limit(value)?,
            _ if value.is_empty() => {}
            _ if value.contains('\0') => return Err(("nul", "U+0000 is in nothing that we list".to_owned())),
            "cursor" => self.cursor = Some(value.to_owned()),
            "type" => self.activity_type = Some(activity_type(value)?),
            "updatedSince" => self.updated_since = Some(time(value)?),
            _ => self.query = query(value)?,
        }
        Ok(())
    }

    /// The filters that are there, by parameter name, as they would be sent again.
    pub(crate) fn parts(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("type", self.activity_type.map(|kind| kind.as_str().to_owned())),
            ("query", self.query.clone()),
            ("updatedSince", self.updated_since.map(|time| time.to_string())),
        ];
        parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// How many rows to look for: one more than a page has, which tells whether there is another.
    pub(crate) fn rows(&self) -> i64 {
        i64::try_from(self.limit.saturating_add(1)).unwrap_or(i64::MAX)
    }
}

fn limit(text: &str) -> Result<usize, Bad> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit| digits && (1..=MOST).contains(limit));
    limit.ok_or_else(|| ("out_of_range", format!("a whole number from 1 to {MOST}")))
}

fn activity_type(word: &str) -> Result<ActivityType, Bad> {
    ActivityType::parse(word).ok_or_else(|| {
        let known: Vec<&str> = ActivityType::ALL.iter().map(|kind| kind.as_str()).collect();
        ("unknown_type", format!("one of {}", known.join(", ")))
    })
}

fn time(text: &str) -> Result<Timestamp, Bad> {
    // A `+` of the offset that was not percent-encoded comes in as a space.
    Timestamp::parse_rfc3339(&text.replace(' ', "+"))
        .map_err(|_| ("not_a_time", "an RFC 3339 time".to_owned()))
}

fn query(text: &str) -> Result<Option<String>, Bad> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if text.chars().count() > LONGEST_QUERY || words.len() > MOST_WORDS {
        return Err(("too_long", format!("at most {LONGEST_QUERY} characters in {MOST_WORDS} words")));
    }
    Ok(Some(words.join(" ")).filter(|query| !query.is_empty()))
}

fn also(filters: Filters) -> String {
    filters.iter().flat_map(|name| [", ", *name]).collect()
}

fn error(name: &str, code: &str, detail: String) -> FieldError {
    // The caller's own text, but no more of it than names the place.
    let name: String = name.chars().take(64).collect();
    FieldError::new(format!("/{}", pointer_token(&name)), code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)], filters: Filters) -> Result<Listing, Vec<(String, String)>> {
        let owned: Vec<_> = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Listing::read(&owned, filters)
            .map_err(|errors| errors.into_iter().map(|error| (error.pointer, error.code)).collect())
    }

    #[test]
    fn limits_are_whole_numbers_from_1_to_200() {
        assert_eq!(read(&[], OF_ALL).unwrap().limit, 50);
        assert_eq!(read(&[("limit", "1")], OF_ALL).unwrap().limit, 1);
        assert_eq!(read(&[("limit", "200")], OF_ALL).unwrap().rows(), 201);
        for bad in ["", "0", "-1", "+1", "201", "abc", "1e9", "1.0", " 1", "99999999999999999999"] {
            let wrong = [("/limit".to_owned(), "out_of_range".to_owned())];
            assert_eq!(read(&[("limit", bad)], OF_ALL).unwrap_err(), wrong, "{bad}");
        }
    }

    #[test]
    fn a_list_knows_its_own_filters_alone() {
        let unknown = |name: &str| vec![(format!("/{name}"), "unknown_parameter".to_owned())];
        assert_eq!(read(&[("type", "note.added")], OF_CLIENTS).unwrap_err(), unknown("type"));
        assert_eq!(read(&[("query", "x")], OF_ACTIVITIES).unwrap_err(), unknown("query"));
        assert_eq!(read(&[("page", "2")], OF_ALL).unwrap_err(), unknown("page"));
        let all = read(&[("query", "  ann   lee "), ("updatedSince", "2025-10-13T19:00:00Z")], OF_CLIENTS);
        assert_eq!(
            all.unwrap().parts(),
            [("query", "ann lee".to_owned()), ("updatedSince", "2025-10-13T19:00:00.000000Z".to_owned())]
        );
    }

    #[test]
    fn everything_wrong_is_named() {
        let wrong = read(&[("type", "x"), ("limit", "0"), ("limit", "1"), ("cursor", "a\0")], OF_ACTIVITIES);
        let codes: Vec<String> = wrong.unwrap_err().into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, ["unknown_type", "out_of_range", "repeated", "nul"]);
        assert!(read(&[("query", &"x".repeat(201))], OF_CLIENTS).is_err());
        assert!(read(&[("query", &"x ".repeat(11))], OF_CLIENTS).is_err());
        assert!(read(&[("updatedSince", "yesterday")], OF_CLIENTS).is_err());
        assert_eq!(read(&[("query", " "), ("cursor", "")], OF_CLIENTS).unwrap().parts(), []);
    }
}
