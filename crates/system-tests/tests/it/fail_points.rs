//! What is built as it ships has no fail points: no step of them, and no setting that would arm one, is in a program.

use std::collections::BTreeSet;
use std::process::Command;

use db::fail_points::{ALL, SETTING};

use crate::cluster::SERVICES;
use crate::harness::{program, run};

/// The names of all steps, and of the setting.
fn names() -> BTreeSet<&'static str> {
    ALL.iter().map(|(_, step, _)| *step).chain([SETTING]).collect()
}

/// Those of the names that are in a program.
fn in_program(name: &str) -> BTreeSet<&'static str> {
    let mut grep = Command::new("grep");
    grep.args(["--text", "--only-matching", "--fixed-strings"]).env("LC_ALL", "C");
    grep.args(names().into_iter().flat_map(|name| ["-e", name]));
    let found = run(grep.arg(program(name)));
    // 1: nothing was found. Anything else is no answer.
    assert!(matches!(found.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&found.stderr));
    let found = String::from_utf8(found.stdout).expect("UTF-8");
    names().into_iter().filter(|name| found.lines().any(|line| line == *name)).collect()
}

#[test]
fn no_program_that_ships_has_a_fail_point() {
    for name in SERVICES.into_iter().chain(["crm-bridge"]) {
        assert_eq!(in_program(name), BTreeSet::new(), "{name} has them");
    }
    // The campaign arms them, so it knows the names: they would be found where they are.
    assert_eq!(in_program("faults"), names());
}

#[test]
fn no_two_steps_have_one_name() {
    assert_eq!(names().len(), ALL.len() + 1);
    for (_, name, service) in ALL {
        assert!(SERVICES.contains(&service), "{name} is a step of {service}");
    }
}
