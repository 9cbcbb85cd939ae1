//! Which part of AWS's inputs a manifest holds, and the words of our own around it.

pub const API_VERSION: &str = "reconciler/v1";
pub const ON_FAILURE: [&str; 2] = ["rollback", "hold"];
pub const DRIFT: [&str; 3] = ["correct", "warn", "ignore"];
pub const WHEN_ROTATED: [&str; 3] = ["report", "roll", "ignore"];
/// What is done when a tag of an image means another one.
pub const WHEN_MOVED: [&str; 3] = ["pin", "follow", "ignore"];
/// Of a window of `sync`.
pub const WINDOW_KINDS: [&str; 2] = ["allow", "deny"];
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
pub const WINDOWS_MAX: usize = 20;
/// Whole hours, minutes and seconds, in that order; as JSON Schema checks it.
pub const DURATION_PATTERN: &str = "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$";

/// How the root structure of an operation differs from AWS's, because part of it is ours to fill in.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    pub operation: &'static str,
    /// What the root is called in a sentence.
    pub noun: &'static str,
    /// Members that a manifest must not set, each with the reason.
    pub refused: &'static [(&'static str, &'static str)],
    /// Required members that are filled in where a manifest leaves them out.
    pub supplied: &'static [&'static str],
}

/// `spec.taskDefinition`
pub const TASK_DEFINITION: Root = Root {
    operation: "RegisterTaskDefinition",
    noun: "a task definition",
    refused: &[("inferenceAccelerators", "ECS no longer offers Elastic Inference")],
    supplied: &["family"],
};

/// `spec.service`
pub const SERVICE: Root = Root {
    operation: "CreateService",
    noun: "a service",
    refused: &[
        ("clientToken", "it is made for each call"),
        ("cluster", "the Environment names the cluster"),
        ("serviceName", "`metadata.name` is the service's name"),
        ("taskDefinition", "the revision comes from `spec.taskDefinition`"),
    ],
    supplied: &["serviceName"],
};

const NOT_OF_A_HOOK: &str = "the reconciler fills it in for each task";

/// Members of RunTask in an element of `spec.rollout.before` and `spec.rollout.after`.
pub const RUN_TASK: Root = Root {
    operation: "RunTask",
    noun: "a hook",
    refused: &[
        ("clientToken", NOT_OF_A_HOOK),
        ("cluster", "the Environment names the cluster"),
        ("count", "a hook is one task"),
        ("enableECSManagedTags", NOT_OF_A_HOOK),
        ("enableExecuteCommand", NOT_OF_A_HOOK),
        ("group", NOT_OF_A_HOOK),
        ("placementConstraints", "write them into the hook's task definition"),
        ("placementStrategy", "a hook is one task"),
        ("propagateTags", NOT_OF_A_HOOK),
        ("referenceId", NOT_OF_A_HOOK),
        ("startedBy", NOT_OF_A_HOOK),
        ("tags", "tags of its task definition reach the task"),
        ("taskDefinition", "it is registered, or the service's own"),
        ("volumeConfigurations", "a hook's volumes are those of its task definition"),
    ],
    supplied: &["taskDefinition"],
};

/// Members of a hook, ours and RunTask's.
pub const HOOK_FIELDS: [&str; 9] = [
    "name",
    "taskDefinition",
    "overrides",
    "networkConfiguration",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "timeout",
    "attempts",
];
/// Those that RunTask takes as they are.
pub const HOOK_RUN_FIELDS: [&str; 5] =
    ["overrides", "networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion"];
pub const HOOK_NAME_PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";
/// What an entry of `spec.rollout.gates` may be.
pub const GATES: [&str; 5] = ["targetHealth", "containerHealth", "alarms", "http", "bakeTime"];
pub const HEALTH_FIELDS: [&str; 1] = ["minimumHealthyTime"];
pub const ALARMS_FIELDS: [&str; 2] = ["names", "strict"];
pub const HTTP_FIELDS: [&str; 7] =
    ["url", "status", "bodyContains", "maxLatency", "every", "for", "failures"];
pub const GATES_MAX: usize = 10;
/// Alarms of one service: one DescribeAlarms takes a hundred names.
pub const ALARMS_MAX: usize = 20;
/// Latencies are shorter than other durations.
pub const LATENCY_PATTERN: &str = "^([0-9]+ms|[0-9]+s)$";
/// Hooks of one stage.
pub const HOOKS_MAX: usize = 10;
/// Tries of a hook whose task exits with another code than 0.
pub const ATTEMPTS_MAX: i64 = 5;

const FOLLOWS: &str = "it follows from the service";
const TARGET_MEMBERS: &[(&str, &str)] =
    &[("ResourceId", FOLLOWS), ("ScalableDimension", FOLLOWS), ("ServiceNamespace", FOLLOWS)];
const TARGET_NAMES: &[&str] = &["ResourceId", "ScalableDimension", "ServiceNamespace"];

/// `spec.scaling` itself, of which only `suspendedState` is AWS's structure.
pub const SCALABLE_TARGET: Root = Root {
    operation: "RegisterScalableTarget",
    noun: "`scaling`",
    refused: &[
        ("ResourceId", FOLLOWS),
        ("RoleARN", "for ECS it is always the service-linked role"),
        ("ScalableDimension", FOLLOWS),
        ("ServiceNamespace", FOLLOWS),
        ("Tags", "what says whose it is stands on the service; write `tags` there"),
    ],
    supplied: TARGET_NAMES,
};

/// An element of `spec.scaling.policies`
pub const SCALING_POLICY: Root = Root {
    operation: "PutScalingPolicy",
    noun: "a scaling policy",
    refused: TARGET_MEMBERS,
    supplied: TARGET_NAMES,
};

/// An element of `spec.scaling.scheduledActions`
pub const SCHEDULED_ACTION: Root = Root {
    operation: "PutScheduledAction",
    noun: "a scheduled action",
    refused: TARGET_MEMBERS,
    supplied: TARGET_NAMES,
};

/// `spec.schedule`
pub const SCHEDULE: Root = Root {
    operation: "CreateSchedule",
    noun: "a schedule",
    refused: &[
        ("ClientToken", "a call is never repeated without a look, so it needs none"),
        ("GroupName", "schedules of one environment share a group of their own"),
        ("Name", "`metadata.name` is the schedule's name"),
    ],
    supplied: &["Name"],
};

/// Members of inner structures that are ours to fill in: structure, member, and why.
const FILLED_IN: [(&str, &str, &str); 2] = [
    ("Target", "Arn", "the Environment names the cluster"),
    ("EcsParameters", "TaskDefinitionArn", "the revision comes from `spec.taskDefinition`"),
];

/// Why a manifest must not set a member of an inner structure, if it must not.
pub fn filled_in(structure: &str, member: &str) -> Option<&'static str> {
    let known = FILLED_IN.iter().find(|(shape, name, _)| *shape == structure && *name == member);
    known.map(|(_, _, reason)| *reason)
}

/// Whether a structure is what an operation takes: AWS's models end the names of those alike.
pub fn is_input(structure: &str) -> bool {
    structure.ends_with("Request") || structure.ends_with("Input")
}

/// Lists that may be written as mappings: structure, member, and what a value becomes.
const WRITTEN_AS_MAPPING: [(&str, &str, &str); 3] = [
    ("ContainerDefinition", "environment", "value"),
    ("ContainerDefinition", "secrets", "valueFrom"),
    ("ContainerOverride", "environment", "value"),
];

/// What the values of a list that may be written as a mapping become: `value` or `valueFrom`.
pub fn written_as_mapping(structure: &str, member: &str) -> Option<&'static str> {
    let known = WRITTEN_AS_MAPPING.iter().find(|(shape, name, _)| *shape == structure && *name == member);
    known.map(|(_, _, value)| *value)
}

/// Whether a text may be written as the range that it is chosen from: the tag of an image.
pub fn chosen_by_range(structure: &str, member: &str) -> bool {
    (structure, member) == ("ContainerDefinition", "image")
}

/// How the elements of a list are told apart where the field rules have no word on it, by their shape.
const ELEMENT_KEYS: [(&str, &[&str]); 4] =
    [("ContainerOverride", &["name"]), ("KeyValuePair", &["name"]), ("Secret", &["name"]), ("Tag", &["key"])];

/// The members that tell the elements of a list apart, by the elements' shape.
pub fn element_keys(structure: &str) -> Option<&'static [&'static str]> {
    ELEMENT_KEYS.iter().find(|(shape, _)| *shape == structure).map(|(_, keys)| *keys)
}

/// What an element has to have to be a new one; without it, an overlay means one that is there.
pub fn needed_alone(structure: &str) -> &'static [&'static str] {
    match structure {
        "ContainerDefinition" => &["image"],
        "ContainerDependency" => &["condition"],
        "KeyValuePair" => &["value"],
        "LoadBalancer" => &["targetGroupArn"],
        "Secret" => &["valueFrom"],
        "Ulimit" => &["softLimit", "hardLimit"],
        _ => &[],
    }
}

/// Members of which AWS takes one, although its model does not call the structure a union.
const ONE_OF_THESE: [(&str, &[&str]); 4] = [
    (
        "Volume",
        &[
            "host",
            "dockerVolumeConfiguration",
            "efsVolumeConfiguration",
            "fsxWindowsFileServerVolumeConfiguration",
            "s3filesVolumeConfiguration",
        ],
    ),
    (
        "PutScalingPolicyRequest",
        &[
            "PredictiveScalingPolicyConfiguration",
            "StepScalingPolicyConfiguration",
            "TargetTrackingScalingPolicyConfiguration",
        ],
    ),
    (
        "TargetTrackingScalingPolicyConfiguration",
        &["CustomizedMetricSpecification", "PredefinedMetricSpecification"],
    ),
    ("CreateServiceRequest", &["capacityProviderStrategy", "launchType"]),
];

pub fn one_of_these(structure: &str) -> &'static [&'static str] {
    ONE_OF_THESE.iter().find(|(shape, _)| *shape == structure).map_or(&[], |(_, members)| *members)
}
