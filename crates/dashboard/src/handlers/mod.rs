//! The handlers, by what they are about.

pub(crate) mod assets;
pub(crate) mod entries;
pub(crate) mod pages;
pub(crate) mod sessions;
mod visits;
