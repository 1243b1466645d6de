//! Tests of `auth` through its public interface, against published vectors and against what openssl, Node, Python and shells make.

#[cfg(test)]
mod bearer;
#[cfg(test)]
mod diagnose;
#[cfg(test)]
mod digest;
#[cfg(test)]
mod jwt;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod password;
#[cfg(test)]
mod secret;
#[cfg(test)]
mod staff;
#[cfg(test)]
mod standard_webhooks;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod webhook;
