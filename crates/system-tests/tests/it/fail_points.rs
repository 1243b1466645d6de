//! What is built as it ships has no fail points: no step of them, and no setting that would arm one, is in a program.

use std::fs;

use db::fail_points::{ALL, SETTING};

use crate::cluster::SERVICES;
use crate::harness::program;

fn holds(program: &[u8], text: &str) -> bool {
    program.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn no_program_that_ships_has_a_fail_point() {
    for name in SERVICES.into_iter().chain(["crm-bridge"]) {
        let bytes = fs::read(program(name)).expect("a program");
        for text in ALL.iter().map(|(_, step, _)| *step).chain([SETTING]) {
            assert!(!holds(&bytes, text), "{name} has {text}");
        }
    }
    // The campaign arms them, so it knows the names: they would be found where they are.
    let campaign = fs::read(program("faults")).expect("a program");
    for text in ALL.iter().map(|(_, step, _)| *step).chain([SETTING]) {
        assert!(holds(&campaign, text), "the campaign does not know {text}");
    }
}

#[test]
fn no_two_steps_have_one_name() {
    let names: std::collections::BTreeSet<_> = ALL.iter().map(|(_, name, _)| name).collect();
    assert_eq!(names.len(), ALL.len());
    for (_, name, service) in ALL {
        assert!(SERVICES.contains(&service), "{name} is a step of {service}");
    }
}
