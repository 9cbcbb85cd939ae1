//! `make matrix`: every story of deployments with everything going wrong at every call, with progress.
//!
//! An argument is one case to replay, as a violation prints it: `update: kill-after@17`. `SLICE=20` plays
//! one case of twenty, `SEED=7` another one of them.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/matrix/mod.rs"]
mod matrix;
#[path = "../../tests/scenarios/pair.rs"]
#[allow(dead_code)]
mod pair;
#[path = "../../tests/scenarios/story.rs"]
#[allow(dead_code)]
mod story;
#[path = "../../tests/world.rs"]
#[allow(dead_code)]
mod world;

mod scenarios {
    pub(crate) use crate::{pair, story};
}

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let selection = matrix::Selection {
        only: std::env::args().nth(1).unwrap_or_default(),
        slice: number("SLICE").map_or(1, |it| it as usize),
        seed: number("SEED").unwrap_or(0),
    };
    let began = Instant::now();
    let summary = matrix::walk(&selection, |line| eprintln!("{line}"));
    for violation in &summary.violations {
        println!("{violation}\n  replay: make matrix CASE=\"{}\"", violation.case);
    }
    let wall = began.elapsed().as_secs_f32();
    println!("matrix: {wall:.0} s, and {:.0} s of CPU time", cpu_seconds().unwrap_or(f32::NAN));
    println!("{summary}");
    match summary.violations.is_empty() && summary.cases > 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What this process has used so far, by all its threads; `None` where there is no `/proc`.
fn cpu_seconds() -> Option<f32> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // User and system time, in hundredths of a second, are the 14th and 15th field; a name may have spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f32>().ok()? + fields.next()?.parse::<f32>().ok()?;
    Some(ticks / 100.0)
}
