//! One binary for all tests over the whole system.

mod architecture;
mod sources;
