//! The service over real HTTP, on both databases: who may be here, who is locked out, and what a link to the platform is made of.

mod checks;
mod failures;
mod impersonations;
mod lockout;
mod logins;
mod migrations;
mod passwords;
mod register;
mod settings;
mod tokens;
mod world;
