//! Programs of ours that a command calls over HTTP, as anybody outside does. What is called, and what an answer means, is the
//! command's own.

use std::time::Duration;

use super::in_words;

/// A client of the program at `url`, which has this long for each answer.
pub(super) fn client(url: &str, patience: Duration) -> Result<reqwest::Client, String> {
    let client =
        http_kit::client::builder(url).ok_or_else(|| format!("{url} is not an http or https URL"))?;
    client.timeout(patience).build().map_err(in_words)
}

/// One line for people on a call that was not answered.
pub(super) fn unanswered(url: &str) -> impl Fn(reqwest::Error) -> String {
    move |error| format!("{url} can't be reached: {}", in_words(error))
}
