//! Rules for the container definitions of RegisterTaskDefinition.

use super::Absent::{Empty, Filled};
use super::Equality::{Exact, KeyedBy, Map, MapByName, Members, Number, Ordered, SecretReference, Set};
use super::{Equality, Fill, Rule, Tree};

const fn container(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::TaskDefinition, path, equality, "ContainerDefinition")
}

const fn port(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::TaskDefinition, path, equality, "PortMapping")
}

const fn linux(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::TaskDefinition, path, equality, "LinuxParameters")
}

const fn health(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::TaskDefinition, path, equality, "HealthCheck")
}

pub(super) const RULES: &[Rule] = &[
    // ECS returns containers in any order. Those that GuardDuty and Service Connect put into tasks never
    // stand here, so one that only AWS has is somebody's, whatever its name.
    container("containerDefinitions", KeyedBy(&["name"])).or_empty(),
    container("containerDefinitions[]", Members),
    container("containerDefinitions[].name", Exact),
    // The tag stays as sent: ECS resolves the digest per deployment and never writes it back here.
    container("containerDefinitions[].image", Exact),
    container("containerDefinitions[].repositoryCredentials", Members),
    container("containerDefinitions[].repositoryCredentials.credentialsParameter", Exact),
    container("containerDefinitions[].cpu", Number).number(0),
    container("containerDefinitions[].memory", Number).number(0),
    container("containerDefinitions[].memoryReservation", Number).number(0),
    container("containerDefinitions[].links", Set).or_empty(),
    container("containerDefinitions[].essential", Exact).flag(true),
    container("containerDefinitions[].command", Ordered).or_empty(),
    container("containerDefinitions[].entryPoint", Ordered).or_empty(),
    // Environment comes back in any order.
    container("containerDefinitions[].environment", MapByName("value")).or_empty(),
    container("containerDefinitions[].environmentFiles", Ordered).or_empty(),
    container("containerDefinitions[].environmentFiles[]", Members),
    container("containerDefinitions[].environmentFiles[].value", Exact),
    container("containerDefinitions[].environmentFiles[].type", Exact),
    // A parameter's short name and its ARN are different strings to ECS.
    container("containerDefinitions[].secrets", MapByName("valueFrom")).or_empty(),
    container("containerDefinitions[].secrets[]", Members),
    container("containerDefinitions[].secrets[].valueFrom", SecretReference),
    port(
        "containerDefinitions[].portMappings",
        KeyedBy(&["containerPort", "containerPortRange", "protocol"]),
    )
    .or_empty(),
    port("containerDefinitions[].portMappings[]", Members),
    port("containerDefinitions[].portMappings[].containerPort", Number).number(0),
    port("containerDefinitions[].portMappings[].containerPortRange", Exact).or_empty(),
    port("containerDefinitions[].portMappings[].hostPort", Number).absent(Filled(Fill::HostPort)),
    port("containerDefinitions[].portMappings[].protocol", Exact).text("tcp"),
    port("containerDefinitions[].portMappings[].name", Exact).or_empty(),
    port("containerDefinitions[].portMappings[].appProtocol", Exact).or_empty(),
    container("containerDefinitions[].mountPoints", KeyedBy(&["containerPath"])).or_empty(),
    container("containerDefinitions[].mountPoints[]", Members),
    container("containerDefinitions[].mountPoints[].containerPath", Exact).or_empty(),
    container("containerDefinitions[].mountPoints[].sourceVolume", Exact).or_empty(),
    container("containerDefinitions[].mountPoints[].readOnly", Exact).flag(false),
    container("containerDefinitions[].volumesFrom", KeyedBy(&["sourceContainer"])).or_empty(),
    container("containerDefinitions[].volumesFrom[]", Members),
    container("containerDefinitions[].volumesFrom[].sourceContainer", Exact).or_empty(),
    container("containerDefinitions[].volumesFrom[].readOnly", Exact).flag(false),
    container("containerDefinitions[].systemControls", KeyedBy(&["namespace"])).or_empty(),
    container("containerDefinitions[].systemControls[]", Members),
    container("containerDefinitions[].systemControls[].namespace", Exact).or_empty(),
    container("containerDefinitions[].systemControls[].value", Exact).or_empty(),
    container("containerDefinitions[].dependsOn", KeyedBy(&["containerName"])).or_empty(),
    container("containerDefinitions[].dependsOn[]", Members),
    container("containerDefinitions[].dependsOn[].containerName", Exact),
    container("containerDefinitions[].dependsOn[].condition", Exact),
    // The task's own defaults apply when it runs and are never written back.
    container("containerDefinitions[].startTimeout", Number),
    container("containerDefinitions[].stopTimeout", Number),
    container("containerDefinitions[].versionConsistency", Exact).text("enabled"),
    container("containerDefinitions[].hostname", Exact).or_empty(),
    // "" and "0" are different users.
    container("containerDefinitions[].user", Exact).or_empty(),
    container("containerDefinitions[].workingDirectory", Exact).or_empty(),
    container("containerDefinitions[].disableNetworking", Exact).flag(false),
    container("containerDefinitions[].privileged", Exact).flag(false),
    container("containerDefinitions[].readonlyRootFilesystem", Exact).flag(false),
    container("containerDefinitions[].interactive", Exact).flag(false),
    container("containerDefinitions[].pseudoTerminal", Exact).flag(false),
    // Resolvers are asked in order.
    container("containerDefinitions[].dnsServers", Ordered).or_empty(),
    container("containerDefinitions[].dnsSearchDomains", Ordered).or_empty(),
    container("containerDefinitions[].extraHosts", KeyedBy(&["hostname"])).or_empty(),
    container("containerDefinitions[].extraHosts[]", Members),
    container("containerDefinitions[].extraHosts[].hostname", Exact),
    container("containerDefinitions[].extraHosts[].ipAddress", Exact),
    container("containerDefinitions[].dockerSecurityOptions", Set).or_empty(),
    container("containerDefinitions[].credentialSpecs", Ordered).or_empty(),
    container("containerDefinitions[].dockerLabels", Map).or_empty(),
    container("containerDefinitions[].ulimits", KeyedBy(&["name"])).or_empty(),
    container("containerDefinitions[].ulimits[]", Members),
    container("containerDefinitions[].ulimits[].name", Exact),
    container("containerDefinitions[].ulimits[].softLimit", Number).number(0),
    container("containerDefinitions[].ulimits[].hardLimit", Number).number(0),
    // The account's default `mode` applies when a task runs and is never written back.
    container("containerDefinitions[].logConfiguration", Members),
    container("containerDefinitions[].logConfiguration.logDriver", Exact),
    container("containerDefinitions[].logConfiguration.options", Map).or_empty(),
    container("containerDefinitions[].logConfiguration.secretOptions", MapByName("valueFrom")).or_empty(),
    container("containerDefinitions[].logConfiguration.secretOptions[]", Members),
    container("containerDefinitions[].logConfiguration.secretOptions[].valueFrom", SecretReference),
    container("containerDefinitions[].firelensConfiguration", Members),
    container("containerDefinitions[].firelensConfiguration.type", Exact),
    container("containerDefinitions[].firelensConfiguration.options", Map).or_empty(),
    health("containerDefinitions[].healthCheck", Members),
    health("containerDefinitions[].healthCheck.command", Ordered).or_empty(),
    health("containerDefinitions[].healthCheck.interval", Number).number(30),
    health("containerDefinitions[].healthCheck.timeout", Number).number(5),
    health("containerDefinitions[].healthCheck.retries", Number).number(3),
    health("containerDefinitions[].healthCheck.startPeriod", Number).number(0),
    // A policy that is not enabled is no policy, whatever else it says.
    container("containerDefinitions[].restartPolicy", Members).or_empty(),
    container("containerDefinitions[].restartPolicy.enabled", Exact).flag(false),
    container("containerDefinitions[].restartPolicy.ignoredExitCodes", Set)
        .or_empty()
        .only_with("enabled", "true"),
    container("containerDefinitions[].restartPolicy.restartAttemptPeriod", Number)
        .number(300)
        .only_with("enabled", "true"),
    container("containerDefinitions[].resourceRequirements", Set).or_empty(),
    container("containerDefinitions[].resourceRequirements[]", Members),
    container("containerDefinitions[].resourceRequirements[].type", Exact),
    container("containerDefinitions[].resourceRequirements[].value", Number).or_empty(),
    container("containerDefinitions[].resourceRequirements[].sharingStrategy", Members).or_empty(),
    container("containerDefinitions[].resourceRequirements[].sharingStrategy.nvidiaMps", Members),
    container("containerDefinitions[].resourceRequirements[].sharingStrategy.nvidiaMps.memory", Number),
    container(
        "containerDefinitions[].resourceRequirements[].sharingStrategy.nvidiaMps.maxComputePercent",
        Number,
    ),
    // `{add: [], drop: ["ALL"]}` comes back where only `drop` was sent.
    linux("containerDefinitions[].linuxParameters", Members).absent(Empty),
    linux("containerDefinitions[].linuxParameters.capabilities", Members).or_empty(),
    linux("containerDefinitions[].linuxParameters.capabilities.add", Set).or_empty(),
    linux("containerDefinitions[].linuxParameters.capabilities.drop", Set).or_empty(),
    linux("containerDefinitions[].linuxParameters.devices", KeyedBy(&["hostPath"])).or_empty(),
    linux("containerDefinitions[].linuxParameters.devices[]", Members),
    linux("containerDefinitions[].linuxParameters.devices[].hostPath", Exact),
    linux("containerDefinitions[].linuxParameters.devices[].containerPath", Exact).or_empty(),
    linux("containerDefinitions[].linuxParameters.devices[].permissions", Set).or_empty(),
    linux("containerDefinitions[].linuxParameters.initProcessEnabled", Exact).flag(false),
    linux("containerDefinitions[].linuxParameters.sharedMemorySize", Number).number(0),
    linux("containerDefinitions[].linuxParameters.maxSwap", Number),
    linux("containerDefinitions[].linuxParameters.swappiness", Number),
    linux("containerDefinitions[].linuxParameters.tmpfs", KeyedBy(&["containerPath"])).or_empty(),
    linux("containerDefinitions[].linuxParameters.tmpfs[]", Members),
    linux("containerDefinitions[].linuxParameters.tmpfs[].containerPath", Exact),
    linux("containerDefinitions[].linuxParameters.tmpfs[].size", Number),
    linux("containerDefinitions[].linuxParameters.tmpfs[].mountOptions", Set).or_empty(),
];
