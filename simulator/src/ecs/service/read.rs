//! DescribeServices and ListServices: a service and its deployments as clients see them.

use serde_json::{Map, Value, json};

use super::settings::is_fargate;
use super::stale::{self, Visible};
use crate::clock::Time;
use crate::ecs::input::{self, includes, invalid};
use crate::ecs::state::{
    Deployment, DeploymentStatus, Ecs, Phase, Rollout, Service, ServiceKey, ServiceStatus,
};
use crate::ecs::{arn, clusters, pages, tags};
use crate::error::Answer;
use crate::world::World;

/// Members that DescribeServices shows only inside `deployments`, or not at all.
const IN_DEPLOYMENTS_ONLY: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];
const IN_REVISIONS_ONLY: [&str; 2] = ["gatewayConnectors", "monitoring"];

pub(in crate::ecs) fn describe(world: &mut World, input: &Value) -> Answer {
    const PER_CALL_MAX: usize = 10;
    let cluster = clusters::existing(world, input)?;
    let names = input::texts(input, "services")?;
    if names.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if names.len() > PER_CALL_MAX {
        return Err(invalid("Services cannot have more than 10 elements."));
    }
    let with_tags = includes(input, "TAGS")?;
    let mut services = Vec::new();
    let mut failures = Vec::new();
    for name in names {
        let key = ServiceKey { cluster: cluster.clone(), name: arn::last(name).to_owned() };
        let visible = world
            .ecs
            .services
            .get(&key)
            .map(|service| (service, stale::visible(world.now, service, with_tags)));
        match visible {
            Some((service, Visible::Current)) => services.push(shown(world, service, with_tags)),
            Some((_, Visible::Before(service))) => services.push(service),
            Some((_, Visible::NotYet)) | None => failures.push(json!({
                "arn": arn::service(world, &cluster, &key.name), "reason": "MISSING",
            })),
        }
    }
    Ok(json!({"services": services, "failures": failures}))
}

/// Services that are DRAINING or INACTIVE are not listed.
pub(in crate::ecs) fn list(world: &mut World, input: &Value) -> Answer {
    const PAGE: usize = 10;
    let cluster = clusters::existing(world, input)?;
    let launch_type = input::text(input, "launchType")?;
    let strategy = input::text(input, "schedulingStrategy")?;
    let first = ServiceKey { cluster: cluster.clone(), name: String::new() };
    let wanted = |service: &Service, member: &str, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| service.settings.get(member) == Some(&json!(wanted)))
    };
    let arns = world
        .ecs
        .services
        .range(first..)
        .map(|(_, service)| service)
        .take_while(|service| service.key.cluster == cluster)
        .filter(|service| is_listed(world.now, service))
        .filter(|service| wanted(service, "launchType", launch_type))
        .filter(|service| wanted(service, "schedulingStrategy", strategy))
        .map(|service| service.arn.clone())
        .collect();
    pages::page(&mut world.ecs.ids, input, "serviceArns", arns, PAGE)
}

fn is_listed(now: Time, service: &Service) -> bool {
    match stale::visible(now, service, false) {
        Visible::Current => service.status == ServiceStatus::Active,
        Visible::Before(before) => before["status"] == "ACTIVE",
        Visible::NotYet => false,
    }
}

pub(super) fn shown(world: &World, service: &Service, with_tags: bool) -> Value {
    let mut body = service.settings.clone();
    for hidden in IN_DEPLOYMENTS_ONLY.iter().chain(&IN_REVISIONS_ONLY) {
        body.remove(*hidden);
    }
    if let Some(role) = body.remove("role") {
        body.insert("roleArn".to_owned(), role);
    } else {
        let role = format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            world.account
        );
        body.insert("roleArn".to_owned(), role.into());
    }
    let status = match service.status {
        ServiceStatus::Active => "ACTIVE",
        ServiceStatus::Draining => "DRAINING",
        ServiceStatus::Inactive { .. } => "INACTIVE",
    };
    let (pending, running) = counts(&world.ecs, service, None);
    let deployments: Vec<Value> =
        service.deployments.iter().map(|deployment| shown_deployment(world, service, deployment)).collect();
    let events: Vec<Value> = service
        .events
        .iter()
        .map(|event| json!({"id": event.id, "createdAt": event.at.seconds(), "message": event.message}))
        .collect();
    for (member, value) in [
        ("serviceArn", json!(service.arn)),
        ("serviceName", json!(service.key.name)),
        ("clusterArn", json!(arn::cluster(world, &service.key.cluster))),
        ("status", json!(status)),
        ("desiredCount", json!(service.desired)),
        ("pendingCount", json!(pending)),
        ("runningCount", json!(running)),
        ("deployments", json!(deployments)),
        ("events", json!(events)),
        ("createdAt", json!(service.created_at.seconds())),
        ("createdBy", json!(format!("arn:aws:iam::{}:user/simulator", world.account))),
        ("resourceManagementType", json!("CUSTOMER")),
    ] {
        body.insert(member.to_owned(), value);
    }
    insert_current(world, service, &mut body);
    if with_tags {
        let tags = world.ecs.tags.get(&service.arn);
        let tags = tags.map_or_else(|| json!([]), tags::shown);
        body.insert("tags".to_owned(), tags);
    }
    Value::Object(body)
}

/// `currentServiceDeployment` may be missing while the scheduler has not looked yet.
fn insert_current(world: &World, service: &Service, body: &mut Map<String, Value>) {
    let in_flight =
        service.history.last().filter(|latest| !latest.status.is_final() && latest.started_at.is_some());
    if let Some(latest) = in_flight {
        body.insert("currentServiceDeployment".to_owned(), json!(latest.arn));
    }
    let revisions: Vec<Value> = service
        .deployments
        .iter()
        .map(|deployment| {
            let (pending, running) = counts(&world.ecs, service, Some(deployment.revision));
            let arn = revision_arn(world, service, deployment.revision);
            json!({
                "arn": arn, "requestedTaskCount": deployment.desired,
                "runningTaskCount": running, "pendingTaskCount": pending,
            })
        })
        .collect();
    body.insert("currentServiceRevisions".to_owned(), json!(revisions));
}

pub(in crate::ecs) fn revision_arn(world: &World, service: &Service, revision: u64) -> String {
    arn::service_revision(world, &service.key.cluster, &service.key.name, revision)
}

/// Pending and running tasks, of one revision or of all.
pub(in crate::ecs) fn counts(ecs: &Ecs, service: &Service, revision: Option<u64>) -> (usize, usize) {
    let mut pending = 0;
    let mut running = 0;
    for task in service
        .tasks
        .iter()
        .filter_map(|arn| ecs.tasks.get(arn))
        .filter(|task| revision.is_none_or(|revision| task.revision == revision))
    {
        match task.phase {
            Phase::Provisioning { .. } | Phase::Pending | Phase::Activating { .. } => pending += 1,
            Phase::Running => running += 1,
            Phase::Deactivating | Phase::Stopping | Phase::Deprovisioning { .. } | Phase::Stopped => {}
        }
    }
    (pending, running)
}

fn shown_deployment(world: &World, service: &Service, deployment: &Deployment) -> Value {
    let mut body = Map::new();
    if let Some(revision) = service.revisions.get(&deployment.revision) {
        for member in ["taskDefinition", "launchType", "capacityProviderStrategy", "networkConfiguration"]
            .iter()
            .chain(&IN_DEPLOYMENTS_ONLY)
        {
            if let Some(value) = revision.content.get(*member) {
                body.insert((*member).to_owned(), value.clone());
            }
        }
        if is_fargate(&revision.content) {
            body.insert("platformVersion".to_owned(), resolved_platform(revision));
            body.insert("platformFamily".to_owned(), json!("Linux"));
        }
    }
    let (pending, running) = counts(&world.ecs, service, Some(deployment.revision));
    let status = match deployment.status {
        DeploymentStatus::Primary => "PRIMARY",
        DeploymentStatus::Active => "ACTIVE",
        DeploymentStatus::Draining => "DRAINING",
    };
    let rollout = match deployment.rollout {
        Rollout::InProgress => "IN_PROGRESS",
        Rollout::Completed => "COMPLETED",
        Rollout::Failed => "FAILED",
    };
    for (member, value) in [
        ("id", json!(format!("ecs-svc/{}", deployment.revision))),
        ("status", json!(status)),
        ("desiredCount", json!(deployment.desired)),
        ("pendingCount", json!(pending)),
        ("runningCount", json!(running)),
        ("failedTasks", json!(deployment.failed_tasks)),
        ("createdAt", json!(deployment.created_at.seconds())),
        ("updatedAt", json!(deployment.updated_at.seconds())),
        ("rolloutState", json!(rollout)),
        ("rolloutStateReason", json!(deployment.reason)),
    ] {
        body.insert(member.to_owned(), value);
    }
    Value::Object(body)
}

/// A service keeps saying LATEST; its deployments say what that was.
fn resolved_platform(revision: &crate::ecs::state::Revision) -> Value {
    match revision.content.get("platformVersion").and_then(Value::as_str) {
        Some("LATEST") | None => json!("1.4.0"),
        Some(version) => json!(version),
    }
}
