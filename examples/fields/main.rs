//! `make fields`: every member of AWS's inputs, written, read back, changed and taken away, with progress.
//!
//! An argument narrows the walk to members whose name contains it: `cargo run --example fields tmpfs`.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/fields/mod.rs"]
mod fields;
#[path = "../../tests/world.rs"]
#[allow(dead_code)]
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let summary = fields::walk(&filter, |done, all| eprintln!("fields: {done} of {all} cases"));
    for failure in &summary.failures {
        println!("failed: {failure}");
    }
    println!("{summary}");
    match summary.failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
