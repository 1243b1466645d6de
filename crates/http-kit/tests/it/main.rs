//! One binary for the tests of http-kit: real servers on port 0, requests as bytes.

#[cfg(test)]
mod access;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod client;
#[cfg(test)]
mod config;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod server;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod world;
