//! `crm-bridge health`: asks a program whether it is ready. For containers, whose image has no other program that could ask.

use std::time::Duration;

use serde_json::json;

use super::{Ended, say};
use crate::cli::HealthArgs;

/// Longer than a ready program takes, shorter than what asks again.
const PATIENCE: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &HealthArgs) -> Ended {
    let url = format!("{}/readyz", arguments.url.trim_end_matches('/'));
    let client =
        http_kit::client::builder(&url).ok_or_else(|| format!("{url} is not an http or https URL"))?;
    let failed = |error: reqwest::Error| format!("{url} can't be reached: {error}");
    let answer = client.timeout(PATIENCE).build().map_err(failed)?.get(&url).send().await.map_err(failed)?;
    let (ready, status) = (answer.status().is_success(), answer.status().as_u16());
    if arguments.json {
        say(json!({"ready": ready, "status": status}));
    } else {
        say(format_args!("{status} {}", if ready { "ready" } else { "not ready" }));
    }
    Ok(ready)
}
