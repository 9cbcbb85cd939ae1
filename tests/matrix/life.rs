//! One life of a story: operators that live and die, commits and hands that come at their moments, and
//! the wait for quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reconciler::controller::Wish;
use simulator::faults::is_read;
use simulator::journal::CallRecord;
use tokio::time::Instant;

use super::case::{Case, Git, Kept, Trouble};
use super::end::End;
use super::process::{Exit, Process, Verb, View, first_exit, holder};
use super::rules;
use super::script::{Script, Signal, Signals};
use super::stories::{Act, Play};
use crate::world::World;

/// The operator looks at every service this often.
const INTERVAL: Duration = Duration::from_secs(30);
/// So many intervals in a row nothing may be called for.
const QUIET_INTERVALS: usize = 10;
/// A life that has not become quiet by then never does: ten minutes of throttling, five of waiting for a
/// late call, a back-off of some minutes, and the ten intervals.
const PATIENCE: Duration = Duration::from_secs(50 * 60);
/// Until a process that died is started again.
const DOWN: Duration = Duration::from_secs(2);
/// How long two operators are there when one takes the place of the other.
const OVERLAP: Duration = Duration::from_secs(20);
/// Somebody who waits for something looks so often.
const HAND_AGAIN: Duration = Duration::from_secs(5);
/// After so long one whose Git lags behind sees what the others see.
const BEHIND: Duration = Duration::from_secs(60);

/// What became of a disturbed life.
pub struct Life {
    pub violations: Vec<String>,
    pub told: String,
}

/// What a life without troubles teaches about the others of its story.
pub struct Undisturbed {
    /// Until it became quiet.
    pub calls: Vec<Seen>,
    /// Lines of the ledger before the first call.
    pub lines_before: usize,
    /// How many are ever in force, and whether any comes later than at the beginning.
    pub commits: usize,
    pub commits_come: bool,
    pub violations: Vec<String>,
    pub told: String,
    end: Option<End>,
    deployments: BTreeMap<String, usize>,
}

/// What a disturbed life is held against.
pub struct Expected<'a> {
    end: Option<&'a End>,
    deployments: &'a BTreeMap<String, usize>,
}

impl<'a> From<&'a Undisturbed> for Expected<'a> {
    fn from(life: &'a Undisturbed) -> Self {
        Self { end: life.end.as_ref(), deployments: &life.deployments }
    }
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub operation: String,
    /// A call of DynamoDB.
    pub of_the_ledger: bool,
    /// Of the ledger, when the call was made.
    pub lines: usize,
}

/// How a life ended.
struct Ended {
    seen: Vec<Seen>,
    /// When the quiet began.
    busy: usize,
    lines_before: usize,
    commits: usize,
    commits_come: bool,
    end: Option<End>,
    deployments: BTreeMap<String, usize>,
    violations: Vec<String>,
    told: String,
}

pub fn undisturbed(case: &Case) -> Undisturbed {
    let nothing = Undisturbed {
        calls: Vec::new(),
        lines_before: 0,
        commits: 0,
        commits_come: false,
        violations: Vec::new(),
        told: String::new(),
        end: None,
        deployments: BTreeMap::new(),
    };
    let mut ended = in_virtual_time(play(case, Expected::from(&nothing)));
    ended.seen.truncate(ended.busy);
    Undisturbed {
        calls: ended.seen,
        lines_before: ended.lines_before,
        commits: ended.commits,
        commits_come: ended.commits_come,
        violations: ended.violations,
        told: ended.told,
        end: ended.end,
        deployments: ended.deployments,
    }
}

pub fn disturbed(case: &Case, expected: Expected<'_>) -> Life {
    let ended = in_virtual_time(play(case, expected));
    Life { violations: ended.violations, told: ended.told }
}

fn in_virtual_time<O>(life: impl Future<Output = O>) -> O {
    // The SDK's back-off is random; a case that is replayed shall be the same.
    fastrand::seed(7);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(life)
}

async fn play(case: &Case, expected: Expected<'_>) -> Ended {
    let mut world = match case.kept {
        Kept::File => World::new().await,
        Kept::Table => World::with_table().await,
    };
    if case.has(|it| matches!(it, Trouble::Stale(_))) {
        world.simulator.keep_past();
    }
    world.simulator.keep_inputs();
    let unsettled = rules::watch_settled(&mut world);
    let Play { beats, in_force, accepted, .. } = &case.story.begin(&mut world, case.kept).await;
    world.simulator.take_calls();

    let signals = Arc::new(Signals::default());
    let lines_before = world.ledger_lines();
    let script = Arc::new(Mutex::new(Script {
        strikes: case.strikes.clone(),
        kept: case.kept,
        refuses: case.story.refuses(),
        lines: Box::new(world.count_ledger_lines()),
        holder: Box::new(holder(&world)),
        seen: Vec::new(),
        dead: BTreeSet::new(),
        cut_ledger: None,
        lasting: None,
        table_is_down_until: None,
        renewed: Vec::new(),
        signals: signals.clone(),
        violations: Vec::new(),
    }));
    let decide = script.clone();
    world.simulator.set_fault(Box::new(move |site| decide.lock().unwrap().decide(site)));

    let began = Instant::now();
    let mut stage = Stage {
        world: &world,
        case,
        script: &script,
        signals: &signals,
        expected: &expected,
        accepted: accepted.clone().into(),
        newest: *in_force,
        began,
        beats: beats.iter().map(|(at, act)| (began + Duration::from_secs(*at), act)).collect(),
        processes: Vec::new(),
        started: 0,
        later: Vec::new(),
        calls: Vec::new(),
        quiet: 0,
        busy: 0,
        end: None,
        next_tick: Instant::now() + INTERVAL,
        violations: Vec::new(),
    };
    stage.beats.sort_by_key(|(at, _)| *at);
    stage.play().await;
    let Stage { calls, busy, end, mut violations, .. } = stage;
    let deployments = rules::deployments(&world);
    let held = rules::Held { world: &world, case, calls: &calls, accepted, before: expected.deployments };
    violations.extend(rules::broken(&held, &deployments));
    // Who is shown old news can't know better.
    if !case.has(|it| matches!(it, Trouble::Stale(_) | Trouble::Garbled(_))) {
        violations.extend(unsettled.lock().unwrap().clone());
    }
    let seen = {
        let mut script = script.lock().unwrap();
        violations.append(&mut script.violations);
        std::mem::take(&mut script.seen)
    };
    world.simulator.clear_fault();
    let told = world.told();
    let commits_come = beats.iter().any(|(at, act)| *at > 0 && matches!(act, Act::Commit(_)));
    let commits = accepted.len();
    Ended { seen, busy, lines_before, commits, commits_come, end, deployments, violations, told }
}

struct Stage<'a> {
    world: &'a World,
    case: &'a Case,
    script: &'a Mutex<Script>,
    signals: &'a Signals,
    expected: &'a Expected<'a>,
    accepted: Rc<[Wish]>,
    /// Of the accepted ones, what Git says now.
    newest: Option<usize>,
    began: Instant,
    beats: Vec<(Instant, &'a Act)>,
    processes: Vec<Process<'a>>,
    /// Each process has a number of its own.
    started: usize,
    /// What time brings.
    later: Vec<(Instant, Later)>,
    calls: Vec<CallRecord>,
    /// Intervals in a row.
    quiet: usize,
    /// Calls before the quiet began.
    busy: usize,
    end: Option<End>,
    next_tick: Instant,
    violations: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Later {
    Start,
    Stop(usize),
    Thaw(usize),
    /// A process sees what it has missed of Git.
    Catch(usize),
}

impl Stage<'_> {
    /// From the start of the first process to the end of the story, well or not.
    async fn play(&mut self) {
        self.start(Verb::Run, self.newest);
        loop {
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = self.signals.given.notified() => {
                    let signals = std::mem::take(&mut *self.signals.which.lock().unwrap());
                    for signal in signals {
                        self.heed(signal);
                    }
                }
                (who, exit) = first_exit(&mut self.processes, self.signals) => self.ended(who, exit),
                () = tokio::time::sleep_until(wake) => {
                    self.bring_what_is_due();
                    if self.tick() {
                        break;
                    }
                }
            }
        }
    }

    fn start(&mut self, verb: Verb, sees: Option<usize>) -> usize {
        let cut = self.script.lock().unwrap().cut_ledger.take();
        if let Some(lines) = cut {
            self.world.cut_ledger(lines);
        }
        let who = self.started;
        self.started += 1;
        let view = View::of(&self.accepted, sees);
        self.processes.push(Process::start(self.world, (self.case.kept, verb), who, view));
        who
    }

    fn heed(&mut self, signal: Signal) {
        let now = Instant::now();
        match signal {
            Signal::Kill(who) => self.gone(who),
            Signal::Freeze(who, time) => {
                // It has seen what the other one has not.
                self.start(Verb::Run, self.next_commit());
                if let Some(process) = self.processes.iter_mut().find(|it| it.who == who) {
                    process.frozen = Some(now + time);
                    self.later.push((now + time, Later::Thaw(who)));
                }
            }
            Signal::Second(first, git) => {
                let before = self.newest.and_then(|newest| newest.checked_sub(1));
                match git {
                    Git::Same => drop(self.start(Verb::Run, self.newest)),
                    Git::Newer => drop(self.start(Verb::Run, self.next_commit())),
                    Git::Behind => {
                        let who = self.start(Verb::Run, before);
                        self.later.push((now + BEHIND, Later::Catch(who)));
                    }
                    Git::Older => {
                        if before.is_some() {
                            self.start(Verb::Apply, before);
                        }
                        return;
                    }
                }
                self.later.push((now + OVERLAP, Later::Stop(first)));
            }
            Signal::TryLock => {
                if self.world.is_open_for_another() {
                    self.violations.push("I10: two operators act".to_owned());
                }
            }
        }
    }

    /// The commit that comes next, or the newest if none does.
    fn next_commit(&self) -> Option<usize> {
        let next = self.newest.map_or(0, |newest| newest + 1);
        if next < self.accepted.len() { Some(next) } else { self.newest }
    }

    /// A process has ended: somebody starts another one, unless one is there.
    fn gone(&mut self, who: usize) {
        self.processes.retain(|it| it.who != who);
        if self.processes.is_empty() {
            self.later.push((Instant::now() + DOWN, Later::Start));
        }
    }

    fn ended(&mut self, who: usize, exit: Exit) {
        let holder = (self.script.lock().unwrap().holder)();
        let was_told = self.processes.iter().any(|it| it.who == who && it.stop.is_cancelled());
        // Whoever held it after this one may have let go again.
        let is_deposed = self.case.kept == Kept::Table && holder != Some(who);
        let (is_well, why) = match exit {
            Exit::Stopped => (was_told, "it stopped".to_owned()),
            Exit::Lost(why) | Exit::Refused(why) => (is_deposed, why),
        };
        if !is_well {
            self.violations.push(format!("I16: the operator {who} ended by itself: {why}"));
        }
        self.gone(who);
    }

    fn next_wake(&self) -> Instant {
        let beat = self.beats.first().map(|(at, _)| *at);
        let later = self.later.iter().map(|(at, _)| *at);
        later.chain(beat).fold(self.next_tick, Instant::min)
    }

    fn bring_what_is_due(&mut self) {
        let now = Instant::now();
        for (_, later) in self.later.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            match later {
                Later::Start => drop(self.start(Verb::Run, self.newest)),
                Later::Stop(who) => {
                    self.processes.iter().filter(|it| it.who == who).for_each(|it| it.stop.cancel());
                }
                Later::Thaw(who) => {
                    self.processes.iter_mut().filter(|it| it.who == who).for_each(|it| it.frozen = None);
                }
                Later::Catch(who) => {
                    let process = self.processes.iter().find(|it| it.who == who);
                    if let (Some(process), Some(newest)) = (process, self.newest) {
                        process.view.show(newest);
                    }
                }
            }
        }
        while self.beats.first().is_some_and(|(at, _)| *at <= now) {
            let (_, act) = self.beats.remove(0);
            self.quiet = 0;
            match act {
                Act::Commit(number) => {
                    self.newest = Some(*number);
                    let is_behind = |who| self.later.iter().any(|(_, it)| *it == Later::Catch(who));
                    for process in self.processes.iter().filter(|it| !is_behind(it.who)) {
                        process.view.show(*number);
                    }
                }
                Act::Hand(hand) => {
                    self.world.simulator.advance();
                    if !hand(self.world) {
                        self.beats.insert(0, (now + HAND_AGAIN, act));
                    }
                }
            }
        }
    }

    /// Once an interval: has it become quiet? Says when the life is over.
    fn tick(&mut self) -> bool {
        if Instant::now() < self.next_tick {
            return false;
        }
        self.next_tick += INTERVAL;
        let new = self.world.simulator.take_calls();
        // What is refused for ever is asked for again and again.
        let acted = new
            .iter()
            .any(|call| !is_read(&call.operation) && call.error.is_none() && call.service != "dynamodb");
        self.calls.extend(new);
        let mut now = End::of(self.world);
        if self.case.has(|it| it == Trouble::Second(Git::Behind)) {
            // Who was shown an older commit tries once more what failed.
            now.forget_hooks();
        }
        let as_it_should = self.expected.end.or(self.end.as_ref()).is_some_and(|end| end.is_like(&now));
        let is_quiet = self.beats.is_empty() && self.later.is_empty() && !acted && as_it_should;
        if !is_quiet {
            self.busy = self.script.lock().unwrap().seen.len();
        }
        self.quiet = if is_quiet { self.quiet + 1 } else { 0 };
        let late = self.began.elapsed() > PATIENCE;
        if late {
            let why = match self.expected.end {
                Some(end) if *end != now => now.differs_from(end),
                _ => "calls that change something go on".to_owned(),
            };
            self.violations.push(format!("I1: not quiet after {} minutes: {why}", PATIENCE.as_secs() / 60));
        }
        if self.expected.end.is_none() {
            let ends = self.case.story.is_well(&now);
            if self.quiet == QUIET_INTERVALS && !ends.is_empty() {
                self.violations.push(format!("the story itself: {ends}"));
            }
        }
        self.end = Some(now);
        late || self.quiet == QUIET_INTERVALS
    }
}
