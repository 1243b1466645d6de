//! A simulated trading platform: it does to crm-bridge what real ones do, and knows no more of it than they can.
//!
//! [`platform`] is the life on it, from a seed, and what the CRM must know in the end; [`crm`] talks to the CRM as a platform;
//! [`traffic`] sends and asks at a chosen rate; [`page`] is where staff arrive who look at a client's account; [`check`] holds
//! the CRM's record against what it must be.

pub mod check;
pub mod cli;
pub mod commands;
pub mod config;
pub mod crm;
pub mod page;
pub mod platform;
pub mod traffic;
