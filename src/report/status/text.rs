//! `status` for people: what needs attention first, the rest counted.

use std::fmt::Write as _;

use super::{ConditionKind, LedgerStatus, ServiceStatus, Status, Truth, Wanted};
use crate::model::{Holder, Timestamp};
use crate::report::failure::failure_rows;
use crate::report::leaving::SCHEDULE_LEFT;
use crate::report::paint::{Colour, Tone, counted, pad, plain, span};

/// Ready services up to this number are listed one by one.
const READY_LISTED_MAX: usize = 5;
const WORD_COLUMN: usize = 13;

#[derive(Clone, Copy, Debug)]
pub struct StatusTextOptions {
    pub colour: Colour,
    pub show: Show,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// Ready services are counted where they are many.
    #[default]
    Attention,
    /// `--all`
    Everything,
}

/// The one word for a service in a list, in the order in which people want to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    RolledBack,
    Stalled,
    Unhealthy,
    Reconciling,
    Deleting,
    Suspended,
    Drifted,
    Overridden,
    Unknown,
    LeftInPlace,
    Ready,
}

impl Word {
    const ALL: [Word; 11] = [
        Word::RolledBack,
        Word::Stalled,
        Word::Unhealthy,
        Word::Reconciling,
        Word::Deleting,
        Word::Suspended,
        Word::Drifted,
        Word::Overridden,
        Word::Unknown,
        Word::LeftInPlace,
        Word::Ready,
    ];

    fn of(service: &ServiceStatus) -> Self {
        let truth = |kind| service.condition(kind).map(|condition| condition.truth);
        if service.is(ConditionKind::Suspended) {
            Word::Suspended
        } else if service.is(ConditionKind::RolledBack) {
            Word::RolledBack
        } else if service.is(ConditionKind::Stalled) {
            Word::Stalled
        } else if service.is(ConditionKind::Deleting) {
            Word::Deleting
        } else if service.left_git.is_some() {
            Word::LeftInPlace
        } else if service.is(ConditionKind::Reconciling) {
            Word::Reconciling
        } else if truth(ConditionKind::Healthy) == Some(Truth::False) {
            Word::Unhealthy
        } else if service.is(ConditionKind::Drifted) {
            Word::Drifted
        } else if service.overriding.is_some() {
            Word::Overridden
        } else if service.is(ConditionKind::Ready) {
            Word::Ready
        } else {
            Word::Unknown
        }
    }

    /// As the line begins, and as the counts say it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Word::RolledBack => ("RolledBack", "rolled back"),
            Word::Stalled => ("Stalled", "stalled"),
            Word::Unhealthy => ("Unhealthy", "unhealthy"),
            Word::Reconciling => ("Reconciling", "reconciling"),
            Word::Deleting => ("Deleting", "being deleted"),
            Word::Suspended => ("Suspended", "suspended"),
            Word::Drifted => ("Drifted", "drifted"),
            Word::Overridden => ("Overridden", "overridden"),
            Word::Unknown => ("Unknown", "unknown"),
            Word::LeftInPlace => ("LeftInPlace", "left in place"),
            Word::Ready => ("Ready", "ready"),
        }
    }

    fn tone(self) -> Tone {
        match self {
            Word::RolledBack | Word::Stalled | Word::Unhealthy => Tone::Bad,
            Word::Suspended | Word::Drifted | Word::Overridden | Word::Unknown | Word::LeftInPlace => {
                Tone::Warning
            }
            Word::Reconciling | Word::Deleting => Tone::Change,
            Word::Ready => Tone::Good,
        }
    }
}

/// The status, ending in a line break.
pub fn status_text(status: &Status, options: &StatusTextOptions) -> String {
    let mut services: Vec<(Word, &ServiceStatus)> =
        status.services.iter().map(|service| (Word::of(service), service)).collect();
    services.sort_by_key(|(word, _)| *word);
    let number = |word: Word| services.iter().filter(|(of, _)| *of == word).count();

    let mut text = header(status, options, &number);
    let listed_all = options.show == Show::Everything || number(Word::Ready) <= READY_LISTED_MAX;
    let names = status.services.iter().map(|service| &service.service).chain(&status.schedules_left);
    let column = names.map(|name| name.name().chars().count()).max();
    let column = column.unwrap_or_default().clamp(12, 32) + 2;
    for (word, service) in &services {
        let first_of_many = *word == Word::Ready && !listed_all;
        let name = pad(service.service.name(), column);
        let label = options.colour.paint(word.tone(), &pad(word.words().0, WORD_COLUMN));
        if first_of_many {
            let others = number(Word::Ready) - 1;
            let _ = writeln!(text, "  {label}{} … and {others} more (--all)", service.service);
            break;
        }
        let mut lines = lines(*word, service).into_iter();
        let _ = writeln!(text, "  {label}{name}{}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(text, "  {}{line}", " ".repeat(WORD_COLUMN + column));
        }
    }
    for schedule in &status.schedules_left {
        let word = Word::LeftInPlace;
        let label = options.colour.paint(word.tone(), &pad(word.words().0, WORD_COLUMN));
        let _ = writeln!(text, "  {label}{}{SCHEDULE_LEFT}", pad(schedule.name(), column));
    }
    text
}

fn header(status: &Status, options: &StatusTextOptions, number: &dyn Fn(Word) -> usize) -> String {
    let counts: Vec<String> = Word::ALL
        .iter()
        .rev()
        .filter(|word| number(**word) > 0)
        .map(|word| format!("{} {}", number(*word), word.words().1))
        .collect();
    let total = counted(status.services.iter().map(|service| service.workload));
    let counts = if counts.is_empty() { total } else { format!("{total}: {}", counts.join(", ")) };
    let wanted = match &status.wanted {
        Wanted::Commit { revision, seen_at } => {
            format!("{revision}, seen {} ago", span(status.now.since(*seen_at)))
        }
        Wanted::Unknown { .. } => {
            options.colour.paint(Tone::Bad, "what Git wants can't be told; the error says why")
        }
    };
    let environment = options.colour.paint(Tone::Strong, &status.environment);
    let (holder, unreadable) = match &status.ledger {
        LedgerStatus::Untold => (String::new(), String::new()),
        LedgerStatus::Held(holder) => (format!(" · {}", held_by(holder, status.now)), String::new()),
        LedgerStatus::Unreadable(why) => {
            let label = options.colour.paint(Tone::Bad, "the ledger is not to be read");
            (String::new(), format!("  {label}: {}\n\n", plain(why)))
        }
    };
    format!("{environment}   {wanted}{holder} · {counts}\n\n{unreadable}")
}

/// `epoch 7: run on ip-10-0-3-7, process 1, since 18:40`
fn held_by(holder: &Holder, now: Timestamp) -> String {
    let Holder { name, epoch, since, released } = holder;
    match released {
        false => format!("epoch {epoch}: {}, since {}", plain(name), since.minute_seen_from(now)),
        true => format!("nobody leads; {} let go of epoch {epoch}", plain(name)),
    }
}

fn lines(word: Word, service: &ServiceStatus) -> Vec<String> {
    let message =
        |kind| service.condition(kind).map(|condition| condition.message.clone()).unwrap_or_default();
    let runs = runs(service);
    let joined = |runs: Option<String>, kind| {
        vec![runs.into_iter().chain([message(kind)]).collect::<Vec<_>>().join("; ")]
    };
    let mut lines = match word {
        Word::RolledBack => rolled_back(service, runs.as_deref().unwrap_or_default()),
        Word::Stalled => {
            let headline = joined(runs, ConditionKind::Stalled).into_iter();
            headline.chain(why_it_failed(service)).collect()
        }
        Word::Unhealthy => joined(runs, ConditionKind::Healthy),
        Word::Reconciling => joined(runs, ConditionKind::Reconciling),
        Word::Suspended => joined(runs, ConditionKind::Suspended),
        Word::Drifted => joined(runs, ConditionKind::Drifted),
        Word::Unknown => joined(runs, ConditionKind::Ready),
        Word::Deleting => joined(runs, ConditionKind::Deleting),
        Word::LeftInPlace => joined(runs, ConditionKind::Ready),
        Word::Overridden => joined(runs, ConditionKind::Overridden),
        Word::Ready => runs.into_iter().collect(),
    };
    if let Some(overriding) = service.overriding.as_ref().filter(|_| word != Word::Overridden) {
        lines.push(format!("overridden  {}", overriding.message));
    }
    lines
}

/// `runs :41 (3/3)`, `runs :3 at rate(1 day)`; `None` where it is absent or unreadable.
fn runs(service: &ServiceStatus) -> Option<String> {
    let name = service.task_definition.as_ref().map(|arn| match arn.number() {
        // The family nearly always is the service's own name; then the number is enough.
        Some(number) if arn.family() == service.service.name() => format!(":{number}"),
        Some(_) | None => arn.to_string(),
    });
    if let Some(schedule) = &service.schedule {
        let disabled = if schedule.enabled { "" } else { ", disabled" };
        let name = name.unwrap_or_else(|| "no revision".to_owned());
        return Some(format!("runs {name} at {}{disabled}", schedule.expression));
    }
    match (name, service.running, service.desired) {
        (Some(name), Some(running), Some(desired)) => Some(format!("runs {name} ({running}/{desired})")),
        _ => None,
    }
}

fn rolled_back(service: &ServiceStatus, runs: &str) -> Vec<String> {
    let Some(quarantine) = &service.quarantine else { return vec![runs.to_owned()] };
    let failure = &quarantine.failure;
    let what = match &quarantine.by {
        Some(by) => format!("taken back by {}", plain(by)),
        None => "failed".to_owned(),
    };
    let headline = format!("{runs}, wants {} ({what} {})", quarantine.digest.short(), failure.at.minute());
    std::iter::once(headline).chain(why_it_failed(service)).collect()
}

/// The report of the digest that failed, if it is the one that Git wants.
fn why_it_failed(service: &ServiceStatus) -> Vec<String> {
    let Some(quarantine) = &service.quarantine else { return Vec::new() };
    let rows = failure_rows(&service.service, quarantine);
    rows.into_iter().map(|(name, value)| format!("{name:<13}{value}")).collect()
}
