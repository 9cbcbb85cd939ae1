//! Services: CreateService, UpdateService, DeleteService and reading them back.

mod read;
mod settings;
mod stale;
mod validation;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

pub(super) use read::{counts, describe, list, revision_arn};
pub(super) use settings::{DEPLOYING, REVISION_MEMBERS};
pub(super) use validation::check_placement;

use super::input::{self, invalid};
use super::scheduler::story;
use super::state::{Ecs, Service, ServiceKey, ServiceStatus};
use super::{arn, capacity, clusters, tags, task_definition};
use crate::error::{Answer, ApiError};
use crate::world::World;

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let cluster = clusters::existing(world, input)?;
    let name = input::required_text(input, "serviceName")?.to_owned();
    if !input::is_name(&name) {
        return Err(invalid("Identifier contains invalid characters."));
    }
    let key = ServiceKey { cluster, name };
    match world.ecs.services.get(&key).map(|service| service.status) {
        Some(ServiceStatus::Active) => return repeated(world, &key, input),
        Some(ServiceStatus::Draining) => {
            return Err(invalid("Unable to Start a service that is still Draining."));
        }
        Some(ServiceStatus::Inactive { .. }) | None => {}
    }
    let tags = tags::given(input)?;
    let mut settings = creation_settings(world, &key, input)?;
    let desired = validation::desired_count(input, &settings)?;
    validation::check(world, &settings)?;
    settings.remove("desiredCount");

    let arn = arn::service(world, &key.cluster, &key.name);
    let mut service = Service {
        key: key.clone(),
        arn: arn.clone(),
        status: ServiceStatus::Active,
        desired,
        created_at: world.now,
        creation: input.clone(),
        settings,
        deployments: Vec::new(),
        revisions: BTreeMap::new(),
        history: Vec::new(),
        events: VecDeque::new(),
        tasks: Vec::new(),
        last_completed: None,
        steady: false,
        next_look: world.now,
        stale: stale::nothing_before(world),
    };
    story::begin(world, &mut service);
    world.ecs.tags.insert(arn, tags);
    let answer = read::shown(world, &service, true);
    world.ecs.services.insert(key, service);
    Ok(json!({ "service": answer }))
}

/// An active name again: only the very same request with the same token is answered.
fn repeated(world: &World, key: &ServiceKey, input: &Value) -> Answer {
    let service = &world.ecs.services[key];
    if input.get("clientToken").is_some() && service.creation == *input {
        return Ok(json!({ "service": read::shown(world, service, true) }));
    }
    Err(invalid("Creation of service was not idempotent."))
}

fn creation_settings(world: &World, key: &ServiceKey, input: &Value) -> Result<Map<String, Value>, ApiError> {
    let mut settings = input::members(input);
    for member in ["cluster", "serviceName", "clientToken", "tags"] {
        settings.remove(member);
    }
    let reference = input::required_text(input, "taskDefinition")?;
    let found = task_definition::active(&world.ecs, reference)?;
    let definition = task_definition::arn_of(found);
    settings.insert("taskDefinition".to_owned(), definition.into());
    fill_capacity(world, &key.cluster, &mut settings)?;
    capacity::check(world, &key.cluster, &settings)?;
    settings::fill(&mut settings);
    Ok(settings)
}

/// Where neither a launch type nor a strategy is given, the cluster's default strategy counts, and
/// without one EC2.
pub(super) fn fill_capacity(
    world: &World,
    cluster: &str,
    settings: &mut Map<String, Value>,
) -> Result<(), ApiError> {
    let strategy = settings.get("capacityProviderStrategy").is_some_and(|items| *items != json!([]));
    match (settings.contains_key("launchType"), strategy) {
        (true, true) => {
            return Err(invalid(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            ));
        }
        (true, false) | (false, true) => return Ok(()),
        (false, false) => {}
    }
    settings.remove("capacityProviderStrategy");
    let default = world
        .ecs
        .clusters
        .get(cluster)
        .and_then(|cluster| cluster.settings.get("defaultCapacityProviderStrategy"))
        .filter(|strategy| **strategy != json!([]));
    match default {
        Some(strategy) => settings.insert("capacityProviderStrategy".to_owned(), strategy.clone()),
        None => settings.insert("launchType".to_owned(), "EC2".into()),
    };
    Ok(())
}

pub(super) fn update(world: &mut World, input: &Value) -> Answer {
    let cluster = clusters::existing(world, input)?;
    let name = arn::last(input::required_text(input, "service")?).to_owned();
    let key = ServiceKey { cluster, name };
    let mut service = take_active(world, &key)?;
    stale::remember(world, &mut service);
    let outcome = apply_update(world, &mut service, input);
    service.next_look = world.now;
    let answer = read::shown(world, &service, true);
    world.ecs.services.insert(key, service);
    outcome.map(|()| json!({ "service": answer }))
}

fn apply_update(world: &mut World, service: &mut Service, input: &Value) -> Result<(), ApiError> {
    let force = input::boolean(input, "forceNewDeployment")?;
    let mut settings = settings::merged(&service.settings, input)?;
    if let Some(reference) = input::text(input, "taskDefinition")? {
        let found = task_definition::active(&world.ecs, reference)?;
        let definition = task_definition::arn_of(found);
        settings.insert("taskDefinition".to_owned(), definition.into());
    }
    settings::fill(&mut settings);
    if input.get("capacityProviderStrategy").is_some() {
        capacity::check(world, &service.key.cluster, &settings)?;
    }
    let desired = match input.get("desiredCount") {
        Some(_) => validation::desired_count(input, &settings)?,
        None => service.desired,
    };
    validation::check(world, &settings)?;
    let deploys = DEPLOYING.iter().any(|member| settings.get(*member) != service.settings.get(*member));
    if desired != service.desired {
        service.steady = false;
    }
    service.desired = desired;
    service.settings = settings;
    if force || deploys {
        story::begin(world, service);
    }
    Ok(())
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let cluster = clusters::existing(world, input)?;
    let name = arn::last(input::required_text(input, "service")?).to_owned();
    let force = input::boolean(input, "force")?;
    let key = ServiceKey { cluster, name };
    let mut service = take_active(world, &key)?;
    stale::remember(world, &mut service);
    let replica = service.settings.get("schedulingStrategy") != Some(&json!("DAEMON"));
    let refusal = if force || !replica {
        None
    } else if service.desired > 0 {
        Some("The service cannot be stopped while it is scaled above 0.")
    } else if service.deployments.len() > 1 {
        Some("The service cannot be stopped while deployments are active.")
    } else {
        None
    };
    if refusal.is_none() {
        service.status = ServiceStatus::Draining;
        service.desired = 0;
        story::abandon(world, &mut service);
    }
    service.next_look = world.now;
    let answer = read::shown(world, &service, true);
    world.ecs.services.insert(key, service);
    match refusal {
        None => Ok(json!({ "service": answer })),
        Some(refusal) => Err(invalid(refusal)),
    }
}

/// Takes an ACTIVE service out of the world, to be put back changed.
fn take_active(world: &mut World, key: &ServiceKey) -> Result<Service, ApiError> {
    match world.ecs.services.get(key).map(|service| service.status) {
        Some(ServiceStatus::Active) => {}
        Some(ServiceStatus::Draining | ServiceStatus::Inactive { .. }) => {
            return Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        None => return Err(not_found()),
    }
    world.ecs.services.remove(key).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::new("ServiceNotFoundException", "Service not found.")
}

/// The key in a service's ARN, or in that of one of its deployments or revisions.
pub(super) fn key_in(reference: &str, kind: &str) -> Option<ServiceKey> {
    let path = arn::path(reference, kind)?;
    let [cluster, name, ..] = path.as_slice() else {
        return None;
    };
    Some(ServiceKey { cluster: (*cluster).to_owned(), name: (*name).to_owned() })
}

pub(super) fn by_arn<'a>(ecs: &'a Ecs, reference: &str) -> Option<&'a Service> {
    ecs.services.get(&key_in(reference, "service")?)
}
