//! The page in place of one that is not shown: what happened, and where to go from here.

use askama::Template;

use super::Frame;
use crate::domain::forms::Forged;
use crate::error::Error;

/// The page.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    pub(crate) frame: Frame,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    /// Where to go from here.
    pub(crate) way: &'static str,
    pub(crate) way_words: &'static str,
    /// What to tell whoever looks into it.
    pub(crate) request_id: String,
}

impl MessagePage {
    /// What the error says to a person.
    pub(crate) fn of(error: &Error, frame: Frame, request_id: String) -> Self {
        let (title, text) = words(error);
        let (way, way_words) = match error {
            Error::Forged(_) | Error::LoginNeeded => ("/login", "Open the log-in page"),
            Error::NotAllowed => ("/login", "Log in as somebody else"),
            _ => ("/audit", "Go to the Audit Logs"),
        };
        Self { frame, title, text, way, way_words, request_id }
    }
}

const fn words(error: &Error) -> (&'static str, &'static str) {
    match error {
        Error::LoginNeeded => ("Please log in", "You are not logged in, or not any more."),
        Error::NotAllowed => (
            "Your role does not allow this",
            "The Audit Logs are for the roles auditor and admin. An admin can give you one of them.",
        ),
        Error::NoSuchPage => ("There is no such page", "The address leads nowhere. It may be mistyped."),
        Error::NoSuchEntry => ("There is no such entry", "The audit trail has no entry with this id."),
        Error::Forged(Forged::Proof) => (
            "This form is not valid any more",
            "It was not opened in this browser, or too long ago. Nothing was done. Open the page anew and try again; cookies must be \
             allowed for this site.",
        ),
        Error::Forged(Forged::Origin) => (
            "This form came from another site",
            "Nothing was done. Forms are taken from our own pages alone.",
        ),
        Error::Refused(..) => ("This can't be shown", "What was asked for is not possible as it is."),
        Error::Away(_) => (
            "Not available just now",
            "A part of the system does not answer. Nothing is lost: try again in a moment.",
        ),
        Error::Template(_) | Error::UnfitToken => {
            ("Something went wrong on our side", "The page could not be made.")
        }
    }
}
