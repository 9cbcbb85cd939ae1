//! A service's settings: ECS's defaults, what an update keeps, and which members deploy.

use serde_json::{Map, Value, json};

use crate::ecs::input;
use crate::error::ApiError;

type Settings = Map<String, Value>;

/// A change of one of these starts a deployment (UpdateService says so member by member).
pub(in crate::ecs) const DEPLOYING: [&str; 10] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
];

/// What a service revision holds, and hence what a rollback restores.
pub(in crate::ecs) const REVISION_MEMBERS: [&str; 12] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
    "launchType",
    "capacityProviderStrategy",
];

/// What ECS can rebalance over availability zones: it has room for a task more, and no placement that says
/// otherwise. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>
fn can_be_rebalanced(settings: &Settings) -> bool {
    let zones = json!("attribute:ecs.availability-zone");
    let first = &settings["placementStrategy"][0];
    let names_zones = |constraint: &Value| {
        constraint["expression"].as_str().is_some_and(|text| text.contains("ecs.availability-zone"))
    };
    settings["deploymentConfiguration"]["maximumPercent"] != json!(100)
        && (first.is_null() || (first["type"] == "spread" && first["field"] == zones))
        && !settings["placementConstraints"].as_array().into_iter().flatten().any(names_zones)
}

/// Fills in what ECS fills in; does nothing to settings that were filled before.
pub(super) fn fill(settings: &mut Settings) {
    let daemon = settings.get("schedulingStrategy") == Some(&json!("DAEMON"));
    default(settings, "schedulingStrategy", json!("REPLICA"));
    default(settings, "deploymentController", json!({"type": "ECS"}));
    for list in ["loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"] {
        default(settings, list, json!([]));
    }
    for flag in ["enableECSManagedTags", "enableExecuteCommand"] {
        default(settings, flag, json!(false));
    }
    default(settings, "propagateTags", json!("NONE"));
    fill_deployment_configuration(settings, daemon);
    let rebalancing = if !daemon && can_be_rebalanced(settings) { "ENABLED" } else { "DISABLED" };
    default(settings, "availabilityZoneRebalancing", json!(rebalancing));
    if is_fargate(settings) {
        default(settings, "platformVersion", json!("LATEST"));
        default(settings, "platformFamily", json!("Linux"));
    }
    if settings["loadBalancers"] != json!([]) {
        default(settings, "healthCheckGracePeriodSeconds", json!(0));
    }
    if let Some(Value::Object(awsvpc)) =
        settings.get_mut("networkConfiguration").and_then(|network| network.get_mut("awsvpcConfiguration"))
    {
        default(awsvpc, "assignPublicIp", json!("DISABLED"));
        default(awsvpc, "securityGroups", json!([]));
    }
    fill_placement(settings);
    fill_service_connect(settings);
    fill_volumes(settings);
    fill_gateway_connectors(settings);
}

fn default(settings: &mut Settings, name: &str, value: Value) {
    settings.entry(name).or_insert(value);
}

pub(super) fn is_fargate(settings: &Settings) -> bool {
    let by_launch_type = settings.get("launchType") == Some(&json!("FARGATE"));
    let by_strategy =
        settings.get("capacityProviderStrategy").and_then(Value::as_array).is_some_and(|items| {
            items
                .iter()
                .any(|item| item["capacityProvider"].as_str().is_some_and(|name| name.starts_with("FARGATE")))
        });
    by_launch_type || by_strategy
}

fn fill_deployment_configuration(settings: &mut Settings, daemon: bool) {
    default(settings, "deploymentConfiguration", json!({}));
    let Some(Value::Object(configuration)) = settings.get_mut("deploymentConfiguration") else {
        return;
    };
    let (maximum, minimum) = if daemon { (100, 0) } else { (200, 100) };
    default(configuration, "maximumPercent", json!(maximum));
    default(configuration, "minimumHealthyPercent", json!(minimum));
    default(configuration, "strategy", json!("ROLLING"));
    default(configuration, "bakeTimeInMinutes", json!(0));
    default(configuration, "deploymentCircuitBreaker", json!({}));
    if let Some(Value::Object(breaker)) = configuration.get_mut("deploymentCircuitBreaker") {
        default(breaker, "enable", json!(false));
        default(breaker, "rollback", json!(false));
        default(breaker, "resetOnHealthyTask", json!(true));
        let threshold = json!({"type": "BOUNDED_PERCENT", "value": 50});
        default(breaker, "thresholdConfiguration", threshold);
    }
    fill_strategy(configuration);
    for hook in objects(configuration, "lifecycleHooks") {
        default(hook, "targetType", json!("AWS_LAMBDA"));
        default(hook, "timeoutConfiguration", json!({}));
        if let Some(Value::Object(timeout)) = hook.get_mut("timeoutConfiguration") {
            default(timeout, "timeoutInMinutes", json!(1440));
            default(timeout, "action", json!("ROLLBACK"));
        }
    }
}

/// The block of the strategy that is selected is whole, with percentages as doubles.
fn fill_strategy(configuration: &mut Settings) {
    let (block, percent, minutes) = match configuration.get("strategy").and_then(Value::as_str) {
        Some("LINEAR") => ("linearConfiguration", ("stepPercent", 10.0), ("stepBakeTimeInMinutes", 6)),
        Some("CANARY") => ("canaryConfiguration", ("canaryPercent", 5.0), ("canaryBakeTimeInMinutes", 10)),
        _ => return,
    };
    default(configuration, block, json!({}));
    if let Some(Value::Object(block)) = configuration.get_mut(block) {
        default(block, percent.0, json!(percent.1));
        if let Some(value) = block.get(percent.0).and_then(Value::as_f64) {
            block.insert(percent.0.to_owned(), json!(value));
        }
        default(block, minutes.0, json!(minutes.1));
    }
}

/// The objects of a list.
fn objects<'a>(settings: &'a mut Settings, list: &str) -> impl Iterator<Item = &'a mut Settings> {
    let list = settings.get_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn fill_volumes(settings: &mut Settings) {
    for volume in objects(settings, "volumeConfigurations") {
        let Some(Value::Object(volume)) = volume.get_mut("managedEBSVolume") else { continue };
        default(volume, "filesystemType", json!("xfs"));
        for tags in objects(volume, "tagSpecifications") {
            default(tags, "propagateTags", json!("NONE"));
        }
    }
}

fn fill_gateway_connectors(settings: &mut Settings) {
    for connector in objects(settings, "gatewayConnectors") {
        default(connector, "deregistrationDelay", json!({}));
        if let Some(Value::Object(delay)) = connector.get_mut("deregistrationDelay") {
            default(delay, "timeoutSeconds", json!(300));
        }
    }
}

/// `host` comes back as `instanceId`, and `cpu` and `memory` in upper case.
fn fill_placement(settings: &mut Settings) {
    let Some(Value::Array(strategies)) = settings.get_mut("placementStrategy") else {
        return;
    };
    for strategy in strategies {
        let field = match strategy["field"].as_str() {
            Some("host") => "instanceId",
            Some("cpu") => "CPU",
            Some("memory") => "MEMORY",
            _ => continue,
        };
        strategy["field"] = field.into();
    }
}

fn fill_service_connect(settings: &mut Settings) {
    let Some(Value::Object(connect)) = settings.get_mut("serviceConnectConfiguration") else {
        return;
    };
    if let Some(Value::Object(log)) = connect.get_mut("accessLogConfiguration") {
        default(log, "includeQueryParameters", json!("DISABLED"));
    }
    let namespace = connect.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(Value::Array(services)) = connect.get_mut("services") else {
        return;
    };
    for service in services.iter_mut().filter_map(Value::as_object_mut) {
        let port_name = service.get("portName").cloned().unwrap_or_default();
        default(service, "discoveryName", port_name);
        let discovery = service["discoveryName"].as_str().unwrap_or_default();
        let dns_name = json!(format!("{discovery}.{namespace}"));
        let Some(Value::Array(aliases)) = service.get_mut("clientAliases") else {
            continue;
        };
        for alias in aliases.iter_mut().filter_map(Value::as_object_mut) {
            default(alias, "dnsName", dns_name.clone());
        }
    }
}

/// The settings after an update: members left out are kept, and so are those left out of
/// `deploymentConfiguration`; every other member that is sent is taken whole.
pub(super) fn merged(old: &Settings, input: &Value) -> Result<Settings, ApiError> {
    for refused in ["launchType", "role", "schedulingStrategy", "serviceName", "tags"] {
        if input.get(refused).is_some() {
            // The SDKs cannot send these. AWS ignores members that it does not know.
            tracing::debug!(member = refused, "ignored in UpdateService");
        }
    }
    let mut settings = old.clone();
    for (name, value) in input::members(input) {
        match name.as_str() {
            "cluster" | "service" | "forceNewDeployment" | "desiredCount" | "taskDefinition"
            | "launchType" | "role" | "schedulingStrategy" | "serviceName" | "tags" | "clientToken" => {}
            "deploymentConfiguration" => {
                if let (Some(Value::Object(kept)), Value::Object(sent)) = (settings.get_mut(&name), value) {
                    merge_configuration(kept, sent);
                }
            }
            "capacityProviderStrategy" => set_strategy(&mut settings, value),
            _ => {
                settings.insert(name, value);
            }
        }
    }
    Ok(settings)
}

fn merge_configuration(kept: &mut Settings, sent: Settings) {
    for (name, value) in sent {
        match (name.as_str(), kept.get_mut(&name), value) {
            ("deploymentCircuitBreaker", Some(Value::Object(kept)), Value::Object(sent)) => {
                kept.extend(sent);
            }
            (_, _, value) => {
                kept.insert(name, value);
            }
        }
    }
}

/// An empty strategy leads back to a launch type.
fn set_strategy(settings: &mut Settings, strategy: Value) {
    if strategy != json!([]) {
        settings.remove("launchType");
        settings.insert("capacityProviderStrategy".to_owned(), strategy);
        return;
    }
    let launch_type = if is_fargate(settings) { "FARGATE" } else { "EC2" };
    settings.remove("capacityProviderStrategy");
    default(settings, "launchType", json!(launch_type));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn filled(value: Value) -> Settings {
        let mut settings = input::members(&value);
        fill(&mut settings);
        settings
    }

    #[test]
    fn a_bare_fargate_service_reads_back_with_ecss_defaults() {
        let settings = filled(json!({"launchType": "FARGATE", "taskDefinition": "t"}));
        assert_eq!(settings["platformVersion"], "LATEST");
        assert_eq!(settings["propagateTags"], "NONE");
        assert_eq!(settings["availabilityZoneRebalancing"], "ENABLED");
        assert_eq!(
            settings["deploymentConfiguration"],
            json!({
                "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING",
                "bakeTimeInMinutes": 0,
                "deploymentCircuitBreaker": {
                    "enable": false, "rollback": false, "resetOnHealthyTask": true,
                    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
                },
            })
        );
        let mut again = settings.clone();
        fill(&mut again);
        assert_eq!(again, settings);
    }

    #[test]
    fn strategies_hooks_and_volumes_read_back_with_ecss_defaults() {
        let settings = filled(json!({
            "launchType": "FARGATE",
            "deploymentConfiguration": {
                "strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 20},
                "lifecycleHooks": [{"hookTargetArn": "arn:f", "timeoutConfiguration": {"action": "CONTINUE"}}],
            },
            "volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "r"}}],
            "gatewayConnectors": [{"portName": "http"}],
        }));
        let configuration = &settings["deploymentConfiguration"];
        assert_eq!(
            configuration["canaryConfiguration"],
            json!({"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 10})
        );
        assert_eq!(
            configuration["lifecycleHooks"],
            json!([{
                "hookTargetArn": "arn:f", "targetType": "AWS_LAMBDA",
                "timeoutConfiguration": {"action": "CONTINUE", "timeoutInMinutes": 1440},
            }])
        );
        assert_eq!(settings["volumeConfigurations"][0]["managedEBSVolume"]["filesystemType"], "xfs");
        assert_eq!(settings["gatewayConnectors"][0]["deregistrationDelay"], json!({"timeoutSeconds": 300}));
    }

    #[test]
    fn an_update_keeps_what_it_does_not_mention() {
        let old = filled(json!({
            "launchType": "FARGATE", "healthCheckGracePeriodSeconds": 30,
            "deploymentConfiguration": {"maximumPercent": 150},
        }));
        let update = json!({
            "service": "api",
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
        });
        let new = merged(&old, &update).unwrap();
        assert_eq!(new["healthCheckGracePeriodSeconds"], 30);
        let configuration = &new["deploymentConfiguration"];
        assert_eq!(configuration["maximumPercent"], 150);
        assert_eq!(configuration["deploymentCircuitBreaker"]["enable"], true);
        assert_eq!(configuration["deploymentCircuitBreaker"]["resetOnHealthyTask"], true);
    }

    #[test]
    fn an_empty_strategy_leads_back_to_the_launch_type() {
        let strategy = json!([{"capacityProvider": "FARGATE_SPOT"}]);
        let old = filled(json!({"capacityProviderStrategy": strategy}));
        let new = merged(&old, &json!({"capacityProviderStrategy": []})).unwrap();
        assert_eq!(new["launchType"], "FARGATE");
        assert!(!new.contains_key("capacityProviderStrategy"));
    }
}
