//! Rules for CreateService and UpdateService, read back by DescribeServices.

use super::Absent::{Filled, NotOursElse};
use super::Equality::{
    ArnTail, CapacityProvider, Document, Exact, KeyedBy, MapByName, Members, Number, Ordered, Percent,
    PlacementField, Set,
};
use super::{Clear, Effect, Equality, Fill, Owner, Rule, Tree};

pub(super) const fn service(path: &'static str, equality: Equality, effect: Effect) -> Rule {
    Rule::new(Tree::Service, path, equality, "UpdateService").effect(effect).clear(Clear::SendDefault)
}

/// A member of an object; acts as the object around it.
pub(super) const fn part(path: &'static str, equality: Equality, source: &'static str) -> Rule {
    Rule::new(Tree::Service, path, equality, source)
}

const fn output(path: &'static str) -> Rule {
    Rule::new(Tree::Service, path, Exact, "Service").owner(Owner::AwsOnly)
}

use Effect::{ForcesDeployment, InPlace, NeedsReplacement, StartsDeployment};

pub(super) const RULES: &[Rule] = &[
    service("desiredCount", Number, InPlace).not_ours().owner(Owner::Autoscaling).clear(Clear::Cannot),
    // Only CreateService takes these three.
    service("launchType", Exact, NeedsReplacement).not_ours().clear(Clear::Cannot),
    service("schedulingStrategy", Exact, NeedsReplacement).text("REPLICA").clear(Clear::Cannot),
    service("role", ArnTail, NeedsReplacement).not_ours().clear(Clear::Cannot),
    service("capacityProviderStrategy", KeyedBy(&["capacityProvider"]), ForcesDeployment)
        .absent(Filled(Fill::CapacityProviderStrategy))
        .clear(Clear::Send("[]")),
    part("capacityProviderStrategy[]", Members, "CapacityProviderStrategyItem"),
    part("capacityProviderStrategy[].capacityProvider", CapacityProvider, "CapacityProviderStrategyItem"),
    part("capacityProviderStrategy[].weight", Number, "CapacityProviderStrategyItem").number(0),
    part("capacityProviderStrategy[].base", Number, "CapacityProviderStrategyItem").number(0),
    // The service says LATEST where its deployments say what that was at the time.
    service("platformVersion", Exact, StartsDeployment).text("LATEST"),
    service("networkConfiguration", Members, StartsDeployment).not_ours().clear(Clear::Cannot),
    part("networkConfiguration.awsvpcConfiguration", Members, "AwsVpcConfiguration").not_ours(),
    part("networkConfiguration.awsvpcConfiguration.subnets", Set, "AwsVpcConfiguration").or_empty(),
    // Left out, ECS takes the VPC's default group.
    part("networkConfiguration.awsvpcConfiguration.securityGroups", Set, "AwsVpcConfiguration").not_ours(),
    part("networkConfiguration.awsvpcConfiguration.assignPublicIp", Exact, "AwsVpcConfiguration")
        .text("DISABLED"),
    service("loadBalancers", KeyedBy(&["containerName", "containerPort"]), StartsDeployment)
        .or_empty()
        .clear(Clear::Send("[]")),
    part("loadBalancers[]", Members, "LoadBalancer"),
    part("loadBalancers[].targetGroupArn", Exact, "LoadBalancer").or_empty(),
    part("loadBalancers[].loadBalancerName", Exact, "LoadBalancer").or_empty(),
    part("loadBalancers[].containerName", Exact, "LoadBalancer"),
    part("loadBalancers[].containerPort", Number, "LoadBalancer"),
    part("loadBalancers[].advancedConfiguration", Members, "AdvancedConfiguration").or_empty(),
    part("loadBalancers[].advancedConfiguration.alternateTargetGroupArn", Exact, "AdvancedConfiguration")
        .or_empty(),
    part("loadBalancers[].advancedConfiguration.productionListenerRule", Exact, "AdvancedConfiguration")
        .or_empty(),
    part("loadBalancers[].advancedConfiguration.testListenerRule", Exact, "AdvancedConfiguration").or_empty(),
    part("loadBalancers[].advancedConfiguration.roleArn", Exact, "AdvancedConfiguration").or_empty(),
    service("serviceRegistries", Set, StartsDeployment).or_empty().clear(Clear::Send("[]")),
    part("serviceRegistries[]", Members, "ServiceRegistry"),
    part("serviceRegistries[].registryArn", Exact, "ServiceRegistry").or_empty(),
    part("serviceRegistries[].containerName", Exact, "ServiceRegistry").or_empty(),
    part("serviceRegistries[].port", Number, "ServiceRegistry").number(0),
    part("serviceRegistries[].containerPort", Number, "ServiceRegistry").number(0),
    service("placementConstraints", Set, InPlace).or_empty().clear(Clear::Send("[]")),
    part("placementConstraints[]", Members, "PlacementConstraint"),
    part("placementConstraints[].type", Exact, "PlacementConstraint"),
    part("placementConstraints[].expression", Exact, "PlacementConstraint").or_empty(),
    // Strategies are tried in order.
    service("placementStrategy", Ordered, InPlace).or_empty().clear(Clear::Send("[]")),
    part("placementStrategy[]", Members, "PlacementStrategy"),
    part("placementStrategy[].type", Exact, "PlacementStrategy"),
    part("placementStrategy[].field", PlacementField, "PlacementStrategy").or_empty(),
    service("healthCheckGracePeriodSeconds", Number, InPlace).number(0),
    service("enableECSManagedTags", Exact, InPlace).flag(false),
    service("enableExecuteCommand", Exact, InPlace).flag(false),
    service("propagateTags", Exact, InPlace).text("NONE"),
    // ENABLED for services made since September 2025: nobody's default. Never set, as on older ones, it
    // is DISABLED.
    service("availabilityZoneRebalancing", Exact, InPlace)
        .absent(NotOursElse("DISABLED"))
        .clear(Clear::Cannot),
    service("deploymentController", Members, InPlace).or_empty(),
    part("deploymentController.type", Exact, "DeploymentController").text("ECS"),
    // Compared as a map, with TagResource to change them.
    service("tags", MapByName("value"), InPlace).owner(Owner::AwsOnly),
    output("serviceName"),
    output("serviceArn"),
    output("clusterArn"),
    output("cluster"),
    output("clientToken"),
    output("taskDefinition"),
    output("status"),
    output("runningCount"),
    output("pendingCount"),
    output("deployments"),
    output("events"),
    output("taskSets"),
    output("createdAt"),
    output("createdBy"),
    output("platformFamily"),
    output("roleArn"),
    output("currentServiceDeployment"),
    output("currentServiceRevisions"),
    output("resourceManagementType"),
];

pub(super) const DEPLOYMENT_RULES: &[Rule] = &[
    service("deploymentConfiguration", Members, InPlace).or_empty(),
    part("deploymentConfiguration.strategy", Exact, "DeploymentConfiguration").text("ROLLING"),
    part("deploymentConfiguration.maximumPercent", Number, "DeploymentConfiguration")
        .absent(Filled(Fill::MaximumPercent)),
    part("deploymentConfiguration.minimumHealthyPercent", Number, "DeploymentConfiguration")
        .absent(Filled(Fill::MinimumHealthyPercent)),
    part("deploymentConfiguration.bakeTimeInMinutes", Number, "DeploymentConfiguration").number(0),
    // Since autumn 2026 ECS answers with the threshold and resetOnHealthyTask as well.
    part("deploymentConfiguration.deploymentCircuitBreaker", Members, "DeploymentCircuitBreaker").or_empty(),
    part("deploymentConfiguration.deploymentCircuitBreaker.enable", Exact, "DeploymentCircuitBreaker")
        .flag(false),
    part("deploymentConfiguration.deploymentCircuitBreaker.rollback", Exact, "DeploymentCircuitBreaker")
        .flag(false),
    part(
        "deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask",
        Exact,
        "DeploymentCircuitBreaker",
    )
    .flag(true),
    part(
        "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration",
        Members,
        "ThresholdConfiguration",
    )
    .or_empty(),
    part(
        "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.type",
        Exact,
        "ThresholdConfiguration",
    )
    .text("BOUNDED_PERCENT"),
    part(
        "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.value",
        Number,
        "ThresholdConfiguration",
    )
    .number(50),
    part("deploymentConfiguration.alarms", Members, "DeploymentAlarms").or_empty(),
    part("deploymentConfiguration.alarms.alarmNames", Set, "DeploymentAlarms").or_empty(),
    part("deploymentConfiguration.alarms.enable", Exact, "DeploymentAlarms").flag(false),
    part("deploymentConfiguration.alarms.rollback", Exact, "DeploymentAlarms").flag(false),
    // The block of a strategy that is not selected stays where it was, and means nothing.
    part("deploymentConfiguration.linearConfiguration", Members, "LinearConfiguration")
        .or_empty()
        .only_with("strategy", "LINEAR"),
    part("deploymentConfiguration.linearConfiguration.stepPercent", Percent, "LinearConfiguration")
        .number(10),
    part("deploymentConfiguration.linearConfiguration.stepBakeTimeInMinutes", Number, "LinearConfiguration")
        .number(6),
    part("deploymentConfiguration.canaryConfiguration", Members, "CanaryConfiguration")
        .or_empty()
        .only_with("strategy", "CANARY"),
    part("deploymentConfiguration.canaryConfiguration.canaryPercent", Percent, "CanaryConfiguration")
        .number(5),
    part(
        "deploymentConfiguration.canaryConfiguration.canaryBakeTimeInMinutes",
        Number,
        "CanaryConfiguration",
    )
    .number(10),
    part("deploymentConfiguration.earlySuccessCriteria", Members, "DeploymentEarlySuccessCriteria")
        .or_empty(),
    part("deploymentConfiguration.earlySuccessCriteria.enable", Exact, "DeploymentEarlySuccessCriteria")
        .flag(false),
    part(
        "deploymentConfiguration.earlySuccessCriteria.healthyPercent",
        Number,
        "DeploymentEarlySuccessCriteria",
    )
    .number(100),
    part(
        "deploymentConfiguration.earlySuccessCriteria.sourceServiceRevisionCleanup",
        Exact,
        "DeploymentEarlySuccessCriteria",
    )
    .text("BLOCKING"),
    part("deploymentConfiguration.lifecycleHooks", Set, "DeploymentLifecycleHook").or_empty(),
    part("deploymentConfiguration.lifecycleHooks[]", Members, "DeploymentLifecycleHook"),
    part("deploymentConfiguration.lifecycleHooks[].targetType", Exact, "DeploymentLifecycleHook")
        .text("AWS_LAMBDA"),
    part("deploymentConfiguration.lifecycleHooks[].hookTargetArn", Exact, "DeploymentLifecycleHook")
        .or_empty(),
    part("deploymentConfiguration.lifecycleHooks[].roleArn", Exact, "DeploymentLifecycleHook").or_empty(),
    part("deploymentConfiguration.lifecycleHooks[].lifecycleStages", Set, "DeploymentLifecycleHook")
        .or_empty(),
    part("deploymentConfiguration.lifecycleHooks[].hookDetails", Document, "DeploymentLifecycleHook"),
    part(
        "deploymentConfiguration.lifecycleHooks[].timeoutConfiguration",
        Members,
        "DeploymentLifecycleHookTimeoutConfiguration",
    )
    .or_empty(),
    part(
        "deploymentConfiguration.lifecycleHooks[].timeoutConfiguration.timeoutInMinutes",
        Number,
        "DeploymentLifecycleHookTimeoutConfiguration",
    )
    .number(1440),
    part(
        "deploymentConfiguration.lifecycleHooks[].timeoutConfiguration.action",
        Exact,
        "DeploymentLifecycleHookTimeoutConfiguration",
    )
    .text("ROLLBACK"),
];

/// Only DescribeServiceRevisions shows these two. What a service revision holds changes with a new one, and
/// a new one comes with a deployment.
pub(super) const REVISION_RULES: &[Rule] = &[
    service("monitoring", Members, StartsDeployment)
        .or_empty()
        .clear(Clear::Send(r#"{"metricConfigurations":[]}"#)),
    part("monitoring.metricConfigurations", Set, "MonitoringConfiguration").or_empty(),
    part("monitoring.metricConfigurations[]", Members, "MetricConfiguration"),
    part("monitoring.metricConfigurations[].metricNames", Set, "MetricConfiguration").or_empty(),
    part("monitoring.metricConfigurations[].resolutionSeconds", Number, "MetricConfiguration").number(60),
    service("gatewayConnectors", KeyedBy(&["portName"]), StartsDeployment)
        .or_empty()
        .clear(Clear::Send("[]")),
    part("gatewayConnectors[]", Members, "GatewayConnector"),
    part("gatewayConnectors[].portName", Exact, "GatewayConnector"),
    part("gatewayConnectors[].healthCheck", Members, "GatewayConnectorHealthCheck").or_empty(),
    // What is left out of a health check has the gateway's default, which may be written back.
    part("gatewayConnectors[].healthCheck.healthCheckProtocol", Exact, "GatewayConnectorHealthCheck")
        .not_ours(),
    part("gatewayConnectors[].healthCheck.healthCheckPort", Number, "GatewayConnectorHealthCheck").not_ours(),
    part("gatewayConnectors[].healthCheck.healthCheckPath", Exact, "GatewayConnectorHealthCheck").not_ours(),
    part("gatewayConnectors[].healthCheck.healthCheckTimeoutSeconds", Number, "GatewayConnectorHealthCheck")
        .not_ours(),
    part("gatewayConnectors[].healthCheck.healthCheckIntervalSeconds", Number, "GatewayConnectorHealthCheck")
        .not_ours(),
    part("gatewayConnectors[].healthCheck.healthyThresholdCount", Number, "GatewayConnectorHealthCheck")
        .not_ours(),
    part("gatewayConnectors[].healthCheck.unhealthyThresholdCount", Number, "GatewayConnectorHealthCheck")
        .not_ours(),
    part("gatewayConnectors[].healthCheck.matcher", Members, "GatewayConnectorHealthCheckMatcher").not_ours(),
    part("gatewayConnectors[].healthCheck.matcher.httpCode", Exact, "GatewayConnectorHealthCheckMatcher")
        .not_ours(),
    part("gatewayConnectors[].healthCheck.matcher.grpcCode", Exact, "GatewayConnectorHealthCheckMatcher")
        .not_ours(),
    part("gatewayConnectors[].filters", Members, "GatewayConnectorFilters").or_empty(),
    part("gatewayConnectors[].filters.accessTypes", Set, "GatewayConnectorFilters").or_empty(),
    part("gatewayConnectors[].deregistrationDelay", Members, "GatewayConnectorDeregistrationDelay")
        .or_empty(),
    part(
        "gatewayConnectors[].deregistrationDelay.timeoutSeconds",
        Number,
        "GatewayConnectorDeregistrationDelay",
    )
    .number(300),
];

pub(super) const VOLUME_RULES: &[Rule] = &[
    service("volumeConfigurations", KeyedBy(&["name"]), StartsDeployment).or_empty().clear(Clear::Send("[]")),
    part("volumeConfigurations[]", Members, "ServiceVolumeConfiguration"),
    part("volumeConfigurations[].name", Exact, "ServiceVolumeConfiguration"),
    part("volumeConfigurations[].managedEBSVolume", Members, "ServiceManagedEBSVolumeConfiguration")
        .or_empty(),
    part("volumeConfigurations[].managedEBSVolume.roleArn", Exact, "ServiceManagedEBSVolumeConfiguration"),
    part("volumeConfigurations[].managedEBSVolume.sizeInGiB", Number, "ServiceManagedEBSVolumeConfiguration")
        .not_ours(),
    part("volumeConfigurations[].managedEBSVolume.snapshotId", Exact, "ServiceManagedEBSVolumeConfiguration")
        .or_empty(),
    part("volumeConfigurations[].managedEBSVolume.volumeType", Exact, "ServiceManagedEBSVolumeConfiguration")
        .not_ours(),
    part("volumeConfigurations[].managedEBSVolume.iops", Number, "ServiceManagedEBSVolumeConfiguration")
        .not_ours(),
    part(
        "volumeConfigurations[].managedEBSVolume.throughput",
        Number,
        "ServiceManagedEBSVolumeConfiguration",
    )
    .not_ours(),
    part("volumeConfigurations[].managedEBSVolume.kmsKeyId", ArnTail, "ServiceManagedEBSVolumeConfiguration")
        .not_ours(),
    part(
        "volumeConfigurations[].managedEBSVolume.volumeInitializationRate",
        Number,
        "ServiceManagedEBSVolumeConfiguration",
    )
    .number(0),
    part("volumeConfigurations[].managedEBSVolume.encrypted", Exact, "ServiceManagedEBSVolumeConfiguration")
        .flag(true),
    part(
        "volumeConfigurations[].managedEBSVolume.filesystemType",
        Exact,
        "ServiceManagedEBSVolumeConfiguration",
    )
    .text("xfs"),
    part("volumeConfigurations[].managedEBSVolume.tagSpecifications", Ordered, "EBSTagSpecification")
        .or_empty(),
    part("volumeConfigurations[].managedEBSVolume.tagSpecifications[]", Members, "EBSTagSpecification"),
    part(
        "volumeConfigurations[].managedEBSVolume.tagSpecifications[].resourceType",
        Exact,
        "EBSTagSpecification",
    ),
    part(
        "volumeConfigurations[].managedEBSVolume.tagSpecifications[].propagateTags",
        Exact,
        "EBSTagSpecification",
    )
    .text("NONE"),
    part("volumeConfigurations[].managedEBSVolume.tagSpecifications[].tags", Set, "EBSTagSpecification")
        .or_empty(),
    part("volumeConfigurations[].managedEBSVolume.tagSpecifications[].tags[]", Members, "Tag"),
    part("volumeConfigurations[].managedEBSVolume.tagSpecifications[].tags[].key", Exact, "Tag"),
    part("volumeConfigurations[].managedEBSVolume.tagSpecifications[].tags[].value", Exact, "Tag").or_empty(),
];
