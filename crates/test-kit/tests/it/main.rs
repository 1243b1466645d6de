//! The kit's own parts, where something could go wrong in them unseen.

#[cfg(test)]
mod proxy;
