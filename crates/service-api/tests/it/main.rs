//! service-api over real databases and real HTTP, with a stand-in for webhook-ingest.

#[cfg(test)]
mod access;
#[cfg(test)]
mod apply;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
mod convergence;
#[cfg(test)]
mod effects;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod http;
#[cfg(test)]
mod kyc;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod lookup;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod money;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod staff;
#[cfg(test)]
mod support;
#[cfg(test)]
mod together;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod variants;
#[cfg(test)]
mod waiting;
