//! The house rules about source text: sizes, opening comments, and marks that must not ship.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cluster::SERVICES;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The longest product file, in lines. Plain tables and schemas may be longer.
const LONGEST_FILE: usize = 400;

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            rust_files(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// Every file of product code: the `src` of each crate but those that exist for tests.
pub(crate) fn product_files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for krate in
        fs::read_dir(Path::new(ROOT).join("crates")).expect("crates/").map(|k| k.expect("a crate").path())
    {
        let for_tests = ["test-kit", "system-tests"].iter().any(|name| krate.ends_with(name));
        if !for_tests {
            rust_files(&krate.join("src"), &mut found);
        }
    }
    assert!(found.len() > 40, "only {} files found", found.len());
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("UTF-8"))).collect()
}

/// The lines before a file's own unit tests.
pub(crate) fn product_part(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).collect()
}

#[test]
fn files_hold_one_idea() {
    for (path, text) in product_files() {
        let limit = match path.file_name().and_then(|name| name.to_str()) {
            Some("main.rs") => 25,
            Some("schema.rs") => continue,
            _ => LONGEST_FILE,
        };
        let lines = product_part(&text).len();
        assert!(lines <= limit, "{} has {lines} lines, more than {limit}", path.display());
    }
}

#[test]
fn a_service_s_first_page_fits_a_screen() {
    for service in SERVICES {
        let path = Path::new(ROOT).join("crates").join(service).join("src/lib.rs");
        let lines = fs::read_to_string(&path).expect("lib.rs").lines().count();
        assert!(lines <= 60, "{} has {lines} lines, more than 60", path.display());
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in product_files() {
        assert!(text.starts_with("//!"), "{} does not open with //!", path.display());
    }
}

#[test]
fn nothing_unfinished_ships() {
    // Split so that this file does not find itself.
    let marks =
        [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX"].concat(), ["#[ign", "ore"].concat()];
    for (path, text) in product_files() {
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} has {mark}", path.display());
        }
    }
}

/// The rooms that a service has besides those of all.
fn rooms_of_its_own(service: &str) -> &'static [&'static str] {
    match service {
        // Pages instead of a database.
        "dashboard" => &["pages"],
        // What passes requests on: the way to a service and back, the limits, and the rules for headers and paths.
        "gateway" => &["hop", "limits", "headers.rs", "paths.rs"],
        _ => &[],
    }
}

#[test]
fn services_have_the_same_inner_shape() {
    let known = [
        "main.rs",
        "lib.rs",
        "config.rs",
        "state.rs",
        "routes.rs",
        "error.rs",
        "schema.rs",
        "handlers",
        "domain",
        "db",
        "jobs",
    ];
    for service in SERVICES {
        let own = rooms_of_its_own(service);
        let source = Path::new(ROOT).join("crates").join(service).join("src");
        let names: Vec<_> = fs::read_dir(&source)
            .expect("src")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        for name in &names {
            let fine = known.contains(&name.as_str()) || own.contains(&name.as_str());
            assert!(fine, "{service}/src/{name} is not a room that services have");
        }
        for needed in ["main.rs", "lib.rs", "config.rs", "state.rs", "routes.rs", "error.rs", "handlers"]
            .iter()
            .chain(own)
        {
            assert!(names.iter().any(|name| name == needed), "{service} has no {needed}");
        }
    }
}

/// A room of every service that has it, and the libraries that no file in it may name.
const KEPT_OUT: [(&str, &[&str]); 2] = [("domain", &["actix_web", "diesel"]), ("handlers", &["diesel"])];

#[test]
fn domains_know_no_framework_and_handlers_no_sql() {
    for (room, libraries) in KEPT_OUT {
        let mut found = Vec::new();
        for service in SERVICES {
            let folder = Path::new(ROOT).join("crates").join(service).join("src").join(room);
            if folder.exists() {
                rust_files(&folder, &mut found);
            }
        }
        assert!(found.len() > 6, "only {} files of {room} found", found.len());
        for path in found {
            let text = fs::read_to_string(&path).expect("UTF-8");
            for library in libraries {
                assert!(!text.contains(library), "{} names {library}", path.display());
            }
        }
    }
}
