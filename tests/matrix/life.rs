//! One life of a story: operators that live and die, commits and hands that come at their moments, and
//! the wait for quiet.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reconciler::controller::{Outcome, Wish};
use simulator::error::ApiError;
use simulator::faults::{CallSite, Fault, is_read};
use simulator::journal::CallRecord;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::case::{Case, Extent, Git, Strike, Trouble};
use super::end::End;
use super::rules;
use super::stories::{Act, Play, Story};
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
    /// Of the ledger, when the call was made.
    pub lines: usize,
}

/// What the fault script knows and decides.
struct Script {
    strikes: Vec<Strike>,
    refuses: fn(&CallSite) -> bool,
    lines: Box<dyn Fn() -> usize + Send>,
    seen: Vec<Seen>,
    /// Nothing that the process says reaches AWS any more.
    dead: bool,
    cut_ledger: Option<usize>,
    /// Goes on for so many calls, or until then.
    lasting: Option<(Fault, Lasting)>,
    signals: Arc<Signals>,
}

#[derive(Clone, Copy)]
enum Lasting {
    Calls(usize),
    Until(Instant),
}

#[derive(Default)]
struct Signals {
    kill: Notify,
    second: Notify,
    which: Mutex<Option<Git>>,
}

/// How a life ended.
struct Ended {
    seen: Vec<Seen>,
    /// When the quiet began.
    busy: usize,
    lines_before: usize,
    end: Option<End>,
    deployments: BTreeMap<String, usize>,
    violations: Vec<String>,
    told: String,
}

pub fn undisturbed(story: Story) -> Undisturbed {
    let case = Case { story, strikes: Vec::new() };
    let nothing = Undisturbed {
        calls: Vec::new(),
        lines_before: 0,
        violations: Vec::new(),
        told: String::new(),
        end: None,
        deployments: BTreeMap::new(),
    };
    let mut ended = in_virtual_time(play(&case, Expected::from(&nothing)));
    ended.seen.truncate(ended.busy);
    Undisturbed {
        calls: ended.seen,
        lines_before: ended.lines_before,
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
    let mut world = World::new().await;
    if case.has(|it| matches!(it, Trouble::Stale(_))) {
        world.simulator.keep_past();
    }
    world.simulator.keep_inputs();
    let unsettled = rules::watch_settled(&mut world);
    let Play { beats, in_force, accepted, .. } = &case.story.begin(&mut world).await;
    world.simulator.take_calls();

    let signals = Arc::new(Signals::default());
    let lines_before = world.ledger_lines();
    let script = Arc::new(Mutex::new(Script {
        strikes: case.strikes.clone(),
        refuses: case.story.refuses(),
        lines: Box::new(world.count_ledger_lines()),
        seen: Vec::new(),
        dead: false,
        cut_ledger: None,
        lasting: None,
        signals: signals.clone(),
    }));
    let decide = script.clone();
    world.simulator.set_fault(Box::new(move |site| decide.lock().unwrap().decide(site)));

    let mut stage = Stage {
        world: &world,
        script: &script,
        expected: &expected,
        story: case.story,
        began: Instant::now(),
        wish: in_force.clone(),
        beats: beats.iter().collect(),
        calls: Vec::new(),
        quiet: 0,
        busy: 0,
        end: None,
        next_tick: Instant::now() + INTERVAL,
        violations: Vec::new(),
    };
    stage.beats.sort_by_key(|(at, _)| *at);
    while stage.one_operator(&signals, accepted).await == Fate::Killed {
        // Tasks that were spawned are dropped with the loop; let the runtime notice.
        tokio::time::sleep(DOWN).await;
        let cut = {
            let mut script = script.lock().unwrap();
            script.dead = false;
            script.cut_ledger.take()
        };
        if let Some(lines) = cut {
            world.cut_ledger(lines);
        }
    }
    let Stage { calls, busy, end, mut violations, .. } = stage;
    let deployments = rules::deployments(&world);
    let held = rules::Held { world: &world, case, calls: &calls, accepted, before: expected.deployments };
    violations.extend(rules::broken(&held, &deployments));
    // Who is shown old news can't know better.
    if !case.has(|it| matches!(it, Trouble::Stale(_) | Trouble::Garbled(_))) {
        violations.extend(unsettled.lock().unwrap().clone());
    }
    let seen = std::mem::take(&mut script.lock().unwrap().seen);
    world.simulator.clear_fault();
    let told = world.told();
    Ended { seen, busy, lines_before, end, deployments, violations, told }
}

#[derive(PartialEq)]
enum Fate {
    Killed,
    /// The story is over, well or not.
    Over,
}

struct Stage<'a> {
    world: &'a World,
    script: &'a Mutex<Script>,
    expected: &'a Expected<'a>,
    story: Story,
    began: Instant,
    wish: Option<Wish>,
    beats: Vec<&'a (u64, Act)>,
    calls: Vec<CallRecord>,
    /// Intervals in a row.
    quiet: usize,
    /// Calls before the quiet began.
    busy: usize,
    end: Option<End>,
    next_tick: Instant,
    violations: Vec<String>,
}

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

impl Stage<'_> {
    /// From the start of an operator to its death, or to the end of the story.
    async fn one_operator(&mut self, signals: &Signals, accepted: &[Wish]) -> Fate {
        let operator = self.world.operator().await;
        let (sender, wishes) = mpsc::channel(8);
        if let Some(wish) = &self.wish {
            sender.try_send(wish.clone()).unwrap();
        }
        let mut run: Running<'_> = Box::pin(operator.run(wishes, CancellationToken::new()));
        loop {
            tokio::select! {
                biased;
                () = signals.kill.notified() => break Fate::Killed,
                outcome = &mut run => {
                    self.violations.push(format!("I16: the operator ended by itself: {outcome:?}"));
                    break Fate::Over;
                }
                () = signals.second.notified() => {
                    let git = signals.which.lock().unwrap().take().unwrap_or(Git::Same);
                    if let Some(violation) = self.second(git, accepted) {
                        self.violations.push(violation);
                        break Fate::Over;
                    }
                }
                () = tokio::time::sleep_until(self.next_wake()) => {
                    if let Some(wish) = self.due() {
                        sender.try_send(wish).unwrap();
                    }
                    if self.tick() {
                        break Fate::Over;
                    }
                }
            }
        }
    }

    /// Only one may act: the second is refused, and the first goes on.
    fn second(&mut self, _git: Git, _accepted: &[Wish]) -> Option<String> {
        self.world.is_open_for_another().then(|| "I10: two operators act".to_owned())
    }

    fn next_wake(&self) -> Instant {
        let beat = self.beats.first().map(|(at, _)| self.began + Duration::from_secs(*at));
        beat.map_or(self.next_tick, |beat| beat.min(self.next_tick))
    }

    /// Does what is due now; a commit is returned.
    fn due(&mut self) -> Option<Wish> {
        let (at, act) = self.beats.first()?;
        if self.began + Duration::from_secs(*at) > Instant::now() {
            return None;
        }
        self.beats.remove(0);
        self.quiet = 0;
        match act {
            Act::Commit(wish) => {
                self.wish = Some(wish.clone());
                Some(wish.clone())
            }
            Act::Hand(hand) => {
                self.world.simulator.advance();
                hand(self.world);
                None
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
        let acted = new.iter().any(|call| !is_read(&call.operation) && call.error.is_none());
        self.calls.extend(new);
        let now = End::of(self.world);
        let as_it_should = self.expected.end.or(self.end.as_ref()).is_some_and(|end| *end == now);
        let is_quiet = self.beats.is_empty() && !acted && as_it_should;
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
            let ends = self.story.is_well(&now);
            if self.quiet == QUIET_INTERVALS && !ends.is_empty() {
                self.violations.push(format!("the story itself: {ends}"));
            }
        }
        self.end = Some(now);
        late || self.quiet == QUIET_INTERVALS
    }
}

impl Script {
    fn decide(&mut self, site: &CallSite) -> Fault {
        if self.dead {
            return Fault::NeverApply;
        }
        let number = self.seen.len();
        self.seen.push(Seen { operation: site.operation.clone(), lines: (self.lines)() });
        if (self.refuses)(site) {
            let message = "User is not authorized to perform this action";
            return Fault::RefuseBefore(ApiError::new("AccessDeniedException", message));
        }
        if let Some(strike) = self.strikes.iter().find(|it| it.at == number).copied() {
            return self.strike(strike.trouble);
        }
        match &mut self.lasting {
            Some((fault, Lasting::Calls(left))) if *left > 0 => {
                *left -= 1;
                fault.clone()
            }
            Some((fault, Lasting::Until(until))) if Instant::now() < *until => fault.clone(),
            Some(_) | None => Fault::None,
        }
    }

    fn strike(&mut self, trouble: Trouble) -> Fault {
        let failure = || {
            let mut error = ApiError::new("ServerException", "Something went wrong.");
            error.status = 500;
            error
        };
        match trouble {
            Trouble::KillBefore => self.die(Fault::NeverApply),
            Trouble::KillAfter => self.die(Fault::NeverAnswer),
            Trouble::KillAtLine(line) => {
                self.cut_ledger = Some(line);
                self.die(Fault::NeverApply)
            }
            Trouble::Unanswered => Fault::NeverAnswer,
            Trouble::Lost => Fault::NeverApply,
            Trouble::Late(seconds) => Fault::ApplyLate(Duration::from_secs(seconds)),
            Trouble::FailsAfter => Fault::FailAfter(failure()),
            Trouble::Throttled(extent) => self.last(Fault::Throttle, extent),
            Trouble::Fails(extent) => self.last(Fault::RefuseBefore(failure()), extent),
            Trouble::Stale(versions) => Fault::Stale(versions),
            Trouble::Garbled(garbling) => Fault::Garble(garbling),
            Trouble::Second(git) => {
                *self.signals.which.lock().unwrap() = Some(git);
                self.signals.second.notify_one();
                Fault::None
            }
        }
    }

    fn die(&mut self, fault: Fault) -> Fault {
        self.dead = true;
        self.signals.kill.notify_one();
        fault
    }

    fn last(&mut self, fault: Fault, extent: Extent) -> Fault {
        self.lasting = match extent {
            Extent::Once => None,
            Extent::Calls(calls) => Some((fault.clone(), Lasting::Calls(calls - 1))),
            Extent::Seconds(seconds) => {
                Some((fault.clone(), Lasting::Until(Instant::now() + Duration::from_secs(seconds))))
            }
        };
        fault
    }
}
