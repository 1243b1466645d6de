//! The dashboard as browsers meet it: real HTTP on its side, services of the test behind it.

#[cfg(test)]
mod assets;
#[cfg(test)]
mod audit_logs;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod log_in;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod world;
