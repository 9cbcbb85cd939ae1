//! RunTask: tasks of nobody's service, with overrides, started once for each `clientToken`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::capacity::{self, Capacity, Place};
use super::input::{self, invalid};
use super::scheduler::{self, Order};
use super::state::{RunToken, Task};
use super::{arn, clusters, service, tags, task_definition, tasks};
use crate::error::{Answer, ApiError};
use crate::world::World;

/// How long ECS remembers a `clientToken`.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest `clientToken`.
const TOKEN_LENGTH_MAX: usize = 64;
/// Longest `startedBy`.
const STARTED_BY_LENGTH_MAX: usize = 128;
/// Most tasks of one call.
const COUNT_MAX: i64 = 10;

pub(super) fn run(world: &mut World, input: &Value) -> Answer {
    let cluster = clusters::existing(world, input)?;
    let reference = input::required_text(input, "taskDefinition")?;
    let token = short(input, "clientToken", TOKEN_LENGTH_MAX)?;
    let started_by = short(input, "startedBy", STARTED_BY_LENGTH_MAX)?;
    let mut request = input.clone();
    if let Some(members) = request.as_object_mut() {
        members.remove("clientToken");
    }
    if let Some(token) = token
        && let Some(answer) = repeated(world, token, &request)
    {
        return answer;
    }
    let found = task_definition::active(&world.ecs, reference)?;
    let body = found.body.clone();
    let definition = task_definition::arn_of(found).to_owned();
    let count = input::integer(input, "count")?.unwrap_or(1);
    if !(1..=COUNT_MAX).contains(&count) {
        return Err(invalid("count must be between 1 and 10."));
    }
    let overrides = input.get("overrides").cloned().unwrap_or(json!({}));
    check_overrides(&overrides, &body)?;
    let mut content = input::members(input);
    content.remove("loadBalancers");
    service::fill_capacity(world, &cluster, &mut content)?;
    capacity::check(world, &cluster, &content)?;
    service::check_placement(&content, &body)?;
    let group = group(input, &definition)?;
    let tags = tags_of(world, input, &definition)?;
    let order = |capacity: Capacity, waits: bool| Order {
        cluster: &cluster,
        service: None,
        group: group.clone(),
        started_by: started_by.map(str::to_owned),
        revision: 0,
        definition: &definition,
        overrides: overrides.clone(),
        content: &content,
        side: super::state::Side::Main,
        images: &[],
        capacity,
        waits,
    };
    let (mut started, mut failures) = (Vec::new(), Vec::new());
    let mut by_capacity: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..count {
        match next_place(world, &content, &by_capacity) {
            Ok((capacity, waits)) => {
                *by_capacity.entry(capacity.name.clone()).or_default() += 1;
                if let Some(task) = scheduler::order(world, &order(capacity, waits)) {
                    started.push(start(world, task, &tags));
                }
            }
            Err(reason) => {
                failures.push(json!({"arn": arn::cluster(world, &cluster), "reason": reason}));
            }
        }
    }
    // A call that found no room for any task started nothing that its token could stand for.
    if let Some(token) = token.filter(|_| !started.is_empty()) {
        let arns = started.iter().filter_map(|task| task["taskArn"].as_str().map(str::to_owned));
        let token_of = RunToken { at: world.now, request, tasks: arns.collect() };
        world.ecs.run_tokens.insert(token.to_owned(), token_of);
    }
    Ok(json!({"tasks": started, "failures": failures}))
}

/// Where the call's next task goes, and whether it has to wait there; or why it goes nowhere.
fn next_place(
    world: &mut World,
    content: &Map<String, Value>,
    by_capacity: &BTreeMap<String, usize>,
) -> Result<(Capacity, bool), String> {
    if let Some(reason) = world.ecs.no_room.pop_front() {
        return Err(reason);
    }
    match capacity::place(world, content, |name| by_capacity.get(name).copied().unwrap_or(0)) {
        Place::Here(capacity) => Ok((capacity, false)),
        Place::Waits(capacity) => Ok((capacity, true)),
        Place::Nowhere { reason, .. } => Err(reason.to_owned()),
    }
}

/// The answer for a token that is known: the tasks it started, as they are by now.
fn repeated(world: &mut World, token: &str, request: &Value) -> Option<Answer> {
    let now = world.now;
    world.ecs.run_tokens.retain(|_, known| now.since(known.at) < TOKEN_LIFE);
    let known = world.ecs.run_tokens.get(token)?;
    if known.request != *request {
        let message = "The clientToken is already in use with a different RunTask request.";
        return Some(Err(ApiError::new("ConflictException", message)));
    }
    // Tasks that stopped long ago are known by their ARN alone.
    let shown = known.tasks.iter().map(|arn| match world.ecs.tasks.get(arn) {
        Some(task) => tasks::shown(world, task, true),
        None => json!({"taskArn": arn, "lastStatus": "STOPPED", "desiredStatus": "STOPPED"}),
    });
    let shown: Vec<Value> = shown.collect();
    Some(Ok(json!({"tasks": shown, "failures": []})))
}

fn start(world: &mut World, task: Task, tags: &BTreeMap<String, String>) -> Value {
    if !tags.is_empty() {
        world.ecs.tags.insert(task.arn.clone(), tags.clone());
    }
    let shown = tasks::shown(world, &task, true);
    world.ecs.standalone.push(task.arn.clone());
    world.ecs.tasks.insert(task.arn.clone(), task);
    shown
}

fn group(input: &Value, definition: &str) -> Result<String, ApiError> {
    Ok(match input::text(input, "group")? {
        Some(group) => group.to_owned(),
        None => {
            let name = arn::last(definition);
            format!("family:{}", name.rsplit_once(':').map_or(name, |(family, _)| family))
        }
    })
}

/// Tags of the call, over those of the task definition where it asks for them.
fn tags_of(world: &World, input: &Value, definition: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let mut all = match input::text(input, "propagateTags")? {
        None => BTreeMap::new(),
        Some("TASK_DEFINITION") => world.ecs.tags.get(definition).cloned().unwrap_or_default(),
        Some(_) => return Err(invalid("A task can propagate tags from its task definition only.")),
    };
    all.extend(tags::given(input)?);
    Ok(all)
}

fn check_overrides(overrides: &Value, definition: &Value) -> Result<(), ApiError> {
    for entry in input::list(overrides, "containerOverrides")? {
        let name = input::text(entry, "name")?.filter(|name| !name.is_empty());
        let Some(name) = name else {
            return Err(invalid("Container override name cannot be empty."));
        };
        let known = task_definition::containers(definition).iter().any(|container| container["name"] == name);
        if !known {
            let message =
                format!("Override for container named {name} is not a container in the TaskDefinition.");
            return Err(invalid(message));
        }
    }
    Ok(())
}

fn short<'a>(input: &'a Value, name: &str, length_max: usize) -> Result<Option<&'a str>, ApiError> {
    let text = input::text(input, name)?;
    match text.filter(|text| text.len() > length_max) {
        Some(_) => Err(invalid(format!("{name} cannot be longer than {length_max} characters."))),
        None => Ok(text),
    }
}

/// What a container of the definition is started with instead, if an override of this call says so.
pub(super) fn of_container<'a>(overrides: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    let entries = overrides["containerOverrides"].as_array()?;
    entries.iter().find(|entry| entry["name"] == name)?.as_object()
}
