//! What a list may be asked: the parameters of its query, read strictly. A misspelt filter must not answer with more than was
//! asked for, so what we do not know is refused; but not on the one list that platforms were built against before it had filters.

use std::string::FromUtf8Error;

use contract::clock::Timestamp;
use contract::json::pointer_token;
use contract::problems::FieldError;
use contract::resources::ActivityType;
use percent_encoding::percent_decode_str;

use super::client::EARLIEST;

/// Items on a page, unless asked otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Items on a page at most.
const MOST: usize = 200;
/// Characters of a search at most.
const LONGEST_QUERY: usize = 200;
/// Words of a search at most.
const MOST_WORDS: usize = 10;

/// A list's own filters, by the names of their parameters. `limit` and `cursor` belong to every list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filters {
    names: &'static [&'static str],
    /// Whether parameters that we do not know mean nothing instead of being refused.
    ignores_others: bool,
}

/// Lists of clients.
pub(crate) const OF_CLIENTS: Filters = Filters { names: &["query", "updatedSince"], ignores_others: false };
/// Lists of activities.
pub(crate) const OF_ACTIVITIES: Filters = Filters { names: &["type"], ignores_others: false };
/// Lists of activities for platforms, whose calls of it must go on working whatever they send along.
pub(crate) const OF_ACTIVITIES_FROZEN: Filters = Filters { ignores_others: true, ..OF_ACTIVITIES };
/// Lists without filters.
pub(crate) const OF_ALL: Filters = Filters { names: &[], ignores_others: false };

impl Filters {
    fn know(self, name: &str) -> bool {
        matches!(name, "limit" | "cursor") || self.names.contains(&name)
    }
}

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
    /// Reads the parameters of a raw query string, in any order. An empty filter counts as absent.
    ///
    /// # Errors
    /// What is wrong with each parameter; the pointer is its name behind a slash.
    pub(crate) fn read(query: &str, filters: Filters) -> Result<Self, Vec<FieldError>> {
        let mut listing = Self {
            limit: DEFAULT_LIMIT,
            cursor: None,
            activity_type: None,
            query: None,
            updated_since: None,
        };
        let mut errors = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in pairs(query) {
            let taken = match value {
                Err(bad) => Err(bad),
                Ok(value) if filters.ignores_others && !filters.know(&name) && !value.contains('\0') => {
                    continue;
                }
                Ok(_) if seen.contains(&name) => {
                    Err(("repeated", "the parameter is there more than once".to_owned()))
                }
                Ok(value) => listing.take(&name, &value, filters),
            };
            if let Err((code, detail)) = taken {
                errors.push(error(&name, code, detail));
            }
            seen.push(name);
        }
        if errors.is_empty() { Ok(listing) } else { Err(errors) }
    }

    fn take(&mut self, name: &str, value: &str, filters: Filters) -> Result<(), Bad> {
        if !filters.know(name) {
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

/// The pairs of a query string, decoded once. What is no UTF-8 is no value: with other characters in its place, one text could stand
/// for another.
fn pairs(query: &str) -> impl Iterator<Item = (String, Result<String, Bad>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decoded(name), decoded(value)) {
            (Ok(name), Ok(value)) => (name, Ok(value)),
            (name, _) => {
                let shown = |error: FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into_owned();
                let bad = ("not_utf8", "names and values are percent-encoded UTF-8".to_owned());
                (name.unwrap_or_else(shown), Err(bad))
            }
        }
    })
}

fn decoded(text: &str) -> Result<String, FromUtf8Error> {
    String::from_utf8(percent_decode_str(&text.replace('+', " ")).collect())
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
    // No record is older than the earliest time that both databases hold.
    Timestamp::parse_rfc3339(&text.replace(' ', "+"))
        .map(|time| time.max(EARLIEST))
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
    filters.names.iter().flat_map(|name| [", ", *name]).collect()
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
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        read_raw(&query, filters)
    }

    fn read_raw(query: &str, filters: Filters) -> Result<Listing, Vec<(String, String)>> {
        Listing::read(query, filters)
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
        let said = [("page", "2"), ("page", "3"), ("query", "x"), ("type", "note.added")];
        let taken = read(&said, OF_ACTIVITIES_FROZEN).unwrap();
        assert_eq!(taken.parts(), [("type", "note.added".to_owned())], "there, others mean nothing");
        for bad in ["page=2&limit=0", "page=%FF", "page=%00"] {
            assert!(read_raw(bad, OF_ACTIVITIES_FROZEN).is_err(), "{bad}");
        }
        let all = read(&[("query", "  ann   lee "), ("updatedSince", "2025-10-13T19:00:00Z")], OF_CLIENTS);
        assert_eq!(
            all.unwrap().parts(),
            [("query", "ann lee".to_owned()), ("updatedSince", "2025-10-13T19:00:00.000000Z".to_owned())]
        );
    }

    #[test]
    fn a_query_string_is_decoded_once_and_strictly() {
        let query = |raw: &str| read_raw(raw, OF_CLIENTS).unwrap().query;
        assert_eq!(query("&&query=a%2Bb+c%20%2564&"), Some("a+b c %64".to_owned()));
        assert_eq!(query("qu%65ry=%D0%98=%"), Some("\u{418}=%".to_owned()));
        assert_eq!(query("query"), None);
        let not_utf8 = |name: &str| vec![(format!("/{name}"), "not_utf8".to_owned())];
        for bad in ["query=%ED%A0%80", "query=%FF", "query=a%C3&limit=5"] {
            assert_eq!(read_raw(bad, OF_CLIENTS).unwrap_err(), not_utf8("query"), "{bad}");
        }
        assert_eq!(read_raw("%FF=x", OF_CLIENTS).unwrap_err(), not_utf8("\u{fffd}"));
    }

    #[test]
    fn everything_wrong_is_named() {
        let wrong = read(&[("type", "x"), ("limit", "0"), ("limit", "1"), ("cursor", "a\0")], OF_ACTIVITIES);
        let codes: Vec<String> = wrong.unwrap_err().into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, ["unknown_type", "out_of_range", "repeated", "nul"]);
        assert!(read(&[("query", &"x".repeat(201))], OF_CLIENTS).is_err());
        assert!(read(&[("query", &"x ".repeat(11))], OF_CLIENTS).is_err());
        assert!(read(&[("updatedSince", "yesterday")], OF_CLIENTS).is_err());
        let senseless = read(&[("updatedSince", "0000-01-01T00:00:00Z")], OF_CLIENTS).unwrap();
        assert_eq!(senseless.updated_since, Some(EARLIEST), "no database holds that year");
        assert_eq!(read(&[("query", " "), ("cursor", "")], OF_CLIENTS).unwrap().parts(), []);
    }
}
