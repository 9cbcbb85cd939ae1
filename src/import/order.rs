//! The order in which people write the fields of a manifest: what it is, what it runs, how big, and the rest.

use std::cmp::Ordering;

/// Fields that are not here come last, in the order of the alphabet.
const ORDER: [&str; 98] = [
    // What it is and what it runs.
    "name",
    "family",
    "PolicyName",
    "PolicyType",
    "ScheduledActionName",
    "Schedule",
    "Timezone",
    "StartTime",
    "EndTime",
    "Id",
    "key",
    "value",
    "image",
    "repositoryCredentials",
    "essential",
    "type",
    // How big.
    "minCapacity",
    "maxCapacity",
    "MinCapacity",
    "MaxCapacity",
    "suspendedState",
    "cpu",
    "memory",
    "memoryReservation",
    "networkMode",
    "requiresCompatibilities",
    "runtimePlatform",
    "ephemeralStorage",
    "executionRoleArn",
    "taskRoleArn",
    "volumes",
    // A container.
    "entryPoint",
    "command",
    "workingDirectory",
    "user",
    "portMappings",
    "targetGroupArn",
    "containerName",
    "condition",
    "containerPort",
    "hostPort",
    "protocol",
    "appProtocol",
    "environment",
    "environmentFiles",
    "secrets",
    "sourceVolume",
    "containerPath",
    "readOnly",
    "mountPoints",
    "volumesFrom",
    "dependsOn",
    "healthCheck",
    "interval",
    "timeout",
    "retries",
    "startPeriod",
    "startTimeout",
    "stopTimeout",
    "restartPolicy",
    "firelensConfiguration",
    "logConfiguration",
    "logDriver",
    "options",
    "secretOptions",
    // A service.
    "desiredCount",
    "schedulingStrategy",
    "launchType",
    "capacityProviderStrategy",
    "capacityProvider",
    "base",
    "weight",
    "platformVersion",
    "networkConfiguration",
    "subnets",
    "securityGroups",
    "assignPublicIp",
    "loadBalancers",
    "healthCheckGracePeriodSeconds",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "enabled",
    "enable",
    "namespace",
    "portName",
    "discoveryName",
    "services",
    "deploymentConfiguration",
    "strategy",
    "minimumHealthyPercent",
    "maximumPercent",
    "deploymentCircuitBreaker",
    // Scaling.
    "TargetValue",
    "MetricName",
    "Namespace",
    "PredefinedMetricSpecification",
    "policies",
    "scheduledActions",
];

/// Said last, whatever else there is.
const LAST: [&str; 2] = ["containerDefinitions", "tags"];

/// Compares two fields of one structure.
pub fn natural(one: &str, other: &str) -> Ordering {
    (place(one), one).cmp(&(place(other), other))
}

fn place(name: &str) -> usize {
    match LAST.iter().position(|last| *last == name) {
        Some(last) => ORDER.len() + 1 + last,
        None => ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len()),
    }
}
