//! Finds the task definition that a family, `family:revision` or ARN means.

use crate::ecs::arn;
use crate::ecs::input::client;
use crate::ecs::state::{DefinitionStatus, Ecs, TaskDefinition};
use crate::error::ApiError;

/// A bare family means its newest ACTIVE revision.
pub(in crate::ecs) fn find<'a>(ecs: &'a Ecs, reference: &str) -> Option<&'a TaskDefinition> {
    let (name, revision) = parse(reference);
    let family = ecs.families.get(name)?;
    match revision {
        Some(revision) => family.revisions.get(&revision),
        None => {
            family.revisions.values().rev().find(|definition| definition.status == DefinitionStatus::Active)
        }
    }
}

/// One that services and tasks may be started from.
pub(in crate::ecs) fn active<'a>(ecs: &'a Ecs, reference: &str) -> Result<&'a TaskDefinition, ApiError> {
    let found = find(ecs, reference).ok_or_else(|| client("TaskDefinition not found."))?;
    match found.status {
        DefinitionStatus::Active => Ok(found),
        DefinitionStatus::Inactive | DefinitionStatus::DeleteInProgress => {
            Err(client("TaskDefinition is inactive"))
        }
    }
}

pub(super) fn parse(reference: &str) -> (&str, Option<u32>) {
    let name = match arn::path(reference, "task-definition") {
        Some(_) => arn::last(reference),
        None => reference,
    };
    match name.rsplit_once(':') {
        Some((family, revision)) => (family, Some(revision.parse().unwrap_or(0))),
        None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_of_reference_are_read() {
        assert_eq!(parse("api"), ("api", None));
        assert_eq!(parse("api:3"), ("api", Some(3)));
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:3";
        assert_eq!(parse(arn), ("api", Some(3)));
    }
}
