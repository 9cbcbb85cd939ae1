//! What ECS does not do to a service that exists, and why: known before the first call.

use super::change::Look;
use super::{Consequence, Difference};
use crate::model::{EcsService, FieldPath, Json, Segment};

/// Members of UpdateService that a service of another deployment controller takes; the rest goes through
/// CodeDeploy or CreateTaskSet.
///
/// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
const BY_CODE_DEPLOY: [&str; 9] = [
    "deploymentConfiguration",
    "deploymentController",
    "desiredCount",
    "enableECSManagedTags",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "propagateTags",
    "tags",
];

/// Weighs each difference of a service once more, with everything around it in sight.
pub(super) fn weigh(look: Look<'_>, service: &EcsService, live: &Json, found: &mut [Difference]) {
    let wanted = &look.desired.service;
    let moves_platform = changes_platform(&look.desired.task_definition, service);
    for difference in found {
        let verdict = of_controller(wanted, live, &difference.path)
            .or_else(|| of_member(wanted, live, difference))
            .or_else(|| {
                let platform = FieldPath::root().field("taskDefinition").field("runtimePlatform");
                (moves_platform && difference.path.starts_with(&platform)).then_some((
                    Consequence::NeedsReplacement,
                    "on Fargate a service can't move between Linux and Windows",
                ))
            });
        if let Some((consequence, why)) = verdict {
            difference.consequence = consequence;
            difference.why = Some(why);
        }
    }
}

type Verdict = Option<(Consequence, &'static str)>;

/// What the deployment controller that a service has, or is to get, stands in the way of.
fn of_controller(wanted: &Json, live: &Json, path: &FieldPath) -> Verdict {
    let (now, next) = (controller(live), controller(wanted));
    let is_controller = member(path) == Some("deploymentController");
    if is_controller && now != next {
        return transition(now, next, live);
    }
    if now == "ECS" || next == "ECS" {
        return None;
    }
    let of_task = path.starts_with(&FieldPath::root().field("taskDefinition"));
    let of_service = path.starts_with(&FieldPath::root().field("service"));
    let taken = member(path).is_some_and(|name| {
        BY_CODE_DEPLOY.contains(&name) && (now == "CODE_DEPLOY" || name != "deploymentConfiguration")
    });
    let refused = of_task || (of_service && !taken);
    let why = match now {
        "CODE_DEPLOY" => "with the deployment controller CODE_DEPLOY it changes only through CodeDeploy",
        _ => "with the deployment controller EXTERNAL it changes only through CreateTaskSet",
    };
    refused.then_some((Consequence::Refused, why))
}

/// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/migrate-deployment-controllers.html
fn transition(now: &str, next: &str, live: &Json) -> Verdict {
    let leaves_ecs_with = |name: &str| live.get(name).is_some_and(|value| !super::equality::is_blank(value));
    let configuration = &live["deploymentConfiguration"];
    let enabled = |name: &str| configuration[name]["enable"] == true;
    let strategy = configuration["strategy"].as_str().unwrap_or("ROLLING");
    match (now, next) {
        (_, "CODE_DEPLOY" | "EXTERNAL") if live["schedulingStrategy"] == "DAEMON" => {
            Some((Consequence::Refused, "DAEMON services have the deployment controller ECS alone"))
        }
        ("ECS", "EXTERNAL")
            if live["serviceConnectConfiguration"]["enabled"] == true
                || leaves_ecs_with("vpcLatticeConfigurations")
                || enabled("alarms")
                || enabled("deploymentCircuitBreaker")
                || strategy != "ROLLING" =>
        {
            Some((
                Consequence::Refused,
                "ECS refuses it while Service Connect, VPC Lattice, alarms, the circuit breaker or a strategy \
                 other than ROLLING is set: take those away first",
            ))
        }
        ("CODE_DEPLOY", "ECS" | "EXTERNAL") | ("ECS", "EXTERNAL") | ("EXTERNAL", "ECS") => None,
        _ => Some((Consequence::NeedsReplacement, "a service can't be handed to this deployment controller")),
    }
}

/// What depends on one member and its surroundings alone.
fn of_member(wanted: &Json, live: &Json, difference: &Difference) -> Verdict {
    let daemon = live["schedulingStrategy"] == "DAEMON" && wanted["schedulingStrategy"] == "DAEMON";
    let refused = |why| Some((Consequence::Refused, why));
    let desired = difference.desired.as_ref();
    match member(&difference.path)? {
        "launchType" => Some((
            Consequence::NeedsReplacement,
            "ECS sets the launch type at creation; a `capacityProviderStrategy` in its place needs no new service",
        )),
        "role" => Some((Consequence::NeedsReplacement, "ECS sets the role at creation")),
        "schedulingStrategy" => {
            Some((Consequence::NeedsReplacement, "ECS sets the scheduling strategy at creation"))
        }
        "capacityProviderStrategy" if daemon && desired.is_some() => {
            refused("DAEMON services take no capacity provider strategy")
        }
        "volumeConfigurations" if daemon && desired.is_some() => {
            refused("DAEMON services take no volumes of their own")
        }
        "availabilityZoneRebalancing" if desired.is_some_and(|value| value == "ENABLED") => {
            let classic = |side: &Json| {
                let mut balancers = side["loadBalancers"].as_array().into_iter().flatten();
                balancers.any(|one| one["loadBalancerName"].is_string())
            };
            let most = &wanted["deploymentConfiguration"]["maximumPercent"];
            if daemon {
                refused("ECS does not rebalance DAEMON services")
            } else if most == 100 {
                refused("ECS rebalances only where `maximumPercent` is above 100")
            } else if classic(wanted) {
                refused("ECS does not rebalance behind a Classic Load Balancer")
            } else {
                None
            }
        }
        _ => None,
    }
}

/// A Fargate service is of Linux or of Windows for its life; other services have no platform version.
///
/// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
fn changes_platform(task_definition: &Json, service: &EcsService) -> bool {
    let Some(live) = service.0["platformFamily"].as_str() else { return false };
    let wanted = task_definition["runtimePlatform"]["operatingSystemFamily"].as_str().unwrap_or("LINUX");
    let is_windows = |family: &str| family.to_ascii_uppercase().starts_with("WINDOWS");
    is_windows(live) != is_windows(wanted)
}

fn controller(side: &Json) -> &str {
    side["deploymentController"]["type"].as_str().unwrap_or("ECS")
}

/// The member of the service that a path lies in.
fn member(path: &FieldPath) -> Option<&str> {
    match path.0.as_slice() {
        [Segment::Field(root), Segment::Field(name), ..] if root == "service" => Some(name),
        _ => None,
    }
}
