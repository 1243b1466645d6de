//! What a person sees when everything has started: where it is, and what to try. No secret is in it but the first admin's
//! one-time password.

use std::path::Path;

use http_kit::config::Environment;

use super::first_admin::{self, FirstAdmin};
use super::services::Services;
use crate::settings;
use crate::terminal::{quoted, say, this_command};

/// Prints it.
pub(crate) fn print(
    services: &Services,
    environment: &Environment,
    data: &Path,
    made: &[&str],
    admin: &FirstAdmin,
) {
    let url = services.url();
    let file = settings::secrets_path(data);
    let secrets = file.display();
    let load = if file.exists() {
        format!("set -a; . {}; set +a", quoted(&std::path::absolute(&file).unwrap_or_else(|_| file.clone())))
    } else {
        "# with WEBHOOK_SECRET and SERVICE_API_TOKEN as this process has them".to_owned()
    };
    let mut crm_bridge = this_command(data);
    let databases = if environment.is_set("DATABASE_URL") {
        // Its value may hold a password, so whoever types the command fills it in.
        crm_bridge = format!("DATABASE_URL=... {crm_bridge}");
        "PostgreSQL (DATABASE_URL), a schema for each service".to_owned()
    } else {
        format!("SQLite, a file for each service under {}", data.display())
    };
    let origin = match made.len() {
        0 => "as they were given".to_owned(),
        count => format!("{secrets}: {count} made now, none shown"),
    };
    say(format_args!(
        "crm-bridge {version} is up.

  gateway    {url}
  databases  {databases}
  secrets    {origin}
{admin}
Try it in a second terminal:

  {load}
  body='{{\"event\":\"client.registered\",\"data\":{{\"clientId\":\"1001\",\"email\":\"ann@example.com\",\"firstName\":\"Ann\"}}}}'
  signature=$(printf '%s' \"$body\" | openssl dgst -sha256 -hmac \"$WEBHOOK_SECRET\" | sed 's/^.*= //')
  curl -i {url}/api/webhooks/site -H \"x-webhook-signature: $signature\" -d \"$body\"
  curl -i {url}/api/service/clients/ann@example.com -H \"Authorization: Bearer $SERVICE_API_TOKEN\"

Ctrl-C stops it.",
        admin = first_admin::lines(admin, url, &crm_bridge),
        version = env!("CARGO_PKG_VERSION"),
    ));
}
