//! RunTask for a task that a person starts by hand: where and with what it runs, and what is overridden.

use serde_json::{Map, json};

use super::body;
use crate::model::{Digest, Json, ServiceKey, TaskDefinitionArn, tag};
use crate::shape::api::{Api, Type};

/// Members that DescribeServices and RunTask share, and that a task of the service's own gets as well.
const OF_A_SERVICE: [&str; 8] = [
    "capacityProviderStrategy",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "launchType",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
];
/// What EventBridge Scheduler has beside the members that it hands to RunTask.
const NOT_OF_RUN_TASK: [&str; 4] = ["Tags", "TaskCount", "TaskDefinitionArn", "Group"];
/// ECS takes so many characters as `startedBy`.
const STARTED_BY_LENGTH_MAX: usize = 128;

/// What a person asks to be different, in the order in which it weighs more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// RunTask's `overrides`.
    pub whole: Option<Json>,
    /// For the container that `container_for` chooses.
    pub command: Option<Vec<String>>,
    pub environment: Vec<(String, String)>,
    /// Of the whole task.
    pub cpu: Option<String>,
    pub memory: Option<String>,
}

/// One run by hand.
#[derive(Clone, Copy, Debug)]
pub struct ByHand<'a> {
    pub key: &'a ServiceKey,
    pub cluster: &'a str,
    pub installation: &'a str,
    pub author: &'a str,
    /// The same for the same run, however often it is asked for.
    pub token: &'a str,
    pub task_definition: &'a TaskDefinitionArn,
    /// What the revision holds, with its tags.
    pub definition: &'a Json,
}

impl ByHand<'_> {
    /// RunTask's input; `run` says where, and with which overrides to begin with.
    pub fn body(self, run: Json, overrides: &Overrides, container: Option<&str>) -> Json {
        let mut body = run;
        let base = body["overrides"].take();
        let overrides = merged(base, overrides, container);
        match overrides.as_object().is_some_and(|members| !members.is_empty()) {
            true => body["overrides"] = overrides,
            false => drop(body.as_object_mut().and_then(|members| members.remove("overrides"))),
        }
        let ours = [(tag::MANAGED_BY, self.installation), (tag::ID, self.key.name())];
        body["cluster"] = self.cluster.into();
        body["taskDefinition"] = self.task_definition.0.as_str().into();
        body["count"] = json!(1);
        body["clientToken"] = self.token.into();
        body["startedBy"] = started_by(self.author).into();
        body["group"] = format!("reconciler:{}", self.key).into();
        body["tags"] = body::tag_list(&body::user_tags(self.definition), &ours);
        body
    }
}

/// Who it was, in what ECS takes: letters, digits, hyphens, slashes and underscores.
pub fn started_by(author: &str) -> String {
    let fitting = |it: char| if it.is_ascii_alphanumeric() || "-_/".contains(it) { it } else { '-' };
    format!("by-hand/{author}").chars().map(fitting).take(STARTED_BY_LENGTH_MAX).collect()
}

/// What a task gets that runs like those of a service, as DescribeServices or a manifest has it.
pub fn run_of_service(service: &Json, definition: &Json) -> Json {
    let mut run = Map::new();
    for member in OF_A_SERVICE {
        let given = service.get(member).filter(|value| !value.is_null() && *value != &json!([]));
        // RunTask refuses a network for a task that has none of its own.
        let fits = member != "networkConfiguration" || definition["networkMode"] == "awsvpc";
        if let Some(value) = given.filter(|_| fits) {
            run.insert(member.to_owned(), value.clone());
        }
    }
    // AWS takes one of both, and shows an empty list of the other.
    if run.contains_key("capacityProviderStrategy") {
        run.remove("launchType");
    }
    Json::Object(run)
}

/// What a task gets that runs like those of a schedule, as GetSchedule or a manifest has it; `fill` gives
/// the values that EventBridge Scheduler puts into `Input`.
pub fn run_of_schedule(schedule: &Json, fill: &[(&str, &str)]) -> Json {
    let target = &schedule["Target"];
    let mut parameters = target["EcsParameters"].clone();
    if let Some(members) = parameters.as_object_mut() {
        members.retain(|name, value| !NOT_OF_RUN_TASK.contains(&name.as_str()) && !value.is_null());
    }
    let mut run = match lower_camel(parameters) {
        Json::Object(members) => members,
        _ => Map::new(),
    };
    if let Some(input) = target["Input"].as_str() {
        let input = fill.iter().fold(input.to_owned(), |input, (name, value)| {
            input.replace(&format!("<aws.scheduler.{name}>"), value)
        });
        if let Ok(overrides @ Json::Object(_)) = serde_json::from_str(&input) {
            run.insert("overrides".to_owned(), overrides);
        }
    }
    Json::Object(run)
}

/// `AwsvpcConfiguration` is RunTask's `awsvpcConfiguration`.
fn lower_camel(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            members.into_iter().map(|(name, value)| (lower_first(&name), lower_camel(value))).collect()
        }
        Json::Array(items) => items.into_iter().map(lower_camel).collect(),
        scalar => scalar,
    }
}

/// `EnableECSManagedTags` is `enableECSManagedTags`.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// Whose command and variables are overridden: the one that is named, or the only one it can be.
pub fn container_for(definition: &Json, named: Option<&str>) -> Result<String, String> {
    let names = names(definition, |_| true);
    if let Some(named) = named {
        return match names.iter().any(|name| name == named) {
            true => Ok(named.to_owned()),
            false => Err(format!("there is no container `{named}`; there is {}", names.join(", "))),
        };
    }
    let essential = names_of_essential(definition);
    match (names.as_slice(), essential.as_slice()) {
        ([only], _) | (_, [only]) => Ok(only.clone()),
        _ => Err(format!("name the container with `--container`: one of {}", names.join(", "))),
    }
}

/// The containers whose exit codes decide: those that the task can't do without.
pub fn names_of_essential(definition: &Json) -> Vec<String> {
    names(definition, |container| container["essential"] != Json::Bool(false))
}

fn names(definition: &Json, chosen: impl Fn(&Json) -> bool) -> Vec<String> {
    let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
    containers.filter(|it| chosen(it)).filter_map(|it| it["name"].as_str()).map(str::to_owned).collect()
}

/// What of RunTask's `overrides` AWS does not know: its place and name, and what there is.
pub fn unknown_override(overrides: &Json, api: &Api) -> Option<String> {
    fn unknown(value: &Json, kind: Type<'_>, place: &str) -> Option<String> {
        match value {
            Json::Object(members) if kind.members().next().is_some() => {
                members.iter().find_map(|(name, value)| match kind.member(name) {
                    Some(member) => unknown(value, member, &format!("{place}.{name}")),
                    None => {
                        let known: Vec<&str> = kind.members().map(|(name, _)| name).collect();
                        Some(format!("{place} has no `{name}`; it has {}", known.join(", ")))
                    }
                })
            }
            Json::Array(items) => {
                let element = kind.element()?;
                let mut items = items.iter().enumerate();
                items.find_map(|(at, item)| unknown(item, element, &format!("{place}[{at}]")))
            }
            _ => None,
        }
    }
    unknown(overrides, api.shape("TaskOverride")?, "overrides")
}

/// Later ones over earlier ones: the schedule's own, the whole, then single ones.
fn merged(base: Json, asked: &Overrides, container: Option<&str>) -> Json {
    let mut all = if base.is_object() { base } else { json!({}) };
    if let Some(whole) = &asked.whole {
        merge(&mut all, whole);
    }
    if let Some(name) = container {
        let mut one = json!({"name": name});
        if let Some(command) = &asked.command {
            one["command"] = json!(command);
        }
        if !asked.environment.is_empty() {
            let variables = asked.environment.iter();
            one["environment"] =
                variables.map(|(name, value)| json!({"name": name, "value": value})).collect();
        }
        if asked.command.is_some() || !asked.environment.is_empty() {
            merge(&mut all, &json!({"containerOverrides": [one]}));
        }
    }
    for (member, value) in [("cpu", &asked.cpu), ("memory", &asked.memory)] {
        if let Some(value) = value {
            all[member] = value.as_str().into();
        }
    }
    all
}

/// Containers and variables merge by name, everything else is replaced.
fn merge(into: &mut Json, from: &Json) {
    for (member, value) in from.as_object().into_iter().flatten() {
        let by_name = matches!(member.as_str(), "containerOverrides" | "environment");
        match (into[member].as_array_mut().filter(|_| by_name), value.as_array()) {
            (Some(there), Some(items)) => {
                for item in items {
                    match there.iter_mut().find(|one| one["name"] == item["name"]) {
                        Some(one) if member == "containerOverrides" => merge(one, item),
                        Some(one) => one.clone_from(item),
                        None => there.push(item.clone()),
                    }
                }
            }
            _ => into[member] = value.clone(),
        }
    }
}

/// RunTask's `clientToken` for one run: at most 64 characters.
pub fn token_by_hand(parts: &Json) -> String {
    Digest::of(parts).as_str().to_owned()
}

/// RegisterTaskDefinition of what Git asks for, tagged as the operator tags it, so that it takes the
/// revision for its own when the time comes.
pub fn register_by_hand(
    task_definition: &Json,
    digest: &Digest,
    key: &ServiceKey,
    installation: &str,
    revision: &str,
    cluster: &str,
) -> Json {
    body::register(task_definition, digest, key, installation, revision, cluster)
}
