//! What overlays make of a spec.
#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};

use crate::manifest::load;
use crate::manifest::tests::{ENVIRONMENT, checkout};
use crate::model::{Desired, DesiredService, FieldPath};
use crate::shape::api::Api;

mod lists;

const BASE: &str = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: job-worker}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    containerDefinitions:
      - name: worker
        image: worker:1
        memory: 256
        environment: {LOG_LEVEL: info, BATCH: 10}
        secrets: [{name: KEY, valueFrom: key}]
        portMappings: [{containerPort: 8080}, {containerPort: 8080, protocol: udp}]
        command: [work, --slowly]
        dockerLabels: {team: jobs, cost: low}
        mountPoints: [{sourceVolume: scratch, containerPath: /scratch}]
      - name: router
        image: router:1
    volumes:
      - name: scratch
        host: {sourcePath: /mnt}
    tags: [{key: team, value: jobs}]
    executionRoleArn: arn:aws:iam::123456789012:role/execution
  service:
    desiredCount: 1
    networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1, subnet-2]}}
    loadBalancers: [{targetGroupArn: arn:tg, containerName: worker, containerPort: 8080}]
    capacityProviderStrategy: [{capacityProvider: metal, weight: 1}]
  scaling:
    minCapacity: 1
    maxCapacity: 10
    policies:
      - PolicyName: cpu
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 60
          PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
  rollout:
    before:
      - name: migrate
        overrides: {containerOverrides: [{name: worker, command: [migrate], environment: {A: 1}}]}
";

fn overlay(spec: &str) -> String {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: reconciler/v1\nkind: Overlay\nmetadata: {{name: job-worker, environments: [production]}}\nspec:\n{indented}"
    )
}

fn try_load(files: &[(&str, &str)]) -> Result<Desired, String> {
    load(&checkout(files), Some("production"), Api::builtin()).map_err(|errors| errors.to_string())
}

fn overlaid(specs: &[&str]) -> Result<DesiredService, String> {
    let overlays: Vec<(String, String)> =
        (1..).zip(specs).map(|(number, spec)| (format!("overlay-{number}.yaml"), overlay(spec))).collect();
    let mut files = vec![("base.yaml", BASE), ("environment.yaml", ENVIRONMENT)];
    files.extend(overlays.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    try_load(&files).map(|desired| desired.services.values().next().unwrap().clone())
}

fn flat(text: &str) -> DesiredService {
    let files = [("base.yaml", text), ("environment.yaml", ENVIRONMENT)];
    try_load(&files).unwrap_or_else(|errors| panic!("{errors}")).services.values().next().unwrap().clone()
}

/// Whether the overlay makes of the base what the replacements make of its text.
#[track_caller]
fn same(spec: &str, replacements: &[(&str, &str)]) {
    let mut text = BASE.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let (made, expected) = (overlaid(&[spec]).unwrap_or_else(|errors| panic!("{errors}")), flat(&text));
    assert_eq!(made.task_definition, expected.task_definition, "{spec}");
    assert_eq!(made.service, expected.service, "{spec}");
    assert_eq!(made.scaling, expected.scaling, "{spec}");
    assert_eq!(made.rollout, expected.rollout, "{spec}");
    assert_eq!(made.digest, expected.digest, "{spec}");
}

#[track_caller]
fn refused(specs: &[&str], expected: &[&str]) {
    let errors = overlaid(specs).expect_err("it should be refused");
    for part in expected {
        assert!(errors.contains(part), "{part}\n{errors}");
    }
}

#[test]
fn scalars_and_lists_without_names_are_replaced_whole() {
    same("taskDefinition: {memory: 1024}", &[("    memory: 512", "    memory: 1024")]);
    same("service: {desiredCount: 3}", &[("desiredCount: 1", "desiredCount: 3")]);
    same(
        "service: {networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-3]}}}",
        &[("[subnet-1, subnet-2]", "[subnet-3]")],
    );
    same(
        "taskDefinition: {containerDefinitions: [{name: worker, command: [work]}]}",
        &[("[work, --slowly]", "[work]")],
    );
}

#[test]
fn mappings_merge_member_by_member() {
    same(
        "taskDefinition: {containerDefinitions: [{name: worker, dockerLabels: {cost: high, tier: one}}]}",
        &[("{team: jobs, cost: low}", "{team: jobs, cost: high, tier: one}")],
    );
    same("scaling: {maxCapacity: 20}\nsync: {drift: warn}", &[("maxCapacity: 10", "maxCapacity: 20")]);
}

#[test]
fn lists_whose_elements_have_names_merge_element_by_element() {
    let container =
        |inner: &str| format!("taskDefinition: {{containerDefinitions: [{{name: worker, {inner}}}]}}");
    same(&container("image: worker:2"), &[("worker:1", "worker:2")]);
    same(
        &container("portMappings: [{containerPort: 8080, name: http}, {containerPort: 9000}]"),
        &[(
            "[{containerPort: 8080}, {containerPort: 8080, protocol: udp}]",
            "[{containerPort: 8080, name: http}, {containerPort: 8080, protocol: udp}, {containerPort: 9000}]",
        )],
    );
    same(
        &container("mountPoints: [{containerPath: /scratch, readOnly: true}]"),
        &[("containerPath: /scratch}", "containerPath: /scratch, readOnly: true}")],
    );
    same("taskDefinition: {tags: [{key: team, value: two}]}", &[("value: jobs", "value: two")]);
    same("taskDefinition: {volumes: [{name: scratch, host: {sourcePath: /data}}]}", &[("/mnt", "/data")]);
    same(
        "service: {loadBalancers: [{containerName: worker, containerPort: 8080, targetGroupArn: arn:other}]}",
        &[("arn:tg", "arn:other")],
    );
    same(
        "service: {capacityProviderStrategy: [{capacityProvider: spot, weight: 3}]}",
        &[("weight: 1}", "weight: 1}, {capacityProvider: spot, weight: 3}")],
    );
    same(
        "scaling: {policies: [{PolicyName: cpu, TargetTrackingScalingPolicyConfiguration: {TargetValue: 50}}]}",
        &[("TargetValue: 60", "TargetValue: 50")],
    );
    same(
        "rollout: {before: [{name: migrate, timeout: 5m, overrides: {containerOverrides: [{name: worker, environment: {B: 2}}]}}]}",
        &[("- name: migrate", "- name: migrate\n        timeout: 5m"), ("{A: 1}", "{A: 1, B: 2}")],
    );
}

#[test]
fn a_new_element_comes_after_those_that_are_there() {
    same(
        "taskDefinition: {containerDefinitions: [{name: agent, image: agent:1}]}",
        &[("    volumes:", "      - {name: agent, image: agent:1}\n    volumes:")],
    );
}

#[test]
fn environment_and_secrets_merge_in_either_spelling() {
    let container =
        |inner: &str| format!("taskDefinition: {{containerDefinitions: [{{name: worker, {inner}}}]}}");
    let expected = [("{LOG_LEVEL: info, BATCH: 10}", "{LOG_LEVEL: debug, BATCH: 10, NEW: x}")];
    same(&container("environment: {LOG_LEVEL: debug, NEW: x}"), &expected);
    same(&container("environment: [{name: LOG_LEVEL, value: debug}, {name: NEW, value: x}]"), &expected);
    same(&container("secrets: {KEY: new}"), &[("valueFrom: key", "valueFrom: new")]);
    same(
        &container("secrets: {KEY: null, OTHER: other}"),
        &[("name: KEY, valueFrom: key", "name: OTHER, valueFrom: other")],
    );
    same(
        &container("environment: [{name: BATCH, $patch: delete}]"),
        &[("LOG_LEVEL: info, BATCH: 10", "LOG_LEVEL: info")],
    );
    same(&container("environment: {$patch: replace, ONLY: 1}"), &[("LOG_LEVEL: info, BATCH: 10", "ONLY: 1")]);
    same(
        &container("environment: [{$patch: replace}, {name: ONLY, value: 1}]"),
        &[("LOG_LEVEL: info, BATCH: 10", "ONLY: 1")],
    );
}

#[test]
fn null_takes_a_field_away_and_patch_delete_an_element() {
    same(
        "rollout: null",
        &[(
            "  rollout:\n    before:\n      - name: migrate\n        overrides: {containerOverrides: [{name: worker, command: [migrate], environment: {A: 1}}]}\n",
            "",
        )],
    );
    same(
        "taskDefinition: {containerDefinitions: [{name: worker, command: null, environment: {BATCH: null}}]}",
        &[("        command: [work, --slowly]\n", ""), (", BATCH: 10", "")],
    );
    same(
        "taskDefinition: {containerDefinitions: [{name: router, $patch: delete}]}",
        &[("      - name: router\n        image: router:1\n", "")],
    );
    same(
        "taskDefinition: {containerDefinitions: [{name: worker, portMappings: [{containerPort: 8080, protocol: udp, $patch: delete}]}]}",
        &[(", {containerPort: 8080, protocol: udp}", "")],
    );
}

#[test]
fn patch_replace_replaces_a_mapping_an_element_or_a_whole_list() {
    same(
        "taskDefinition: {containerDefinitions: [{name: worker, dockerLabels: {$patch: replace, tier: one}}]}",
        &[("{team: jobs, cost: low}", "{tier: one}")],
    );
    same(
        "taskDefinition: {containerDefinitions: [{name: router, $patch: replace, image: other:1, cpu: 5}]}",
        &[("image: router:1", "image: other:1\n        cpu: 5")],
    );
    same(
        "service: {capacityProviderStrategy: [{$patch: replace}, {capacityProvider: spot, weight: 1}]}",
        &[("capacityProvider: metal,", "capacityProvider: spot,")],
    );
}

#[test]
fn names_are_compared_as_the_environment_has_them() {
    let spec = "taskDefinition: {containerDefinitions: [{name: \"${cluster}\", image: x:1}, {name: worker, cpu: 1}]}";
    let names: Vec<Json> = overlaid(&[spec]).unwrap().task_definition["containerDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|container| container["name"].clone())
        .collect();
    assert_eq!(names, [json!("worker"), json!("router"), json!("jobs")]);
    let base = BASE.replace("- name: router", "- name: ${cluster}");
    let patch = overlay("taskDefinition: {containerDefinitions: [{name: jobs, image: router:2}]}");
    let desired = try_load(&[("a.yaml", &base), ("b.yaml", &patch), ("e.yaml", ENVIRONMENT)]).unwrap();
    let service = desired.services.values().next().unwrap();
    assert_eq!(service.task_definition["containerDefinitions"][1]["image"], "router:2");
}

#[test]
fn a_variable_that_the_overlay_replaces_need_not_exist() {
    let base = BASE.replace("image: router:1", "image: ${unheard_of}");
    let patch = overlay("taskDefinition: {containerDefinitions: [{name: router, image: router:1}]}");
    let files = [("a.yaml", base.as_str()), ("b.yaml", &patch), ("e.yaml", ENVIRONMENT)];
    assert!(try_load(&files).is_ok());
}

#[test]
fn one_of_two_members_has_to_be_taken_away_by_name() {
    refused(
        &["taskDefinition: {volumes: [{name: scratch, efsVolumeConfiguration: {fileSystemId: fs-1}}]}"],
        &[
            "`efsVolumeConfiguration` stands beside `host`, and AWS takes one of them",
            "write `host: null` beside it",
        ],
    );
    same(
        "taskDefinition: {volumes: [{name: scratch, host: null, efsVolumeConfiguration: {fileSystemId: fs-1}}]}",
        &[("host: {sourcePath: /mnt}", "efsVolumeConfiguration: {fileSystemId: fs-1}")],
    );
    refused(&["service: {launchType: FARGATE}"], &["`launchType` stands beside `capacityProviderStrategy`"]);
}

#[test]
fn several_overlays_are_one_if_they_set_different_fields() {
    let one = "taskDefinition: {containerDefinitions: [{name: worker, environment: {A: 1}}]}";
    let two = "taskDefinition: {containerDefinitions: [{name: worker, environment: [{name: B, value: 2}], cpu: 7}]}";
    let (forth, back) = (overlaid(&[one, two]).unwrap(), overlaid(&[two, one]).unwrap());
    assert_eq!(forth.digest, back.digest);
    assert_eq!(forth.task_definition["containerDefinitions"][0]["cpu"], 7);
    for (one, two) in [
        ("taskDefinition: {memory: 1024}", "taskDefinition: {memory: 2048}"),
        ("rollout: {before: null}", "rollout: {before: [{name: migrate, attempts: 2}]}"),
        (
            "taskDefinition: {containerDefinitions: [{name: worker, environment: {A: 1}}]}",
            "taskDefinition: {containerDefinitions: [{name: worker, environment: [{name: A, value: 2}]}]}",
        ),
        (
            "taskDefinition: {containerDefinitions: [{name: worker, dockerLabels: {team: two}}]}",
            "taskDefinition: {containerDefinitions: [{name: worker, dockerLabels: {$patch: replace, a: b}}]}",
        ),
    ] {
        for specs in [[one, two], [two, one]] {
            refused(
                &specs,
                &["two overlays of job-worker for production set", "overlay-1.yaml", "overlay-2.yaml"],
            );
        }
    }
}

#[test]
fn each_value_has_its_origin_where_it_was_set_last() {
    let service = overlaid(&[
        "taskDefinition:\n  memory: 1024\n  containerDefinitions:\n    - name: worker\n      environment:\n        LOG_LEVEL: debug\n        BATCH: null\n    - name: router\n      $patch: delete",
    ])
    .unwrap();
    let definition = FieldPath::root().field("taskDefinition");
    let containers = definition.field("containerDefinitions");
    let origin = |path: &FieldPath| service.origins.nearest(path).unwrap().to_string();
    let environment = containers.key("worker").field("environment");
    assert_eq!(origin(&definition.field("cpu")), "base.yaml:6");
    assert_eq!(origin(&definition.field("memory")), "overlay-1.yaml:6");
    assert_eq!(origin(&environment.key("LOG_LEVEL")), "overlay-1.yaml:10");
    assert_eq!(origin(&environment.key("BATCH")), "overlay-1.yaml:11");
    assert_eq!(origin(&containers.key("router")), "overlay-1.yaml:13");
    assert_eq!(origin(&containers.key("worker").field("image")), "base.yaml:11");
    assert_eq!(origin(&containers.key("worker").field("portMappings").key("8080/tcp")), "base.yaml:15");
}

#[test]
fn a_service_is_only_in_the_environments_that_it_names() {
    let staging = ENVIRONMENT.replace("production", "staging");
    let base = BASE.replace("{name: job-worker}", "{name: job-worker, environments: [staging]}");
    let files = [("a.yaml", base.as_str()), ("e.yaml", ENVIRONMENT), ("f.yaml", &staging)];
    assert!(try_load(&files).unwrap().services.is_empty());
    assert_eq!(load(&checkout(&files), Some("staging"), Api::builtin()).unwrap().services.len(), 1);
    let patch = overlay("service: {desiredCount: 2}");
    let files =
        [("a.yaml", base.as_str()), ("b.yaml", &patch), ("e.yaml", ENVIRONMENT), ("f.yaml", &staging)];
    let errors = try_load(&files).unwrap_err();
    assert!(errors.contains("job-worker is not in production"), "{errors}");
}

#[test]
fn two_manifests_of_one_service_for_two_environments_are_told_to_become_an_overlay() {
    let staging = ENVIRONMENT.replace("production", "staging");
    let of = |name: &str| {
        BASE.replace("{name: job-worker}", &format!("{{name: job-worker, environments: [{name}]}}"))
    };
    let (one, two) = (of("production"), of("staging"));
    let files = [("a.yaml", one.as_str()), ("b.yaml", &two), ("e.yaml", ENVIRONMENT), ("f.yaml", &staging)];
    let errors = try_load(&files).unwrap_err();
    for part in ["two manifests for service `job-worker`", "one manifest, and an Overlay for what differs"] {
        assert!(errors.contains(part), "{errors}");
    }
}

#[test]
fn an_overlay_of_another_environment_is_checked_as_well() {
    let staging = ENVIRONMENT.replace("production", "staging");
    let load_with = |spec: &str| {
        let patch = overlay(spec).replace("[production]", "[staging]");
        try_load(&[("a.yaml", BASE), ("b.yaml", &patch), ("e.yaml", ENVIRONMENT), ("f.yaml", &staging)])
    };
    let desired = load_with("service: {desiredCount: 5}").unwrap();
    assert_eq!(desired.services.values().next().unwrap().service["desiredCount"], 1);
    for spec in ["service: {desiredCuont: 5}", "service: {role: null}", "taskDefinition: {memory: [1]}"] {
        let errors = load_with(spec).unwrap_err();
        assert!(errors.contains("b.yaml:5") && errors.contains("1 error in 1 of 4 files"), "{errors}");
    }
}

#[test]
fn the_limits_of_a_document_hold_for_what_overlays_make_of_it() {
    let variables =
        |from: usize| -> String { (from..from + 2_000).map(|number| format!("V{number}: x, ")).collect() };
    let specs: Vec<String> = [0, 2_000, 4_000]
        .map(|from| {
            format!(
                "taskDefinition: {{containerDefinitions: [{{name: worker, environment: {{{}}}}}]}}",
                variables(from)
            )
        })
        .to_vec();
    let errors = overlaid(&specs.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_err();
    assert!(errors.contains("with this overlay, job-worker has more than 10000 keys and values"), "{errors}");
    assert!(errors.contains("overlay-3.yaml:3:18"), "{errors}");
}

#[test]
fn what_waits_for_a_service_that_the_environment_has_not_is_an_error() {
    let staging = ENVIRONMENT.replace("production", "staging");
    let base = BASE.replace("{name: job-worker}", "{name: job-worker, environments: [staging]}");
    let api = "apiVersion: reconciler/v1\nkind: Service\nmetadata: {name: job-api}\nspec:\n  taskDefinition: {memory: 512, containerDefinitions: [{name: api, image: api:1}]}\n  service: {desiredCount: 1}\n  dependsOn: [job-worker]\n";
    let files = [("a.yaml", base.as_str()), ("api.yaml", api), ("e.yaml", ENVIRONMENT), ("f.yaml", &staging)];
    let errors = try_load(&files).unwrap_err();
    assert!(errors.contains("dependsOn names `job-worker`, which is not in production"), "{errors}");
    assert!(load(&checkout(&files), Some("staging"), Api::builtin()).is_ok());
}
