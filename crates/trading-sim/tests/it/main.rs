//! One binary for all tests of the simulated platform.

#[cfg(test)]
mod check;
#[cfg(test)]
mod crm;
#[cfg(test)]
mod page;
#[cfg(test)]
mod plan;
