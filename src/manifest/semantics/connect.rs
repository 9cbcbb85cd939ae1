//! What finds a task's ports by their names: Service Connect, VPC Lattice, gateways; and metrics.

use std::collections::BTreeMap;

use super::network::mode;
use super::{View, elements, logs};
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService, ServiceConnectConfiguration";
const SEE_SERVICE: &str = "see CreateService, ServiceConnectService";
const SEE_ALIAS: &str = "see CreateService, ServiceConnectClientAlias";
const METRICS: [&str; 2] = ["CPUUtilization", "MemoryUtilization"];

pub fn check(view: &mut View<'_>) {
    let root = view.service_path("serviceConnectConfiguration");
    let configuration = &view.service()["serviceConnectConfiguration"];
    for (path, service) in elements(configuration, &root, "services") {
        port_name(view, &path, service, SEE_SERVICE);
        discovery_name(view, &path, service);
        aliases(view, &path, service);
        time_out(view, &path, service);
    }
    discovered_twice(view, configuration, &root);
    aliases_twice(view, configuration, &root);
    if configuration["enabled"] == true {
        task(view, &root);
    }
    proxy(view, configuration, &root);
    for (path, lattice) in view.of_service("vpcLatticeConfigurations") {
        port_name(view, &path, lattice, "see CreateService, VpcLatticeConfiguration");
    }
    for (path, connector) in view.of_service("gatewayConnectors") {
        port_name(view, &path, connector, "see CreateService, GatewayConnector");
    }
    monitoring(view);
}

/// A port is found by the name that its mapping has.
fn port_name(view: &mut View<'_>, path: &FieldPath, owner: &Json, see: &str) {
    if !view.sound(&view.task_definition_path("containerDefinitions")) {
        return;
    }
    let names: Vec<&str> =
        view.port_mappings().filter_map(|(_, mapping, _)| mapping["name"].as_str()).collect();
    if let Some(name) = owner["portName"].as_str().filter(|name| !names.contains(name)) {
        let title = format!("no port mapping is called `{name}`");
        let label = did_you_mean(name, names.iter().copied());
        let note = match names.as_slice() {
            [] => format!("give one a name: portMappings: [{{name: {name}, containerPort: 8080}}]"),
            [only] => format!("the only named port is {only}"),
            several => {
                format!("named ports are {}", any_of(several.iter().copied()).replace(" or ", " and "))
            }
        };
        view.error(&path.field("portName"), title, label, &[&note, see]);
    }
}

fn is_name(text: &str, most: usize, dots: bool) -> bool {
    let allowed = |letter: char| {
        letter.is_ascii_lowercase()
            || letter.is_ascii_digit()
            || letter == '_'
            || letter == '-'
            || (dots && letter == '.')
    };
    !text.is_empty() && text.len() <= most && !text.starts_with('-') && text.chars().all(allowed)
}

fn discovery_name(view: &mut View<'_>, path: &FieldPath, service: &Json) {
    if let Some(name) = service["discoveryName"].as_str().filter(|name| !is_name(name, 64, false)) {
        let title = format!("`{name}` can't be a discoveryName");
        let label =
            "1 to 64 lower-case letters, digits, hyphens and underscores, not beginning with a hyphen";
        view.error(&path.field("discoveryName"), title, label, &[SEE_SERVICE]);
    }
}

/// Seen: "2 clientAliases exceeds the max limit of 1".
fn aliases(view: &mut View<'_>, path: &FieldPath, service: &Json) {
    let count = service["clientAliases"].as_array().map_or(0, Vec::len);
    if count > 1 {
        let title = format!("`clientAliases` has {count} elements");
        view.error_at_key(&path.field("clientAliases"), title, "ECS takes at most 1", &[SEE_SERVICE]);
    }
    for (path, alias) in elements(service, path, "clientAliases") {
        view.range(alias, &path, "port", 1..=65535, SEE_ALIAS);
        if let Some(name) = alias["dnsName"].as_str().filter(|name| !is_name(name, 127, true)) {
            let title = format!("`{name}` can't be a client's name for the service");
            let label = "1 to 127 lower-case letters, digits, hyphens, underscores and dots";
            view.error(&path.field("dnsName"), title, label, &[SEE_ALIAS]);
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TimeoutConfiguration.html>
fn time_out(view: &mut View<'_>, path: &FieldPath, service: &Json) {
    let limit = service["timeout"]["perRequestTimeoutSeconds"].as_i64().unwrap_or(0);
    let mapping = view.port_mappings().find(|(_, mapping, _)| mapping["name"] == service["portName"]);
    if limit == 0 || service["portName"].is_null() {
        return;
    }
    if let Some((mapping_path, mapping, _)) = mapping
        && mapping.get("appProtocol").is_none()
        && view.sound(&mapping_path)
    {
        let title = "`perRequestTimeoutSeconds` is for ports that speak HTTP or gRPC";
        let label = "leave it out, or give the port an `appProtocol`";
        let path = path.field("timeout").field("perRequestTimeoutSeconds");
        view.error_at_key(&path, title, label, &["see CreateService, TimeoutConfiguration"]);
        view.beside(&mapping_path.field("name"), "the port, which is TCP without an `appProtocol`");
    }
}

/// Without a `discoveryName`, the port's name is one.
fn discovered_twice(view: &mut View<'_>, configuration: &Json, root: &FieldPath) {
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, service) in elements(configuration, root, "services") {
        let field = if service.get("discoveryName").is_some() { "discoveryName" } else { "portName" };
        let path = path.field(field);
        if let Some(name) = service[field].as_str()
            && let Some(first) = seen.insert(name, path.clone())
        {
            let title = format!("two Service Connect services are discovered as `{name}`");
            view.error(&path, title, "give one of them another `discoveryName`", &[SEE_SERVICE]);
            view.beside(&first, "the first one");
        }
    }
}

fn aliases_twice(view: &mut View<'_>, configuration: &Json, root: &FieldPath) {
    let mut seen: BTreeMap<(&str, i64), FieldPath> = BTreeMap::new();
    for (path, service) in elements(configuration, root, "services") {
        for (path, alias) in elements(service, &path, "clientAliases") {
            let (Some(name), Some(port)) = (alias["dnsName"].as_str(), alias["port"].as_i64()) else {
                continue;
            };
            let path = path.field("dnsName");
            if let Some(first) = seen.insert((name, port), path.clone()) {
                let title = format!("`{name}:{port}` leads clients to two ports");
                view.error(&path, title, "give one of them another name or port", &[SEE_ALIAS]);
                view.beside(&first, "the first one");
            }
        }
    }
}

/// What a task needs to have the proxy in it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html> and
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/interconnecting-services.html>
fn task(view: &mut View<'_>, root: &FieldPath) {
    if mode(view) == "host" {
        let title = "Service Connect can't be used with networkMode host";
        let label = "write awsvpc or bridge";
        view.error(&view.task_definition_path("networkMode"), title, label, &[SEE]);
    }
    let memory = view.task_definition_path("memory");
    if view.task_definition().get("memory").is_none() && view.sound(&memory) {
        let title = "Service Connect needs `memory` of the task definition";
        let label = "its proxy gets what the containers leave of it";
        view.error_at_key(root, title, label, &[SEE]);
    }
}

/// The proxy that ECS adds to each task, and what it logs.
fn proxy(view: &mut View<'_>, configuration: &Json, root: &FieldPath) {
    logs::configuration(view, &root.field("logConfiguration"), &configuration["logConfiguration"]);
    let access = root.field("accessLogConfiguration");
    if configuration.get("accessLogConfiguration").is_some()
        && configuration.get("logConfiguration").is_none()
        && view.sound(&root.field("logConfiguration"))
    {
        let title = "Service Connect's access log has nowhere to go";
        view.error_at_key(&access, title, "set `logConfiguration` beside it", &[SEE]);
    }
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, setting) in elements(configuration, root, "containerConfigurations") {
        let Some(name) = setting.as_object().and_then(|members| members.keys().next()) else { continue };
        if let Some(first) = seen.insert(name, path.clone()) {
            let see = "see CreateService, ServiceConnectContainerConfiguration";
            view.error(&path, format!("`{name}` is set twice"), "each setting stands once", &[see]);
            view.beside(&first, "the first one");
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_MetricConfiguration.html>
fn monitoring(view: &mut View<'_>) {
    let path = view.service_path("monitoring");
    let see = "see CreateService, MetricConfiguration";
    for (path, metrics) in elements(&view.service()["monitoring"], &path, "metricConfigurations") {
        let resolution = metrics["resolutionSeconds"].as_i64();
        if let Some(seconds) = resolution.filter(|seconds| ![20, 60].contains(seconds)) {
            let title = format!("`resolutionSeconds` can't be {seconds}");
            view.error(&path.field("resolutionSeconds"), title, "must be 20 or 60", &[see]);
        }
        for (path, name) in elements(metrics, &path, "metricNames") {
            if let Some(name) = name.as_str().filter(|name| !METRICS.contains(name)) {
                let title = format!("ECS measures no `{name}` of a service");
                view.error(&path, title, format!("one of {}", any_of(METRICS)), &[see]);
            }
        }
    }
}
