//! The outbox on both engines, against a small audit-log that can be told to misbehave.

#[cfg(test)]
mod migration;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod shipping;
#[cfg(test)]
mod storing;
#[cfg(test)]
mod trail;
#[cfg(test)]
mod world;
