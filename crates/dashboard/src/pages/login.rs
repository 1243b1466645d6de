//! The page where staff log in, and choose a password of their own.

use askama::Template;
use contract::problems::{Code, FieldError};
use http_kit::client::Refusal;

use super::Frame;

/// The page.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage {
    pub(crate) frame: Frame,
    /// Proof that the form is ours.
    pub(crate) proof: String,
    /// Where to go from here; empty for the first page.
    pub(crate) next: String,
    /// What was entered before.
    pub(crate) email: String,
    pub(crate) said: Said,
}

/// What the page says besides its form.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// What went wrong.
    pub(crate) problem: Option<String>,
    /// A password of one's own is to be chosen.
    pub(crate) choose: bool,
    /// What is wrong with it.
    pub(crate) new_password: Option<String>,
    /// Under which problem the page is answered.
    pub(crate) code: Option<Code>,
}

impl Said {
    /// The two entries of the new password differ.
    pub(crate) fn not_repeated() -> Self {
        let sentence = "The two entries of the new password are not the same.".to_owned();
        Self { choose: true, new_password: Some(sentence), code: Some(Code::InvalidBody), problem: None }
    }

    /// What sso-issuer's refusal means to a person who logs in; `None` where it is not about what was entered.
    pub(crate) fn of(refusal: &Refusal, chose: bool) -> Option<Self> {
        let code = refusal.problem.as_ref().map(|problem| problem.code);
        match (refusal.status, code) {
            (401, _) => {
                Some(Self::problem(Code::LoginFailed, "The email address or the password is not right."))
            }
            (429, Some(Code::RateLimited)) => Some(Self::problem(
                Code::RateLimited,
                "Too many people are logging in from your network right now. Try again in a moment.",
            )),
            (429, _) => Some(Self::problem(code.unwrap_or(Code::LoginLocked), &wait(refusal.retry_after))),
            (403, Some(Code::PasswordChangeRequired)) => Some(Self { choose: true, code, ..Self::default() }),
            (400 | 422, _) => {
                let errors = refusal.problem.as_ref().map_or(&[][..], |problem| problem.errors.as_slice());
                let (new, others): (Vec<_>, Vec<_>) =
                    errors.iter().partition(|error| error.pointer == "/newPassword");
                let others = sentences(&others);
                let problem = if new.is_empty() && others.is_none() {
                    Some("This can't be taken as it was entered.".to_owned())
                } else {
                    others
                };
                Some(Self {
                    problem,
                    choose: chose,
                    new_password: sentences(&new),
                    code: Some(Code::InvalidBody),
                })
            }
            _ => None,
        }
    }

    fn problem(code: Code, sentence: &str) -> Self {
        Self { problem: Some(sentence.to_owned()), code: Some(code), ..Self::default() }
    }
}

fn wait(retry_after: Option<u64>) -> String {
    let minutes = retry_after.unwrap_or(60).div_ceil(60).max(1);
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    format!("Too many log-ins have failed. Try again in {minutes} {unit}.")
}

fn sentences(errors: &[&FieldError]) -> Option<String> {
    let all: Vec<_> = errors.iter().map(|error| error.detail.as_str()).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use contract::problems::Problem;

    use super::*;

    fn refusal(status: u16, code: Code, errors: Vec<FieldError>) -> Refusal {
        let problem = Problem { errors, ..Problem::new(code, "", "req".parse().expect("an id")) };
        Refusal { status, problem: Some(problem), retry_after: Some(121) }
    }

    #[test]
    fn refusals_are_told_in_words() {
        let said = |refusal: &Refusal| Said::of(refusal, true).expect("about what was entered");
        assert!(said(&refusal(401, Code::LoginFailed, vec![])).problem.expect("said").contains("not right"));
        let locked = said(&refusal(429, Code::LoginLocked, vec![]));
        assert_eq!(locked.problem.as_deref(), Some("Too many log-ins have failed. Try again in 3 minutes."));
        let crowded = said(&refusal(429, Code::RateLimited, vec![]));
        assert!(crowded.problem.expect("said").contains("from your network"));
        let choose = said(&refusal(403, Code::PasswordChangeRequired, vec![]));
        assert!(choose.choose && choose.problem.is_none());
        let weak = FieldError::new("/newPassword", "too_short", "at least 12 characters");
        let weak = said(&refusal(422, Code::InvalidBody, vec![weak]));
        assert_eq!((weak.choose, weak.new_password.as_deref()), (true, Some("at least 12 characters")));
        assert!(said(&refusal(422, Code::InvalidBody, vec![])).problem.is_some());
        assert_eq!(Said::of(&refusal(403, Code::PermissionDenied, vec![]), false), None);
    }
}
