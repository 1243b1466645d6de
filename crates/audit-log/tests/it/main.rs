//! One binary for the tests of audit-log: the real service on port 0, over both databases.

#[cfg(test)]
mod access;
#[cfg(test)]
mod append;
#[cfg(test)]
mod attempts;
#[cfg(test)]
mod config;
#[cfg(test)]
mod query;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod size;
#[cfg(test)]
mod trail;
#[cfg(test)]
mod world;
