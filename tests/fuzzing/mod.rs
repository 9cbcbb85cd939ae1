//! What `make fuzz` has found so far, once more: each input of the corpus through the body that it was found by.

#[path = "../../fuzz/src/differ.rs"]
mod differ;
#[path = "../../fuzz/src/manifests.rs"]
pub mod manifests;
#[path = "../../fuzz/src/plan.rs"]
mod plan;
#[path = "../../fuzz/src/shaped.rs"]
mod shaped;

use std::fs;
use std::path::{Path, PathBuf};

/// All files below a folder.
fn inputs(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// A panic names the file that it is about.
fn replay(folder: &str, at_least: usize, run: fn(&[u8])) {
    let inputs = inputs(folder);
    assert!(inputs.len() >= at_least, "{} inputs in {folder}", inputs.len());
    for path in inputs {
        let bytes = fs::read(&path).unwrap();
        let ended = std::panic::catch_unwind(|| run(&bytes));
        assert!(ended.is_ok(), "{} panics", path.display());
    }
}

#[test]
fn whatever_stands_in_a_manifest_it_is_read_or_refused_with_a_reason() {
    replay("fuzz/corpus/manifests", 100, manifests::run);
    replay("src/manifest/gallery", 50, manifests::run);
    replay("manifests", 10, manifests::run);
}

#[test]
fn whatever_two_trees_hold_a_tree_does_not_differ_from_itself() {
    replay("fuzz/corpus/differ", 100, differ::run);
}

#[test]
fn whatever_aws_answers_there_is_a_plan() {
    replay("fuzz/corpus/plan", 100, plan::run);
}
