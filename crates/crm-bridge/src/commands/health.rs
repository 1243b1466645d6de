//! `crm-bridge health`: asks a program whether it is ready. For containers, whose image has no other program that could ask.

use std::time::Duration;

use serde_json::json;

use super::{Ended, Trouble, in_words, say};
use crate::cli::HealthArgs;

/// Longer than a ready program takes, shorter than what asks again.
const PATIENCE: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &HealthArgs) -> Ended {
    let url = format!("{}/readyz", arguments.url.trim_end_matches('/'));
    let client =
        http_kit::client::builder(&url).ok_or_else(|| format!("{url} is not an http or https URL"))?;
    let client = client.timeout(PATIENCE).build().map_err(in_words)?;
    // What does not answer is not ready either: the answer is no, and no failure of the question.
    let status = match client.get(&url).send().await {
        Ok(answer) => Some(answer.status()),
        Err(error) => {
            let line = format!("{url} can't be reached: {}", in_words(error.without_url()));
            Trouble::no(line).tell(arguments.json);
            None
        }
    };
    let ready = status.is_some_and(|status| status.is_success());
    if arguments.json {
        say(json!({"ready": ready, "status": status.map(|status| status.as_u16())}));
    } else if let Some(status) = status {
        say(format_args!("{} {}", status.as_u16(), if ready { "ready" } else { "not ready" }));
    }
    Ok(ready)
}
