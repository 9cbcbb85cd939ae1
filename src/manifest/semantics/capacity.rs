//! What a service runs on, how many tasks it has, and who may look into them.

use std::collections::BTreeMap;

use super::network::is_awsvpc;
use super::view::is_set;
use super::{View, fargate, platform};
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService";

pub fn check(view: &mut View<'_>) {
    launch(view);
    launch_type(view);
    strategy(view);
    count(view);
    controller(view);
    daemon(view);
    execute_command(view);
    role(view);
    rebalancing(view);
}

/// Seen: "Specifying both a launch type and capacity provider strategy is not supported".
pub fn launch(view: &mut View<'_>) {
    let service = view.service();
    if is_set(&service["capacityProviderStrategy"]) && service.get("launchType").is_some() {
        let see = format!("see {}", view.operation);
        view.error_at_key(
            &view.service_path("launchType"),
            "launchType stands beside capacityProviderStrategy",
            "leave one of them out",
            &[&see],
        );
        view.elsewhere(&view.service_path("capacityProviderStrategy"), "the other one");
    }
}

fn launch_type(view: &mut View<'_>) {
    let Some(launch_type) = view.service()["launchType"].as_str() else { return };
    let path = view.service_path("launchType");
    if launch_type == "MANAGED_INSTANCES" {
        let title = "Managed Instances are chosen by a capacity provider, not by a launchType";
        view.error(&path, title, "name the provider in `capacityProviderStrategy` instead", &[SEE]);
        return;
    }
    // Seen: "The platform version must be null when specifying an EC2 launch type".
    if launch_type != "FARGATE" && view.service().get("platformVersion").is_some() {
        let title = format!("`platformVersion` can't be set for launch type {launch_type}");
        let label = "leave it out: only Fargate has platform versions";
        view.error_at_key(&view.service_path("platformVersion"), title, label, &[SEE]);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html>
pub fn strategy(view: &mut View<'_>) {
    let see = format!("see {}, CapacityProviderStrategyItem", view.operation);
    let see = see.as_str();
    let path = view.service_path("capacityProviderStrategy");
    let items: Vec<(FieldPath, &Json)> = view.of_service("capacityProviderStrategy").collect();
    if items.is_empty() || !view.sound(&path) {
        return;
    }
    // Seen: "There are no capacity providers ... with a weight value greater than zero".
    if items.iter().all(|(_, item)| item["weight"].as_i64().unwrap_or(0) == 0) {
        let title = "no capacity provider has a weight above 0";
        view.error_at_key(&path, title, "give one of them `weight: 1`", &[see]);
    }
    let based: Vec<&FieldPath> = items
        .iter()
        .filter(|(_, item)| item["base"].as_i64().unwrap_or(0) > 0)
        .map(|(path, _)| path)
        .collect();
    if let [first, second, ..] = based.as_slice() {
        let title = "two capacity providers have a `base`";
        view.error_at_key(&second.field("base"), title, "only one may have it", &[see]);
        view.beside_key(&first.field("base"), "the first one");
    }
    let meant = |item: &Json| meant(item["capacityProvider"].as_str()?);
    if items.iter().all(|(_, item)| meant(item).is_none()) {
        mixed(view, &items, see);
    }
    for (path, item) in &items {
        let name = item["capacityProvider"].as_str().unwrap_or_default();
        let path = path.field("capacityProvider");
        if let Some(meant) = meant(item) {
            let title = format!("no capacity provider is called `{name}`");
            view.error(&path, title, format!("did you mean `{meant}`?"), &[see]);
        }
        if name == "FARGATE_SPOT" && platform::is_windows(view) {
            let title = "FARGATE_SPOT runs no Windows";
            view.error(&path, title, "take FARGATE", &[see]);
        }
    }
}

/// AWS's own provider that a name can only stand for. Seen: "The specified capacity provider was not found";
/// one of your own can't begin with `aws`, `ecs` or `fargate`.
///
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html>
fn meant(name: &str) -> Option<&'static str> {
    let is_own = ["FARGATE", "FARGATE_SPOT"].contains(&name);
    match name.to_ascii_uppercase().replace('-', "_").as_str() {
        _ if is_own => None,
        "FARGATE" => Some("FARGATE"),
        "FARGATE_SPOT" | "FARGATESPOT" => Some("FARGATE_SPOT"),
        _ => None,
    }
}

/// Seen: "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups
/// and Fargate providers".
fn mixed(view: &mut View<'_>, items: &[(FieldPath, &Json)], see: &str) {
    let names = items.iter().filter_map(|(path, item)| {
        Some((path.field("capacityProvider"), item["capacityProvider"].as_str()?))
    });
    let is_fargate = |name: &str| ["FARGATE", "FARGATE_SPOT"].contains(&name);
    let (fargate, other): (Vec<_>, Vec<_>) = names.partition(|(_, name)| is_fargate(name));
    if let (Some((path, name)), Some((other_path, other))) = (fargate.first(), other.first()) {
        let title = format!("a strategy can't have both {name} and `{other}`");
        view.error(path, title, "either Fargate, or instances of your own", &[see]);
        view.beside(other_path, "instances of your own");
    }
    let mut seen: BTreeMap<&str, &FieldPath> = BTreeMap::new();
    for (path, name) in fargate.iter().chain(&other) {
        if let Some(first) = seen.insert(name, path) {
            let title = format!("capacity provider `{name}` is named twice");
            view.error(path, title, "the second one", &[see]);
            view.beside(first, "the first one");
        }
    }
}

fn count(view: &mut View<'_>) {
    let Some(count) = view.service()["desiredCount"].as_i64() else { return };
    let path = view.service_path("desiredCount");
    if count < 0 {
        view.error(&path, format!("desiredCount can't be {count}"), "must be at least 0", &[SEE]);
    }
}

fn controller(view: &mut View<'_>) {
    let controller = view.service()["deploymentController"]["type"].as_str().unwrap_or("ECS");
    if controller != "ECS" {
        view.error(
            &view.service_path("deploymentController").field("type"),
            format!("deployments of type {controller} are made by somebody else"),
            "leave it out: the reconciler makes deployments of type ECS",
            &["see CreateService, DeploymentController"],
        );
    }
}

/// Seen: "The daemon scheduling strategy does not support a desired count for services", "... values above
/// 100 for maximumPercent".
fn daemon(view: &mut View<'_>) {
    let service = view.service();
    if service["schedulingStrategy"] != "DAEMON" {
        return;
    }
    let strategy = view.service_path("schedulingStrategy");
    if fargate::is_fargate(view) {
        let title = "Fargate has no instances to run a DAEMON on";
        view.error(&strategy, title, "write REPLICA, or leave it out", &[SEE]);
    }
    if service.get("desiredCount").is_some() {
        let title = "a DAEMON service has no desiredCount";
        let label = "leave it out: there is one task on each instance";
        view.error_at_key(&view.service_path("desiredCount"), title, label, &[SEE]);
    }
    if view.scaling.is_some() {
        let title = "a DAEMON service can't scale";
        let label = "leave `scaling` out: there is one task on each instance";
        view.error_at_key(&FieldPath::root().field("scaling"), title, label, &[SEE]);
    }
    let percent = service["deploymentConfiguration"]["maximumPercent"].as_i64();
    if let Some(percent) = percent.filter(|percent| *percent > 100) {
        let path = view.service_path("deploymentConfiguration").field("maximumPercent");
        let title = format!("maximumPercent of a DAEMON service can't be {percent}");
        let label = "write 100, or leave it out: an instance has room for one";
        view.error(&path, title, label, &["see CreateService, DeploymentConfiguration"]);
    }
}

/// Seen: "... because a valid taskRoleArn is not being used".
fn execute_command(view: &mut View<'_>) {
    let role = view.task_definition_path("taskRoleArn");
    let missing = !is_set(&view.task_definition()["taskRoleArn"]) && view.sound(&role);
    if view.service()["enableExecuteCommand"] == true && missing && fargate::is_fargate(view) {
        let title = "enableExecuteCommand needs a `taskRoleArn` in the task definition";
        let label = "the task opens the session with that role";
        view.error_at_key(&view.service_path("enableExecuteCommand"), title, label, &[SEE]);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
fn role(view: &mut View<'_>) {
    let path = view.service_path("role");
    if view.service().get("role").is_none() {
        return;
    }
    if is_awsvpc(view) {
        let title = "`role` can't be set with networkMode awsvpc";
        view.error_at_key(&path, title, "leave it out: ECS uses its service-linked role", &[SEE]);
    } else if !is_set(&view.service()["loadBalancers"]) && view.sound(&view.service_path("loadBalancers")) {
        let title = "`role` is for services with a load balancer";
        view.error_at_key(&path, title, "leave it out, or set loadBalancers", &[SEE]);
    }
}

/// Seen: "Availability Zone Rebalancing does not support DAEMON services".
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>
fn rebalancing(view: &mut View<'_>) {
    let service = view.service();
    if service["availabilityZoneRebalancing"] != "ENABLED" {
        return;
    }
    let by_zone = |(_, item): &(FieldPath, &Json)| {
        item["expression"].as_str().is_some_and(|text| text.contains("ecs.availability-zone"))
    };
    let constraint =
        view.of_service("placementConstraints").chain(view.of_task("placementConstraints")).find(by_zone);
    let first = view.of_service("placementStrategy").next();
    let spread = first.filter(|(_, item)| {
        item["type"].is_string()
            && (item["type"] != "spread" || item["field"] != "attribute:ecs.availability-zone")
    });
    let classic = view.of_service("loadBalancers").find(|(_, it)| it.get("loadBalancerName").is_some());
    let deployment = view.service_path("deploymentConfiguration");
    let full = service["deploymentConfiguration"]["maximumPercent"] == 100;
    let daemon = service["schedulingStrategy"] == "DAEMON";
    let against = [
        daemon.then(|| (view.service_path("schedulingStrategy"), "a DAEMON service")),
        (full && !daemon).then(|| (deployment.field("maximumPercent"), "maximumPercent 100")),
        classic.map(|(path, _)| (path.field("loadBalancerName"), "a Classic Load Balancer")),
        constraint.map(|(path, _)| (path.field("expression"), "a placement constraint on zones")),
        spread
            .filter(|_| !daemon)
            .map(|(path, _)| (path, "a placementStrategy that does not begin with a spread over zones")),
        (service["launchType"] == "EXTERNAL")
            .then(|| (view.service_path("launchType"), "launch type EXTERNAL")),
    ];
    for (path, what) in against.into_iter().flatten() {
        let title = format!("availabilityZoneRebalancing can't be ENABLED with {what}");
        let at = view.service_path("availabilityZoneRebalancing");
        view.error(&at, title, "write DISABLED", &[SEE]);
        view.beside(&path, what);
    }
}
