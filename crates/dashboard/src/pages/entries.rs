//! The Audit Logs pages: the trail by filters, and one entry with all that is known of it.

use askama::Template;
use contract::audit::{Category, Outcome};
use contract::problems::FieldError;

use super::Frame;
use crate::domain::addresses::{AUDIT, audit_with, segment};
use crate::domain::entries::{
    Disclosure, Entry, EntryPage, Known, Party, ProvedEntry, in_words, readable_time,
};
use crate::domain::explanations::{self, Explanation};
use crate::domain::filters::{Filters, NAMES, for_field, local};

/// The filters that stay folded away until one of them is used.
const RARER: [&str; 5] = ["action", "actor", "target", "from", "to"];

/// The trail.
#[derive(Template)]
#[template(path = "entries.html")]
pub(crate) struct EntriesPage {
    frame: Frame,
    form: FilterForm,
    rows: Vec<Row>,
    /// Where the older entries are.
    older: Option<String>,
    /// Where the newest entries are, on any other page.
    newest: Option<String>,
    /// Why there are no rows, if not because nothing matches.
    notice: Option<&'static str>,
}

impl EntriesPage {
    /// What was found.
    pub(crate) fn found(frame: Frame, filters: &Filters, found: EntryPage) -> Self {
        let older = found.next_cursor.as_deref().map(|cursor| audit_with(filters.at(cursor)));
        let newest = filters.is_older().then(|| audit_with(filters.without_cursor()));
        let rows = found.entries.into_iter().map(Row::of).collect();
        Self { frame, form: FilterForm::of(filters, &[]), rows, older, newest, notice: None }
    }

    /// Nothing, since the filters can't be.
    pub(crate) fn refused(frame: Frame, filters: &Filters, errors: &[FieldError]) -> Self {
        let notice = Some("Some filters can't be taken as they are. Nothing was searched for.");
        let form = FilterForm::of(filters, errors);
        Self { frame, form, rows: Vec::new(), older: None, newest: None, notice }
    }

    /// Nothing, since the link to an older page does not go with the filters.
    pub(crate) fn lost(frame: Frame, filters: &Filters) -> Self {
        let newest = Some(audit_with(filters.without_cursor()));
        let notice = Some("This link to older entries does not hold any more. Start again from the newest.");
        Self { frame, form: FilterForm::of(filters, &[]), rows: Vec::new(), older: None, newest, notice }
    }
}

/// The form of filters, as it was filled in.
struct FilterForm {
    text: Field,
    categories: Vec<Choice>,
    category_error: Option<String>,
    outcomes: Vec<Choice>,
    outcome_error: Option<String>,
    rarer: Vec<Field>,
    rarer_open: bool,
    /// What is wrong with parameters that have no field.
    others: Vec<String>,
    any: bool,
}

/// A field of the form.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    /// The `type` of the input.
    kind: &'static str,
    value: String,
    error: Option<String>,
}

/// One of several values.
struct Choice {
    value: &'static str,
    label: &'static str,
    chosen: bool,
}

impl FilterForm {
    fn of(filters: &Filters, errors: &[FieldError]) -> Self {
        let error = |name: &str| {
            let own = errors.iter().find(|error| error.pointer.strip_prefix('/') == Some(name));
            own.map(in_a_sentence)
        };
        let field = |name| Field::of(name, filters.get(name), error(name));
        let known =
            |error: &&FieldError| NAMES.iter().any(|name| error.pointer.strip_prefix('/') == Some(name));
        let others = errors.iter().filter(|error| !known(error));
        let chosen = |value, label, name| Choice { value, label, chosen: filters.get(name) == value };
        let category = |one: &Category| chosen(one.as_str(), category_label(*one), "category");
        let outcome = |one: &Outcome| chosen(one.as_str(), outcome_label(*one), "outcome");
        Self {
            text: field("text"),
            categories: Category::ALL.iter().map(category).collect(),
            category_error: error("category"),
            outcomes: Outcome::ALL.iter().map(outcome).collect(),
            outcome_error: error("outcome"),
            rarer: RARER.into_iter().map(field).collect(),
            rarer_open: filters.has_any(&RARER),
            others: others.map(|error| format!("{}: {}", error.pointer, error.detail)).collect(),
            any: filters.has_any(&NAMES),
        }
    }
}

/// What is wrong with a field, for whoever filled it in.
fn in_a_sentence(error: &FieldError) -> String {
    match error.code.as_str() {
        "not_a_time" => "This is not a time. Write it like 2026-11-25T07:00:00Z.".to_owned(),
        _ => error.detail.clone(),
    }
}

impl Field {
    fn of(name: &'static str, value: &str, error: Option<String>) -> Self {
        let (label, hint) = match name {
            "text" => ("Search", "Anywhere in an entry"),
            "action" => ("Action", "e.g. webhook.receive"),
            "actor" => ("Actor", "The whole id or source"),
            "target" => ("Target", "The whole id or email"),
            "from" => ("From (UTC)", ""),
            "to" => ("Before (UTC)", ""),
            _ => (name, ""),
        };
        // What the browser's field for a time can't show stands there as text.
        let is_time = matches!(name, "from" | "to");
        let shown = if is_time { for_field(value).or(local(value)) } else { None };
        let kind = match name {
            "text" => "search",
            _ if is_time && (value.is_empty() || shown.is_some()) => "datetime-local",
            _ => "text",
        };
        Self { name, label, hint, kind, value: shown.unwrap_or(value).to_owned(), error }
    }
}

const fn category_label(category: Category) -> &'static str {
    match category {
        Category::Webhook => "Webhooks",
        Category::ServiceApi => "Service API",
        Category::Impersonation => "Impersonation",
        Category::Authentication => "Log-ins",
        Category::Staff => "Staff changes",
        Category::Audit => "Audit trail",
        Category::Internal => "Between services",
        Category::System => "System",
    }
}

const fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "Success",
        Outcome::Refused => "Refused",
        Outcome::Failed => "Failed",
    }
}

/// One entry in the table.
struct Row {
    address: String,
    entry: Entry,
    readable_time: String,
    category: String,
    actor: Option<Known>,
    target: Option<Known>,
    why: Option<Explanation>,
    telling: Vec<(String, String)>,
}

impl Row {
    fn of(entry: Entry) -> Self {
        let category = Category::parse(&entry.category).map(category_label);
        Self {
            address: format!("{AUDIT}/{}", segment(&entry.id)),
            readable_time: readable_time(&entry.time),
            category: category.map_or_else(|| entry.category.clone(), str::to_owned),
            actor: entry.known_actor(),
            target: entry.known_target(),
            why: explanations::of(&entry),
            telling: entry.telling().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            entry,
        }
    }
}

/// One entry.
#[derive(Template)]
#[template(path = "entry.html")]
pub(crate) struct EntryShownPage {
    frame: Frame,
    row: Row,
    details: Vec<(String, String)>,
    disclosed: Vec<Disclosure>,
    payload: String,
    same_actor: Option<String>,
    same_target: Option<String>,
    same_request: Option<String>,
}

impl EntryShownPage {
    /// All that is known of it.
    pub(crate) fn of(frame: Frame, proved: ProvedEntry) -> Self {
        let disclosed = proved.disclosed();
        let ProvedEntry { entry, payload, .. } = proved;
        let details = entry.details.iter().map(|(name, value)| (name.clone(), in_words(value))).collect();
        let same = |name, party: &Option<Party>| {
            party.as_ref().and_then(|party| party.id.as_deref()).map(|id| audit_with([(name, id)]))
        };
        let (same_actor, same_target) = (same("actor", &entry.actor), same("target", &entry.target));
        let same_request = entry.request_id.as_deref().map(|id| audit_with([("text", id)]));
        Self {
            frame,
            details,
            disclosed,
            payload,
            same_actor,
            same_target,
            same_request,
            row: Row::of(entry),
        }
    }
}
