//! What an overlay must not say, above all of a list.

use super::{BASE, overlaid, overlay, refused, try_load};
use crate::manifest::tests::ENVIRONMENT;

#[test]
fn an_empty_list_in_an_overlay_is_refused_where_it_would_change_nothing() {
    let container =
        |inner: &str| format!("taskDefinition: {{containerDefinitions: [{{name: worker, {inner}}}]}}");
    for list in ["portMappings: []", "secrets: []", "environment: []", "mountPoints: []"] {
        refused(
            &[&container(list)],
            &[
                "an empty list changes nothing in an overlay",
                "write `null` to take the field away, or begin it with `- $patch: replace`",
                "what is there stays",
                "1 error in",
            ],
        );
    }
    refused(&["service: {loadBalancers: []}"], &["an empty list changes nothing in an overlay"]);
    refused(&[&container("secrets: {}")], &["an empty mapping changes nothing in an overlay"]);
    // A list without names is replaced, be it by nothing.
    let emptied = overlaid(&[&container("command: []")]).unwrap();
    assert_eq!(emptied.task_definition["containerDefinitions"][0]["command"], serde_json::json!([]));
}

#[test]
fn a_directive_in_a_list_that_is_replaced_whole_is_refused_with_the_way_out() {
    let container =
        |inner: &str| format!("taskDefinition: {{containerDefinitions: [{{name: worker, {inner}}}]}}");
    let title = "this list is replaced as a whole in an overlay";
    let replace = container("resourceRequirements: [{$patch: replace}, {type: GPU, value: 1}]");
    refused(&[&replace], &[title, "leave `$patch` out", "1 error in"]);
    refused(
        &[&container("command: [{$patch: replace}, work]")],
        &[title, "leave `$patch` out", "1 error in"],
    );
    let delete = container("command: [{$patch: delete, name: x}]");
    refused(&[&delete], &[title, "write the list that is to stay", "1 error in"]);
}

#[test]
fn the_one_alias_of_service_connect_is_replaced_whole() {
    let connect = "    serviceConnectConfiguration: {enabled: true, namespace: jobs, services: [{portName: http, clientAliases: [{port: 80}]}]}\n  scaling:\n";
    let base = BASE
        .replace("[{containerPort: 8080}, ", "[{containerPort: 8080, name: http}, ")
        .replace("  scaling:\n", connect);
    let patch = overlay(
        "service: {serviceConnectConfiguration: {services: [{portName: http, clientAliases: [{port: 8080}]}]}}",
    );
    let files = [("a.yaml", base.as_str()), ("b.yaml", &patch), ("e.yaml", ENVIRONMENT)];
    let desired = try_load(&files).unwrap_or_else(|errors| panic!("{errors}"));
    let service = &desired.services.values().next().unwrap().service;
    let aliases = &service["serviceConnectConfiguration"]["services"][0]["clientAliases"];
    assert_eq!(*aliases, serde_json::json!([{"port": 8080}]));
}

#[test]
fn what_an_overlay_takes_away_of_what_aws_needs_is_told_where_it_does() {
    for (spec, title) in [
        ("taskDefinition:\n  containerDefinitions: null", "a task definition has no `containerDefinitions`"),
        (
            "service: {networkConfiguration: {awsvpcConfiguration: {subnets: null, assignPublicIp: DISABLED}}}",
            "has no `subnets`",
        ),
    ] {
        refused(&[spec], &[title, "--> overlay-1.yaml"]);
    }
    refused(&["taskDefinition:\n  containerDefinitions: null"], &["overlay-1.yaml:6:5", "taken away here"]);
}

#[test]
fn the_order_of_overlays_means_nothing_to_what_one_takes_away_or_adds() {
    for (one, two) in [
        (
            "taskDefinition: {volumes: [{name: scratch, host: null, dockerVolumeConfiguration: {driver: local}}]}",
            "taskDefinition: {memory: 1024}",
        ),
        (
            "taskDefinition: {volumes: [{name: scratch, host: null}]}",
            "taskDefinition: {volumes: [{name: scratch, efsVolumeConfiguration: {fileSystemId: fs-1}}]}",
        ),
        ("service: {capacityProviderStrategy: null}", "service: {launchType: EC2}"),
        (
            "taskDefinition: {containerDefinitions: [{name: agent, image: agent:1}]}",
            "taskDefinition: {containerDefinitions: [{name: agent, cpu: 5}]}",
        ),
    ] {
        let load = |specs: &[&str]| overlaid(specs).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(load(&[one, two]).digest, load(&[two, one]).digest, "{one}");
    }
    // Where none of them has what a new element needs, it is told.
    let (one, two) = (
        "taskDefinition: {containerDefinitions: [{name: agent, cpu: 5}]}",
        "taskDefinition: {containerDefinitions: [{name: agent, memory: 64}]}",
    );
    for specs in [[one, two], [two, one]] {
        refused(&specs, &["no `agent` in `containerDefinitions` of job-worker", "would need `image`"]);
    }
}
