//! Whether a service runs the task definition that Git wants, and where to get it if it does not.

use super::difference::{Rules, differences};
use super::ignore::{concerns, with_ignored};
use super::{Difference, Quiet, RevisionSource};
use crate::model::{DesiredService, EcsService, Json, LiveService, LiveTaskDefinition, Ownership, Part, tag};
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
    if carries_digest(desired, running, installation) {
        return Comparison::Equal { quiet: Vec::new() };
    }
    let ignore = &desired.sync.ignore;
    let rules = tree(Tree::TaskDefinition);
    let (wanted, ignored) =
        with_ignored("taskDefinition", &desired.task_definition, &running.body, rules, ignore);
    let (differences, mut quiet) = differences(&wanted, &running.body, &Rules::task_definition());
    quiet.extend(ignored);
    if differences.is_empty() {
        return Comparison::Equal { quiet };
    }
    // A revision with the same digest may hold other values in the fields that are to be left alone.
    let reusable = live.reusable.as_ref().filter(|_| !concerns("taskDefinition", ignore));
    let source = source_of(reusable);
    Comparison::Different(Box::new(Change { differences, quiet, source, body: wanted }))
}

pub(super) fn source_of(reusable: Option<&crate::model::TaskDefinitionArn>) -> RevisionSource {
    reusable.map_or(RevisionSource::Registered, |arn| RevisionSource::Existing(arn.clone()))
}

/// Revisions are immutable: if the service's own tags say which one was applied for this digest, and
/// the service still points there, its content is known without reading it.
fn tags_prove_it(desired: &DesiredService, service: &EcsService, installation: &str) -> bool {
    service.ownership(installation) == Ownership::Ours
        && service.digest().as_ref() == Some(&desired.digest)
        && service.tag(tag::TASK_DEFINITION) == Some(service.task_definition().family_and_revision())
}

fn carries_digest(desired: &DesiredService, running: &LiveTaskDefinition, installation: &str) -> bool {
    running.digest().as_ref() == Some(&desired.task_definition_digest)
        && running.tags.get(tag::MANAGED_BY).is_some_and(|owner| owner == installation)
}
