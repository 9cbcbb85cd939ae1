//! A service's network and load balancers against its task definition.

use super::{View, elements};
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

pub fn check(view: &mut View<'_>) {
    configuration(view);
    host_ports(view);
    load_balancers(view);
    service_connect(view);
    volumes(view);
}

pub fn is_awsvpc(view: &View<'_>) -> bool {
    view.task_definition()["networkMode"] == "awsvpc"
}

pub fn configuration(view: &mut View<'_>) {
    let path = view.service_path("networkConfiguration");
    if !view.sound(&path) || !view.sound(&view.task_definition_path("networkMode")) {
        return;
    }
    let present = view.service().get("networkConfiguration").is_some();
    let see = format!("see {}, NetworkConfiguration", view.operation);
    if is_awsvpc(view) && !present {
        let title = format!("networkMode awsvpc needs a `networkConfiguration` of {}", view.noun);
        view.error_at_key(&path, title, "it names the subnets", &[&see]);
    } else if !is_awsvpc(view) && present {
        let title = "networkConfiguration is for networkMode awsvpc only";
        let label = "leave it out, or set taskDefinition.networkMode";
        view.error_at_key(&path, title, label, &[&see]);
    }
}

/// In awsvpc mode a task has an address of its own, so nothing is mapped.
pub fn host_ports(view: &mut View<'_>) {
    if !is_awsvpc(view) {
        return;
    }
    for (path, container) in view.containers().collect::<Vec<_>>() {
        for (path, mapping) in elements(container, &path, "portMappings") {
            let (host, own) = (mapping["hostPort"].as_i64(), mapping["containerPort"].as_i64());
            if let (Some(host), Some(own)) = (host, own)
                && host != 0
                && host != own
            {
                let title =
                    format!("hostPort {host} differs from containerPort {own} with networkMode awsvpc");
                let label = "leave it out, or write the same port";
                view.error(
                    &path.field("hostPort"),
                    title,
                    label,
                    &["see RegisterTaskDefinition, PortMapping"],
                );
            }
        }
    }
}

fn load_balancers(view: &mut View<'_>) {
    let containers = view.task_definition_path("containerDefinitions");
    let root = view.service_path("");
    for (path, balancer) in elements(view.service(), &root, "loadBalancers").collect::<Vec<_>>() {
        if balancer.is_null() || !view.sound(&containers) || !view.sound(&path) {
            continue;
        }
        for field in ["containerName", "containerPort"] {
            if balancer.get(field).is_none() {
                let title = format!("a load balancer has no `{field}`");
                let label = format!("`{field}` is required");
                view.error(&path, title, label, &["see CreateService, LoadBalancer"]);
            }
        }
        if let (Some(name), Some(port)) =
            (balancer["containerName"].as_str(), balancer["containerPort"].as_i64())
        {
            target(view, &path, name, port);
        }
    }
}

/// The container and port that a load balancer sends to have to be in the task definition.
fn target(view: &mut View<'_>, path: &FieldPath, name: &str, port: i64) {
    let names: Vec<&str> =
        view.containers().filter_map(|(_, container)| container["name"].as_str()).collect();
    let container = view.containers().find(|(_, container)| container["name"] == name);
    let Some((container_path, container)) = container else {
        let title = format!("no container `{name}` in the task definition");
        let note = format!("containers are {}", any_of(names.iter().copied()).replace(" or ", " and "));
        let label = did_you_mean(name, names.iter().copied());
        view.error(&path.field("containerName"), title, label, &[&note, "see CreateService, LoadBalancer"]);
        return;
    };
    let ports: Vec<i64> = elements(container, &container_path, "portMappings")
        .filter_map(|(_, mapping)| mapping["containerPort"].as_i64())
        .collect();
    let ranged =
        elements(container, &container_path, "portMappings").any(|(_, mapping)| in_range(mapping, port));
    if !ports.contains(&port) && !ranged {
        let title = format!("container `{name}` does not map port {port}");
        let ports: Vec<String> = ports.iter().map(i64::to_string).collect();
        let label = match ports.as_slice() {
            [] => "it has no portMappings".to_owned(),
            ports => format!("it maps {}", ports.join(", ")),
        };
        view.error(&path.field("containerPort"), title, label, &["see CreateService, LoadBalancer"]);
    }
}

/// ECS makes a volume from its configuration; without one it answers that there is nothing to make.
fn volumes(view: &mut View<'_>) {
    for (path, volume) in elements(view.service(), &view.service_path(""), "volumeConfigurations") {
        if volume.is_object() && volume.get("managedEBSVolume").is_none() && view.sound(&path) {
            let title = "a service volume configuration has no `managedEBSVolume`";
            let label = "`managedEBSVolume` is required";
            view.error(&path, title, label, &["see CreateService, ServiceVolumeConfiguration"]);
        }
    }
}

/// Service Connect finds a port by the name that its mapping has.
fn service_connect(view: &mut View<'_>) {
    let containers = view.task_definition_path("containerDefinitions");
    if !view.sound(&containers) {
        return;
    }
    let mappings = view.containers().flat_map(|(path, container)| elements(container, &path, "portMappings"));
    let names: Vec<&str> = mappings.filter_map(|(_, mapping)| mapping["name"].as_str()).collect();
    let path = view.service_path("serviceConnectConfiguration");
    let configuration = &view.service()["serviceConnectConfiguration"];
    for (path, service) in elements(configuration, &path, "services") {
        if let Some(name) = service["portName"].as_str().filter(|name| !names.contains(name)) {
            let title = format!("no port mapping is called `{name}`");
            let label = did_you_mean(name, names.iter().copied());
            view.error(&path.field("portName"), title, label, &["see CreateService, ServiceConnectService"]);
        }
    }
}

fn in_range(mapping: &Json, port: i64) -> bool {
    let Some((from, to)) = mapping["containerPortRange"].as_str().and_then(|range| range.split_once('-'))
    else {
        return false;
    };
    matches!((from.parse::<i64>(), to.parse::<i64>()), (Ok(from), Ok(to)) if (from..=to).contains(&port))
}
