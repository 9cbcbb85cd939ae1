//! Manifests made from a row of choices: everything ECS takes that a service of this size may use.

use serde_json::{Map, Value, json};

/// What the account has to offer the manifests.
pub struct Offer {
    pub target_group: String,
    pub secret: String,
}

/// A source of choices that proptest can shrink: it runs out into the smallest ones.
pub struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub fn new(choices: &'a [u8]) -> Self {
        Self(choices.iter())
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % bound
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 1
    }

    fn rarely(&mut self) -> bool {
        self.below(4) == 1
    }

    fn one<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }

    /// Puts some of the members into the object, each with one of its values.
    fn some(&mut self, object: &mut Value, members: &[(&str, &[Value])]) {
        for (name, values) in members {
            if self.rarely() {
                object[*name] = self.one(values);
            }
        }
    }
}

/// How a task is placed: the rest has to agree with it.
#[derive(Clone, Copy, PartialEq)]
enum Placement {
    Fargate,
    Ec2Awsvpc,
    Ec2Bridge,
}

pub fn manifest(name: &str, choices: &mut Choices<'_>, offer: &Offer) -> Value {
    let placement = choices.one(&[Placement::Fargate, Placement::Ec2Awsvpc, Placement::Ec2Bridge]);
    let task_definition = task_definition(placement, choices, offer);
    let mut service = service(placement, &task_definition, choices, offer);
    let mut spec = Map::new();
    if choices.rarely() {
        spec.insert("scaling".to_owned(), scaling(choices));
        if choices.yes() {
            service.as_object_mut().unwrap().remove("desiredCount");
        }
    }
    if choices.rarely() {
        spec.insert("rollout".to_owned(), rollout(choices));
    }
    spec.insert("taskDefinition".to_owned(), task_definition);
    spec.insert("service".to_owned(), service);
    json!({"apiVersion": "reconciler/v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
}

fn rollout(choices: &mut Choices<'_>) -> Value {
    let mut rollout = json!({"timeout": "12m", "onFailure": "hold"});
    let once = |name: &str| json!({"name": name, "overrides": {"containerOverrides": [{"name": "app", "command": ["once"]}]}});
    choices.some(
        &mut rollout,
        &[
            ("before", &[json!([once("migrate")]), json!([once("schema"), once("data")]), json!([])]),
            ("after", &[json!([once("smoke")])]),
        ],
    );
    rollout
}

fn task_definition(placement: Placement, choices: &mut Choices<'_>, offer: &Offer) -> Value {
    let mut task = json!({});
    let sizes = [("256", "512"), ("512", "1024"), ("1 vCPU", "2GB"), ("1024", "3 GB"), ("0.5 vcpu", "1024")];
    let (cpu, memory) = choices.one(&sizes);
    let sized = placement == Placement::Fargate || choices.yes();
    if sized {
        task["cpu"] = cpu.into();
        task["memory"] = memory.into();
    }
    match placement {
        Placement::Fargate => {
            task["networkMode"] = "awsvpc".into();
            task["requiresCompatibilities"] = choices.one(&[json!(["FARGATE"]), json!(["FARGATE", "EC2"])]);
        }
        Placement::Ec2Awsvpc => task["networkMode"] = "awsvpc".into(),
        Placement::Ec2Bridge => choices.some(&mut task, &[("networkMode", &[json!("bridge")])]),
    }
    task["executionRoleArn"] = "arn:aws:iam::123456789012:role/execution".into();
    choices.some(
        &mut task,
        &[
            ("taskRoleArn", &[json!("arn:aws:iam::123456789012:role/task"), json!("")]),
            ("family", &[json!("a-family-of-its-own")]),
            (
                "runtimePlatform",
                &[
                    json!({"cpuArchitecture": "ARM64"}),
                    json!({"operatingSystemFamily": "LINUX"}),
                    json!({"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}),
                ],
            ),
            ("tags", &[json!([{"key": "team", "value": "jobs"}]), json!([])]),
            ("placementConstraints", &[json!([])]),
            ("enableFaultInjection", &[json!(false), json!(true)]),
        ],
    );
    if placement == Placement::Fargate {
        choices.some(&mut task, &[("ephemeralStorage", &[json!({"sizeInGiB": 30})])]);
    }
    let volumes = choices.rarely();
    if volumes {
        let file_system =
            json!({"fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "ENABLED"});
        task["volumes"] = choices.one(&[
            json!([{"name": "data"}]),
            json!([{"name": "data", "host": {}}]),
            json!([{"name": "data", "efsVolumeConfiguration": file_system}, {"name": "other"}]),
        ]);
    }
    let count = 1 + choices.below(3);
    let containers: Vec<Value> =
        (0..count).map(|index| container(index, placement, sized, volumes, choices, offer)).collect();
    task["containerDefinitions"] = containers.into();
    task
}

fn container(
    index: usize,
    placement: Placement,
    task_is_sized: bool,
    volumes: bool,
    choices: &mut Choices<'_>,
    offer: &Offer,
) -> Value {
    let name = ["app", "proxy", "agent"][index];
    let mut container = json!({"name": name, "image": format!("{name}:1")});
    if !task_is_sized {
        container["memory"] = 128.into();
    }
    if index > 0 {
        choices.some(
            &mut container,
            &[
                ("essential", &[json!(false), json!(true)]),
                ("dependsOn", &[json!([{"containerName": "app", "condition": "START"}])]),
                ("volumesFrom", &[json!([{"sourceContainer": "app"}]), json!([])]),
            ],
        );
    }
    if volumes && choices.yes() {
        container["mountPoints"] = choices.one(&[
            json!([{"sourceVolume": "data", "containerPath": "/data"}]),
            json!([{"sourceVolume": "data", "containerPath": "/data", "readOnly": true}]),
        ]);
    }
    ports(&mut container, index, placement, choices);
    settings(&mut container, placement, choices, offer);
    if placement != Placement::Fargate {
        choices.some(
            &mut container,
            &[
                ("privileged", &[json!(false), json!(true)]),
                ("dockerSecurityOptions", &[json!([]), json!(["no-new-privileges"])]),
            ],
        );
    }
    container
}

fn ports(container: &mut Value, index: usize, placement: Placement, choices: &mut Choices<'_>) {
    if !choices.yes() {
        return;
    }
    let port = 8080 + index;
    let mut mapping = json!({"containerPort": port});
    choices.some(&mut mapping, &[("protocol", &[json!("tcp")]), ("appProtocol", &[json!("http")])]);
    if placement == Placement::Ec2Bridge {
        choices.some(&mut mapping, &[("hostPort", &[json!(0), json!(18080 + index)])]);
    } else {
        choices.some(&mut mapping, &[("hostPort", &[json!(port)])]);
    }
    // Service Connect speaks to a port by name.
    mapping["name"] = format!("port-{index}").into();
    let udp = json!({"containerPort": 53 + index, "protocol": "udp"});
    container["portMappings"] = if choices.rarely() { json!([udp, mapping]) } else { json!([mapping]) };
}

fn settings(container: &mut Value, placement: Placement, choices: &mut Choices<'_>, offer: &Offer) {
    let logs = json!({
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/jobs", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "a"},
    });
    // Fargate has no driver that keeps the log on the instance.
    let local =
        if placement == Placement::Fargate { logs.clone() } else { json!({"logDriver": "json-file"}) };
    let check = json!({"command": ["CMD-SHELL", "true"]});
    let slow_check =
        json!({"command": ["CMD", "/ok"], "interval": 10, "timeout": 2, "retries": 2, "startPeriod": 5});
    choices.some(
        container,
        &[
            (
                "environment",
                &[
                    json!({"LOG_LEVEL": "info", "A": "1"}),
                    json!([{"name": "Z", "value": "last"}, {"name": "B", "value": ""}, {"name": "A", "value": "1"}]),
                    json!([]),
                ],
            ),
            ("secrets", &[json!({"TOKEN": offer.secret}), json!([])]),
            ("healthCheck", &[check, slow_check]),
            ("logConfiguration", &[logs, local]),
            (
                "ulimits",
                &[
                    json!([{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}]),
                    json!([{"name": "nproc", "softLimit": 1, "hardLimit": 2}, {"name": "core", "softLimit": 0, "hardLimit": 0}]),
                ],
            ),
            (
                "linuxParameters",
                &[
                    json!({"initProcessEnabled": true}),
                    json!({"capabilities": {"drop": ["ALL"]}}),
                    json!({"capabilities": {"add": [], "drop": ["NET_RAW", "MKNOD"]}, "initProcessEnabled": false}),
                ],
            ),
            ("cpu", &[json!(0), json!(64)]),
            ("memoryReservation", &[json!(64)]),
            ("command", &[json!(["serve", "--port", "8080"]), json!([])]),
            ("entryPoint", &[json!(["/bin/app"])]),
            ("user", &[json!("1000"), json!("0")]),
            ("workingDirectory", &[json!("/srv")]),
            ("stopTimeout", &[json!(30)]),
            ("startTimeout", &[json!(60)]),
            ("dockerLabels", &[json!({"b": "2", "a": "1"}), json!({})]),
            ("readonlyRootFilesystem", &[json!(true), json!(false)]),
            ("interactive", &[json!(false)]),
            ("restartPolicy", &[json!({"enabled": true, "ignoredExitCodes": [0], "restartAttemptPeriod": 60}), json!({"enabled": true})]),
            ("versionConsistency", &[json!("enabled"), json!("disabled")]),
            ("systemControls", &[json!([]), json!([{"namespace": "net.core.somaxconn", "value": "512"}])]),
        ],
    );
}

fn service(placement: Placement, task: &Value, choices: &mut Choices<'_>, offer: &Offer) -> Value {
    let mut service = json!({"desiredCount": 1 + choices.below(3)});
    let provider = if placement == Placement::Fargate { "FARGATE" } else { "machines" };
    match choices.below(3) {
        0 => service["launchType"] = if placement == Placement::Fargate { "FARGATE" } else { "EC2" }.into(),
        1 => service["capacityProviderStrategy"] = json!([{"capacityProvider": provider, "weight": 1}]),
        _ => {
            let second = format!("{provider}_SPOT");
            service["capacityProviderStrategy"] = json!([{"capacityProvider": second, "weight": 3, "base": 0}, {"capacityProvider": provider, "base": 1}]);
        }
    }
    if placement != Placement::Ec2Bridge {
        service["networkConfiguration"]["awsvpcConfiguration"] = choices.one(&[
            json!({"subnets": ["subnet-2", "subnet-1"], "securityGroups": ["sg-1"]}),
            json!({"subnets": ["subnet-1"]}),
            json!({"subnets": ["subnet-1"], "securityGroups": ["sg-2", "sg-1"], "assignPublicIp": "DISABLED"}),
        ]);
    }
    if placement == Placement::Fargate {
        choices.some(&mut service, &[("platformVersion", &[json!("LATEST"), json!("1.4.0")])]);
    } else {
        choices.some(
            &mut service,
            &[
                (
                    "placementStrategy",
                    &[
                        json!([{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"}]),
                        json!([{"type": "spread", "field": "host"}]),
                        json!([{"type": "random"}]),
                        json!([]),
                    ],
                ),
                (
                    "placementConstraints",
                    &[
                        json!([{"type": "distinctInstance"}]),
                        json!([{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}]),
                    ],
                ),
            ],
        );
    }
    connections(&mut service, task, choices, offer);
    choices.some(
        &mut service,
        &[
            (
                "deploymentConfiguration",
                &[
                    json!({"minimumHealthyPercent": 50}),
                    json!({"maximumPercent": 250, "minimumHealthyPercent": 100}),
                    json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}}),
                    json!({"strategy": "ROLLING", "deploymentCircuitBreaker": {"enable": false, "rollback": false}}),
                    json!({"alarms": {"alarmNames": ["b", "a"], "enable": true, "rollback": true}}),
                    json!({}),
                ],
            ),
            ("deploymentController", &[json!({"type": "ECS"})]),
            ("schedulingStrategy", &[json!("REPLICA")]),
            ("propagateTags", &[json!("SERVICE"), json!("TASK_DEFINITION"), json!("NONE")]),
            ("enableECSManagedTags", &[json!(true), json!(false)]),
            ("enableExecuteCommand", &[json!(true), json!(false)]),
            ("availabilityZoneRebalancing", &[json!("ENABLED"), json!("DISABLED")]),
            ("tags", &[json!([{"key": "team", "value": "jobs"}, {"key": "cost", "value": ""}]), json!([])]),
            ("serviceRegistries", &[json!([])]),
        ],
    );
    agree(&mut service, task);
    service
}

/// Takes back what ECS would refuse beside the rest.
fn agree(service: &mut Value, task: &Value) {
    if task["taskRoleArn"].as_str().is_none_or(str::is_empty) && service["enableExecuteCommand"] == true {
        service["enableExecuteCommand"] = false.into();
    }
    let first = &service["placementStrategy"][0];
    let by_zone = first.is_null() || first["field"] == "attribute:ecs.availability-zone";
    if !by_zone && service["availabilityZoneRebalancing"] == "ENABLED" {
        service["availabilityZoneRebalancing"] = "DISABLED".into();
    }
    // Its proxy lives on what the task has as a whole.
    if task["memory"].is_null() && service["serviceConnectConfiguration"]["enabled"] == true {
        service["serviceConnectConfiguration"] = json!({"enabled": false});
    }
}

/// What the ports of the task definition are for.
fn connections(service: &mut Value, task: &Value, choices: &mut Choices<'_>, offer: &Offer) {
    let containers = task["containerDefinitions"].as_array().unwrap();
    let ports: Vec<(&Value, &Value)> = containers
        .iter()
        .flat_map(|container| {
            let mappings = container["portMappings"].as_array().into_iter().flatten();
            mappings
                .filter(|mapping| mapping["name"].is_string())
                .map(move |mapping| (&container["name"], mapping))
        })
        .collect();
    let Some((container, port)) = ports.first() else { return };
    if choices.yes() {
        service["loadBalancers"] = json!([{
            "targetGroupArn": offer.target_group, "containerName": container, "containerPort": port["containerPort"],
        }]);
        choices.some(service, &[("healthCheckGracePeriodSeconds", &[json!(30), json!(0)])]);
    }
    let alias = json!([{"port": 80}]);
    let named = json!([{"port": 80, "dnsName": "app.jobs"}]);
    choices.some(
        service,
        &[(
            "serviceConnectConfiguration",
            &[
                json!({"enabled": true, "namespace": "jobs", "services": [{"portName": port["name"], "clientAliases": alias}]}),
                json!({"enabled": true, "namespace": "jobs", "services": [{"portName": port["name"], "discoveryName": "app", "clientAliases": named}]}),
                json!({"enabled": true, "namespace": "jobs"}),
                json!({"enabled": false}),
            ],
        )],
    );
}

fn scaling(choices: &mut Choices<'_>) -> Value {
    let mut scaling = json!({"minCapacity": 1, "maxCapacity": 3 + choices.below(3)});
    let cpu = json!({
        "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "ScaleInCooldown": 120,
        },
    });
    let memory = json!({
        "PolicyName": "memory", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 75,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"},
            "DisableScaleIn": false,
        },
    });
    let steps = json!({
        "PolicyName": "steps", "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 60, "MetricAggregationType": "Average",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    });
    let night = json!({
        "ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)", "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2},
    });
    choices.some(
        &mut scaling,
        &[
            ("policies", &[json!([cpu]), json!([memory, cpu]), json!([steps]), json!([])]),
            ("scheduledActions", &[json!([night]), json!([])]),
            (
                "suspendedState",
                &[json!({"DynamicScalingInSuspended": false}), json!({"ScheduledScalingSuspended": true})],
            ),
        ],
    );
    scaling
}

/// A task that this account can start, on a schedule.
pub fn scheduled_manifest(name: &str, choices: &mut Choices<'_>, offer: &Offer) -> Value {
    let placement = choices.one(&[Placement::Fargate, Placement::Ec2Awsvpc, Placement::Ec2Bridge]);
    let task_definition = task_definition(placement, choices, offer);
    let spec = json!({"taskDefinition": task_definition, "schedule": schedule(placement, choices)});
    json!({"apiVersion": "reconciler/v1", "kind": "ScheduledTask", "metadata": {"name": name}, "spec": spec})
}

fn schedule(placement: Placement, choices: &mut Choices<'_>) -> Value {
    let expressions =
        ["rate(5 hours)", "cron(0 6 * * ? *)", "cron(0/15 8-17 ? * MON-FRI *)", "at(2027-06-01T06:00:00)"];
    let windows = [json!({"Mode": "OFF"}), json!({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10})];
    let mut target = json!({"RoleArn": "arn:aws:iam::123456789012:role/scheduler"});
    target["EcsParameters"] = ecs_parameters(placement, choices);
    choices.some(
        &mut target,
        &[
            (
                "RetryPolicy",
                &[json!({}), json!({"MaximumRetryAttempts": 185}), json!({"MaximumEventAgeInSeconds": 60})],
            ),
            ("DeadLetterConfig", &[json!({}), json!({"Arn": "arn:aws:sqs:eu-west-1:123456789012:late"})]),
            ("Input", &[json!("{}"), json!(r#"{"containerOverrides": [{"name": "app", "cpu": 64}]}"#)]),
        ],
    );
    let mut schedule = json!({
        "ScheduleExpression": choices.one(&expressions),
        "FlexibleTimeWindow": choices.one(&windows),
        "Target": target,
    });
    choices.some(
        &mut schedule,
        &[
            ("ScheduleExpressionTimezone", &[json!("UTC"), json!("America/Lima")]),
            ("State", &[json!("ENABLED"), json!("DISABLED")]),
            ("Description", &[json!(""), json!("sends mail")]),
            ("ActionAfterCompletion", &[json!("NONE")]),
            ("StartDate", &[json!(1_810_000_000), json!("2027-05-11T10:26:40Z")]),
            ("EndDate", &[json!(1_890_000_000.5)]),
        ],
    );
    schedule
}

fn ecs_parameters(placement: Placement, choices: &mut Choices<'_>) -> Value {
    let mut ecs = json!({});
    if placement == Placement::Fargate {
        ecs["LaunchType"] = "FARGATE".into();
        choices.some(&mut ecs, &[("PlatformVersion", &[json!("LATEST"), json!("1.4.0")])]);
    } else {
        choices.some(
            &mut ecs,
            &[
                ("LaunchType", &[json!("EC2")]),
                ("PlacementConstraints", &[json!([]), json!([{"type": "distinctInstance"}])]),
                ("PlacementStrategy", &[json!([]), json!([{"type": "spread", "field": "instanceId"}])]),
            ],
        );
    }
    if placement != Placement::Ec2Bridge {
        let networks = [
            json!({"Subnets": ["subnet-1", "subnet-2"]}),
            json!({"Subnets": ["subnet-2"], "SecurityGroups": ["sg-2", "sg-1"], "AssignPublicIp": "DISABLED"}),
        ];
        ecs["NetworkConfiguration"] = json!({"awsvpcConfiguration": choices.one(&networks)});
    }
    choices.some(
        &mut ecs,
        &[
            ("TaskCount", &[json!(1), json!(3)]),
            ("Group", &[json!("mail")]),
            ("EnableECSManagedTags", &[json!(false), json!(true)]),
            ("EnableExecuteCommand", &[json!(false)]),
            ("PropagateTags", &[json!("TASK_DEFINITION")]),
            ("ReferenceId", &[json!(""), json!("mail-1")]),
            ("Tags", &[json!([]), json!([{"key": "team", "value": "jobs"}])]),
        ],
    );
    ecs
}
