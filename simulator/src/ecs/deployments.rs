//! Service deployments and service revisions as clients see them, and the calls that stop one or let it go on.

use serde_json::{Map, Value, json};

use super::input::{self, invalid};
use super::pages;
use super::service;
use super::state::{Revision, Service, ServiceDeployment, ServiceDeploymentStatus as Status, ServiceKey};
use super::strategy::{Course, Hook, HookStatus};
use super::{arn, clusters};
use crate::error::{Answer, ApiError};
use crate::world::World;

const PER_CALL_MAX: usize = 20;

pub(super) fn list(world: &mut World, input: &Value) -> Answer {
    const PAGE: usize = 20;
    let reference = input::required_text(input, "service")?;
    let key = match service::key_in(reference, "service") {
        Some(key) => key,
        None => ServiceKey { cluster: clusters::existing(world, input)?, name: reference.to_owned() },
    };
    let service = world
        .ecs
        .services
        .get(&key)
        .ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))?;
    let statuses = input::texts(input, "status")?;
    let bound = |name: &str| input.get("createdAt").and_then(|range| range[name].as_f64());
    let (before, after) = (bound("before"), bound("after"));
    let matches = |entry: &&ServiceDeployment| {
        let created = entry.created_at.seconds();
        (statuses.is_empty() || statuses.contains(&status(entry.status)))
            && before.is_none_or(|before| created <= before)
            && after.is_none_or(|after| created >= after)
    };
    // Newest first.
    let arns: Vec<String> =
        service.history.iter().rev().filter(matches).map(|entry| entry.arn.clone()).collect();
    let mut page = pages::page(&mut world.ecs.ids, input, "serviceDeployments", arns, PAGE)?;
    let service = &world.ecs.services[&key];
    if let Some(Value::Array(items)) = page.get_mut("serviceDeployments") {
        for item in items {
            let entry = service.history.iter().find(|entry| *item == json!(entry.arn));
            if let Some(entry) = entry {
                *item = brief(world, service, entry);
            }
        }
    }
    Ok(page)
}

pub(super) fn describe(world: &mut World, input: &Value) -> Answer {
    let arns = bounded(input, "serviceDeploymentArns")?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in arns {
        match find(world, arn) {
            Some((service, entry)) => found.push(full(world, service, entry)),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"serviceDeployments": found, "failures": failures}))
}

pub(super) fn describe_revisions(world: &mut World, input: &Value) -> Answer {
    let arns = bounded(input, "serviceRevisionArns")?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in arns {
        let service = service::key_in(arn, "service-revision").and_then(|key| world.ecs.services.get(&key));
        let revision = arn::last(arn).parse().ok().and_then(|id: u64| {
            let service = service?;
            Some((service, id, service.revisions.get(&id)?))
        });
        match revision {
            Some((service, id, revision)) => {
                found.push(shown_revision(world, service, id, revision));
            }
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"serviceRevisions": found, "failures": failures}))
}

pub(super) fn stop(world: &mut World, input: &Value) -> Answer {
    let arn = input::required_text(input, "serviceDeploymentArn")?;
    match input::text(input, "stopType")?.unwrap_or("ROLLBACK") {
        "ROLLBACK" => {}
        other => return Err(invalid(format!("Unsupported stop type: {other}."))),
    }
    let not_found = || ApiError::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
    let key = service::key_in(arn, "service-deployment").ok_or_else(not_found)?;
    let now = world.now;
    let service = world.ecs.services.get_mut(&key).ok_or_else(not_found)?;
    let entry = service.history.iter_mut().find(|entry| entry.arn == arn).ok_or_else(not_found)?;
    match entry.status {
        Status::Pending | Status::InProgress => {
            entry.status = Status::RollbackRequested;
            entry.reason = Some("Rollback was requested by a user.".to_owned());
            entry.updated_at = now;
            service.next_look = now;
        }
        Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress => {}
        Status::Successful | Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed => {
            return Err(ApiError::new(
                "ConflictException",
                "The service deployment cannot be stopped because it has ended.",
            ));
        }
    }
    Ok(json!({ "serviceDeploymentArn": arn }))
}

pub(super) fn go_on(world: &mut World, input: &Value) -> Answer {
    let arn = input::required_text(input, "serviceDeploymentArn")?;
    let id = input::required_text(input, "hookId")?;
    let continues = match input::text(input, "action")?.unwrap_or("CONTINUE") {
        "CONTINUE" => true,
        "ROLLBACK" => false,
        other => return Err(invalid(format!("Unsupported action: {other}."))),
    };
    let not_found = || ApiError::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
    let key = service::key_in(arn, "service-deployment").ok_or_else(not_found)?;
    let now = world.now;
    let service = world.ecs.services.get_mut(&key).ok_or_else(not_found)?;
    let entry = service.history.iter_mut().find(|entry| entry.arn == arn).ok_or_else(not_found)?;
    let in_progress = entry.status == Status::InProgress;
    let hooks = entry.course.as_mut().into_iter().flat_map(|course| &mut course.hooks);
    let hook = hooks
        .filter(|_| in_progress)
        .find(|hook| hook.id == id && hook.status == HookStatus::AwaitingAction)
        .ok_or_else(|| invalid("The lifecycle hook is not waiting for an action."))?;
    if continues {
        hook.status = HookStatus::Succeeded;
    } else {
        hook.status = HookStatus::Failed;
        entry.status = Status::RollbackRequested;
        entry.reason = Some("Rollback was requested by a user.".to_owned());
    }
    entry.updated_at = now;
    service.next_look = now;
    Ok(json!({ "serviceDeploymentArn": arn }))
}

fn bounded<'a>(input: &'a Value, name: &str) -> Result<Vec<&'a str>, ApiError> {
    let arns = input::texts(input, name)?;
    if arns.is_empty() || arns.len() > PER_CALL_MAX {
        return Err(invalid(format!("{name} must have between 1 and 20 elements.")));
    }
    Ok(arns)
}

fn find<'a>(world: &'a World, arn: &str) -> Option<(&'a Service, &'a ServiceDeployment)> {
    let key = service::key_in(arn, "service-deployment")?;
    let service = world.ecs.services.get(&key)?;
    let entry = service.history.iter().find(|entry| entry.arn == arn)?;
    Some((service, entry))
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "PENDING",
        Status::InProgress => "IN_PROGRESS",
        Status::StopRequested => "STOP_REQUESTED",
        Status::Stopped => "STOPPED",
        Status::RollbackRequested => "ROLLBACK_REQUESTED",
        Status::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
        Status::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
        Status::RollbackFailed => "ROLLBACK_FAILED",
        Status::Successful => "SUCCESSFUL",
    }
}

fn common(world: &World, service: &Service, entry: &ServiceDeployment) -> Map<String, Value> {
    let mut body = Map::new();
    let times = [
        ("createdAt", Some(entry.created_at)),
        ("startedAt", entry.started_at),
        ("finishedAt", entry.finished_at),
    ];
    for (member, time) in times {
        if let Some(time) = time {
            body.insert(member.to_owned(), json!(time.seconds()));
        }
    }
    if let Some(reason) = &entry.reason {
        body.insert("statusReason".to_owned(), json!(reason));
    }
    let cluster = arn::cluster(world, &service.key.cluster);
    for (member, value) in [
        ("serviceDeploymentArn", json!(entry.arn)),
        ("serviceArn", json!(service.arn)),
        ("clusterArn", json!(cluster)),
        ("status", json!(status(entry.status))),
    ] {
        body.insert(member.to_owned(), value);
    }
    body
}

fn brief(world: &World, service: &Service, entry: &ServiceDeployment) -> Value {
    let mut body = common(world, service, entry);
    let target = service::revision_arn(world, service, entry.target);
    body.insert("targetServiceRevisionArn".to_owned(), json!(target));
    Value::Object(body)
}

fn full(world: &World, service: &Service, entry: &ServiceDeployment) -> Value {
    let mut body = common(world, service, entry);
    let share = |id: u64, part: fn(&Course) -> f64| {
        let course = entry.course.as_ref()?;
        let green = part(course);
        Some(if id == entry.target { green } else { 100.0 - green })
    };
    let summary = |id: u64| {
        let (pending, running) = service::counts(&world.ecs, service, Some(id));
        let requested = service
            .deployments
            .iter()
            .find(|deployment| deployment.revision == id)
            .map_or(0, |deployment| deployment.desired);
        let mut summary = json!({
            "arn": service::revision_arn(world, service, id), "requestedTaskCount": requested,
            "runningTaskCount": running, "pendingTaskCount": pending,
        });
        if let (Some(production), Some(test)) =
            (share(id, |course| course.production), share(id, |course| course.test))
        {
            summary["requestedProductionTrafficWeight"] = json!(production);
            summary["requestedTestTrafficWeight"] = json!(test);
        }
        summary
    };
    let sources: Vec<Value> = entry.source.map(summary).into_iter().collect();
    for (member, value) in [
        ("updatedAt", json!(entry.updated_at.seconds())),
        ("sourceServiceRevisions", json!(sources)),
        ("targetServiceRevision", summary(entry.target)),
        ("deploymentConfiguration", entry.configuration.clone()),
        ("alarms", entry.alarms.shown(entry.status.is_final())),
        (
            "deploymentCircuitBreaker",
            json!({
                "status": entry.breaker.status, "failureCount": entry.breaker.failures,
                "threshold": entry.breaker.threshold,
            }),
        ),
    ] {
        body.insert(member.to_owned(), value);
    }
    if let Some(stopped) = entry.stopped_at {
        body.insert("stoppedAt".to_owned(), json!(stopped.seconds()));
    }
    if let Some(course) = entry.course.as_ref().filter(|course| !course.hooks.is_empty()) {
        let hooks: Vec<Value> = course.hooks.iter().map(Hook::shown).collect();
        body.insert("lifecycleHookDetails".to_owned(), json!(hooks));
    }
    if !entry.status.is_final() {
        body.insert("lifecycleStage".to_owned(), json!(stage(entry)));
    }
    if let Some(rollback) = &entry.rollback {
        let rollback = json!({
            "reason": rollback.reason, "startedAt": rollback.started_at.seconds(),
            "serviceRevisionArn": service::revision_arn(world, service, rollback.revision),
        });
        body.insert("rollback".to_owned(), rollback);
    }
    Value::Object(body)
}

fn stage(entry: &ServiceDeployment) -> &'static str {
    match (&entry.course, entry.status) {
        (Some(course), _) => course.stage.name(),
        (None, Status::Pending) => "RECONCILE_SERVICE",
        (None, _) => "SCALE_UP",
    }
}

fn shown_revision(world: &World, service: &Service, id: u64, revision: &Revision) -> Value {
    let mut body = revision.content.clone();
    let images: Vec<Value> = revision
        .images
        .iter()
        .map(|pinned| {
            let mut image = json!({"containerName": pinned.container, "image": pinned.image});
            if let Some(digest) = &pinned.digest {
                image["imageDigest"] = json!(digest);
            }
            image
        })
        .collect();
    let balancers: Vec<Value> = revision
        .content
        .get("loadBalancers")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|balancer| {
            let mut resolved = json!({"targetGroupArn": revision.side.target_group(balancer)?});
            if let Some(rule) = balancer["advancedConfiguration"].get("productionListenerRule") {
                resolved["productionListenerRule"] = rule.clone();
            }
            Some(resolved)
        })
        .collect();
    for (member, value) in [
        ("serviceRevisionArn", json!(service::revision_arn(world, service, id))),
        ("serviceArn", json!(service.arn)),
        ("clusterArn", json!(arn::cluster(world, &service.key.cluster))),
        ("createdAt", json!(revision.created_at.seconds())),
        ("containerImages", json!(images)),
        ("guardDutyEnabled", json!(false)),
        ("resolvedConfiguration", json!({ "loadBalancers": balancers })),
    ] {
        body.insert(member.to_owned(), value);
    }
    Value::Object(body)
}
