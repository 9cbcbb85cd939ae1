//! Stories of deployments, each played again and again with something going wrong at one of its calls,
//! and what has to hold whatever goes wrong.
//!
//! A story is first played undisturbed: that life says at which calls there is something to disturb, and
//! how every other life of the story has to end.

mod case;
mod end;
mod hands;
mod life;
mod process;
mod rules;
mod script;
mod stories;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use case::{Case, Kept};
use life::{Life, Undisturbed};
use stories::Story;

/// Which cases are played.
pub struct Selection {
    /// One case, or the beginning of many; empty for all.
    pub only: String,
    /// One of so many.
    pub slice: usize,
    /// Which of them, and what the random cases are made of.
    pub seed: u64,
}

pub struct Violation {
    pub case: Case,
    pub what: Vec<String>,
    /// What the operator said in that life.
    told: String,
}

pub struct Summary {
    pub cases: usize,
    pub violations: Vec<Violation>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "matrix: {} cases, {} violations", self.cases, self.violations.len())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "violation: {}: {}", self.case, self.what.join("; "))?;
        if std::env::var_os("SHOW_JOURNAL").is_some() {
            write!(f, "\n{}", self.told)?;
        }
        Ok(())
    }
}

/// Plays the selected cases on every core. `progress` is told now and then how far it is.
pub fn walk(selection: &Selection, progress: impl Fn(&str) + Sync) -> Summary {
    let began = Instant::now();
    let stories: Vec<Case> = Story::ALL
        .into_iter()
        .flat_map(|story| [Kept::File, Kept::Table].map(|kept| Case { story, kept, strikes: Vec::new() }))
        .filter(|it| it.kept == Kept::File || it.story.is_kept_in_a_table())
        .filter(|it| selection.wants(it))
        .collect();
    let undisturbed = in_parallel(&stories, life::undisturbed);
    let mut violations = Vec::new();
    let mut cases = Vec::new();
    for (case, life) in stories.iter().zip(&undisturbed) {
        if !life.violations.is_empty() {
            let (what, told) = (life.violations.clone(), life.told.clone());
            violations.push(Violation { case: case.clone(), what, told });
        }
        let of_story = case::all(case.story, case.kept, life, selection.seed);
        let of_story = of_story.into_iter().enumerate();
        cases.extend(of_story.filter(|(number, case)| selection.takes(*number, case)).map(|(_, case)| case));
    }
    progress(&format!(
        "matrix: {} stories, {} cases ({:.0} s for the stories undisturbed)",
        stories.len(),
        cases.len(),
        began.elapsed().as_secs_f32()
    ));
    if let (true, Ok(case)) = (cases.is_empty(), selection.only.parse()) {
        // Pairs and random cases of another seed are not among those that are made.
        cases.push(case);
    }
    let done = AtomicUsize::new(0);
    let found = in_parallel(&cases, |case| {
        let is_it = |it: &Case| (it.story, it.kept) == (case.story, case.kept);
        let expected = &undisturbed[stories.iter().position(is_it).unwrap()];
        let found = play(case, expected);
        let count = done.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(1000) {
            let seconds = began.elapsed().as_secs_f32();
            let rate = count as f32 / seconds;
            progress(&format!("matrix: {count} of {} cases, {rate:.0} a second", cases.len()));
        }
        if let Some(found) = &found {
            progress(&found.to_string());
        }
        found
    });
    violations.extend(found.into_iter().flatten());
    Summary { cases: cases.len() + stories.len(), violations }
}

impl Selection {
    fn takes(&self, number: usize, case: &Case) -> bool {
        let slice = self.slice.max(1);
        let mine = (number as u64).wrapping_add(self.seed).is_multiple_of(slice as u64);
        mine && case.to_string().starts_with(&self.only)
    }

    /// Whether any case of a story is wanted; with a colon, its name is known whole.
    fn wants(&self, story: &Case) -> bool {
        let story = story.to_string();
        match self.only.split_once(':') {
            Some((name, _)) => story == format!("{name}: "),
            None => story.starts_with(&self.only),
        }
    }
}

fn play(case: &Case, expected: &Undisturbed) -> Option<Violation> {
    let life = std::panic::catch_unwind(AssertUnwindSafe(|| life::disturbed(case, expected.into())));
    let Life { violations, told } = match life {
        Ok(life) => life,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
            Life { violations: vec![format!("panicked: {text}")], told: String::new() }
        }
    };
    (!violations.is_empty()).then(|| Violation { case: case.clone(), what: violations, told })
}

/// In the order of the items, whichever is done first.
fn in_parallel<I: Sync, O: Send>(items: &[I], act: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { break };
                    let result = act(item);
                    results.lock().unwrap().push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn whatever_goes_wrong_at_a_call_a_story_ends_well_and_stays_so() {
    let summary = walk(&Selection { only: String::new(), slice: 600, seed: 0 }, |_| {});
    let violations: Vec<String> = summary.violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{}\n{summary}", violations.join("\n"));
    assert!(summary.cases > 100, "{summary}");
}
