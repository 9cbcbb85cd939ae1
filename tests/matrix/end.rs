//! How a world looks, read beside all calls: for people a table, for a life what it has to come to.

use std::collections::BTreeMap;

use reconciler::model::{ServiceKey, ServiceRecord, tag};
use serde_json::{Value, json};

use crate::world::{TABLE, World};

/// The service of somebody else that is in every world.
pub const FOREIGN: &str = "legacy";

/// How everything is that counts. Numbers of revisions are left out: a commit that was in force while
/// nobody ran has none.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub services: BTreeMap<String, Service>,
    /// Without their dates and revisions, with the image that they start.
    schedules: BTreeMap<String, Value>,
    /// Of somebody else, as DescribeServices shows it.
    foreign: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    status: String,
    pub image: String,
    /// `None` where it is not ours.
    desired: Option<i64>,
    /// `None` unless the deployment has completed: tasks that keep failing come and go.
    running: Option<i64>,
    settings: Value,
    tags: BTreeMap<String, String>,
    bounds: Value,
    policies: Vec<String>,
    actions: Vec<String>,
    /// Hooks that succeeded; `None` where that does not count.
    hooks: Option<Vec<String>>,
    pub quarantined: bool,
    /// The ledger knows of something that goes on. An intent that a crash left may stay for ever.
    open: bool,
}

/// A deployment that was started, as its service's history has it.
pub struct Deployment {
    pub image: String,
    /// ECS took it back by itself, or was told to.
    pub rolled_back: bool,
}

impl End {
    pub fn of(world: &World) -> Self {
        world.simulator.advance();
        let records = records(world);
        let record = |name: &str| records.get(&ServiceKey::new(name)).cloned().unwrap_or_default();
        let mut services: BTreeMap<String, Service> = names(world)
            .into_iter()
            .map(|name| (name.clone(), Service::of(world, &name, &record(&name))))
            .collect();
        services.remove(FOREIGN);
        let mut foreign = described(world, FOREIGN);
        if let Some(members) = foreign.as_object_mut() {
            for volatile in ["deployments", "events", "runningCount", "pendingCount"] {
                members.remove(volatile);
            }
        }
        Self { services, schedules: schedules(world), foreign }
    }

    pub fn forget_hooks(&mut self) {
        self.services.values_mut().for_each(|service| service.hooks = None);
    }

    /// Whether the other one is the same in all that counts for it.
    pub fn is_like(&self, other: &Self) -> bool {
        let mut like = self.clone();
        for (name, service) in &mut like.services {
            service.hooks.take_if(|_| other.services.get(name).is_some_and(|it| it.hooks.is_none()));
        }
        like == *other
    }

    /// What differs, in few words.
    pub fn differs_from(&self, other: &Self) -> String {
        let (one, other) = (format!("{self:#?}"), format!("{other:#?}"));
        let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
        let found: Vec<String> =
            lines.take(4).map(|(one, other)| format!("{} != {}", one.trim(), other.trim())).collect();
        match found.is_empty() {
            true => "one has more than the other".to_owned(),
            false => found.join(" | "),
        }
    }
}

impl Service {
    fn of(world: &World, name: &str, record: &ServiceRecord) -> Self {
        let live = described(world, name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let completed = live["deployments"][0]["rolloutState"] == "COMPLETED";
        let scaling = |operation: &str, member: &str| scaling(world, operation, name)[member].clone();
        let named = |items: Value, member: &str| -> Vec<String> {
            items.as_array().into_iter().flatten().map(|it| text(&it[member])).collect()
        };
        let target = scaling("DescribeScalableTargets", "ScalableTargets");
        // Application Auto Scaling moves it as time goes by.
        let scaled = !target[0].is_null();
        let mut tags = tags(&live["tags"]);
        // The commit that asked first for what runs: who was away knows of fewer.
        tags.remove(tag::REVISION);
        if record.quarantine.is_some() {
            // They tell what was applied last, which ECS may have taken back before they were written.
            tags.remove(tag::DIGEST);
        }
        Self {
            status: text(&live["status"]),
            image: image(world, live["taskDefinition"].as_str().unwrap_or_default()),
            desired: live["desiredCount"].as_i64().filter(|_| !scaled),
            running: live["runningCount"].as_i64().filter(|_| completed && !scaled),
            settings: json!([live["networkConfiguration"], live["launchType"], live["propagateTags"]]),
            tags,
            bounds: json!([target[0]["MinCapacity"], target[0]["MaxCapacity"]]),
            policies: named(scaling("DescribeScalingPolicies", "ScalingPolicies"), "PolicyName"),
            actions: named(scaling("DescribeScheduledActions", "ScheduledActions"), "ScheduledActionName"),
            hooks: Some(hooks(world, name)),
            quarantined: record.quarantine.is_some(),
            open: record.rollout.is_some() || record.hook.is_some(),
        }
    }
}

/// What the ledger says, wherever it is.
fn records(world: &World) -> BTreeMap<ServiceKey, ServiceRecord> {
    let input = json!({
        "TableName": TABLE, "ConsistentRead": true, "KeyConditionExpression": "#pk = :pk",
        "ExpressionAttributeNames": {"#pk": "pk"},
        "ExpressionAttributeValues": {":pk": {"S": "reconciler/test"}},
    });
    let runtime = world.runtime.clone();
    let found = world
        .simulator
        .with_world(|account| simulator::dynamodb::call(account, runtime.as_ref(), "Query", &input));
    let Ok(found) = found else { return world.records() };
    assert!(found["LastEvaluatedKey"].is_null());
    let record = |item: &Value| {
        let name = item["sk"]["S"].as_str()?.strip_prefix("service#")?;
        let record = serde_json::from_str(item["record"]["S"].as_str()?).unwrap();
        Some((ServiceKey::new(name), record))
    };
    found["Items"].as_array().into_iter().flatten().filter_map(record).collect()
}

/// Asks ECS without a call that anybody would count; `Null` where it refuses.
pub fn ecs(world: &World, operation: &str, input: &Value) -> Value {
    let runtime = world.runtime.clone();
    world.simulator.with_world(|account| {
        simulator::ecs::call(account, runtime.as_ref(), operation, input).unwrap_or_default()
    })
}

fn scaling(world: &World, operation: &str, name: &str) -> Value {
    let mut input = json!({"ServiceNamespace": "ecs"});
    let resource = format!("service/jobs/{name}");
    match operation {
        "DescribeScalableTargets" => input["ResourceIds"] = json!([resource]),
        _ => input["ResourceId"] = resource.into(),
    }
    let runtime = world.runtime.clone();
    world.simulator.with_world(|account| {
        simulator::autoscaling::call(account, runtime.as_ref(), operation, &input).unwrap_or_default()
    })
}

pub fn described(world: &World, name: &str) -> Value {
    let input = json!({"cluster": "jobs", "services": [name], "include": ["TAGS"]});
    ecs(world, "DescribeServices", &input)["services"][0].clone()
}

/// The services that are there, oldest first or not.
pub fn names(world: &World) -> Vec<String> {
    let arns = ecs(world, "ListServices", &json!({"cluster": "jobs", "maxResults": 100}));
    let arns = arns["serviceArns"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> =
        arns.iter().filter_map(|arn| Some(arn.as_str()?.rsplit('/').next()?.to_owned())).collect();
    names.sort();
    names
}

/// The image of a revision's first container.
pub fn image(world: &World, task_definition: &str) -> String {
    let found = ecs(world, "DescribeTaskDefinition", &json!({"taskDefinition": task_definition}));
    let image = found["taskDefinition"]["containerDefinitions"][0]["image"].as_str();
    image.unwrap_or_default().to_owned()
}

fn tags(tags: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = tags.as_array().into_iter().flatten().map(|tag| (text(&tag["key"]), text(&tag["value"])));
    // It names a revision by its number.
    all.map(|(key, value)| {
        (key.clone(), if key.ends_with("task-definition") { String::new() } else { value })
    })
    .collect()
}

/// Which hooks of a service succeeded, sorted; one that ran twice is there twice.
fn hooks(world: &World, service: &str) -> Vec<String> {
    let stopped = ecs(world, "ListTasks", &json!({"cluster": "jobs", "desiredStatus": "STOPPED"}));
    let arns = stopped["taskArns"].as_array().cloned().unwrap_or_default();
    if arns.is_empty() {
        return Vec::new();
    }
    let tasks = ecs(world, "DescribeTasks", &json!({"cluster": "jobs", "tasks": arns, "include": ["TAGS"]}));
    let group = format!("reconciler:{service}");
    let mut hooks: Vec<String> = tasks["tasks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|task| task["group"] == group.as_str() && task["containers"][0]["exitCode"] == 0)
        .map(|task| tags(&task["tags"]).remove("reconciler/hook").unwrap_or_default())
        .collect();
    hooks.sort();
    hooks
}

fn schedules(world: &World) -> BTreeMap<String, Value> {
    let runtime = world.runtime.clone();
    let ask = |operation: &str, input: Value| {
        world.simulator.with_world(|account| {
            simulator::scheduler::call(account, runtime.as_ref(), operation, &input).unwrap_or_default()
        })
    };
    let all = ask("ListSchedules", json!({}));
    let mut schedules = BTreeMap::new();
    for brief in all["Schedules"].as_array().into_iter().flatten() {
        let name = brief["Name"].as_str().unwrap_or_default();
        let mut schedule = ask("GetSchedule", json!({"Name": name, "GroupName": brief["GroupName"]}));
        if let Some(members) = schedule.as_object_mut() {
            members.retain(|name, _| !name.ends_with("Date"));
        }
        let revision = &mut schedule["Target"]["EcsParameters"]["TaskDefinitionArn"];
        *revision = image(world, revision.as_str().unwrap_or_default()).into();
        schedules.insert(name.to_owned(), schedule);
    }
    schedules
}

/// Every deployment of a service that is there, oldest first.
pub fn history(world: &World, service: &str) -> Vec<Deployment> {
    let listed = ecs(world, "ListServiceDeployments", &json!({"cluster": "jobs", "service": service}));
    let listed = listed["serviceDeployments"].as_array().cloned().unwrap_or_default();
    let mut history: Vec<Deployment> = listed
        .iter()
        .map(|entry| {
            let revision = &entry["targetServiceRevisionArn"];
            let found = ecs(world, "DescribeServiceRevisions", &json!({"serviceRevisionArns": [revision]}));
            let definition = found["serviceRevisions"][0]["taskDefinition"].as_str().unwrap_or_default();
            let status = entry["status"].as_str().unwrap_or_default();
            Deployment { image: image(world, definition), rolled_back: status.starts_with("ROLLBACK") }
        })
        .collect();
    history.reverse();
    history
}

/// The digests of a family's ACTIVE revisions.
pub fn digests(world: &World) -> Vec<(String, String)> {
    let listed = ecs(world, "ListTaskDefinitions", &json!({"status": "ACTIVE", "maxResults": 100}));
    let arns = listed["taskDefinitionArns"].as_array().cloned().unwrap_or_default();
    let digest = |arn: &Value| {
        let found =
            ecs(world, "DescribeTaskDefinition", &json!({"taskDefinition": arn, "include": ["TAGS"]}));
        let family = found["taskDefinition"]["family"].as_str()?.to_owned();
        Some((family, tags(&found["tags"]).remove("reconciler/digest")?))
    };
    arns.iter().filter_map(digest).collect()
}
