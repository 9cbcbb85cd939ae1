//! A task's network mode against the network that its service or hook gives it.

use super::{View, platform};

pub fn is_awsvpc(view: &View<'_>) -> bool {
    mode(view) == "awsvpc"
}

/// ECS takes a task definition without `networkMode` for bridge.
pub fn mode<'a>(view: &View<'a>) -> &'a str {
    view.task_definition()["networkMode"].as_str().unwrap_or("bridge")
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
        let label = "it names the subnets";
        let note = "such as networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
        view.error_at_key(&path, title, label, &[note, &see]);
    } else if !is_awsvpc(view) && present {
        let title = "networkConfiguration is for networkMode awsvpc only";
        let label = "leave it out, or set taskDefinition.networkMode";
        view.error_at_key(&path, title, label, &[&see]);
    }
    contents(view, &see);
    if platform::is_external(view) && is_awsvpc(view) {
        let title = "machines outside of AWS have no networkMode awsvpc";
        let label = "write bridge, host or none";
        view.error(&view.task_definition_path("networkMode"), title, label, &["see RegisterTaskDefinition"]);
    }
}

/// Seen: "subnets can not be empty".
fn contents(view: &mut View<'_>, see: &str) {
    let path = view.service_path("networkConfiguration");
    let network = &view.service()["networkConfiguration"];
    if network.is_null() {
        return;
    }
    view.require(network, &path, "awsvpcConfiguration", "a network configuration", see);
    let subnets = path.field("awsvpcConfiguration").field("subnets");
    let given = network["awsvpcConfiguration"]["subnets"].as_array();
    if given.is_some_and(Vec::is_empty) && view.sound(&subnets) {
        view.error_at_key(&subnets, "no subnet to run in", "name at least one subnet", &[see]);
    }
}
