//! One case: a story, and what goes wrong at which of its calls. Its text replays it.

use std::fmt;
use std::str::FromStr;

use simulator::faults::{Garbling, is_read};

use super::life::{Seen, Undisturbed};
use super::stories::Story;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub story: Story,
    pub kept: Kept,
    pub strikes: Vec<Strike>,
}

/// Where the ledger is, and with it who may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// On disk: whoever has its lock.
    File,
    /// In a table of DynamoDB, whose calls go wrong like any other: whoever has the lease.
    Table,
}

/// Something goes wrong at the operator's `at`-th call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    pub at: usize,
    pub trouble: Trouble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The process dies before its call reaches AWS.
    KillBefore,
    /// The call takes effect, and the process dies before it hears so.
    KillAfter,
    /// It dies before the call, and earlier still: when the ledger had so many lines.
    KillAtLine(usize),
    /// The call takes effect and is never answered.
    Unanswered,
    /// Nobody ever hears of the call.
    Lost,
    /// It takes effect so many seconds later, and is never answered.
    Late(u64),
    /// It takes effect and is answered with 500.
    FailsAfter,
    /// It and those after it are refused as too many.
    Throttled(Extent),
    /// It and those after it are answered with 500, and have no effect.
    Fails(Extent),
    /// The answer of so many versions ago.
    Stale(usize),
    Garbled(Garbling),
    /// Another operator starts: it finds the ledger locked.
    Locked,
    /// Another operator starts, sees this of Git, and waits for the lease.
    Second(Git),
    /// The process stands still for so many seconds, and another one waits for the lease meanwhile.
    Frozen(u64),
    /// From this call on the table does not answer for so many seconds.
    TableDown(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Once,
    Calls(usize),
    Seconds(u64),
}

/// What a second operator takes for the newest commit, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Git {
    /// It stands by; then the first is told to stop, as when a new release of the operator is deployed.
    Same,
    /// The same, and it has seen the next commit already, which the first has not.
    Newer,
    /// The same, and it sees the newest only some time after it leads.
    Behind,
    /// Somebody's `apply` of an older checkout, while the first goes on.
    Older,
}

const EXTENTS: [Extent; 3] = [Extent::Once, Extent::Calls(20), Extent::Seconds(600)];
const GITS: [Git; 4] = [Git::Same, Git::Newer, Git::Behind, Git::Older];
/// Half a lease; a lease that nobody has taken over yet; one that was taken just now; one that is long gone.
const FROZEN_SECONDS: [u64; 4] = [22, 46, 66, 150];
const DOWN_SECONDS: [u64; 2] = [60, 600];
const LATE_SECONDS: [u64; 5] = [5, 20, 90, 240, 299];
const GARBLINGS: [Garbling; 4] =
    [Garbling::ItemMissing, Garbling::PageMissing, Garbling::ItemsTwice, Garbling::ServicesMissing];
const VERSIONS: [usize; 3] = [1, 2, 3];
/// A story with at most so many calls is short: two kills of it are tried in every combination.
const SHORT: usize = 10;
/// One with more is long.
const LONG: usize = 100;
/// Cases with several things going wrong, of each story.
const RANDOM: u64 = 20;

/// Every case of a story: each trouble at each call that it can meet.
pub fn all(story: Story, kept: Kept, life: &Undisturbed, seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |strikes: &[Strike]| cases.push(Case { story, kept, strikes: strikes.to_vec() });
    for (at, call) in life.calls.iter().enumerate() {
        for trouble in singles(kept, call).into_iter().filter(|it| makes_sense(*it, at, story, life)) {
            add(&[Strike { at, trouble }]);
        }
        let before = at.checked_sub(1).map_or(life.lines_before, |before| life.calls[before].lines);
        for line in before..call.lines {
            add(&[Strike { at, trouble: Trouble::KillAtLine(line) }]);
        }
    }
    let kills = [Trouble::KillBefore, Trouble::KillAfter];
    if kept == Kept::File && life.calls.len() <= SHORT {
        for first in 0..life.calls.len() {
            for second in first + 1..life.calls.len() + 6 {
                for (one, other) in kills.iter().flat_map(|one| kills.map(|other| (*one, other))) {
                    add(&[Strike { at: first, trouble: one }, Strike { at: second, trouble: other }]);
                }
            }
        }
    }
    for number in 0..RANDOM {
        let mut random = Random::new(seed ^ (story as u64) << 32 ^ (kept as u64) << 24 ^ number << 8);
        let mut strikes: Vec<Strike> = (0..2 + random.below(3))
            .filter_map(|_| {
                let at = random.below(life.calls.len());
                let mut troubles = singles(kept, life.calls.get(at)?);
                // What these may lead to depends on who holds the lease.
                troubles.retain(|it| !matches!(it, Trouble::Second(Git::Behind | Git::Older)));
                Some(Strike { at, trouble: troubles[random.below(troubles.len())] })
            })
            .collect();
        strikes.sort_by_key(|strike| strike.at);
        add(&strikes);
    }
    cases
}

/// Whether a trouble is played at this call. How long something lasts alternates from call to call.
fn makes_sense(trouble: Trouble, at: usize, story: Story, life: &Undisturbed) -> bool {
    let its_turn = |all: &[u64], seconds| all.iter().position(|it| *it == seconds).unwrap() % 2 == at % 2;
    match trouble {
        // There is nothing newer to be seen.
        Trouble::Second(Git::Newer) => life.commits_come,
        Trouble::Second(Git::Older) => life.commits > 1,
        // What a person asks for is about the commit that whoever leads takes for the newest.
        Trouble::Second(Git::Behind) => life.commits > 1 && !story.goes_back(),
        // One look of a long wait is like the next.
        Trouble::Stale(_) | Trouble::Garbled(_) | Trouble::Throttled(_) | Trouble::Fails(_) => {
            life.calls.len() <= LONG || at.is_multiple_of(2)
        }
        Trouble::Frozen(seconds) => its_turn(&FROZEN_SECONDS, seconds),
        Trouble::TableDown(seconds) => its_turn(&DOWN_SECONDS, seconds),
        _ => true,
    }
}

/// What can go wrong with one call.
fn singles(kept: Kept, call: &Seen) -> Vec<Trouble> {
    let mut troubles = vec![Trouble::KillBefore, Trouble::KillAfter];
    let lasting = EXTENTS.into_iter().flat_map(|it| [Trouble::Throttled(it), Trouble::Fails(it)]);
    let lost = [Trouble::Unanswered, Trouble::Lost, Trouble::FailsAfter];
    match kept {
        Kept::File => {
            troubles.extend(lasting);
            troubles.push(Trouble::Locked);
            if is_read(&call.operation) {
                let of_services =
                    |it: &Garbling| *it != Garbling::ServicesMissing || call.operation == "DescribeServices";
                troubles.extend(VERSIONS.map(Trouble::Stale));
                troubles.extend(GARBLINGS.into_iter().filter(of_services).map(Trouble::Garbled));
            } else {
                troubles.extend(lost);
                troubles.extend(LATE_SECONDS.map(Trouble::Late));
            }
        }
        // What goes wrong with ECS alone does so over any ledger.
        Kept::Table => {
            troubles.extend(GITS.map(Trouble::Second));
            troubles.extend(FROZEN_SECONDS.map(Trouble::Frozen));
            troubles.extend(DOWN_SECONDS.map(Trouble::TableDown));
            if call.of_the_ledger {
                troubles.extend(lasting.filter(|it| !matches!(it, Trouble::Fails(Extent::Calls(_)))));
                troubles.extend(lost);
                if call.operation != "GetItem" && call.operation != "Query" {
                    troubles.extend([5, 90, 299].map(Trouble::Late));
                }
            }
        }
    }
    troubles
}

impl Case {
    pub fn has(&self, is_so: impl Fn(Trouble) -> bool) -> bool {
        self.strikes.iter().any(|strike| is_so(strike.trouble))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strikes: Vec<String> =
            self.strikes.iter().map(|it| format!("{}@{}", it.trouble, it.at)).collect();
        write!(f, "{}{}: {}", self.story, self.kept, strikes.join(", "))
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (story, strikes) = text.split_once(':').ok_or("a case is `story: trouble@call, ...`")?;
        let strike = |text: &str| {
            let (trouble, at) = text.trim().split_once('@')?;
            Some(Strike { at: at.parse().ok()?, trouble: trouble.parse().ok()? })
        };
        let strikes: Option<Vec<Strike>> =
            strikes.split(',').filter(|it| !it.trim().is_empty()).map(strike).collect();
        let (story, kept) = match story.strip_suffix(IN_A_TABLE) {
            Some(story) => (story, Kept::Table),
            None => (story, Kept::File),
        };
        let story = Story::ALL.into_iter().find(|it| it.to_string() == story).ok_or("no such story")?;
        Ok(Self { story, kept, strikes: strikes.ok_or("no such trouble")? })
    }
}

/// Of a story's name.
const IN_A_TABLE: &str = "/table";

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "",
            Self::Table => IN_A_TABLE,
        })
    }
}

/// The troubles that take a number have it after their last hyphen.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillBefore => f.write_str("kill-before"),
            Self::KillAfter => f.write_str("kill-after"),
            Self::KillAtLine(line) => write!(f, "kill-line-{line}"),
            Self::Unanswered => f.write_str("unanswered"),
            Self::Lost => f.write_str("lost"),
            Self::Late(seconds) => write!(f, "late-{seconds}"),
            Self::FailsAfter => f.write_str("fails-after"),
            Self::Throttled(extent) => write!(f, "throttled-{extent}"),
            Self::Fails(extent) => write!(f, "fails-{extent}"),
            Self::Stale(versions) => write!(f, "stale-{versions}"),
            Self::Garbled(Garbling::ItemMissing) => f.write_str("item-missing"),
            Self::Garbled(Garbling::PageMissing) => f.write_str("page-missing"),
            Self::Garbled(Garbling::ItemsTwice) => f.write_str("items-twice"),
            Self::Garbled(Garbling::ServicesMissing) => f.write_str("services-missing"),
            Self::Locked => f.write_str("locked"),
            Self::Second(Git::Same) => f.write_str("second-same"),
            Self::Second(Git::Newer) => f.write_str("second-newer"),
            Self::Second(Git::Behind) => f.write_str("second-behind"),
            Self::Second(Git::Older) => f.write_str("second-older"),
            Self::Frozen(seconds) => write!(f, "frozen-{seconds}"),
            Self::TableDown(seconds) => write!(f, "table-down-{seconds}"),
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once => f.write_str("once"),
            Self::Calls(calls) => write!(f, "{calls}"),
            Self::Seconds(seconds) => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for Trouble {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let call = |operation: &str| Seen {
            operation: operation.to_owned(),
            of_the_ledger: operation == "PutItem",
            lines: 0,
        };
        let mut known = singles(Kept::File, &call("DescribeServices"));
        known.extend(singles(Kept::File, &call("UpdateService")));
        known.extend(singles(Kept::Table, &call("PutItem")));
        if let Some(line) = text.strip_prefix("kill-line-").and_then(|it| it.parse().ok()) {
            known.push(Self::KillAtLine(line));
        }
        known.into_iter().find(|it| it.to_string() == text).ok_or(())
    }
}

/// A small linear congruential generator (the constants of Knuth's MMIX).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        random.below(1);
        random
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}
