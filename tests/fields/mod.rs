//! Every member of AWS's inputs, one after the other: written, read back, changed and taken away again.
//!
//! The cases are made from the API model. What AWS does with a change is not asked of the rules under
//! test: it stands in [`expected`], from AWS's own pages.

mod bases;
mod cases;
mod compare;
mod expected;
mod live;
mod needs;
mod play;
mod special;
mod tables;
mod values;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cases::Case;

/// The calls whose members a manifest can write.
pub const OPERATIONS: [&str; 8] = [
    "RegisterTaskDefinition",
    "CreateService",
    "UpdateService",
    "RegisterScalableTarget",
    "PutScalingPolicy",
    "PutScheduledAction",
    "CreateSchedule",
    "UpdateSchedule",
];

/// Services of one world: they are deployed side by side.
const BATCH: usize = 24;

/// A member of a call: `CreateService loadBalancers[].containerPort`.
type Member = (&'static str, String);

/// What became of one case.
struct Verdict {
    title: String,
    /// Members that were seen to reach AWS, or to be kept from it.
    covered: BTreeSet<Member>,
    failures: Vec<String>,
}

pub struct Summary {
    pub covered: usize,
    pub members: usize,
    pub cases: usize,
    /// Each with the member that it is about; members that no case covers are among them.
    pub failures: Vec<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { covered, members, cases, failures } = self;
        write!(f, "fields: {covered} of {members} members, {cases} cases, {} failures", failures.len())
    }
}

/// Walks all members, or those whose title contains `filter`. `progress` is told how many cases of how
/// many are done.
pub fn walk(filter: &str, progress: impl Fn(usize, usize) + Sync) -> Summary {
    let cases: Vec<Case> = cases::all().into_iter().filter(|case| case.title().contains(filter)).collect();
    let batches: Vec<&[Case]> = cases.chunks(BATCH).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let verdicts = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let of_batch = play::batch(batch);
                    verdicts.lock().unwrap().extend(of_batch);
                    progress(done.fetch_add(batch.len(), Ordering::Relaxed) + batch.len(), cases.len());
                }
            });
        }
    });
    summary(verdicts.into_inner().unwrap(), cases.len(), filter)
}

fn summary(verdicts: Vec<Verdict>, cases: usize, filter: &str) -> Summary {
    let members: BTreeSet<Member> = OPERATIONS.into_iter().flat_map(cases::members).collect();
    let covered: BTreeSet<&Member> =
        verdicts.iter().flat_map(|it| &it.covered).filter(|it| members.contains(*it)).collect();
    let mut failures: Vec<String> = verdicts
        .iter()
        .flat_map(|it| it.failures.iter().map(move |failure| format!("{}: {failure}", it.title)))
        .collect();
    failures.sort();
    if filter.is_empty() {
        let missing = members.iter().filter(|member| !covered.contains(member));
        failures.extend(missing.map(|(operation, path)| format!("{operation} {path}: no case covers it")));
    }
    Summary { covered: covered.len(), members: members.len(), cases, failures }
}

#[test]
fn every_member_of_awss_inputs_is_written_read_back_changed_and_taken_away() {
    let summary = walk("", |_, _| {});
    assert!(summary.failures.is_empty(), "{}\n{summary}", summary.failures.join("\n"));
    assert_eq!(summary.covered, summary.members, "{summary}");
}
