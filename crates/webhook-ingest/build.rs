//! Embedded migrations are read at build time; cargo must look at their folders again.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/webhook-ingest");
    println!("cargo::rerun-if-changed=../../migrations/webhook-ingest-spool");
}
