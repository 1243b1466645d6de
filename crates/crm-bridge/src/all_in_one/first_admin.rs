//! The first admin of a system in which nobody works yet. The one-time password is in this value and, as a hash, in the database: whoever
//! starts the system is shown it once.

use std::path::Path;

use auth::secret::Secret;
use http_kit::config::Environment;

use crate::staff_table::StaffTable;
use crate::terminal::in_words;

/// The setting that says who it is.
pub(crate) const SETTING: &str = "CRM_ADMIN_EMAIL";

/// Who it is unless told otherwise.
const EMAIL: &str = "admin@example.com";

/// The first admin.
pub(crate) struct FirstAdmin {
    /// What they log in with.
    email: String,
    /// Their one-time password, if they were just made.
    password: Option<Secret>,
}

/// Makes the first admin, `CRM_ADMIN_EMAIL`, if there is nobody yet. To be called when everything has started: a password that nobody is
/// shown would be of no use.
pub(crate) async fn make(environment: &Environment, data: &Path) -> Result<FirstAdmin, String> {
    let email = environment.text(SETTING).map_err(in_words)?.unwrap_or_else(|| EMAIL.to_owned());
    let made = StaffTable::open(environment, data).await?.add_first_admin(&email).await?;
    Ok(FirstAdmin { email, password: made.map(|one_time| one_time.password) })
}

/// The lines of a greeting that say how to log in, to be followed by others. `crm_bridge` is how a person calls this program.
pub(crate) fn lines(admin: &FirstAdmin, url: &str, crm_bridge: &str) -> String {
    let FirstAdmin { email, password } = admin;
    match password {
        Some(password) => format!(
            "
The first admin was made. This one-time password is shown once, and is good for one log-in together with a new one:

  email      {email}
  password   {password}
  log in     {url}/
",
            password = password.expose(),
        ),
        None => format!(
            "
  log in     {url}/

Who works here, and another one-time password for whoever has lost theirs:

  {crm_bridge} staff list
  {crm_bridge} staff reset-password {email}
"
        ),
    }
}
