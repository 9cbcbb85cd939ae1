//! Tags of services, task definitions, clusters and tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::{self, invalid};
use super::service;
use super::task_definition;
use crate::error::{Answer, ApiError};
use crate::world::World;

const TAGS_MAX: usize = 50;

type Tags = BTreeMap<String, String>;

pub(super) fn tag(world: &mut World, input: &Value) -> Answer {
    let arn = existing(world, input)?;
    let new = given(input)?;
    let mut tags = world.ecs.tags.get(&arn).cloned().unwrap_or_default();
    tags.extend(new);
    if tags.len() > TAGS_MAX {
        return Err(invalid("Too many tags; a resource has at most 50."));
    }
    world.ecs.tags.insert(arn, tags);
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, input: &Value) -> Answer {
    let arn = existing(world, input)?;
    let keys = input::texts(input, "tagKeys")?;
    if let Some(tags) = world.ecs.tags.get_mut(&arn) {
        tags.retain(|key, _| !keys.contains(&key.as_str()));
    }
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, input: &Value) -> Answer {
    let arn = existing(world, input)?;
    let tags = world.ecs.tags.get(&arn).cloned().unwrap_or_default();
    Ok(json!({ "tags": shown(&tags) }))
}

/// The `tags` of a request, checked.
pub(super) fn given(input: &Value) -> Result<Tags, ApiError> {
    const KEY_MAX: usize = 128;
    const VALUE_MAX: usize = 256;
    let mut tags = Tags::new();
    for tag in input::list(input, "tags")? {
        let key = input::text(tag, "key")?.unwrap_or_default();
        let value = input::text(tag, "value")?.unwrap_or_default();
        if key.is_empty() || key.chars().count() > KEY_MAX || !is_allowed(key) {
            return Err(invalid(format!("Invalid tag key: '{key}'.")));
        }
        if value.chars().count() > VALUE_MAX || !is_allowed(value) {
            return Err(invalid(format!("Invalid value of tag '{key}'.")));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys must not start with aws:, which is reserved."));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid(format!("Duplicate tag key: '{key}'.")));
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(invalid("Too many tags; a resource has at most 50."));
    }
    Ok(tags)
}

fn is_allowed(text: &str) -> bool {
    text.chars().all(|letter| letter.is_alphanumeric() || " +-=._:/@".contains(letter))
}

pub(super) fn shown(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// The ARN in the request, if something has it.
fn existing(world: &World, input: &Value) -> Result<String, ApiError> {
    let arn = input::required_text(input, "resourceArn")?;
    let ecs = &world.ecs;
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let known = match resource.split_once('/') {
        Some(("service", _)) => service::by_arn(ecs, arn).is_some(),
        Some(("task-definition", _)) => task_definition::find(ecs, arn).is_some(),
        Some(("cluster", name)) => ecs.clusters.contains_key(name),
        Some(("task", _)) => ecs.tasks.contains_key(arn),
        _ => return Err(invalid(format!("Invalid ARN: {arn}"))),
    };
    match known {
        true => Ok(arn.to_owned()),
        false => Err(ApiError::new(
            "ResourceNotFoundException",
            format!("The specified resource was not found: {arn}"),
        )),
    }
}
