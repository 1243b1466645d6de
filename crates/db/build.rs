//! The tests embed migrations; cargo does not see that their folders changed.

fn main() {
    println!("cargo::rerun-if-changed=tests/migrations");
}
