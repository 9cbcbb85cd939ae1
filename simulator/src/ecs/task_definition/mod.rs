//! Task definitions: every registration is a new revision, and a revision never changes.

mod defaults;
mod lookup;
mod validation;

use serde_json::{Value, json};

pub(super) use lookup::{active, find};

use super::input::{self, client, invalid};
use super::pages;
use super::state::{DefinitionStatus, Ecs, TaskDefinition};
use super::{arn, tags};
use crate::error::{Answer, ApiError};
use crate::world::World;

pub(super) fn register(world: &mut World, input: &Value) -> Answer {
    validation::check(input)?;
    let family = input::required_text(input, "family")?.to_owned();
    let tags = tags::given(input)?;
    // An empty list of tags is refused here, though the API model would allow it.
    if tags.is_empty() && input.get("tags").is_some() {
        return Err(invalid("Tags can not be empty."));
    }
    let entry = world.ecs.families.entry(family.clone()).or_default();
    entry.last_revision += 1;
    let revision = entry.last_revision;
    let name = arn::task_definition(world, &family, revision);
    let body = defaults::stored(input, &name, revision, world);
    let definition = TaskDefinition { status: DefinitionStatus::Active, body };
    let mut answer = json!({ "taskDefinition": shown(&definition) });
    if !tags.is_empty() {
        answer["tags"] = tags::shown(&tags);
        world.ecs.tags.insert(name, tags);
    }
    if let Some(entry) = world.ecs.families.get_mut(&family) {
        entry.revisions.insert(revision, definition);
    }
    Ok(answer)
}

pub(super) fn describe(world: &mut World, input: &Value) -> Answer {
    let reference = input::required_text(input, "taskDefinition")?;
    let include_tags = input::includes(input, "TAGS")?;
    let found = find(&world.ecs, reference).ok_or_else(|| client("Unable to describe task definition."))?;
    let mut body = shown(found);
    defaults::reorder_as_read_back(&mut body);
    let mut answer = json!({ "taskDefinition": body });
    if include_tags {
        let tags = world.ecs.tags.get(arn_of(found));
        answer["tags"] = tags.map_or_else(|| json!([]), tags::shown);
    }
    Ok(answer)
}

pub(super) fn deregister(world: &mut World, input: &Value) -> Answer {
    let reference = input::required_text(input, "taskDefinition")?;
    let (family, revision) = exact(&world.ecs, reference)?;
    let now = world.now;
    let definition = definition_mut(&mut world.ecs, &family, revision)?;
    if definition.status == DefinitionStatus::Active {
        definition.status = DefinitionStatus::Inactive;
        definition.body["deregisteredAt"] = now.seconds().into();
    }
    Ok(json!({ "taskDefinition": shown(definition) }))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    const PER_CALL_MAX: usize = 10;
    let references = input::texts(input, "taskDefinitions")?;
    if references.is_empty() || references.len() > PER_CALL_MAX {
        return Err(invalid("Between 1 and 10 task definitions can be deleted at once."));
    }
    let now = world.now;
    let mut deleted = Vec::new();
    let mut failures = Vec::new();
    for reference in references {
        let Ok((family, revision)) = exact(&world.ecs, reference) else {
            failures.push(json!({"arn": reference, "reason": "The specified task definition was not found. Specify a valid task definition ARN and try again."}));
            continue;
        };
        let definition = definition_mut(&mut world.ecs, &family, revision)?;
        if definition.status == DefinitionStatus::Active {
            failures.push(json!({"arn": arn_of(definition), "reason": "The specified task definition is still in ACTIVE status. Please deregister the target and try again."}));
            continue;
        }
        definition.status = DefinitionStatus::DeleteInProgress;
        definition.body["deleteRequestedAt"] = now.seconds().into();
        deleted.push(shown(definition));
    }
    Ok(json!({"taskDefinitions": deleted, "failures": failures}))
}

/// `familyPrefix` is the whole name of a family here, unlike in ListTaskDefinitionFamilies.
pub(super) fn list(world: &mut World, input: &Value) -> Answer {
    const PAGE: usize = 100;
    let family = input::text(input, "familyPrefix")?;
    let status = match input::text(input, "status")?.unwrap_or("ACTIVE") {
        "ACTIVE" => DefinitionStatus::Active,
        "INACTIVE" => DefinitionStatus::Inactive,
        "DELETE_IN_PROGRESS" => DefinitionStatus::DeleteInProgress,
        other => return Err(invalid(format!("Invalid task definition status: {other}."))),
    };
    let newest_first = match input::text(input, "sort")?.unwrap_or("ASC") {
        "ASC" => false,
        "DESC" => true,
        other => return Err(invalid(format!("Invalid sort order: {other}."))),
    };
    let mut arns: Vec<String> = world
        .ecs
        .families
        .iter()
        .filter(|(name, _)| family.is_none_or(|family| family == name.as_str()))
        .flat_map(|(_, family)| family.revisions.values())
        .filter(|definition| definition.status == status)
        .map(|definition| arn_of(definition).to_owned())
        .collect();
    if newest_first {
        arns.reverse();
    }
    pages::page(&mut world.ecs.ids, input, "taskDefinitionArns", arns, PAGE)
}

pub(super) fn list_families(world: &mut World, input: &Value) -> Answer {
    const PAGE: usize = 100;
    let prefix = input::text(input, "familyPrefix")?.unwrap_or_default();
    let wanted = input::text(input, "status")?.unwrap_or("ALL");
    let names: Vec<String> = world
        .ecs
        .families
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .filter(|(_, family)| {
            let active =
                family.revisions.values().any(|definition| definition.status == DefinitionStatus::Active);
            match wanted {
                "ACTIVE" => active,
                "INACTIVE" => !active,
                _ => true,
            }
        })
        .map(|(name, _)| name.clone())
        .collect();
    pages::page(&mut world.ecs.ids, input, "families", names, PAGE)
}

pub(super) fn arn_of(definition: &TaskDefinition) -> &str {
    definition.body["taskDefinitionArn"].as_str().unwrap_or_default()
}

/// The containers, in order.
pub(super) fn containers(body: &Value) -> &[Value] {
    body["containerDefinitions"].as_array().map_or(&[], Vec::as_slice)
}

fn shown(definition: &TaskDefinition) -> Value {
    let mut body = definition.body.clone();
    body["status"] = match definition.status {
        DefinitionStatus::Active => "ACTIVE",
        DefinitionStatus::Inactive => "INACTIVE",
        DefinitionStatus::DeleteInProgress => "DELETE_IN_PROGRESS",
    }
    .into();
    body
}

/// Deregistering and deleting need the revision: a bare family is not enough.
fn exact(ecs: &Ecs, reference: &str) -> Result<(String, u32), ApiError> {
    let (family, revision) = lookup::parse(reference);
    let revision = revision.ok_or_else(|| client("Revision is missing."))?;
    let known = ecs.families.get(family).is_some_and(|family| family.revisions.contains_key(&revision));
    if known {
        Ok((family.to_owned(), revision))
    } else {
        Err(client("The specified task definition does not exist."))
    }
}

fn definition_mut<'a>(
    ecs: &'a mut Ecs,
    family: &str,
    revision: u32,
) -> Result<&'a mut TaskDefinition, ApiError> {
    ecs.families
        .get_mut(family)
        .and_then(|family| family.revisions.get_mut(&revision))
        .ok_or_else(|| client("The specified task definition does not exist."))
}
