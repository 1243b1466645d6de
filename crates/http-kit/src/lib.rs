//! What every HTTP service shares: configuration, routes as data, callers, problems, audit, server and drain, health, and the
//! client for calls between services. It knows no database and no business rule.
//!
//! A service hands over a [`routes::RouteTable`] and a [`kit::Kit`] to a [`service::Service`]; this crate sees to it that every
//! request is identified, permitted, limited, audited and answered with a problem when it fails.

mod allocator;
mod app;
pub mod audit;
pub mod backoff;
mod body;
pub mod caller;
pub mod client;
pub mod config;
pub mod context;
pub mod cursor;
mod dispatch;
pub mod headers;
pub mod health;
pub mod kit;
pub mod metrics;
mod paths;
pub mod problem;
pub mod routes;
pub mod server;
pub mod service;
pub mod staff;
mod translate;
