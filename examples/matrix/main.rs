//! `make matrix`: every story of deployments with everything going wrong at every call, with progress.
//!
//! An argument is one case to replay, as a violation prints it: `update: kill-after@17`. `SLICE=20` plays
//! one case of twenty, `SEED=7` another one of them.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/matrix/mod.rs"]
mod matrix;
#[path = "../../tests/scenarios/story.rs"]
#[allow(dead_code)]
mod story;
#[path = "../../tests/world.rs"]
#[allow(dead_code)]
mod world;

mod scenarios {
    pub(crate) use crate::story;
}

use std::process::ExitCode;

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let selection = matrix::Selection {
        only: std::env::args().nth(1).unwrap_or_default(),
        slice: number("SLICE").map_or(1, |it| it as usize),
        seed: number("SEED").unwrap_or(0),
    };
    let summary = matrix::walk(&selection, |line| eprintln!("{line}"));
    for violation in &summary.violations {
        println!("{violation}\n  replay: make matrix CASE=\"{}\"", violation.case);
    }
    println!("{summary}");
    match summary.violations.is_empty() && summary.cases > 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
