//! Which events staff ask for: the parameters of a query, read strictly. A misspelt filter must not answer with more, or replay
//! more, than was asked for, so what we do not know is refused.

use contract::clock::Timestamp;
use contract::inbox::REPLAYABLE;
use contract::json::pointer_token;
use contract::problems::FieldError;
use contract::resources::EventState;

use super::reading::EARLIEST;

/// Events on a page, unless asked otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Events on a page at most.
const MOST: usize = 200;
/// Characters of a text filter at most: no stored word is longer.
const LONGEST_TEXT: usize = 255;

/// One page's worth of questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Which events.
    pub filter: Filter,
    /// 1 to 200.
    pub limit: usize,
    /// Where the last page ended, as the caller showed it.
    pub cursor: Option<String>,
}

/// Which events. Each part that is there must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Where they stand.
    pub state: Option<EventState>,
    /// The whole event type.
    pub event_type: Option<String>,
    /// The platform they came from.
    pub source: Option<String>,
    /// The platform's whole id of the client.
    pub client_id: Option<String>,
    /// Received not before.
    pub from: Option<Timestamp>,
    /// Received before.
    pub to: Option<Timestamp>,
}

/// What is wrong with a value: a code and a sentence.
type Wrong = (&'static str, &'static str);

impl Search {
    /// Reads the parameters of a query string, decoded, in any order. An empty one counts as absent.
    ///
    /// # Errors
    /// What is wrong with each parameter; the pointer is its name behind a slash.
    pub fn read(parameters: &[(String, String)]) -> Result<Self, Vec<FieldError>> {
        let mut search = Self { filter: Filter::default(), limit: DEFAULT_LIMIT, cursor: None };
        let mut errors = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in parameters {
            if seen.contains(&name.as_str()) {
                errors.push(error("", name, ("repeated", "the parameter is there more than once")));
                continue;
            }
            seen.push(name);
            if value.is_empty() {
                continue;
            }
            let taken = match name.as_str() {
                "limit" => limit(value).map(|limit| search.limit = limit),
                "cursor" => {
                    search.cursor = Some(value.to_owned());
                    Ok(())
                }
                _ => search.filter.take(name, value),
            };
            errors.extend(taken.err().map(|wrong| error("", name, wrong)));
        }
        if errors.is_empty() { Ok(search) } else { Err(errors) }
    }
}

const STATE: Wrong =
    ("unknown_state", "pending, applied, superseded, conflict, held, unrecognized or dead_lettered");
const UNKNOWN: Wrong = (
    "unknown_parameter",
    "state, eventType, source, clientId, from and to are known, and limit and cursor beside them",
);

impl Filter {
    /// Reads the members of a filter in a body: of the same names and values as the parameters of a query.
    ///
    /// # Errors
    /// What is wrong with each, with a pointer below `/filter`.
    pub fn of_members<'a>(
        members: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, Vec<FieldError>> {
        let (mut filter, mut errors) = (Self::default(), Vec::new());
        for (name, value) in members {
            let taken = filter.take(name, value);
            errors.extend(taken.err().map(|wrong| error("/filter", name, wrong)));
        }
        if filter.state.is_some_and(|state| !REPLAYABLE.contains(&state)) {
            let detail = "held, unrecognized, dead_lettered or conflict: of others nothing is replayed";
            errors.push(error("/filter", "state", ("not_replayable", detail)));
        }
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        if value.contains('\0') {
            return Err(("nul", "U+0000 is in no event"));
        }
        if value.chars().nth(LONGEST_TEXT).is_some() {
            return Err(("too_long", "at most 255 characters"));
        }
        match name {
            "state" => self.state = Some(EventState::parse(value).ok_or(STATE)?),
            "eventType" => self.event_type = Some(value.to_owned()),
            "source" => self.source = Some(value.to_owned()),
            "clientId" => self.client_id = Some(value.to_owned()),
            "from" => self.from = Some(time(value)?),
            "to" => self.to = Some(time(value)?),
            _ => return Err(UNKNOWN),
        }
        Ok(())
    }

    /// The parts that are there, by parameter name, as they would be sent again.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("state", self.state.map(|state| state.as_str().to_owned())),
            ("eventType", self.event_type.clone()),
            ("source", self.source.clone()),
            ("clientId", self.client_id.clone()),
            ("from", self.from.map(|from| from.to_string())),
            ("to", self.to.map(|to| to.to_string())),
        ];
        parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn limit(text: &str) -> Result<usize, Wrong> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit| digits && (1..=MOST).contains(limit));
    limit.ok_or(("out_of_range", "a whole number from 1 to 200"))
}

fn time(text: &str) -> Result<Timestamp, Wrong> {
    // A `+` of the offset that was not percent-encoded comes in as a space.
    let time =
        Timestamp::parse_rfc3339(&text.replace(' ', "+")).map_err(|_| ("not_a_time", "an RFC 3339 time"))?;
    Ok(time.max(EARLIEST))
}

fn error(base: &str, name: &str, (code, detail): Wrong) -> FieldError {
    // The caller's own text, but no more of it than names the place.
    let name: String = name.chars().take(64).collect();
    FieldError::new(format!("{base}/{}", pointer_token(&name)), code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Search, Vec<String>> {
        let owned: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Search::read(&owned).map_err(|errors| {
            errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
        })
    }

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let search = read(&[
            ("state", "dead_lettered"),
            ("eventType", "kyc.updated"),
            ("clientId", ""),
            ("from", "2025-10-13T21:00:00 02:00"),
            ("limit", "200"),
        ])
        .expect("all of it is known");
        assert_eq!((search.limit, search.cursor), (200, None));
        let parts = [
            ("state", "dead_lettered".to_owned()),
            ("eventType", "kyc.updated".to_owned()),
            ("from", "2025-10-13T19:00:00.000000Z".to_owned()),
        ];
        assert_eq!(search.filter.parts(), parts);
    }

    #[test]
    fn what_is_not_known_is_refused_and_not_left_out() {
        let long = "x".repeat(256);
        for (name, value, wrong) in [
            ("stat", "held", "/stat unknown_parameter"),
            ("state", "Held", "/state unknown_state"),
            ("from", "yesterday", "/from not_a_time"),
            ("limit", "0", "/limit out_of_range"),
            ("limit", "-1", "/limit out_of_range"),
            ("limit", "201", "/limit out_of_range"),
            ("limit", "1e9", "/limit out_of_range"),
            ("clientId", "a\0b", "/clientId nul"),
            ("source", long.as_str(), "/source too_long"),
        ] {
            assert_eq!(read(&[(name, value)]), Err(vec![wrong.to_owned()]), "{name}={value}");
        }
        let twice = read(&[("state", "held"), ("state", "pending")]);
        assert_eq!(twice, Err(vec!["/state repeated".to_owned()]));
    }

    #[test]
    fn a_filter_for_replays_names_only_what_can_be_replayed() {
        let of = |state: &str| {
            let members = std::collections::BTreeMap::from([("state".to_owned(), state.to_owned())]);
            Filter::of_members(&members).map_err(|errors| errors[0].code.clone())
        };
        for state in REPLAYABLE {
            assert_eq!(of(state.as_str()).map(|filter| filter.state), Ok(Some(state)));
        }
        for state in [EventState::Pending, EventState::Applied, EventState::Superseded] {
            assert_eq!(of(state.as_str()), Err("not_replayable".to_owned()));
        }
    }
}
