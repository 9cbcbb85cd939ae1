//! Whether a service runs the task definition that Git wants, and where to get it if it does not.

use super::difference::{Rules, differences};
use super::ignore::{concerns, with_ignored};
use super::{Difference, Kept, Quiet, RevisionSource, body};
use crate::model::{
    DesiredService, Digest, EcsService, FieldPath, Json, LiveService, LiveTaskDefinition, Ownership, Part,
    TaskDefinitionArn, tag,
};
use crate::shape::rules::{Tree, tree};

/// What can be said of the revision that a service points to.
pub(super) enum Comparison {
    /// The same content, as tags or a comparison prove.
    Equal {
        quiet: Vec<Quiet>,
    },
    Different(Box<Change>),
    /// It was needed and is not known.
    Unknown {
        what: String,
        why: String,
    },
}

pub(super) struct Change {
    pub differences: Vec<Difference>,
    pub quiet: Vec<Quiet>,
    pub source: RevisionSource,
    /// What to register: Git's definition with ignored fields as they are now.
    pub body: Json,
}

/// Compares the running revision with Git's, reading no more than is needed to be sure.
pub(super) fn compare(
    desired: &DesiredService,
    service: &EcsService,
    live: &LiveService,
    installation: &str,
) -> Comparison {
    if tags_prove_it(desired, service, installation) {
        return Comparison::Equal { quiet: Vec::new() };
    }
    let points_to = service.task_definition();
    let running = match &live.task_definition {
        Part::Present(running) if running.arn == points_to => running,
        Part::Present(other) => {
            return Comparison::Unknown {
                what: format!("task definition {points_to}"),
                why: format!("the service moved on while {} was read", other.arn),
            };
        }
        Part::Absent => {
            return Comparison::Unknown {
                what: format!("task definition {points_to}"),
                why: "it was not read".to_owned(),
            };
        }
        Part::Unreadable(why) => {
            return Comparison::Unknown { what: format!("task definition {points_to}"), why: why.clone() };
        }
    };
    let wanted = Wanted {
        body: &desired.task_definition,
        digest: &desired.task_definition_digest,
        ignore: &desired.sync.ignore,
        reusable: live.reusable.as_ref(),
    };
    compare_contents(&wanted, running, installation)
}

/// The task definition that Git wants.
pub(super) struct Wanted<'a> {
    pub body: &'a Json,
    pub digest: &'a Digest,
    /// `sync.ignore`
    pub ignore: &'a [String],
    /// An ACTIVE revision that carries the digest.
    pub reusable: Option<&'a TaskDefinitionArn>,
}

/// Compares a revision that was read with Git's: by the digest it carries, or field by field.
pub(super) fn compare_contents(
    wanted: &Wanted<'_>,
    running: &LiveTaskDefinition,
    installation: &str,
) -> Comparison {
    let tags = other_tags(wanted, running);
    if carries_digest(wanted, running, installation) {
        return Comparison::Equal { quiet: tags };
    }
    let rules = tree(Tree::TaskDefinition);
    let (body, ignored) = with_ignored("taskDefinition", wanted.body, &running.body, rules, wanted.ignore);
    let (differences, mut quiet) = differences(&body, &running.body, &Rules::task_definition());
    quiet.extend(ignored);
    if differences.is_empty() {
        quiet.extend(tags);
        return Comparison::Equal { quiet };
    }
    // A revision with the same digest may hold other values in the fields that are to be left alone.
    let reusable = wanted.reusable.filter(|_| !concerns("taskDefinition", wanted.ignore));
    let source = source_of(reusable);
    Comparison::Different(Box::new(Change { differences, quiet, source, body }))
}

/// Tags that Git asks for and the revision does not carry. Nobody registers a revision for the sake of
/// them, so people are told that they wait.
fn other_tags(wanted: &Wanted<'_>, running: &LiveTaskDefinition) -> Vec<Quiet> {
    let path = FieldPath::root().field("taskDefinition").field("tags");
    let differs = |(key, value): &(String, String)| running.tags.get(key) != Some(value);
    let waits = |(key, value): (String, String)| Quiet {
        path: path.field(&key),
        live: running.tags.get(&key).map(|tag| tag.as_str().into()),
        desired: Some(value.into()),
        rule: "a revision keeps the tags that it was registered with; the next one gets Git's".to_owned(),
        source: None,
        kept: Kept::LeftInPlace,
    };
    body::user_tags(wanted.body).into_iter().filter(differs).map(waits).collect()
}

pub(super) fn source_of(reusable: Option<&TaskDefinitionArn>) -> RevisionSource {
    reusable.map_or(RevisionSource::Registered, |arn| RevisionSource::Existing(arn.clone()))
}

/// Revisions are immutable: if the service's own tags say which one was applied for this digest, and
/// the service still points there, its content is known without reading it.
fn tags_prove_it(desired: &DesiredService, service: &EcsService, installation: &str) -> bool {
    service.ownership(installation) == Ownership::Ours
        && service.digest().as_ref() == Some(&desired.digest)
        && service.tag(tag::TASK_DEFINITION) == Some(service.task_definition().family_and_revision())
}

fn carries_digest(wanted: &Wanted<'_>, running: &LiveTaskDefinition, installation: &str) -> bool {
    running.digest().as_ref() == Some(wanted.digest)
        && running.tags.get(tag::MANAGED_BY).is_some_and(|owner| owner == installation)
}
