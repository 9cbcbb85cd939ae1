//! What AWS does with a change: by AWS's own pages, and nothing of the rules under test.

use reconciler::plan::Consequence;
use serde_json::{Value, json};

use super::bases::Root;

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
    /// It can't be taken away while the rest stays.
    Required,
}

use Change::{Deploys, Forces, InPlace, Refused, Replaces, Tags};
use Removal::{Kept, Nothing, Required, Reset};

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html> says of each member
/// whether it triggers a new deployment, and what leaving it out means; what CreateService alone takes
/// can't be changed.
const SERVICE: [(&str, Change, Removal); 26] = [
    ("availabilityZoneRebalancing", InPlace, Kept),
    // An empty one goes back to the launch type.
    ("capacityProviderStrategy", Forces, Reset),
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

/// Members that have to stay while the rest stays, though the API model calls few of them required: each
/// structure's page says it in words.
const REQUIRED: [(Root, &[&str]); 6] = [
    (
        Root::TaskDefinition,
        &[
            "containerDefinitions[].image",
            "containerDefinitions[].name",
            // A GPU requirement is a number, or a share.
            "containerDefinitions[].resourceRequirements[].sharingStrategy",
            "containerDefinitions[].resourceRequirements[].sharingStrategy.nvidiaMps",
            "containerDefinitions[].resourceRequirements[].value",
            // With memberOf.
            "placementConstraints[].expression",
            // App Mesh's proxy has four properties, and says whose traffic it leaves alone.
            "proxyConfiguration.properties",
            "proxyConfiguration.properties[].name",
            // While the service configures the volume.
            "volumes[].configuredAtLaunch",
        ],
    ),
    (
        Root::Service,
        &[
            "deploymentConfiguration.lifecycleHooks[].hookTargetArn",
            // What calls nothing has to be called PAUSE.
            "deploymentConfiguration.lifecycleHooks[].targetType",
            "loadBalancers[].advancedConfiguration",
            "loadBalancers[].advancedConfiguration.alternateTargetGroupArn",
            "loadBalancers[].advancedConfiguration.productionListenerRule",
            "loadBalancers[].advancedConfiguration.roleArn",
            "loadBalancers[].containerName",
            "loadBalancers[].containerPort",
            "loadBalancers[].loadBalancerName",
            "loadBalancers[].targetGroupArn",
            "networkConfiguration",
            "networkConfiguration.awsvpcConfiguration",
            // With memberOf, and with binpack.
            "placementConstraints[].expression",
            "placementStrategy[].field",
            "serviceConnectConfiguration.containerConfigurations[].logLevel",
            // An SRV record of bridge and host has both.
            "serviceRegistries[].containerName",
            "serviceRegistries[].containerPort",
            // While the task definition has a volume that is configured at launch.
            "volumeConfigurations",
            "volumeConfigurations[].managedEBSVolume",
        ],
    ),
    (Root::ScalableTarget, &["MaxCapacity", "MinCapacity"]),
    (
        Root::ScalingPolicy,
        &[
            "PolicyType",
            "PredictiveScalingPolicyConfiguration",
            // IncreaseMaxCapacity and its buffer.
            "PredictiveScalingPolicyConfiguration.MaxCapacityBreachBehavior",
            "PredictiveScalingPolicyConfiguration.MaxCapacityBuffer",
            // A pair, or one load and one scaling metric.
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedLoadMetricSpecification",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedScalingMetricSpecification",
            // One of the two, and not both.
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedCapacityMetricSpecification.MetricDataQueries[].Expression",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedCapacityMetricSpecification.MetricDataQueries[].MetricStat",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedLoadMetricSpecification.MetricDataQueries[].Expression",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedLoadMetricSpecification.MetricDataQueries[].MetricStat",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedScalingMetricSpecification.MetricDataQueries[].Expression",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedScalingMetricSpecification.MetricDataQueries[].MetricStat",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].PredefinedLoadMetricSpecification",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].PredefinedMetricPairSpecification",
            "PredictiveScalingPolicyConfiguration.MetricSpecifications[].PredefinedScalingMetricSpecification",
            "StepScalingPolicyConfiguration",
            "StepScalingPolicyConfiguration.AdjustmentType",
            "StepScalingPolicyConfiguration.StepAdjustments",
            // At most one of a step's ends is open.
            "StepScalingPolicyConfiguration.StepAdjustments[].MetricIntervalLowerBound",
            "StepScalingPolicyConfiguration.StepAdjustments[].MetricIntervalUpperBound",
            "TargetTrackingScalingPolicyConfiguration",
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification",
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.MetricName",
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics",
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[].Expression",
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[].MetricStat",
            // One metric is returned, and all are unless they say otherwise.
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[].ReturnData",
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Namespace",
            "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Statistic",
            "TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification",
            // ALBRequestCountPerTarget has one.
            "TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.ResourceLabel",
        ],
    ),
    (Root::ScheduledAction, &["ScalableTargetAction", "ScalableTargetAction.MinCapacity", "Schedule"]),
    (
        Root::Schedule,
        &[
            "FlexibleTimeWindow.MaximumWindowInMinutes",
            "Target.EcsParameters",
            "Target.EcsParameters.NetworkConfiguration",
            "Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration",
        ],
    ),
];

/// AWS requires it, and a manifest that has none gets the service's name.
const FAMILY: &str = "family";

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

/// Each member that its page calls required, or is so beside others.
#[cfg(test)]
pub fn required() -> impl Iterator<Item = (Root, &'static str)> {
    REQUIRED.iter().flat_map(|(root, paths)| paths.iter().map(|path| (*root, *path)))
}

/// `required` is what the API model says of the member.
pub fn removal(root: Root, path: &str, required: bool) -> Removal {
    let in_words = REQUIRED.iter().any(|(of, paths)| *of == root && paths.contains(&path));
    if in_words || (required && path != FAMILY) {
        return Required;
    }
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
pub fn covers(row: &str, path: &str) -> bool {
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
