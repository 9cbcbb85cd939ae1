//! Bytes -> what AWS answers -> the plan for a service and a scheduled task that stay the same.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use reconciler::manifest::load;
use reconciler::model::{
    Checkout, Desired, EcsService, Json, Live, LiveScaling, LiveScheduledTask, LiveService,
    LiveTaskDefinition, Part, Revision, Schedule, ScheduleGroup, ServiceKey, ServiceRecord,
    TaskDefinitionArn, Timestamp, tag,
};
use reconciler::plan::{Context, Decision, Explain, plan};
use reconciler::shape::api::Api;
use serde_json::json;

use super::shaped::{Choices, altered, shaped};

const MANIFESTS: &str = include_str!("plan.yaml");

static DESIRED: LazyLock<Desired> = LazyLock::new(|| {
    let revision = Revision {
        id: "4c1f9e2a".to_owned(),
        branch: "main".to_owned(),
        author: "fuzz".to_owned(),
        subject: "Anything".to_owned(),
        committed_at: Timestamp(1_795_248_000_000),
    };
    let files = BTreeMap::from([("plan.yaml".to_owned(), MANIFESTS.to_owned())]);
    load(&Checkout { revision, files }, None, Api::builtin()).unwrap_or_else(|error| panic!("{error}"))
});

/// A plan is made whatever AWS says, and every change in it has a step.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let (web, mail) = (ServiceKey::new("web"), ServiceKey::new("mail"));
    let live = Live {
        services: BTreeMap::from([(web.clone(), service(&mut choices))]),
        scheduled_tasks: BTreeMap::from([(mail, scheduled_task(&mut choices))]),
        read_at: Timestamp(1_795_248_000_000),
        ..Live::default()
    };
    let mut records = BTreeMap::new();
    if choices.one_in(2) {
        records.insert(web, ServiceRecord::default());
    }
    let planned = plan(
        &DESIRED,
        &live,
        &Context { installation: "fuzz", records: &records, explain: Explain::QuietFields },
    );
    assert_eq!(planned.services.len(), 2);
    for plan in &planned.services {
        if let Decision::Change { steps, differences } = &plan.decision {
            assert!(!steps.is_empty(), "{differences:#?}");
        }
    }
}

fn service(choices: &mut Choices<'_>) -> LiveService {
    let wanted = &DESIRED.services[&ServiceKey::new("web")];
    let scaling = wanted.scaling.as_ref();
    LiveService {
        service: part(choices, |choices| EcsService(ecs_service(choices, &wanted.service))),
        task_definition: part(choices, |choices| task_definition(choices, &wanted.task_definition)),
        reusable: choices.one_in(3).then(|| arn("3")),
        scaling: part(choices, |choices| LiveScaling {
            target: output("ScalableTarget", choices),
            policies: named("ScalingPolicy", scaling.map(|scaling| &scaling.policies), choices),
            scheduled_actions: named("ScheduledAction", scaling.map(|it| &it.scheduled_actions), choices),
        }),
        ..LiveService::absent()
    }
}

fn scheduled_task(choices: &mut Choices<'_>) -> LiveScheduledTask {
    let wanted = &DESIRED.scheduled_tasks[&ServiceKey::new("mail")];
    LiveScheduledTask {
        group: part(choices, |choices| ScheduleGroup { name: "fuzz".to_owned(), tags: tags(choices) }),
        schedule: part(choices, |choices| {
            let near = choices.one_in(2);
            Schedule(if near { altered(&wanted.schedule, choices) } else { input("CreateSchedule", choices) })
        }),
        task_definition: part(choices, |choices| task_definition(choices, &wanted.task_definition)),
        reusable: choices.one_in(3).then(|| arn("3")),
    }
}

fn part<T>(choices: &mut Choices<'_>, value: impl FnOnce(&mut Choices<'_>) -> T) -> Part<T> {
    match choices.below(8) {
        0 => Part::Absent,
        1 => Part::Unreadable("throttled".to_owned()),
        _ => Part::Present(value(choices)),
    }
}

/// Anything of ECS's shape; or what Git wants, nearly, around what only ECS answers with.
fn ecs_service(choices: &mut Choices<'_>, wanted: &Json) -> Json {
    let mut service = output("Service", choices);
    let Json::Object(members) = &mut service else { return service };
    if choices.one_in(2)
        && let Json::Object(near) = altered(wanted, choices)
    {
        members.extend(near);
    }
    if !choices.one_in(8) {
        let tags: Vec<Json> =
            tags(choices).into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        members.insert("tags".to_owned(), tags.into());
        members.insert("status".to_owned(), json!("ACTIVE"));
        members.insert("taskDefinition".to_owned(), json!(arn("2").0));
    }
    service
}

fn task_definition(choices: &mut Choices<'_>, wanted: &Json) -> LiveTaskDefinition {
    let body = if choices.one_in(2) { altered(wanted, choices) } else { output("TaskDefinition", choices) };
    LiveTaskDefinition { arn: arn("2"), body, tags: tags(choices) }
}

fn named(
    shape: &str,
    wanted: Option<&BTreeMap<String, Json>>,
    choices: &mut Choices<'_>,
) -> BTreeMap<String, Json> {
    let names = wanted.into_iter().flat_map(|wanted| wanted.keys()).map(String::as_str).chain(["another"]);
    names.map(|name| (name.to_owned(), output(shape, choices))).collect()
}

fn tags(choices: &mut Choices<'_>) -> BTreeMap<String, String> {
    let wanted = &DESIRED.services[&ServiceKey::new("web")];
    let known = [
        (tag::MANAGED_BY, "fuzz"),
        (tag::ID, "web"),
        (tag::DIGEST, wanted.digest.as_str()),
        (tag::DIGEST, wanted.task_definition_digest.as_str()),
        (tag::SCALING_OVERRIDE, "min=2 max=8 until=2026-11-21T18:00:00Z"),
        (tag::MANAGED_BY, "somebody"),
    ];
    let chosen = known.into_iter().filter(|_| choices.below(2) == 0);
    chosen.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn arn(revision: &str) -> TaskDefinitionArn {
    TaskDefinitionArn(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{revision}"))
}

fn input(operation: &str, choices: &mut Choices<'_>) -> Json {
    Api::builtin().input(operation).map_or(Json::Null, |shape| shaped(shape, choices, 0))
}

fn output(name: &str, choices: &mut Choices<'_>) -> Json {
    Api::builtin().shape(name).map_or(Json::Null, |shape| shaped(shape, choices, 0))
}
