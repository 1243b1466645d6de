//! The service over real HTTP, on both databases: who may be here, who is locked out, and what a link to the platform is made of.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod impersonations;
#[cfg(test)]
mod lockout;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod passwords;
#[cfg(test)]
mod register;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod world;
