//! Load balancers and service registries against the task definition that they send to.

use std::collections::BTreeMap;

use super::network::{is_awsvpc, mode};
use super::view::is_set;
use super::{View, containers, elements, fargate, platform, ports};
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService, LoadBalancer";
const SEE_REGISTRY: &str = "see CreateService, ServiceRegistry";

pub fn check(view: &mut View<'_>) {
    for (path, balancer) in view.of_service("loadBalancers") {
        if balancer.is_null() || !view.sound(&path) {
            continue;
        }
        for field in ["containerName", "containerPort"] {
            view.require(balancer, &path, field, "a load balancer", SEE);
        }
        kind(view, &path, balancer);
        target(view, &path, balancer, SEE);
    }
    one_kind(view);
    twice(view);
    grace(view);
    registries(view);
    outside(view);
}

/// Seen: "loadBalancerName and targetGroupArn cannot both be specified", and "Classic Load Balancers are not
/// supported with Fargate".
fn kind(view: &mut View<'_>, path: &FieldPath, balancer: &Json) {
    let classic = path.field("loadBalancerName");
    match (balancer.get("targetGroupArn"), balancer.get("loadBalancerName")) {
        (Some(_), Some(_)) => {
            let title = "`loadBalancerName` stands beside `targetGroupArn`";
            let label = "it is for Classic Load Balancers: leave one of them out";
            view.error_at_key(&classic, title, label, &[SEE]);
        }
        (None, None) => {
            let title = "a load balancer has no `targetGroupArn`";
            let note = "a Classic Load Balancer has a `loadBalancerName` instead";
            view.error(path, title, "`targetGroupArn` is required", &[note, SEE]);
        }
        (None, Some(_)) if is_awsvpc(view) || fargate::is_fargate(view) => {
            let title = "a Classic Load Balancer can't send to tasks with networkMode awsvpc";
            view.error_at_key(&classic, title, "name a target group with `targetGroupArn`", &[SEE]);
        }
        (None, Some(_)) | (Some(_), None) => {}
    }
}

/// "All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining
/// targetGroupArn)".
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html>
fn one_kind(view: &mut View<'_>) {
    // One that has both is told of by itself.
    let only = |field: &'static str, other: &'static str| {
        move |(_, it): &(FieldPath, &Json)| it.get(field).is_some() && it.get(other).is_none()
    };
    let (name, arn) = ("loadBalancerName", "targetGroupArn");
    let classic = view.of_service("loadBalancers").find(only(name, arn));
    let group = view.of_service("loadBalancers").find(only(arn, name));
    if let (Some((classic, _)), Some((group, _))) = (classic, group) {
        let title = "a service has either Classic Load Balancers or target groups";
        view.error_at_key(&classic.field("loadBalancerName"), title, "not both", &[SEE]);
        view.beside(&group.field("targetGroupArn"), "a target group");
    }
}

/// "Duplicate targetGroupArn found".
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html>
fn twice(view: &mut View<'_>) {
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, balancer) in view.of_service("loadBalancers") {
        let path = path.field("targetGroupArn");
        if let Some(arn) = balancer["targetGroupArn"].as_str()
            && let Some(first) = seen.insert(arn, path.clone())
        {
            view.error(
                &path,
                "one target group is named twice",
                "each port needs a group of its own",
                &[SEE],
            );
            view.beside(&first, "the first one");
        }
    }
}

/// Seen: "Health check grace period is only valid for services configured to use load balancers". AWS's page
/// names VPC Lattice beside them.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
fn grace(view: &mut View<'_>) {
    let field = "healthCheckGracePeriodSeconds";
    let waits = view.service()[field].as_i64().is_some_and(|seconds| seconds > 0);
    let balanced = ["loadBalancers", "vpcLatticeConfigurations"]
        .iter()
        .any(|list| is_set(&view.service()[*list]) || !view.sound(&view.service_path(list)));
    if waits && !balanced {
        let title = format!("`{field}` is for services with a load balancer");
        let label = "leave it out, or add `loadBalancers`";
        view.error_at_key(&view.service_path(field), title, label, &["see CreateService"]);
    }
}

/// The container and port that something sends to have to be in the task definition. Seen: "The container
/// ... did not have a container port ... defined".
fn target(view: &mut View<'_>, path: &FieldPath, owner: &Json, see: &str) {
    let Some(name) = owner["containerName"].as_str() else { return };
    let Some((container_path, container)) = containers::named(view, &path.field("containerName"), name, see)
    else {
        return;
    };
    let Some(port) = owner["containerPort"].as_i64() else { return };
    let mappings: Vec<&Json> =
        elements(container, &container_path, "portMappings").map(|(_, mapping)| mapping).collect();
    if mappings.iter().any(|mapping| ports::holds(mapping, port)) || !view.sound(&container_path) {
        return;
    }
    let title = format!("container `{name}` does not map port {port}");
    let mapped: Vec<String> = mappings
        .iter()
        .filter_map(|mapping| {
            let range = mapping["containerPortRange"].as_str().map(str::to_owned);
            mapping["containerPort"].as_i64().map(|port| port.to_string()).or(range)
        })
        .collect();
    let label = match mapped.as_slice() {
        [] => format!("it has no portMappings: add `portMappings: [{{containerPort: {port}}}]` to it"),
        ports => format!("it maps {}", ports.join(", ")),
    };
    view.error(&path.field("containerPort"), title, label, &[see]);
    view.beside(&container_path.field("name"), "the container");
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRegistry.html>
fn registries(view: &mut View<'_>) {
    for (index, (path, registry)) in view.of_service("serviceRegistries").enumerate() {
        if registry.is_null() || !view.sound(&path) {
            continue;
        }
        if index == 1 {
            // Seen: "service registries can have at most 1 items".
            let title = "a service has at most one service registry";
            view.error(&path, title, "the second one", &[SEE_REGISTRY]);
        }
        let named = registry.get("containerName").is_some() || registry.get("containerPort").is_some();
        if named && registry.get("port").is_some() {
            let title = "`port` stands beside `containerName` and `containerPort`";
            let label = "leave it out, or leave the other two out";
            view.error_at_key(&path.field("port"), title, label, &[SEE_REGISTRY]);
        }
        if named || ["bridge", "host"].contains(&mode(view)) {
            for field in ["containerName", "containerPort"] {
                view.require(registry, &path, field, "a service registry", SEE_REGISTRY);
            }
        }
        target(view, &path, registry, SEE_REGISTRY);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html>
fn outside(view: &mut View<'_>) {
    if !platform::is_external(view) {
        return;
    }
    for field in ["loadBalancers", "serviceRegistries"] {
        if is_set(&view.service()[field]) {
            let title = format!("`{field}` can't be set for launch type EXTERNAL");
            let label = "leave it out: ECS balances no load of machines outside of AWS";
            view.error_at_key(&view.service_path(field), title, label, &["see CreateService"]);
        }
    }
    if view.service()["serviceConnectConfiguration"]["enabled"] == true {
        let title = "Service Connect can't be used for launch type EXTERNAL";
        let path = view.service_path("serviceConnectConfiguration");
        view.error_at_key(&path, title, "leave it out, or write `enabled: false`", &["see CreateService"]);
    }
}
