//! Rules for RegisterTaskDefinition at task level.

use super::Equality::{ArnTail, Exact, KeyedBy, Map, MapByName, Members, Number, Set, UnitCpu, UnitMemory};
use super::{Equality, Owner, Rule, Tree};

const fn task(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::TaskDefinition, path, equality, "RegisterTaskDefinition")
}

const fn volume(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::TaskDefinition, path, equality, "Volume")
}

const fn output(path: &'static str) -> Rule {
    Rule::new(Tree::TaskDefinition, path, Exact, "TaskDefinition").owner(Owner::AwsOnly)
}

pub(super) const RULES: &[Rule] = &[
    task("family", Exact),
    task("cpu", UnitCpu),
    task("memory", UnitMemory),
    task("networkMode", Exact).text("bridge"),
    task("requiresCompatibilities", Set).or_empty(),
    // ECS takes the short name of a role as well.
    task("taskRoleArn", ArnTail).or_empty(),
    task("executionRoleArn", ArnTail).or_empty(),
    task("pidMode", Exact).or_empty(),
    task("ipcMode", Exact).or_empty(),
    task("placementConstraints", Set).or_empty(),
    task("placementConstraints[]", Members),
    task("placementConstraints[].type", Exact),
    task("placementConstraints[].expression", Exact).or_empty(),
    // Left out, ECS stores nothing and runs LINUX on X86_64; a part that is left out means the same.
    task("runtimePlatform", Members).or_empty(),
    task("runtimePlatform.cpuArchitecture", Exact).text("X86_64"),
    task("runtimePlatform.operatingSystemFamily", Exact).text("LINUX"),
    // Left out, a task on Fargate has 20 GiB; less than 21 can't be asked for.
    task("ephemeralStorage", Members).or_empty(),
    task("ephemeralStorage.sizeInGiB", Number).number(20),
    task("enableFaultInjection", Exact).flag(false),
    task("trustedExecutionConfiguration", Members).or_empty(),
    task("trustedExecutionConfiguration.isolationMode", Exact).text("SHARED"),
    task("trustedExecutionConfiguration.attestationPolicy", Exact).or_empty(),
    task("inferenceAccelerators", KeyedBy(&["deviceName"])).or_empty(),
    task("inferenceAccelerators[]", Members),
    task("inferenceAccelerators[].deviceName", Exact),
    task("inferenceAccelerators[].deviceType", Exact),
    task("proxyConfiguration", Members),
    task("proxyConfiguration.type", Exact).text("APPMESH"),
    task("proxyConfiguration.containerName", Exact),
    task("proxyConfiguration.properties", MapByName("value")).or_empty(),
    // Tags hang beside a revision, not in it: changing them needs no new one (TagResource).
    task("tags", Set).owner(Owner::AwsOnly),
    volume("volumes", KeyedBy(&["name"])).or_empty(),
    volume("volumes[]", Members),
    volume("volumes[].name", Exact),
    volume("volumes[].configuredAtLaunch", Exact).flag(false),
    volume("volumes[].host", Members).or_empty(),
    volume("volumes[].host.sourcePath", Exact).or_empty(),
    volume("volumes[].dockerVolumeConfiguration", Members),
    volume("volumes[].dockerVolumeConfiguration.scope", Exact).text("task"),
    volume("volumes[].dockerVolumeConfiguration.autoprovision", Exact).flag(false),
    volume("volumes[].dockerVolumeConfiguration.driver", Exact).text("local"),
    volume("volumes[].dockerVolumeConfiguration.driverOpts", Map).or_empty(),
    volume("volumes[].dockerVolumeConfiguration.labels", Map).or_empty(),
    volume("volumes[].efsVolumeConfiguration", Members),
    volume("volumes[].efsVolumeConfiguration.fileSystemId", Exact),
    volume("volumes[].efsVolumeConfiguration.rootDirectory", Exact).text("/"),
    volume("volumes[].efsVolumeConfiguration.transitEncryption", Exact).text("DISABLED"),
    volume("volumes[].efsVolumeConfiguration.transitEncryptionPort", Number).number(0),
    volume("volumes[].efsVolumeConfiguration.authorizationConfig", Members).or_empty(),
    volume("volumes[].efsVolumeConfiguration.authorizationConfig.accessPointId", Exact).or_empty(),
    volume("volumes[].efsVolumeConfiguration.authorizationConfig.iam", Exact).text("DISABLED"),
    volume("volumes[].s3filesVolumeConfiguration", Members),
    volume("volumes[].s3filesVolumeConfiguration.fileSystemArn", Exact),
    volume("volumes[].s3filesVolumeConfiguration.rootDirectory", Exact).text("/"),
    volume("volumes[].s3filesVolumeConfiguration.transitEncryptionPort", Number).number(0),
    volume("volumes[].s3filesVolumeConfiguration.accessPointArn", Exact).or_empty(),
    volume("volumes[].fsxWindowsFileServerVolumeConfiguration", Members),
    volume("volumes[].fsxWindowsFileServerVolumeConfiguration.fileSystemId", Exact),
    volume("volumes[].fsxWindowsFileServerVolumeConfiguration.rootDirectory", Exact),
    volume("volumes[].fsxWindowsFileServerVolumeConfiguration.authorizationConfig", Members),
    volume(
        "volumes[].fsxWindowsFileServerVolumeConfiguration.authorizationConfig.credentialsParameter",
        Exact,
    ),
    volume("volumes[].fsxWindowsFileServerVolumeConfiguration.authorizationConfig.domain", Exact),
    output("taskDefinitionArn"),
    output("revision"),
    output("status"),
    output("requiresAttributes"),
    // Grows over time for identical input: MANAGED_INSTANCES appeared in 2025.
    output("compatibilities"),
    output("registeredAt"),
    output("registeredBy"),
    output("deregisteredAt"),
    output("deleteRequestedAt"),
];
