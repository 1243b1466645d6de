//! Tests of the words of the wire.

#[cfg(test)]
mod canonical;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod email;
#[cfg(test)]
mod events;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod json;
#[cfg(test)]
mod kyc;
#[cfg(test)]
mod money;
#[cfg(test)]
mod published;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod w4;
#[cfg(test)]
mod w5;
#[cfg(test)]
mod w6;
