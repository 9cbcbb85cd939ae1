//! Values of members whose type alone does not tell them.

use serde_json::{Value, json};

use super::bases::Root;
use super::tables;
use super::values::Turn;

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
        "AdvancedConfiguration" => json!({
            "alternateTargetGroupArn": "$GROUP_TWO", "roleArn": "arn:aws:iam::123456789012:role/traffic",
            "productionListenerRule":
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/lb/1/2/3",
        }),
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
        "GatewayConnector" => json!({"portName": "http"}),
        "HealthCheck" => json!({"command": ["CMD-SHELL", "true"]}),
        "KeyValuePair" => json!({"name": "LEVEL", "value": "info"}),
        "LoadBalancer" => {
            json!({"targetGroupArn": "$GROUP_ONE", "containerName": "app", "containerPort": 8080})
        }
        "LogConfiguration" => json!({"logDriver": "json-file"}),
        "MetricConfiguration" => json!({"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}),
        "MountPoint" => json!({"sourceVolume": "data", "containerPath": "/data"}),
        "NetworkConfiguration" => json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}}),
        "PlacementConstraint" | "TaskDefinitionPlacementConstraint" => {
            json!({"type": "memberOf", "expression": "attribute:ecs.instance-type =~ m5.*"})
        }
        "PlacementStrategy" => json!({"type": "binpack", "field": "cpu"}),
        "PortMapping" => json!({"containerPort": 8080}),
        "ProxyConfiguration" => {
            let property = |name: &str, value: &str| json!({"name": name, "value": value});
            let user = if second { "1338" } else { "1337" };
            json!({"containerName": "app", "properties": [
                property("IgnoredUID", user), property("ProxyIngressPort", "15000"),
                property("ProxyEgressPort", "15001"), property("AppPorts", "8080"),
                property("EgressIgnoredIPs", "169.254.170.2"),
            ]})
        }
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
        "Tmpfs" => json!({"containerPath": "/cache", "size": 16}),
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
    if let Some(both) = tables::values(root, path) {
        return Some(both);
    }
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
