//! One case: a story, and what goes wrong at which of its calls. Its text replays it.

use std::fmt;
use std::str::FromStr;

use simulator::faults::{Garbling, is_read};

use super::life::Undisturbed;
use super::stories::Story;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub story: Story,
    pub strikes: Vec<Strike>,
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
    /// Another operator starts, and looks at this Git.
    Second(Git),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Once,
    Calls(usize),
    Seconds(u64),
}

/// What a second operator takes for the newest commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Git {
    Same,
    Older,
    Newer,
}

const EXTENTS: [Extent; 3] = [Extent::Once, Extent::Calls(20), Extent::Seconds(600)];
const GITS: [Git; 3] = [Git::Same, Git::Older, Git::Newer];
const LATE_SECONDS: [u64; 5] = [5, 20, 90, 240, 299];
const GARBLINGS: [Garbling; 4] =
    [Garbling::ItemMissing, Garbling::PageMissing, Garbling::ItemsTwice, Garbling::ServicesMissing];
const VERSIONS: [usize; 3] = [1, 2, 3];
/// Whether a call that was never answered is waited for, for as long as AWS may still take it. Until then
/// late calls make doubles: their cases are played only where one is asked for.
const LATE_CALLS_ARE_WAITED_FOR: bool = false;
/// A story with at most so many calls is short: two kills of it are tried in every combination.
const SHORT: usize = 25;
/// Cases with several things going wrong, of each story.
const RANDOM: u64 = 150;

/// Every case of a story: each trouble at each call that it can meet.
pub fn all(story: Story, life: &Undisturbed, seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |strikes: &[Strike]| cases.push(Case { story, strikes: strikes.to_vec() });
    for (at, call) in life.calls.iter().enumerate() {
        for trouble in singles(&call.operation) {
            add(&[Strike { at, trouble }]);
        }
        let before = at.checked_sub(1).map_or(life.lines_before, |before| life.calls[before].lines);
        for line in before..call.lines {
            add(&[Strike { at, trouble: Trouble::KillAtLine(line) }]);
        }
    }
    let kills = [Trouble::KillBefore, Trouble::KillAfter];
    if life.calls.len() <= SHORT {
        for first in 0..life.calls.len() {
            for second in first + 1..life.calls.len() + 6 {
                for (one, other) in kills.iter().flat_map(|one| kills.map(|other| (*one, other))) {
                    add(&[Strike { at: first, trouble: one }, Strike { at: second, trouble: other }]);
                }
            }
        }
    }
    for number in 0..RANDOM {
        let mut random = Random::new(seed ^ (story as u64) << 32 ^ number << 8);
        let mut strikes: Vec<Strike> = (0..2 + random.below(3))
            .filter_map(|_| {
                let at = random.below(life.calls.len());
                let troubles = singles(&life.calls.get(at)?.operation);
                Some(Strike { at, trouble: troubles[random.below(troubles.len())] })
            })
            .collect();
        strikes.sort_by_key(|strike| strike.at);
        add(&strikes);
    }
    cases
}

/// What can go wrong with one call.
fn singles(operation: &str) -> Vec<Trouble> {
    let mut troubles = vec![Trouble::KillBefore, Trouble::KillAfter];
    for extent in EXTENTS {
        troubles.extend([Trouble::Throttled(extent), Trouble::Fails(extent)]);
    }
    troubles.extend(GITS.map(Trouble::Second));
    if is_read(operation) {
        troubles.extend(VERSIONS.map(Trouble::Stale));
        let of_services = |it: &Garbling| *it != Garbling::ServicesMissing || operation == "DescribeServices";
        troubles.extend(GARBLINGS.into_iter().filter(of_services).map(Trouble::Garbled));
    } else {
        troubles.extend([Trouble::Unanswered, Trouble::Lost, Trouble::FailsAfter]);
        if LATE_CALLS_ARE_WAITED_FOR {
            troubles.extend(LATE_SECONDS.map(Trouble::Late));
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
        write!(f, "{}: {}", self.story, strikes.join(", "))
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
        let story = Story::ALL.into_iter().find(|it| it.to_string() == story).ok_or("no such story")?;
        Ok(Self { story, strikes: strikes.ok_or("no such trouble")? })
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
            Self::Second(Git::Same) => f.write_str("second-same"),
            Self::Second(Git::Older) => f.write_str("second-older"),
            Self::Second(Git::Newer) => f.write_str("second-newer"),
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
        let mut known = singles("DescribeServices");
        known.extend(singles("UpdateService"));
        known.extend(LATE_SECONDS.map(Self::Late));
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
