//! What the manifests need of AWS before they are applied: which things to look up, and what is wrong with them.
//!
//! [`needs`] walks over the manifests, [`subjects`] says what to look up, each thing once, and [`judge`]
//! compares the two. What could not be read is told as such: it is neither there nor absent.

mod balancing;
mod cluster;
mod image;
mod names;
mod needs;
mod network;
mod reference;
mod role;
mod scaling;
mod secret;
mod storage;
mod trust;
mod what;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Facts, FieldPath, Json, Origin, Part, ServiceKey, Subject};

pub use needs::needs;
use what::What;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It will not work.
    Error,
    /// It may not work, or not for long.
    Warning,
    /// Nothing is known.
    NotChecked,
}

/// The place in a manifest that needs something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The nearest line that is known.
    pub origin: Option<Origin>,
    pub service: ServiceKey,
    pub path: FieldPath,
}

/// One thing that a manifest needs.
#[derive(Clone, Debug)]
pub struct Need {
    place: Place,
    what: What,
}

/// Where everything is meant to run.
#[derive(Clone, Debug)]
pub struct Context {
    pub account: String,
    pub region: String,
    pub cluster: String,
    /// The group that our schedules are in.
    pub schedule_group: String,
}

/// One sentence about something that is wrong, with all places that it is true of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    /// A lower-case fragment.
    pub what: String,
    /// What to do about it; may be empty.
    pub advice: String,
    /// In the order of files and lines; never empty.
    pub places: Vec<Place>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// Errors first, then by place.
    pub findings: Vec<Finding>,
    /// How many needs of the manifests were judged.
    pub checks: usize,
}

impl Verification {
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

/// What to look up, each thing once.
pub fn subjects(needs: &[Need], context: &Context) -> BTreeSet<Subject> {
    needs.iter().flat_map(|need| need.what.subjects(context)).collect()
}

/// Compares what is needed with what is there.
pub fn judge(needs: &[Need], facts: &Facts, context: &Context) -> Verification {
    let view = View { facts, context };
    let mut grouped: BTreeMap<Verdict, BTreeSet<Place>> = BTreeMap::new();
    for need in needs {
        for verdict in need.what.judge(&view) {
            grouped.entry(verdict).or_default().insert(need.place.clone());
        }
    }
    let mut findings: Vec<Finding> = grouped
        .into_iter()
        .map(|(Verdict { level, what, advice }, places)| Finding {
            level,
            what,
            advice,
            places: places.into_iter().collect(),
        })
        .collect();
    findings.sort_by(|one, other| (one.level, &one.places).cmp(&(other.level, &other.places)));
    Verification { findings, checks: needs.len() }
}

/// What one judgement comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Verdict {
    level: Level,
    what: String,
    advice: String,
}

fn error(what: impl Into<String>, advice: impl Into<String>) -> Verdict {
    Verdict { level: Level::Error, what: what.into(), advice: advice.into() }
}

fn warning(what: impl Into<String>, advice: impl Into<String>) -> Verdict {
    Verdict { level: Level::Warning, what: what.into(), advice: advice.into() }
}

fn not_checked(what: impl Into<String>, advice: impl Into<String>) -> Verdict {
    Verdict { level: Level::NotChecked, what: what.into(), advice: advice.into() }
}

/// What a judge sees.
struct View<'a> {
    facts: &'a Facts,
    context: &'a Context,
}

impl<'a> View<'a> {
    /// What is known of a subject: that it is there, or that it is not; else what to say of all of its
    /// kind, `of`.
    fn look(&self, subject: &Subject, of: &str) -> Result<Option<&'a Json>, Verdict> {
        match self.facts.get(subject) {
            Some(Part::Present(fact)) => Ok(Some(fact)),
            Some(Part::Absent) => Ok(None),
            // In the same words for all, so that a missing permission is told once.
            Some(Part::Unreadable(why)) => {
                let advice = if why.starts_with("needs ") {
                    "deploy/iam/verify.json has all that verify reads"
                } else {
                    ""
                };
                Err(not_checked(format!("{of}: {why}"), advice))
            }
            None => Err(not_checked(format!("{of}: nobody asked AWS"), "")),
        }
    }
}

/// The texts of a list; none where it is something else.
fn texts(list: &Json) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}
