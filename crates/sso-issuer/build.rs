//! Builds again when a migration changed: the code embeds them.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/sso-issuer");
}
