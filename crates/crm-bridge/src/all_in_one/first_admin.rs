//! The first admin of a system in which nobody works yet. The one-time password is in this value and, as a hash, in the database: whoever
//! starts the system is shown it once.

use std::path::Path;

use auth::secret::Secret;
use http_kit::config::Environment;

use crate::staff_table::StaffTable;
use crate::terminal::in_words;

/// Who it is unless told otherwise.
const EMAIL: &str = "admin@example.com";

/// An admin who was just made.
pub(crate) struct FirstAdmin {
    /// What they log in with.
    pub(crate) email: String,
    /// Their one-time password.
    pub(crate) password: Secret,
}

/// Makes the first admin, `CRM_ADMIN_EMAIL`, if there is nobody yet. To be called when everything has started: a password that nobody is
/// shown would be of no use.
pub(crate) async fn make(environment: &Environment, data: &Path) -> Result<Option<FirstAdmin>, String> {
    let email = environment.text("CRM_ADMIN_EMAIL").map_err(in_words)?.unwrap_or_else(|| EMAIL.to_owned());
    let made = StaffTable::open(environment, data).await?.add_first_admin(&email).await?;
    Ok(made.map(|one_time| FirstAdmin { email, password: one_time.password }))
}

/// The lines of a greeting that show it, to be followed by others; nothing if there is none to show.
pub(crate) fn lines(first: Option<&FirstAdmin>, url: &str) -> String {
    let Some(FirstAdmin { email, password }) = first else { return String::new() };
    format!(
        "
The first admin was made. This one-time password is shown once, and is good for one log-in together with a new one:

  email      {email}
  password   {password}
  log in     {url}/
",
        password = password.expose(),
    )
}
