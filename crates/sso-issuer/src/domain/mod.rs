//! The rules of this service: who may be here, what a log-in is, and what a token says. It knows neither HTTP nor tables.

pub(crate) mod impersonation;
pub(crate) mod lockout;
pub(crate) mod passwords;
pub(crate) mod session;
pub(crate) mod staff;
