//! Schedule groups and their tags: the only thing of the service that can be tagged.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::validation::{invalid, name, required};
use super::{DEFAULT_GROUP, Group, Scheduler, conflict, not_found, quota, repeats};
use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{list as entries, number, page, text, texts, without_nulls};
use crate::world::World;

const GROUPS_MAX: usize = 500;
const TAGS_MAX: usize = 50;
const PAGE: i64 = 100;

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let name = name(input, "Name")?;
    let arn = arn(world, name);
    if let Some(group) = world.scheduler.groups.get(name) {
        return match repeats(&group.creation, input) {
            true => Ok(json!({"ScheduleGroupArn": arn})),
            false => Err(conflict(format!("Schedule group {name} already exists."))),
        };
    }
    if name == DEFAULT_GROUP {
        return Err(conflict(format!("Schedule group {name} already exists.")));
    }
    if world.scheduler.groups.len() >= GROUPS_MAX {
        return Err(quota(format!("An account can have at most {GROUPS_MAX} schedule groups.")));
    }
    let tags = with(BTreeMap::new(), input)?;
    let group = Group { created: now, modified: now, tags, creation: input.clone() };
    world.scheduler.groups.insert(name.to_owned(), group);
    Ok(json!({"ScheduleGroupArn": arn}))
}

pub(super) fn get(world: &World, input: &Value) -> Answer {
    let name = name(input, "Name")?;
    world.scheduler.check_group(name)?;
    Ok(shown(world, name, world.scheduler.groups.get(name)))
}

/// With every schedule in it.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let name = name(input, "Name")?;
    if name == DEFAULT_GROUP {
        return Err(invalid("The default schedule group can't be deleted."));
    }
    world.scheduler.check_group(name)?;
    world.scheduler.groups.remove(name);
    world.scheduler.schedules.retain(|(group, _), _| group != name);
    Ok(json!({}))
}

pub(super) fn list(world: &World, input: &Value) -> Answer {
    let prefix = text(input, "NamePrefix").unwrap_or_default();
    let mut names: Vec<&str> = world.scheduler.groups.keys().map(String::as_str).collect();
    names.push(DEFAULT_GROUP);
    names.sort_unstable();
    let shown = names
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| (name, shown(world, name, world.scheduler.groups.get(name))));
    paged("ScheduleGroups", shown, input)
}

fn shown(world: &World, name: &str, group: Option<&Group>) -> Value {
    let date = |at: fn(&Group) -> Time| group.map(|group| at(group).seconds());
    without_nulls(json!({
        "Arn": arn(world, name),
        "Name": name,
        "State": "ACTIVE",
        "CreationDate": date(|group| group.created),
        "LastModificationDate": date(|group| group.modified),
    }))
}

/// One page of a list.
pub(super) fn paged<K: AsRef<str>>(
    member: &str,
    all: impl IntoIterator<Item = (K, Value)>,
    input: &Value,
) -> Answer {
    let limit = number(input, "MaxResults").unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(invalid(format!("MaxResults must be from 1 to {PAGE}.")));
    }
    let page = page(all, usize::try_from(limit).unwrap_or(1), text(input, "NextToken"))
        .ok_or_else(|| invalid("Invalid NextToken."))?;
    Ok(without_nulls(json!({member: page.entries, "NextToken": page.next})))
}

fn arn(world: &World, name: &str) -> String {
    format!("arn:aws:scheduler:{}:{}:schedule-group/{name}", world.region, world.account)
}

impl Scheduler {
    pub(super) fn check_group(&self, name: &str) -> Result<(), ApiError> {
        if name == DEFAULT_GROUP || self.groups.contains_key(name) {
            return Ok(());
        }
        Err(not_found(format!("Schedule group {name} does not exist.")))
    }

    /// The group that an ARN names, for a call about its tags.
    fn tagged(&mut self, input: &Value) -> Result<&mut Group, ApiError> {
        let arn = required(input, "ResourceArn")?;
        let name = arn
            .split_once(":schedule-group/")
            .filter(|_| arn.starts_with("arn:aws:scheduler:"))
            .map(|(_, name)| name)
            .ok_or_else(|| invalid(format!("{arn} is not the ARN of a schedule group.")))?;
        let missing = || not_found(format!("Schedule group {name} does not exist."));
        self.groups.get_mut(name).ok_or_else(missing)
    }
}

/// Tags with those of the request.
fn with(mut tags: BTreeMap<String, String>, input: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    for tag in entries(input, "Tags") {
        let (key, value) = (required(tag, "Key")?, required(tag, "Value")?);
        if key.is_empty() || key.len() > 128 || value.len() > 256 || key.to_lowercase().starts_with("aws:") {
            return Err(invalid(format!("Invalid tag {key}.")));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > TAGS_MAX {
        return Err(invalid(format!("A schedule group can have at most {TAGS_MAX} tags.")));
    }
    Ok(tags)
}

pub(super) fn tag(world: &mut World, input: &Value) -> Answer {
    let group = world.scheduler.tagged(input)?;
    group.tags = with(group.tags.clone(), input)?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, input: &Value) -> Answer {
    let group = world.scheduler.tagged(input)?;
    let keys = texts(input, "TagKeys");
    group.tags.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

pub(super) fn list_tags(world: &mut World, input: &Value) -> Answer {
    let tags = &world.scheduler.tagged(input)?.tags;
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"Tags": tags}))
}
