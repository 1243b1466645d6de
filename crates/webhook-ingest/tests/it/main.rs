//! webhook-ingest over real HTTP and real databases, on both engines. The service behind it is a stand-in that answers as told.

#[cfg(test)]
mod history;
#[cfg(test)]
mod http;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod replays;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod spool;
#[cfg(test)]
mod starts;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod upgrades;
#[cfg(test)]
mod waiting;
