//! What a member needs around it before ECS takes it.

use serde_json::{Value, json};

use super::bases::{Root, RunsOn};
use super::expected::covers;

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
            } else if about("restartPolicy") && path.contains('.') {
                let policy = json!({"enabled": true});
                let app = json!({"name": "app", "image": "app:1", "memory": 128, "restartPolicy": policy});
                needs.push(json!({"taskDefinition": {"containerDefinitions": [app]}}));
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
