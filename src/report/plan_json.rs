//! `plan -o json`: the same facts as the text, for programs. docs/plan.md describes it.

use serde_json::json;

use super::gates::gate_text;
use super::held::HeldText;
use super::leaving::Stage;
use super::paint::plain;
use super::steps::{Doing, at_once_text, in_order, starts_deployment};
use crate::model::{FieldPath, GatePolicy, Json, LookedUp, Origin, ServiceKey};
use crate::plan::{
    Action, Cause, Decision, Difference, Held, LeftGit, Plan, PlannedHook, Quiet, Replacement,
    RevisionSource, ServicePlan, Since, Step,
};

/// Rises when a member changes its meaning or goes away; new members don't raise it.
pub const PLAN_VERSION: u32 = 1;

/// The plan as one object.
pub fn plan_json(plan: &Plan) -> Json {
    let (mut steps, mut held, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    let (mut kept, mut left_git, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
    for service in &plan.services {
        kept.extend(service.quiet.iter().filter_map(|quiet| kept_json(&service.service, quiet)));
        replaced.extend(service.replaces.as_ref().map(|it| replaced_json(service, it)));
        left_git.extend(service.left_git.as_ref().map(|left| left_git_json(service, left)));
        match &service.decision {
            Decision::Unchanged if service.left_git.is_some() => {}
            Decision::Unchanged => unchanged.push(json!(service.service)),
            Decision::Change { differences, .. } => {
                steps.extend(in_order(service).into_iter().map(|doing| match doing {
                    Doing::Step(step) => step_json(service, step, differences),
                    Doing::Hook(hook) => hook_json(service, hook),
                }));
            }
            Decision::Held { reason, differences } => {
                held.push(held_json(service, reason, differences));
            }
        }
    }
    json!({
        "version": PLAN_VERSION,
        "revision": plan.revision.id,
        "branch": plan.revision.branch,
        "subject": plan.revision.subject,
        "author": plan.revision.author,
        "committedAt": plan.revision.committed_at.to_string(),
        "environment": plan.environment,
        "region": plan.region,
        "cluster": plan.cluster,
        "lookedUp": plan.looked_up.iter().map(looked_up_json).collect::<Vec<_>>(),
        "readAt": plan.read_at.to_string(),
        "calls": plan.calls,
        "steps": steps,
        "held": held,
        "unchanged": unchanged,
        "kept": kept,
        "leftGit": left_git,
        "replaced": replaced,
        "schedulesLeftInPlace": plan.schedules_left,
    })
}

/// The same with `--explain`: also every field that differs and is no difference.
pub fn plan_json_explained(plan: &Plan) -> Json {
    let quiet = plan.services.iter().flat_map(|service| {
        let untold = service.quiet.iter().filter(|quiet| !quiet.kept.is_told());
        untold.map(|quiet| quiet_json(&service.service, quiet))
    });
    let mut object = plan_json(plan);
    object["quiet"] = quiet.collect();
    object
}

fn quiet_json(service: &ServiceKey, quiet: &Quiet) -> Json {
    json!({
        "service": service,
        "path": quiet.path,
        "live": quiet.live,
        "desired": quiet.desired,
        "message": plain(&quiet.rule),
        "source": quiet.source.map(|source| source.url()),
    })
}

/// What differs and stays, where people are to know of it.
fn kept_json(service: &ServiceKey, quiet: &Quiet) -> Option<Json> {
    quiet.kept.is_told().then(|| {
        json!({
            "service": service,
            "path": quiet.path,
            "live": quiet.live,
            "desired": quiet.desired,
            "reason": quiet.kept,
            "message": plain(&quiet.rule),
        })
    })
}

fn left_git_json(service: &ServicePlan, left: &LeftGit) -> Json {
    json!({
        "service": service.service,
        "kind": service.workload.kind(),
        "revision": left.revision,
        "stage": Stage::of(service).name(),
        "tasks": left.tasks,
        "begun": left.begun,
        "draining": left.draining,
        "going": left.share.going,
        "owned": left.share.owned,
        "allowed": left.share.allowed,
    })
}

fn replaced_json(service: &ServicePlan, replacement: &Replacement) -> Json {
    json!({
        "service": service.service,
        "fields": replacement.fields,
        "tasks": replacement.tasks,
        "lost": replacement.lost,
        "begun": replacement.begun,
    })
}

fn step_json(plan: &ServicePlan, step: &Step, differences: &[Difference]) -> Json {
    let caused_by = |difference: &&Difference| {
        step.because.iter().any(|path: &FieldPath| difference.path.starts_with(path))
    };
    let differences: Vec<Json> = differences.iter().filter(caused_by).map(difference_json).collect();
    let mut object = json!({
        "service": plan.service,
        "kind": plan.workload.kind(),
        "action": step.action.call(),
        "differences": differences,
    });
    for (name, value) in particulars(&step.action) {
        object[name] = value;
    }
    if starts_deployment(std::slice::from_ref(step)) && !plan.hooks.gates.is_empty() {
        let gate = |gate: &GatePolicy| json!({"gate": gate.gate().field(), "message": gate_text(gate)});
        object["gates"] = plan.hooks.gates.iter().map(gate).collect();
    }
    object
}

/// A hook as the call that it comes to. A definition of its own may be registered before it: that is
/// looked up only when it is due.
fn hook_json(plan: &ServicePlan, hook: &PlannedHook) -> Json {
    json!({
        "service": plan.service,
        "kind": plan.workload.kind(),
        "action": "RunTask",
        "hook": hook.name,
        "stage": hook.stage,
        "images": hook.images,
        "differences": [],
    })
}

/// What tells one call of a kind from another. Never the body: it may hold credentials.
fn particulars(action: &Action) -> Vec<(&'static str, Json)> {
    let source = |source: &RevisionSource| match source {
        RevisionSource::Registered => json!("registered"),
        RevisionSource::Existing(arn) => json!(arn),
    };
    match action {
        Action::RegisterTaskDefinition { digest, body } => {
            vec![("digest", json!(digest)), ("family", body["family"].clone())]
        }
        Action::CreateService { task_definition, .. }
        | Action::TagService { task_definition, .. }
        | Action::CreateSchedule { task_definition, .. }
        | Action::UpdateSchedule { task_definition, .. } => {
            vec![("taskDefinition", source(task_definition))]
        }
        Action::CreateScheduleGroup { body } => vec![("name", body["Name"].clone())],
        Action::DeleteSchedule { group } => vec![("group", json!(group))],
        Action::UpdateService { task_definition, starts_deployment, .. } => {
            let mut members = vec![("startsDeployment", json!(starts_deployment))];
            members.extend(task_definition.iter().map(|from| ("taskDefinition", source(from))));
            members
        }
        Action::PutScalingPolicy { body } => vec![("name", body["PolicyName"].clone())],
        Action::PutScheduledAction { body } => vec![("name", body["ScheduledActionName"].clone())],
        Action::DeleteScalingPolicy { name } | Action::DeleteScheduledAction { name } => {
            vec![("name", json!(name))]
        }
        Action::StopServiceDeployment { arn } => vec![("serviceDeployment", json!(arn))],
        Action::UntagService { keys } => vec![("tags", json!(keys))],
        Action::RegisterScalableTarget { at_once, .. } => at_once
            .map(|it| {
                let object = json!({"from": it.from, "to": it.to, "message": at_once_text(it).join("; ")});
                ("atOnce", object)
            })
            .into_iter()
            .collect(),
        Action::DeregisterScalableTarget | Action::DeleteService => Vec::new(),
    }
}

fn held_json(plan: &ServicePlan, reason: &Held, differences: &[Difference]) -> Json {
    let text = HeldText::of(plan.workload, &plan.service, reason);
    let message: Vec<&str> =
        std::iter::once(text.headline.as_str()).chain(text.details.iter().map(String::as_str)).collect();
    json!({
        "service": plan.service,
        "kind": plan.workload.kind(),
        "reason": text.reason,
        "message": message.join("; "),
        "wayOut": text.way_out,
        "differences": differences.iter().map(difference_json).collect::<Vec<_>>(),
    })
}

fn difference_json(difference: &Difference) -> Json {
    let value = |value: &Option<Json>| match value {
        Some(_) if difference.sensitive => Json::Null,
        Some(value) => value.clone(),
        None => Json::Null,
    };
    let cause = match &difference.cause {
        Cause::Git => "git",
        Cause::BehindOurBack => "behindOurBack",
        Cause::GitAndBehindOurBack => "gitAndBehindOurBack",
        Cause::Overridden(_) => "overridden",
        Cause::OverrideEnded(_) => "overrideEnded",
        Cause::LeftGit => "leftGit",
        Cause::NewVersion(_) => "newVersion",
        Cause::Foreign => "foreign",
    };
    json!({
        "path": difference.path,
        "live": value(&difference.live),
        "desired": value(&difference.desired),
        "sensitive": difference.sensitive,
        "consequence": difference.consequence,
        "why": difference.why,
        "cause": cause,
        "since": difference.since.as_ref().map(since_json),
        "origin": difference.origin.as_ref().map(origin_json),
    })
}

fn looked_up_json(looked_up: &LookedUp) -> Json {
    json!({
        "variable": looked_up.variable,
        "source": plain(&looked_up.source.to_string()),
        "version": plain(&looked_up.version),
        "origin": origin_json(&looked_up.origin),
    })
}

fn origin_json(origin: &Origin) -> Json {
    json!({"file": plain(&origin.file), "line": origin.line, "column": origin.column})
}

fn since_json(since: &Since) -> Json {
    match since {
        Since::Commit(commit) => json!({"commit": commit}),
        Since::Between { after, until } => json!({"after": after, "until": until}),
        Since::AtLatest(commit) => json!({"atLatest": commit}),
        Since::LookedUp { source, version, before } => {
            json!({"source": plain(source), "version": plain(version), "before": plain(before)})
        }
        Since::ImageMoved(moved) => {
            json!({"source": plain(&moved.name), "version": moved.now, "before": moved.was})
        }
        Since::NoCommit => json!({}),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::plan::Kept;
    use crate::report::example;

    #[test]
    fn every_difference_stands_under_the_step_that_it_causes() {
        let json = plan_json(&example::plan());
        assert_eq!(json["version"], 1);
        assert_eq!(json["revision"], "4c1f9e2000000000000000000000000000000000");
        assert_eq!(json["environment"], "production");
        let steps: Vec<String> = json["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|step| {
                let paths = step["differences"].as_array().map_or(0, Vec::len);
                format!("{} {} {paths}", step["service"], step["action"]).replace('"', "")
            })
            .collect();
        assert_eq!(
            steps,
            [
                "job-api UpdateService 1",
                "job-search RegisterTaskDefinition 1",
                "job-search CreateService 1",
                "job-worker RegisterTaskDefinition 3",
                "job-worker UpdateService 3",
            ]
        );
        assert_eq!(
            json["steps"][0]["differences"][0],
            json!({
                "path": "service.desiredCount", "live": 3, "desired": 2, "sensitive": false,
                "consequence": "inPlace", "why": null, "cause": "behindOurBack", "origin": null,
                "since": {"commit": "91aa0c3000000000000000000000000000000000"},
            })
        );
        assert_eq!(json["unchanged"], json!(["job-migrate"]));
    }

    #[test]
    fn a_hook_stands_where_it_is_run() {
        let mut plan = example::plan();
        let worker = plan.services.iter_mut().find(|service| service.service.name() == "job-worker").unwrap();
        worker.hooks.before = vec![example::hook()];
        let json = plan_json(&plan);
        let steps = json["steps"].as_array().unwrap();
        let of_worker: Vec<&Json> = steps.iter().filter(|step| step["service"] == "job-worker").collect();
        assert_eq!(
            *of_worker[0],
            json!({"service": "job-worker", "kind": "Service", "action": "RunTask", "hook": "migrate", "stage": "before",
                "images": ["registry/job-migrate:1.4.2"], "differences": []})
        );
        let calls: Vec<&str> = of_worker.iter().map(|step| step["action"].as_str().unwrap()).collect();
        assert_eq!(calls, ["RunTask", "RegisterTaskDefinition", "UpdateService"]);
    }

    #[test]
    fn what_is_held_says_why_and_how_to_go_on() {
        let json = plan_json(&example::plan());
        let held = &json["held"][0];
        assert_eq!(held["service"], "report-cron");
        assert_eq!(held["reason"], "Quarantined");
        assert_eq!(
            held["message"],
            "quarantined; digest 7be1… failed on 2026-11-20 21:05 (container worker exited 137: out of memory)"
        );
        assert_eq!(held["wayOut"], "to try again: commit a change, or `reconciler retry report-cron`");
    }

    #[test]
    fn what_is_kept_and_what_left_git_are_told_apart_from_what_is_unchanged() {
        let mut plan = example::plan();
        plan.services[1].quiet[0].kept = Kept::Overridden;
        let kept = plan_json(&plan)["kept"].clone();
        let path = "service.healthCheckGracePeriodSeconds";
        let member = json!({
            "service": "job-migrate", "path": path, "live": 0, "desired": null, "reason": "overridden",
            "message": "AWS fills in 0",
        });
        assert_eq!(kept, json!([member]));
        plan.services[1].left_git = Some(example::left_git());
        let json = plan_json(&plan);
        assert_eq!(json["leftGit"][0]["stage"], "leftInPlace");
        assert_eq!(json["unchanged"], json!([]));
    }

    #[test]
    fn explain_gives_each_quiet_field_its_rule_and_the_page_that_says_so() {
        let json = plan_json_explained(&example::plan());
        assert_eq!(
            json["quiet"],
            json!([{
                "service": "job-migrate", "path": "service.healthCheckGracePeriodSeconds", "live": 0, "desired": null,
                "message": "AWS fills in 0",
                "source": "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html",
            }])
        );
        assert_eq!(plan_json(&example::plan()).get("quiet"), None);
    }

    #[test]
    fn every_member_is_documented() {
        let document = include_str!("../../docs/plan.md");
        let mut plan = example::plan();
        for service in &mut plan.services {
            // Values of fields are not members of ours.
            if let Decision::Change { differences, .. } = &mut service.decision {
                differences.iter_mut().for_each(|difference| difference.desired = None);
                service.hooks.before = vec![example::hook()];
            }
        }
        plan.services[0].left_git = Some(example::left_git());
        plan.services[1].quiet[0].kept = Kept::LeftInPlace;
        let mut open = vec![plan_json(&plan), plan_json_explained(&example::plan())["quiet"].clone()];
        while let Some(value) = open.pop() {
            match value {
                Json::Object(members) => {
                    for (name, value) in members {
                        assert!(document.contains(&format!("`{name}`")), "{name} is not in docs/plan.md");
                        open.push(value);
                    }
                }
                Json::Array(items) => open.extend(items),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
    }
}
