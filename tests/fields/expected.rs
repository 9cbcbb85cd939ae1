//! What AWS takes, and what it does with a change: by AWS's own pages, and nothing of the rules under test.

use reconciler::plan::Consequence;
use serde_json::{Value, json};

use super::bases::{Root, RunsOn};
use super::values::Turn;

/// What changing a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Revision,
    InPlace,
    Deploys,
    /// Reaches running tasks with `forceNewDeployment` only.
    Forces,
    /// TagResource, not the call that made it.
    Tags,
    /// Tags of a task definition are no part of it: they come with the next revision.
    NextRevision,
    /// Held, with the fields that would need a new service.
    Replaces,
    /// A manifest can't hold another value.
    Refused,
}

/// What becomes of a member that Git no longer mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It goes back to what AWS has without it.
    Reset,
    /// AWS or somebody else fills it in, so it is not ours any more, and stays as it is.
    Kept,
    /// It had AWS's default all along.
    Nothing,
}

use Change::{Deploys, Forces, InPlace, Refused, Replaces, Tags};
use Removal::{Kept, Nothing, Reset};

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html> says of each member
/// whether it triggers a new deployment, and what leaving it out means; what CreateService alone takes
/// can't be changed.
const SERVICE: [(&str, Change, Removal); 26] = [
    ("availabilityZoneRebalancing", InPlace, Kept),
    ("capacityProviderStrategy", Forces, Kept),
    ("deploymentConfiguration", InPlace, Reset),
    // Deployments of other controllers are not ours to make.
    ("deploymentController", Refused, Nothing),
    ("desiredCount", InPlace, Kept),
    ("enableECSManagedTags", InPlace, Reset),
    ("enableExecuteCommand", InPlace, Reset),
    // A service revision holds these two, and a new one comes with a deployment only.
    ("gatewayConnectors", Deploys, Reset),
    ("monitoring", Deploys, Reset),
    ("healthCheckGracePeriodSeconds", InPlace, Reset),
    ("launchType", Replaces, Kept),
    ("loadBalancers", Deploys, Reset),
    ("networkConfiguration.awsvpcConfiguration.assignPublicIp", Deploys, Reset),
    // Without groups ECS takes the VPC's own.
    ("networkConfiguration", Deploys, Kept),
    ("placementConstraints", InPlace, Reset),
    ("placementStrategy", InPlace, Reset),
    ("platformVersion", Deploys, Reset),
    ("propagateTags", InPlace, Reset),
    ("role", Replaces, Kept),
    ("schedulingStrategy", Replaces, Nothing),
    ("serviceConnectConfiguration", Deploys, Reset),
    ("serviceRegistries", Deploys, Reset),
    // A tag that somebody else put looks the same.
    ("tags", Tags, Kept),
    ("volumeConfigurations", Deploys, Reset),
    ("vpcLatticeConfigurations", Deploys, Reset),
    ("clientToken", Refused, Nothing),
];

/// Members inside others that ECS fills in by itself, so that nothing tells whether they were asked for.
const FILLED_BY_AWS: [(Root, &str, Removal); 14] = [
    (Root::Service, "capacityProviderStrategy[].weight", Reset),
    (Root::Service, "capacityProviderStrategy[].base", Reset),
    (Root::Service, "serviceConnectConfiguration.namespace", Kept),
    (Root::Service, "serviceConnectConfiguration.services[].clientAliases[].dnsName", Kept),
    // The gateway has defaults for what is left out.
    (Root::Service, "gatewayConnectors[].healthCheck", Kept),
    (Root::Service, "volumeConfigurations[].managedEBSVolume.iops", Kept),
    (Root::Service, "volumeConfigurations[].managedEBSVolume.kmsKeyId", Kept),
    (Root::Service, "volumeConfigurations[].managedEBSVolume.sizeInGiB", Kept),
    (Root::Service, "volumeConfigurations[].managedEBSVolume.throughput", Kept),
    (Root::Service, "volumeConfigurations[].managedEBSVolume.volumeType", Kept),
    // People suspend scaling by hand in incidents.
    (Root::ScalableTarget, "SuspendedState", Kept),
    (Root::TaskDefinition, "tags", Kept),
    // There is one type only.
    (Root::TaskDefinition, "proxyConfiguration.type", Nothing),
    (Root::ScalingPolicy, "PolicyType", Kept),
];

/// DescribeServices shows these in `deployments[]` only.
pub const IN_PRIMARY: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];
/// Only DescribeServiceRevisions shows these.
pub const IN_REVISION: [&str; 2] = ["gatewayConnectors", "monitoring"];

pub fn change(root: Root, path: &str) -> Change {
    match root {
        Root::TaskDefinition if covers("tags", path) => Change::NextRevision,
        Root::TaskDefinition => Change::Revision,
        Root::Service => row(path).1,
        // A schedule that Git asks for must not delete itself.
        Root::Schedule if path == "ActionAfterCompletion" => Change::Refused,
        Root::ScalableTarget | Root::ScalingPolicy | Root::ScheduledAction | Root::Schedule => {
            Change::InPlace
        }
    }
}

pub fn removal(root: Root, path: &str) -> Removal {
    if path.starts_with("SuspendedState.") || (root == Root::Service && path == "tags[].value") {
        return Reset;
    }
    let inside = FILLED_BY_AWS.iter().find(|(of, row, _)| *of == root && covers(row, path));
    if let Some((_, _, removal)) = inside {
        return *removal;
    }
    match root {
        Root::Service => row(path).2,
        Root::Schedule if path == "ActionAfterCompletion" => Removal::Nothing,
        _ => Removal::Reset,
    }
}

fn row(path: &str) -> &'static (&'static str, Change, Removal) {
    SERVICE.iter().find(|(row, ..)| covers(row, path)).unwrap_or_else(|| panic!("{path} is not in the table"))
}

/// Whether a row is about a member, or about one around it.
fn covers(row: &str, path: &str) -> bool {
    path.strip_prefix(row)
        .is_some_and(|rest| rest.is_empty() || row.is_empty() || rest.starts_with(['.', '[']))
}

pub fn acts_as(change: Change, consequence: &Consequence) -> bool {
    match change {
        Change::Revision => *consequence == Consequence::NewRevision,
        Change::InPlace | Change::Tags => *consequence == Consequence::InPlace,
        Change::Deploys => *consequence == Consequence::StartsDeployment,
        Change::Forces => *consequence == Consequence::ForcesDeployment,
        Change::Replaces => *consequence == Consequence::NeedsReplacement,
        Change::NextRevision | Change::Refused => false,
    }
}

/// Whether a read shows the member as it was asked for.
pub fn is_shown(root: Root, path: &str) -> bool {
    // Tags of our own stand among them.
    !(matches!(root, Root::TaskDefinition | Root::Service) && covers("tags", path))
}

/// Members that a manifest must not set, and that every such call carries.
pub fn is_filled_in(operation: &str, path: &str) -> bool {
    let known: [(&str, &[&str]); 5] = [
        ("CreateService", &["clientToken", "cluster", "serviceName", "taskDefinition"]),
        ("UpdateService", &["cluster", "taskDefinition"]),
        ("RegisterScalableTarget", &["ResourceId", "ScalableDimension", "ServiceNamespace"]),
        ("PutScalingPolicy", &["ResourceId", "ScalableDimension", "ServiceNamespace"]),
        ("PutScheduledAction", &["ResourceId", "ScalableDimension", "ServiceNamespace"]),
    ];
    let schedule = ["GroupName", "Name", "Target.Arn", "Target.EcsParameters.TaskDefinitionArn"];
    known.iter().any(|(of, paths)| *of == operation && paths.contains(&path))
        || operation.ends_with("Schedule") && schedule.contains(&path)
}

/// The part of a `spec` that a call carries.
pub fn section(operation: &str, body: &Value, spec: &Value) -> Option<Value> {
    let named = |list: &str, name: &str| {
        let mut all = spec["scaling"][list].as_array().into_iter().flatten();
        all.find(|it| it[name] == body[name]).cloned()
    };
    match operation {
        "RegisterTaskDefinition" => Some(spec["taskDefinition"].clone()),
        "CreateService" | "UpdateService" => Some(spec["service"].clone()),
        "RegisterScalableTarget" => {
            let scaling = &spec["scaling"];
            Some(json!({
                "MinCapacity": scaling["minCapacity"], "MaxCapacity": scaling["maxCapacity"],
                "SuspendedState": scaling["suspendedState"],
            }))
        }
        "PutScalingPolicy" => named("policies", "PolicyName"),
        "PutScheduledAction" => named("scheduledActions", "ScheduledActionName"),
        _ => Some(spec["schedule"].clone()),
    }
}

/// What a task has to run on for ECS to take a member.
pub fn runs_on(root: Root, path: &str) -> RunsOn {
    let fargate = match root {
        Root::TaskDefinition => {
            ["ephemeralStorage", "enableFaultInjection"].iter().any(|it| covers(it, path))
        }
        Root::Service => !["placementConstraints", "placementStrategy", "role", "schedulingStrategy"]
            .iter()
            .any(|it| covers(it, path)),
        _ => true,
    };
    if fargate { RunsOn::Fargate } else { RunsOn::Instances }
}

/// The least of a structure that ECS takes, where that is more than its required members.
pub fn least(service: &str, structure: &str, turn: Turn) -> Option<Value> {
    let second = turn == Turn::Second;
    if service == "scheduler" {
        return match structure {
            "CapacityProviderStrategyItem" => Some(json!({"capacityProvider": "machines", "weight": 1})),
            "NetworkConfiguration" => Some(json!({"awsvpcConfiguration": {"Subnets": ["subnet-1"]}})),
            "PlacementConstraint" => {
                Some(json!({"type": "memberOf", "expression": "attribute:ecs.instance-type =~ m5.*"}))
            }
            "PlacementStrategy" => Some(json!({"type": "binpack", "field": "cpu"})),
            _ => None,
        };
    }
    Some(match structure {
        "AwsVpcConfiguration" => return None,
        "CapacityProviderStrategyItem" => json!({"capacityProvider": "FARGATE", "weight": 1}),
        "ContainerDefinition" => {
            json!({"name": "app", "image": "app:1", "memory": if second { 256 } else { 128 }})
        }
        "ContainerDependency" => json!({"containerName": "side", "condition": "START"}),
        "DeploymentCircuitBreaker" => json!({"enable": true, "rollback": second}),
        "DeploymentLifecycleHook" => json!({
            "hookTargetArn": "arn:aws:lambda:eu-west-1:123456789012:function:check",
            "roleArn": "arn:aws:iam::123456789012:role/hooks", "lifecycleStages": ["POST_SCALE_UP"],
        }),
        "EBSTagSpecification" => {
            json!({"resourceType": "volume", "tags": [{"key": "team", "value": "jobs"}]})
        }
        "EnvironmentFile" => json!({"type": "s3", "value": "arn:aws:s3:::files/app.env"}),
        "HealthCheck" => json!({"command": ["CMD-SHELL", "true"]}),
        "KeyValuePair" => json!({"name": "LEVEL", "value": "info"}),
        "LoadBalancer" => {
            json!({"targetGroupArn": "$GROUP_ONE", "containerName": "app", "containerPort": 8080})
        }
        "LogConfiguration" => json!({"logDriver": "json-file"}),
        "MountPoint" => json!({"sourceVolume": "data", "containerPath": "/data"}),
        "NetworkConfiguration" => json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}}),
        "PlacementConstraint" | "TaskDefinitionPlacementConstraint" => {
            json!({"type": "memberOf", "expression": "attribute:ecs.instance-type =~ m5.*"})
        }
        "PlacementStrategy" => json!({"type": "binpack", "field": "cpu"}),
        "PortMapping" => json!({"containerPort": 8080}),
        "ResourceRequirement" => json!({"type": "GPU", "value": "1"}),
        "ServiceConnectConfiguration" => json!({"enabled": true, "namespace": "internal"}),
        "ServiceConnectService" => json!({"portName": "http"}),
        "ServiceConnectTestTrafficHeaderRules" => json!({"name": "x-test", "value": {"exact": "yes"}}),
        "ServiceManagedEBSVolumeConfiguration" => {
            json!({"roleArn": "arn:aws:iam::123456789012:role/volumes", "sizeInGiB": 20})
        }
        "ServiceRegistry" => {
            json!({"registryArn": "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1"})
        }
        "ServiceVolumeConfiguration" => json!({
            "name": "data",
            "managedEBSVolume": {"roleArn": "arn:aws:iam::123456789012:role/volumes", "sizeInGiB": 20},
        }),
        "SystemControl" => json!({"namespace": "net.core.somaxconn", "value": "1024"}),
        "Tag" => json!({"key": "team", "value": "jobs"}),
        "Volume" => json!({"name": "data"}),
        "VolumeFrom" => json!({"sourceContainer": "side"}),
        "VpcLatticeConfiguration" => json!({
            "roleArn": "arn:aws:iam::123456789012:role/lattice", "portName": "http",
            "targetGroupArn": "arn:aws:vpc-lattice:eu-west-1:123456789012:targetgroup/tg-1",
        }),
        "StepAdjustment" => json!({"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}),
        "MetricDimension" | "TargetTrackingMetricDimension" | "PredictiveScalingMetricDimension" => {
            json!({"Name": "Service", "Value": "app"})
        }
        "TargetTrackingMetric" | "PredictiveScalingMetric" => {
            json!({"Namespace": "Jobs", "MetricName": "Backlog"})
        }
        "TargetTrackingMetricDataQuery" | "PredictiveScalingMetricDataQuery" => {
            json!({"Id": "m1", "Expression": "TIME_SERIES(20)"})
        }
        _ => return None,
    })
}

/// The two values of a member, where its type alone does not tell: the second is not AWS's default.
pub fn values(root: Root, path: &str) -> Option<(Value, Value)> {
    let arn = |rest: &str| json!(format!("arn:aws:{rest}"));
    if path.ends_with("].ReturnData") {
        return Some((json!(true), json!(false)));
    }
    Some(match (root, path) {
        (Root::TaskDefinition, "cpu") => (json!("256"), json!("512")),
        (Root::TaskDefinition, "memory") => (json!("512"), json!("1024")),
        (Root::TaskDefinition, "ephemeralStorage.sizeInGiB") => (json!(30), json!(40)),
        (Root::TaskDefinition, path) => {
            let path = path.strip_prefix("containerDefinitions[].").unwrap_or(path);
            match path {
                "portMappings[].containerPort" => (json!(8080), json!(8081)),
                "portMappings[].hostPort" => (json!(18_080), json!(18_081)),
                "portMappings[].containerPortRange" => (json!("8080-8085"), json!("8080-8090")),
                "dependsOn" => (
                    json!([{"containerName": "side", "condition": "START"}]),
                    json!([{"containerName": "aside", "condition": "START"}]),
                ),
                "environmentFiles" => (
                    json!([{"type": "s3", "value": "arn:aws:s3:::files/one.env"}]),
                    json!([{"type": "s3", "value": "arn:aws:s3:::files/two.env"}]),
                ),
                "healthCheck.retries" => (json!(2), json!(4)),
                "linuxParameters" => (json!({"maxSwap": 10}), json!({"maxSwap": 20})),
                "volumes[].efsVolumeConfiguration" => {
                    (json!({"fileSystemId": "fs-1"}), json!({"fileSystemId": "fs-2"}))
                }
                "essential" => (json!(true), json!(false)),
                "environmentFiles[].value" => (arn("s3:::files/one.env"), arn("s3:::files/two.env")),
                "mountPoints[].sourceVolume" => (json!("data"), json!("other")),
                "volumesFrom[].sourceContainer" | "dependsOn[].containerName" => {
                    (json!("side"), json!("aside"))
                }
                "proxyConfiguration.containerName" => (json!("app"), json!("side")),
                "resourceRequirements[].value" => (json!("1"), json!("2")),
                "volumes[].efsVolumeConfiguration.transitEncryption"
                | "volumes[].efsVolumeConfiguration.authorizationConfig.iam" => {
                    (json!("DISABLED"), json!("ENABLED"))
                }
                "requiresCompatibilities" => (json!(["EC2"]), json!(["EC2", "EXTERNAL"])),
                _ => return None,
            }
        }
        (Root::Service, "capacityProviderStrategy") => (
            json!([{"capacityProvider": "FARGATE", "weight": 1}]),
            json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]),
        ),
        (Root::Service, "capacityProviderStrategy[].capacityProvider") => {
            (json!("FARGATE"), json!("FARGATE_SPOT"))
        }
        (Root::Service, "role") => (arn("iam::123456789012:role/one"), arn("iam::123456789012:role/two")),
        (Root::Service, "launchType") => (json!("FARGATE"), json!("EC2")),
        (Root::Service, "networkConfiguration") => (
            json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}}),
            json!({"awsvpcConfiguration": {"subnets": ["subnet-2"]}}),
        ),
        (Root::Service, "networkConfiguration.awsvpcConfiguration") => {
            (json!({"subnets": ["subnet-1"]}), json!({"subnets": ["subnet-2"]}))
        }
        (Root::Service, "networkConfiguration.awsvpcConfiguration.assignPublicIp")
        | (Root::Schedule, "Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.AssignPublicIp") => {
            (json!("DISABLED"), json!("ENABLED"))
        }
        (Root::Service, "platformVersion") => (json!("1.4.0"), json!("1.3.0")),
        (Root::Service, "loadBalancers") => (
            json!([{"targetGroupArn": "$GROUP_ONE", "containerName": "app", "containerPort": 8080}]),
            json!([{"targetGroupArn": "$GROUP_TWO", "containerName": "app", "containerPort": 8080}]),
        ),
        (Root::Service, "deploymentConfiguration.deploymentCircuitBreaker") => {
            (json!({"enable": true, "rollback": false}), json!({"enable": true, "rollback": true}))
        }
        (Root::Service, "volumeConfigurations[].managedEBSVolume") => {
            let role = "arn:aws:iam::123456789012:role/volumes";
            (json!({"roleArn": role, "sizeInGiB": 20}), json!({"roleArn": role, "sizeInGiB": 30}))
        }
        (Root::Service, "loadBalancers[].targetGroupArn") => (json!("$GROUP_ONE"), json!("$GROUP_TWO")),
        (Root::Service, "loadBalancers[].advancedConfiguration.alternateTargetGroupArn") => {
            (json!("$GROUP_TWO"), arn("elasticloadbalancing:eu-west-1:123456789012:targetgroup/three/3"))
        }
        (Root::Service, "loadBalancers[].containerName") => (json!("app"), json!("side")),
        (Root::Service, "serviceRegistries[].containerName") => (json!("app"), json!("side")),
        (Root::Service, "loadBalancers[].containerPort") => (json!(8080), json!(8081)),
        (Root::Service, "deploymentConfiguration") => {
            (json!({"maximumPercent": 150}), json!({"maximumPercent": 180}))
        }
        (Root::Service, "deploymentConfiguration.maximumPercent") => (json!(150), json!(180)),
        (Root::Service, "deploymentConfiguration.minimumHealthyPercent") => (json!(50), json!(60)),
        (Root::Service, "deploymentConfiguration.strategy") => (json!("ROLLING"), json!("BLUE_GREEN")),
        (Root::Service, "deploymentConfiguration.earlySuccessCriteria.healthyPercent") => {
            (json!(90), json!(80))
        }
        (Root::Service, "deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask") => {
            (json!(true), json!(false))
        }
        (Root::Service, "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.type") => {
            (json!("BOUNDED_PERCENT"), json!("COUNT"))
        }
        (Root::Service, "deploymentController") => (json!({"type": "ECS"}), json!({"type": "CODE_DEPLOY"})),
        (Root::Service, "placementStrategy[].field") => (json!("cpu"), json!("memory")),
        (Root::Service, "placementStrategy[].type") => (json!("spread"), json!("binpack")),
        (Root::Service, "serviceConnectConfiguration.enabled") => (json!(false), json!(true)),
        (Root::Service, "serviceConnectConfiguration.services[].portName")
        | (Root::Service, "vpcLatticeConfigurations[].portName")
        | (Root::Service, "gatewayConnectors[].portName") => (json!("http"), json!("admin")),
        (Root::Service, "volumeConfigurations[].name") => (json!("data"), json!("other")),
        (Root::Service, "volumeConfigurations[].managedEBSVolume.encrypted") => (json!(true), json!(false)),
        (Root::Service, "monitoring.metricConfigurations[].resolutionSeconds") => (json!(60), json!(20)),
        (Root::ScalableTarget, "SuspendedState") => {
            (json!({"DynamicScalingInSuspended": true}), json!({"ScheduledScalingSuspended": true}))
        }
        (Root::ScalableTarget, "MinCapacity") => (json!(0), json!(1)),
        (Root::ScalableTarget, "MaxCapacity") => (json!(4), json!(5)),
        (Root::ScalingPolicy, path) => return policy_values(path),
        (Root::ScheduledAction, "ScheduledActionName") => (json!("night"), json!("day")),
        (Root::ScheduledAction, "Schedule") => (json!("cron(0 22 * * ? *)"), json!("cron(0 23 * * ? *)")),
        (Root::ScheduledAction, "Timezone") | (Root::Schedule, "ScheduleExpressionTimezone") => {
            (json!("Europe/Dublin"), json!("Europe/Berlin"))
        }
        (Root::ScheduledAction, "ScalableTargetAction") => {
            (json!({"MinCapacity": 0}), json!({"MaxCapacity": 9}))
        }
        (Root::Schedule, "ScheduleExpression") => (json!("rate(1 hour)"), json!("rate(2 hours)")),
        (Root::Schedule, "ActionAfterCompletion") => (json!("NONE"), json!("DELETE")),
        (Root::Schedule, "FlexibleTimeWindow") => {
            (json!({"Mode": "OFF"}), json!({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}))
        }
        // FLEXIBLE needs its minutes, and OFF has none: the window changes as a whole.
        (Root::Schedule, "FlexibleTimeWindow.Mode") => (json!("OFF"), json!("OFF")),
        (Root::Schedule, "FlexibleTimeWindow.MaximumWindowInMinutes") => (json!(10), json!(20)),
        (Root::Schedule, "Target") => {
            let target = |role: &str| {
                let role = format!("arn:aws:iam::123456789012:role/{role}");
                json!({"RoleArn": role, "EcsParameters": {"TaskCount": 2}})
            };
            (target("one"), target("two"))
        }
        (Root::Schedule, "Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration") => {
            (json!({"Subnets": ["subnet-1"]}), json!({"Subnets": ["subnet-2"]}))
        }
        (Root::Schedule, "Target.EcsParameters") => {
            (json!({"TaskCount": 2}), json!({"TaskCount": 2, "PropagateTags": "TASK_DEFINITION"}))
        }
        (Root::Schedule, "Target.Input") => {
            (json!(r#"{"containerOverrides": [{"name": "app", "cpu": 1}]}"#), json!(r#"{"cpu": "512"}"#))
        }
        (Root::Schedule, "Target.DeadLetterConfig") => (
            json!({"Arn": "arn:aws:sqs:eu-west-1:123456789012:late"}),
            json!({"Arn": "arn:aws:sqs:eu-west-1:123456789012:later"}),
        ),
        (Root::Schedule, "Target.DeadLetterConfig.Arn") => {
            (arn("sqs:eu-west-1:123456789012:late"), arn("sqs:eu-west-1:123456789012:later"))
        }
        (Root::Schedule, "Target.EcsParameters.Tags") => {
            (json!([{"key": "team", "value": "jobs"}]), json!([{"key": "team", "value": "mail"}]))
        }
        (Root::Schedule, "Target.EcsParameters.CapacityProviderStrategy") => {
            (json!([{"capacityProvider": "machines"}]), json!([{"capacityProvider": "machines_SPOT"}]))
        }
        (Root::Schedule, "Target.EcsParameters.CapacityProviderStrategy[].capacityProvider") => {
            (json!("machines"), json!("machines_SPOT"))
        }
        _ => return None,
    })
}

fn policy_values(path: &str) -> Option<(Value, Value)> {
    let tracking = |value: f64| {
        let metric = json!({"PredefinedMetricType": "ECSServiceAverageCPUUtilization"});
        json!({"TargetValue": value, "PredefinedMetricSpecification": metric})
    };
    Some(match path {
        "PolicyType" => (json!("TargetTrackingScaling"), json!("TargetTrackingScaling")),
        // The old one stays beside it, and is listed behind it.
        "PolicyName" => (json!("night"), json!("day")),
        "StepScalingPolicyConfiguration" => {
            let configuration = |by: i64| {
                let step = json!({"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": by});
                json!({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [step]})
            };
            (configuration(1), configuration(2))
        }
        "PredictiveScalingPolicyConfiguration" => (
            json!({"MetricSpecifications": [{"TargetValue": 50.0}]}),
            json!({"MetricSpecifications": [{"TargetValue": 60.0}]}),
        ),
        "TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification" => (
            json!({"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}),
            json!({"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}),
        ),
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification" => (
            json!({"MetricName": "Backlog", "Namespace": "Jobs", "Statistic": "Average"}),
            json!({"MetricName": "Backlog", "Namespace": "Jobs", "Statistic": "Sum"}),
        ),
        "TargetTrackingScalingPolicyConfiguration" => (tracking(50.0), tracking(60.0)),
        _ => return None,
    })
}

/// More of a `spec` that a member needs around it, by the longest that fits.
pub fn needs(root: Root, path: &str) -> Vec<Value> {
    let side = |name: &str| json!({"name": name, "image": "side:1", "memory": 64, "essential": false});
    let named_ports = json!({"taskDefinition": {"containerDefinitions": [{"name": "app", "image": "app:1",
        "portMappings": [{"containerPort": 8080, "name": "http"}, {"containerPort": 8081, "name": "admin"}]}]}});
    let blue_green = json!({"service": {"deploymentConfiguration":
        {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}}});
    let balanced = json!({"service": {"loadBalancers":
        [{"targetGroupArn": "$GROUP_ONE", "containerName": "app", "containerPort": 8080}]}});
    let about = |row: &str| covers(row, path);
    let mut needs = Vec::new();
    match root {
        Root::TaskDefinition => {
            let path = path.strip_prefix("containerDefinitions[].").unwrap_or(path);
            let about = |row: &str| covers(row, path);
            if ["volumesFrom", "dependsOn", "proxyConfiguration"].iter().any(|it| about(it)) {
                let app = json!({"name": "app", "image": "app:1", "memory": 128});
                needs.push(
                    json!({"taskDefinition": {"containerDefinitions": [app, side("side"), side("aside")]}}),
                );
            } else if about("essential") {
                let app = json!({"name": "app", "image": "app:1", "memory": 128});
                let other = json!({"name": "side", "image": "side:1", "memory": 64});
                needs.push(json!({"taskDefinition": {"containerDefinitions": [app, other]}}));
            } else if about("mountPoints") {
                needs.push(json!({"taskDefinition": {"volumes": [{"name": "data"}, {"name": "other"}]}}));
            } else if about("portMappings[].containerPortRange") {
                let app = json!({"name": "app", "image": "app:1", "memory": 128,
                    "portMappings": [{"protocol": "tcp"}]});
                needs.push(json!({"taskDefinition": {"containerDefinitions": [app]}}));
            } else if about("memory") || about("memoryReservation") {
                needs.push(json!({"taskDefinition": {"memory": "512"}}));
            }
        }
        Root::Service => {
            if about("healthCheckGracePeriodSeconds") {
                needs.push(balanced.clone());
            }
            if about("loadBalancers[].advancedConfiguration") {
                needs.extend([balanced, blue_green.clone()]);
            }
            if about("loadBalancers[].loadBalancerName") {
                needs.push(
                    json!({"service": {"loadBalancers": [{"containerName": "app", "containerPort": 8080}]}}),
                );
            }
            if about("loadBalancers[].containerName") {
                let side = json!({"name": "side", "image": "side:1",
                    "portMappings": [{"containerPort": 8080, "hostPort": 8080}]});
                let app = json!({"name": "app", "image": "app:1", "portMappings": [{"containerPort": 8080}]});
                needs.push(json!({"taskDefinition": {"containerDefinitions": [app, side]}}));
            }
            if about("loadBalancers[].containerPort") || path.ends_with("portName") {
                needs.push(named_ports);
            }
            if about("capacityProviderStrategy") {
                needs.push(json!({"service": {"launchType": null}}));
            }
            if about("launchType") {
                needs.push(json!({"taskDefinition": {"requiresCompatibilities": ["FARGATE", "EC2"]}}));
            }
            if about("schedulingStrategy") {
                let configuration = json!({"maximumPercent": 100, "minimumHealthyPercent": 0});
                needs.push(
                    json!({"service": {"desiredCount": null, "deploymentConfiguration": configuration}}),
                );
            }
            if about("deploymentConfiguration.strategy") {
                needs.push(json!({"service": {"deploymentConfiguration": {"bakeTimeInMinutes": 5}}}));
            }
            if about("deploymentConfiguration.lifecycleHooks") {
                needs.push(blue_green);
            }
            if about("deploymentConfiguration.linearConfiguration") {
                needs.push(json!({"service": {"deploymentConfiguration": {"strategy": "LINEAR"}}}));
            }
            if about("deploymentConfiguration.canaryConfiguration") {
                needs.push(json!({"service": {"deploymentConfiguration": {"strategy": "CANARY"}}}));
            }
            if about("deploymentConfiguration.earlySuccessCriteria") {
                needs.push(json!({"service": {"deploymentConfiguration": {"minimumHealthyPercent": 50}}}));
            }
            if about("volumeConfigurations") {
                let volume = |name: &str| json!({"name": name, "configuredAtLaunch": true});
                needs.push(json!({"taskDefinition": {"volumes": [volume("data"), volume("other")]}}));
            }
        }
        Root::ScalableTarget | Root::ScheduledAction => {}
        Root::ScalingPolicy => needs.push(json!({"scaling": {"policies": [policy(path)]}})),
        Root::Schedule => {
            if about("Target.EcsParameters.NetworkConfiguration") {
                needs.push(json!({"taskDefinition": {"networkMode": "awsvpc"}}));
            }
            if about("FlexibleTimeWindow.MaximumWindowInMinutes") {
                needs.push(json!({"schedule": {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}}));
            }
        }
    }
    needs
}

/// A policy of the type that a member belongs to.
fn policy(path: &str) -> Value {
    const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
    const CUSTOM: &str = "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification";
    // Two policies can't track one metric, but two may step on it.
    if covers("StepScalingPolicyConfiguration", path) || path == "PolicyName" {
        let step = json!({"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1});
        let configuration = json!({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [step]});
        return json!({"PolicyName": "policy", "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": configuration});
    }
    if covers("PredictiveScalingPolicyConfiguration", path) {
        let specification = json!({"TargetValue": 50.0});
        return json!({"PolicyName": "policy", "PolicyType": "PredictiveScaling",
            "PredictiveScalingPolicyConfiguration": {"MetricSpecifications": [specification]}});
    }
    let configuration = match path {
        path if covers(&format!("{CUSTOM}.Metrics"), path) => {
            json!({"TargetValue": 50.0, "CustomizedMetricSpecification": {}})
        }
        path if covers(CUSTOM, path) => json!({"TargetValue": 50.0, "CustomizedMetricSpecification":
            {"MetricName": "Backlog", "Namespace": "Jobs", "Statistic": "Average"}}),
        _ => json!({"TargetValue": 50.0, "PredefinedMetricSpecification":
            {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}),
    };
    let mut policy = json!({"PolicyName": "policy", "PolicyType": "TargetTrackingScaling"});
    policy[TRACKING] = configuration;
    policy
}
