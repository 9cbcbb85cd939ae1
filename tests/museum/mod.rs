//! The museum is whole: each mistake that is planted is in the table, and each in the table is planted and has tests.

pub mod exhibits;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::architecture::{sources, tests_of};
use exhibits::{EXHIBITS, Exhibit, KINDS, NOT_HERE, Source};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_planted_mistake_is_in_the_table_and_every_one_in_the_table_is_planted() {
    let mut planted = BTreeSet::new();
    for path in sources(&root().join("src")) {
        // This one explains the macro.
        if path.ends_with("src/museum.rs") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        planted
            .extend(text.split("planted!(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    let shown: BTreeSet<String> = EXHIBITS.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(planted, shown);
    assert_eq!(EXHIBITS.len(), shown.len(), "a name is there twice");
}

#[test]
fn every_test_that_has_to_find_a_mistake_exists() {
    let tests = tests_of(&["src", "tests"]);
    for exhibit in EXHIBITS {
        let Exhibit { name, made_by, mistake, found_by } = exhibit;
        assert!(
            !made_by.1.is_empty() && !mistake.is_empty() && !found_by.is_empty(),
            "{name} is not described"
        );
        for test in *found_by {
            assert!(tests.contains(*test), "{name}: there is no test `{test}`");
        }
    }
    for (_, _, why) in NOT_HERE {
        let named = why.split('`').nth(1).filter(|it| it.contains('_'));
        assert!(named.is_none_or(|name| tests.contains(name)), "no test is named in: {why}");
    }
}

#[test]
fn each_kind_of_failure_has_a_mistake_here_or_a_reason_why_not() {
    let shown = EXHIBITS.iter().map(|it| {
        let Source(kind, _) = it.made_by;
        kind
    });
    let known: BTreeSet<usize> = shown.chain(NOT_HERE.iter().map(|(kind, _, _)| *kind)).collect();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), (1..=KINDS.len()).collect::<Vec<_>>());
}

#[cfg(not(feature = "museum"))]
#[test]
fn no_ordinary_build_listens_to_the_museum() {
    // The one place that could: without the feature it is not even compiled.
    let text = fs::read_to_string(root().join("src/museum.rs")).unwrap();
    let (before, _) = text.split_once("std::env::var").unwrap();
    assert!(before.rsplit("\n\n").any(|it| it.starts_with("#[cfg(feature = \"museum\")]")), "{text}");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let features = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    let default = features.lines().find(|line| line.starts_with("default")).unwrap();
    assert!(!default.contains("museum"), "{default}");
}
