//! One binary for the tests of http-kit: real servers on port 0, requests as bytes.

mod access;
mod audit;
mod bodies;
mod client;
mod config;
mod paths;
mod server;
mod wire;
mod world;
