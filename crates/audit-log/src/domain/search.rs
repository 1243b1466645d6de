//! What may be asked of the trail: the parameters of a query, read strictly. A misspelt filter must not answer with more than was
//! asked for, so what we do not know is refused.

use contract::audit::{Category, Outcome};
use contract::clock::Timestamp;
use contract::json::pointer_token;
use contract::problems::FieldError;

use super::index;

/// Entries on a page, unless asked otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Entries on a page at most.
const MOST: usize = 200;
/// Characters of a text filter at most.
const LONGEST_TEXT: usize = 200;

/// One page's worth of questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) filter: Filter,
    /// 1 to 200.
    pub(crate) limit: usize,
    /// Where the last page ended, as the caller showed it.
    pub(crate) cursor: Option<String>,
}

/// Which entries. Each part that is there must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) category: Option<Category>,
    pub(crate) outcome: Option<Outcome>,
    /// The whole action.
    pub(crate) action: Option<String>,
    /// The actor's whole id.
    pub(crate) actor: Option<String>,
    /// The target's whole id.
    pub(crate) target: Option<String>,
    /// Not before.
    pub(crate) from: Option<Timestamp>,
    /// Before.
    pub(crate) to: Option<Timestamp>,
    /// Anywhere in a value, whatever its case.
    pub(crate) text: Option<String>,
}

impl Search {
    /// Reads the parameters of a query string, decoded, in any order. An empty one counts as absent.
    ///
    /// # Errors
    /// What is wrong with each parameter; the pointer is its name behind a slash.
    pub(crate) fn read(parameters: &[(String, String)]) -> Result<Self, Vec<FieldError>> {
        let mut search = Self { filter: Filter::default(), limit: DEFAULT_LIMIT, cursor: None };
        let mut errors = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in parameters {
            if seen.contains(&name.as_str()) {
                errors.push(error(name, "repeated", "the parameter is there more than once"));
                continue;
            }
            seen.push(name);
            if value.is_empty() {
                continue;
            }
            if let Err((code, detail)) = search.take(name, value) {
                errors.push(error(name, code, detail));
            }
        }
        if errors.is_empty() { Ok(search) } else { Err(errors) }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), (&'static str, &'static str)> {
        if value.contains('\0') {
            return Err(("nul", "U+0000 is in no entry"));
        }
        let filter = &mut self.filter;
        match name {
            "limit" => self.limit = limit(value).ok_or(("out_of_range", "a whole number from 1 to 200"))?,
            "cursor" => self.cursor = Some(value.to_owned()),
            "category" => filter.category = Some(Category::parse(value).ok_or(CATEGORY)?),
            "outcome" => filter.outcome = Some(Outcome::parse(value).ok_or(OUTCOME)?),
            "action" => filter.action = Some(value.to_owned()),
            "actor" => filter.actor = Some(value.to_owned()),
            "target" => filter.target = Some(value.to_owned()),
            "from" => filter.from = Some(time(value)?),
            "to" => filter.to = Some(time(value)?),
            "text" if value.chars().count() > LONGEST_TEXT => {
                return Err(("too_long", "at most 200 characters"));
            }
            "text" => filter.text = Some(value.to_owned()),
            _ => return Err(("unknown_parameter", UNKNOWN)),
        }
        Ok(())
    }
}

const CATEGORY: (&str, &str) = (
    "unknown_category",
    "webhook, service_api, impersonation, authentication, staff, audit, internal or system",
);
const OUTCOME: (&str, &str) = ("unknown_outcome", "success, refused or failed");
const UNKNOWN: &str = "limit, cursor, category, action, outcome, actor, target, from, to and text are known";

fn limit(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|limit| digits && (1..=MOST).contains(limit))
}

fn time(text: &str) -> Result<Timestamp, (&'static str, &'static str)> {
    // A `+` of the offset that was not percent-encoded comes in as a space.
    let time =
        Timestamp::parse_rfc3339(&text.replace(' ', "+")).map_err(|_| ("not_a_time", "an RFC 3339 time"))?;
    Ok(index::time(time))
}

fn error(name: &str, code: &str, detail: &str) -> FieldError {
    // The caller's own text, but no more of it than names the place.
    let name: String = name.chars().take(64).collect();
    FieldError::new(format!("/{}", pointer_token(&name)), code, detail)
}

impl Filter {
    /// The parts that are there, by parameter name, as they would be sent again.
    pub(crate) fn parts(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("category", self.category.map(|category| category.to_string())),
            ("action", self.action.clone()),
            ("outcome", self.outcome.map(|outcome| outcome.to_string())),
            ("actor", self.actor.clone()),
            ("target", self.target.clone()),
            ("from", self.from.map(|from| from.to_string())),
            ("to", self.to.map(|to| to.to_string())),
            ("text", self.text.clone()),
        ];
        parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
