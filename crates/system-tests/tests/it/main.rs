//! One binary for all tests over the whole system.

#[cfg(test)]
mod abuse;
#[cfg(test)]
mod all_in_one;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod events;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod fail_points;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod jsonwebtoken;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod spool;
#[cfg(test)]
mod surface;
#[cfg(test)]
mod walk;
