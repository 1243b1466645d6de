//! Which of our own services may call: any of them is let in at an internal route, the gateway too, which stands nearest to the
//! outside; each of these routes belongs to one.

use http_kit::caller::{Caller, Identity, Internal};

use crate::error::Error;

/// Lets nobody but this service go on.
pub(crate) fn only(caller: &Caller<Internal>, service: &str) -> Result<(), Error> {
    match caller.identity() {
        Identity::Internal(name) if name == service => Ok(()),
        _ => Err(Error::OtherService),
    }
}
