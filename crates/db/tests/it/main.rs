//! Both engines, one behaviour: every test runs on PostgreSQL and on SQLite unless it is about one of them.

#[cfg(test)]
mod access;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod batch_reader;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod things;
#[cfg(test)]
mod types;
