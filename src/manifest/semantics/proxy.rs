//! `proxyConfiguration`: App Mesh's proxy in a task.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ProxyConfiguration.html>

use super::network::is_awsvpc;
use super::{View, containers};

const SEE: &str = "see RegisterTaskDefinition, ProxyConfiguration";
const NEEDED: [&str; 4] = ["AppPorts", "EgressIgnoredIPs", "ProxyEgressPort", "ProxyIngressPort"];

pub fn check(view: &mut View<'_>) {
    let (proxy, path) =
        (&view.task_definition()["proxyConfiguration"], view.task_definition_path("proxyConfiguration"));
    if proxy.is_null() {
        return;
    }
    if !is_awsvpc(view) && view.sound(&view.task_definition_path("networkMode")) {
        let title = "proxyConfiguration is for networkMode awsvpc only";
        view.error_at_key(&path, title, "leave it out, or set taskDefinition.networkMode", &[SEE]);
    }
    if let Some(name) = proxy["containerName"].as_str() {
        containers::named(view, &path.field("containerName"), name, SEE);
    }
    let at = path.field("properties");
    if !view.sound(&at) {
        return;
    }
    let properties = proxy["properties"].as_array().map_or(&[][..], Vec::as_slice);
    let given = |name: &str| properties.iter().any(|property| property["name"] == name);
    let mut missing: Vec<&str> = NEEDED.into_iter().filter(|name| !given(name)).collect();
    if !given("IgnoredUID") && !given("IgnoredGID") {
        missing.push("IgnoredUID");
    }
    if !missing.is_empty() {
        let title = format!("App Mesh's proxy lacks {}", missing.join(", "));
        view.error_at_key(&at, title, "add each as a property: {name: ..., value: ...}", &[SEE]);
    }
}
