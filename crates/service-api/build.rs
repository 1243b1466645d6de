//! Tells cargo that the embedded migrations are part of this crate's sources.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/service-api");
}
