//! AWS's stop codes, reasons and health codes, as sentences about what probably happened.
//!
//! The wording of reasons is matched for display only; verdicts rest on statuses.

use crate::model::{StoppedContainer, StoppedTask, UnhealthyTarget};

/// Longest piece of somebody else's text inside a sentence.
const QUOTE_MAX: usize = 200;

/// Words of ECS's for what is no fault of the task, from "Amazon ECS stopped task error messages" and
/// "Amazon ECS service event messages".
const INFRASTRUCTURE: [&str; 18] = [
    "Network Interface",
    "network interface",
    "EphemeralStorage provisioning",
    "Capacity is unavailable",
    "capacity limit was exceeded",
    "limit on the number of vCPUs",
    "limit on the number of tasks",
    "number of tasks you can run concurrently",
    "insufficient CPU units",
    "insufficient memory available",
    "Host EC2",
    "Internal error",
    "InternalError",
    "DockerTimeoutError",
    "ContainerRuntimeTimeoutError",
    "SpotInterruption",
    "agent disconnected",
    "encountered error \"AGENT\"",
];

/// What services say, and ECS repeats, when they are asked too often or are ill themselves.
const BUSY: [&str; 11] = [
    "being throttled",
    "ThrottlingException",
    "Throttling:",
    "Rate exceeded",
    "toomanyrequests",
    "TooManyRequests",
    "rate limit",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
];

/// A network interface that isn't allowed, or whose subnet or group is gone, will not be there later either.
const NOT_TO_PASS: [&str; 6] =
    ["not authorized", "UnauthorizedOperation", "AccessDenied", "NotFound", "InvalidParameter", "Malformed"];

/// What probably happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    OutOfMemory {
        container: String,
        exit_code: i64,
    },
    CantPull {
        image: String,
        why: String,
        transient: bool,
    },
    CantInitialise {
        why: String,
        transient: bool,
    },
    CantStart {
        container: String,
        why: String,
    },
    LoadBalancerHealth {
        target_group: Option<String>,
    },
    ContainerHealth,
    Exited {
        container: String,
        exit_code: i64,
        last_words: Option<String>,
    },
    /// Capacity, addresses, throttling, hosts.
    Infrastructure {
        why: String,
    },
    Other {
        why: String,
    },
}

/// Whether words of an answer or of a stopped task speak of what may pass: capacity, addresses, hosts,
/// throttling.
pub fn is_infrastructure(words: &str) -> bool {
    let known = || INFRASTRUCTURE.iter().any(|known| words.contains(known)) || is_busy(words);
    words == "AGENT" || (known() && !NOT_TO_PASS.iter().any(|lasting| words.contains(lasting)))
}

fn is_busy(words: &str) -> bool {
    BUSY.iter().any(|known| words.contains(known))
}

impl Cause {
    /// Whether the same content may do well when it is tried again later: the infrastructure was in the way,
    /// and nothing that Git could change.
    pub fn is_transient(&self) -> bool {
        match self {
            Cause::CantPull { transient, .. } | Cause::CantInitialise { transient, .. } => *transient,
            Cause::Infrastructure { .. } => true,
            Cause::OutOfMemory { .. }
            | Cause::CantStart { .. }
            | Cause::LoadBalancerHealth { .. }
            | Cause::ContainerHealth
            | Cause::Exited { .. }
            | Cause::Other { .. } => false,
        }
    }

    /// Fields of a manifest that may bring it about.
    pub(super) fn suspects(&self) -> &'static [&'static str] {
        match self {
            Cause::OutOfMemory { .. } => {
                &["memory", "memoryReservation", "environment", "command", "image", "sharedMemorySize"]
            }
            Cause::CantPull { .. } => &[
                "image",
                "executionRoleArn",
                "repositoryCredentials",
                "subnets",
                "securityGroups",
                "assignPublicIp",
            ],
            Cause::CantInitialise { .. } => &[
                "secrets",
                "secretOptions",
                "logConfiguration",
                "executionRoleArn",
                "volumes",
                "environmentFiles",
                "subnets",
                "securityGroups",
            ],
            Cause::CantStart { .. } => &[
                "command",
                "entryPoint",
                "image",
                "mountPoints",
                "user",
                "workingDirectory",
                "linuxParameters",
            ],
            Cause::LoadBalancerHealth { .. } => &[
                "containerPort",
                "portMappings",
                "loadBalancers",
                "healthCheckGracePeriodSeconds",
                "securityGroups",
                "image",
                "environment",
                "command",
            ],
            Cause::ContainerHealth => &["healthCheck", "image", "environment", "command"],
            Cause::Exited { .. } => &[
                "command",
                "entryPoint",
                "environment",
                "environmentFiles",
                "secrets",
                "image",
                "taskRoleArn",
            ],
            Cause::Infrastructure { .. } | Cause::Other { .. } => &[
                "subnets",
                "securityGroups",
                "cpu",
                "memory",
                "placementConstraints",
                "placementStrategy",
                "capacityProviderStrategy",
                "launchType",
                "hostPort",
                "maximumPercent",
                "minimumHealthyPercent",
            ],
        }
    }

    /// Tells causes apart without their details.
    pub(super) fn kind(&self) -> (std::mem::Discriminant<Cause>, i64) {
        let code = match self {
            Cause::Exited { exit_code, .. } => *exit_code,
            _ => 0,
        };
        (std::mem::discriminant(self), code)
    }

    pub(super) fn sentence(&self, unhealthy: &[UnhealthyTarget]) -> String {
        match self {
            Cause::OutOfMemory { container, exit_code } => {
                format!(
                    "containers are killed for memory (exit {exit_code}): raise the memory of {container}"
                )
            }
            Cause::CantPull { image, why, .. } => format!("image {image} can't be pulled: {why}"),
            Cause::CantInitialise { why, .. } => format!("the task could not be set up: {why}"),
            Cause::CantStart { container, why } => format!("container {container} could not start: {why}"),
            Cause::LoadBalancerHealth { target_group } => {
                let known = unhealthy.iter().find(|target| {
                    target_group.as_ref().is_none_or(|arn| target.target_group == *arn)
                        || target_group.as_deref().map(group_name) == Some(group_name(&target.target_group))
                });
                match (known, target_group) {
                    (Some(known), _) => target(known),
                    (None, Some(arn)) => {
                        format!("the load balancer's health check fails (target group {})", group_name(arn))
                    }
                    (None, None) => "the load balancer's health check fails".to_owned(),
                }
            }
            Cause::ContainerHealth => "the container's own health check fails".to_owned(),
            Cause::Exited { container, exit_code, last_words } => {
                let words = match last_words {
                    Some(words) => format!("; its last words: \"{}\"", quote(words)),
                    None => String::new(),
                };
                format!("container {container} {}{words}", exit(*exit_code))
            }
            Cause::Infrastructure { why } | Cause::Other { why } => why.clone(),
        }
    }
}

pub(super) fn exit(code: i64) -> String {
    match code {
        0 => "ended by itself (exit 0), though a service's container has to keep running".to_owned(),
        137 => "was killed (exit 137): out of memory, or it did not stop in time".to_owned(),
        139 => "crashed (exit 139, segmentation fault)".to_owned(),
        143 => "was told to stop (exit 143)".to_owned(),
        255 => "exited 255: its runtime could not run it, or the program says so".to_owned(),
        code => format!("exited {code} soon after start"),
    }
}

/// What one stopped task says.
pub(super) fn task(task: &StoppedTask) -> Option<Cause> {
    let reason = task.stopped_reason.as_str();
    let texts = || {
        let containers = task.containers.iter().filter_map(|container| {
            Some((Some(container), container.reason.as_deref().filter(|reason| !reason.is_empty())?))
        });
        containers.chain(std::iter::once((None, reason)))
    };
    for (container, text) in texts() {
        if text.contains("OutOfMemory") {
            return Some(Cause::OutOfMemory {
                container: name_of(container.or_else(|| failed_container(task))),
                exit_code: container.and_then(|container| container.exit_code).unwrap_or(137),
            });
        }
        if text.contains("CannotPull") {
            let (image, why) = (image_of(text, container), pull_error(text));
            return Some(Cause::CantPull { image, why, transient: is_busy(text) });
        }
        if let Some((_, why)) = text.split_once("ResourceInitializationError:") {
            let transient = is_busy(why);
            return Some(Cause::CantInitialise { why: initialisation_error(why.trim()), transient });
        }
        if ["CannotStartContainer", "CannotCreateContainer", "ContainerRuntimeError"]
            .iter()
            .any(|one| text.contains(one))
        {
            let why = quote(text.split_once(": ").map_or(text, |(_, why)| why));
            return Some(Cause::CantStart {
                container: name_of(container.or_else(|| failed_container(task))),
                why,
            });
        }
    }
    // Before exit codes: a task that is stopped for its health ends with 143 or 137.
    if reason.contains("failed ELB health checks") {
        let arn = reason.split_once("(target-group ").and_then(|(_, rest)| rest.split(')').next());
        return Some(Cause::LoadBalancerHealth { target_group: arn.map(str::to_owned) });
    }
    if reason.contains("failed container health checks") {
        return Some(Cause::ContainerHealth);
    }
    if task.stop_code == "SpotInterruption" || reason.starts_with("SpotInterruption") {
        let why = "Fargate or EC2 Spot took the capacity back".to_owned();
        return Some(Cause::Infrastructure { why });
    }
    if reason.contains("network interface") || reason.contains("Network Interface") {
        let why = match reason.contains("free addresses") || reason.contains("InsufficientFreeAddresses") {
            true => format!(
                "no network interface for the task, the subnet has no free address: {}",
                quote(reason)
            ),
            false => format!("no network interface for the task: {}", quote(reason)),
        };
        return Some(match is_infrastructure(reason) {
            true => Cause::Infrastructure { why },
            false => Cause::Other { why },
        });
    }
    if matches!(task.stop_code.as_str(), "TerminationNotice" | "InfrastructureHealth")
        || texts().any(|(_, text)| is_infrastructure(text))
    {
        let words = texts().find(|(_, text)| is_infrastructure(text)).map_or(reason, |(_, text)| text);
        return Some(Cause::Infrastructure { why: quote(words.trim_end_matches('.')) });
    }
    if let Some(container) = failed_container(task) {
        return Some(Cause::Exited {
            container: container.name.clone(),
            exit_code: container.exit_code.unwrap_or_default(),
            last_words: container.last_line().map(str::to_owned),
        });
    }
    (!reason.is_empty()).then(|| Cause::Other { why: quote(reason.trim_end_matches('.')) })
}

/// The container to blame: the first that ended badly, else the first that ended at all.
fn failed_container(task: &StoppedTask) -> Option<&StoppedContainer> {
    let ended = |container: &&StoppedContainer| container.exit_code.is_some();
    // The others are told to stop once an essential one is gone.
    let badly = |container: &&StoppedContainer| !matches!(container.exit_code, None | Some(0 | 143));
    task.containers.iter().find(badly).or_else(|| task.containers.iter().find(ended))
}

fn name_of(container: Option<&StoppedContainer>) -> String {
    container.map_or_else(|| "the task".to_owned(), |container| container.name.clone())
}

/// What kept a task from its work, where that was no fault of its own.
pub(super) fn in_short(stopped: &StoppedTask) -> String {
    match task(stopped) {
        Some(Cause::Infrastructure { why } | Cause::Other { why }) => why,
        Some(_) | None if stopped.stopped_reason.is_empty() => stopped.stop_code.clone(),
        Some(_) | None => quote(stopped.stopped_reason.trim_end_matches('.')),
    }
}

/// A few words on a task, for a line of progress: `exit 137, OutOfMemoryError`.
pub(super) fn facts(task: &StoppedTask) -> String {
    let container = failed_container(task);
    let mut facts: Vec<String> =
        container.and_then(|one| one.exit_code).map(|code| format!("exit {code}")).into_iter().collect();
    let reason = task
        .containers
        .iter()
        .find_map(|one| one.reason.as_deref().filter(|reason| !reason.is_empty()))
        .unwrap_or(&task.stopped_reason);
    let head = reason.split(':').next().unwrap_or_default();
    match head {
        "" | "Essential container in task exited" if !facts.is_empty() => {
            if let Some(line) = container.and_then(|one| one.last_line()) {
                facts.push(format!("\"{}\"", quote(line)));
            }
        }
        "" => facts.push(task.stop_code.clone()),
        head => facts.push(quote(head.split(" (target-group").next().unwrap_or(head))),
    }
    facts.join(", ")
}

/// `GET health check answers 500 (target group jobs-api)`
pub(super) fn target(target: &UnhealthyTarget) -> String {
    let group = group_name(&target.target_group);
    let what = match target.reason.as_str() {
        "Target.ResponseCodeMismatch" => {
            let codes = target.description.split_once('[').and_then(|(_, rest)| rest.split(']').next());
            format!("GET health check answers {}", codes.unwrap_or("an unexpected status"))
        }
        "Target.Timeout" => "GET health check does not answer in time".to_owned(),
        "Target.FailedHealthChecks" => "health check finds nobody listening".to_owned(),
        "Target.IpUnusable" => "the target's address can't be used".to_owned(),
        "Target.InvalidState" => "the target is stopped".to_owned(),
        _ if target.description.is_empty() => target.reason.clone(),
        _ => quote(target.description.trim_end_matches('.')),
    };
    format!("{what} (target group {group})")
}

/// The target that a service event tells of. ECS takes an unhealthy target out at once, so the event
/// is often all that is left of it.
pub(super) fn told_target(message: &str) -> Option<UnhealthyTarget> {
    let (subject, rest) = message.split_once(" is unhealthy in (target-group ")?;
    let (target_group, rest) = rest.split_once(')')?;
    let description = rest.split_once("(reason ")?.1.trim_end_matches('.').strip_suffix(')')?;
    let reason = match description {
        "Request timed out" => "Target.Timeout",
        "Health checks failed" => "Target.FailedHealthChecks",
        codes if codes.contains("with these codes") => "Target.ResponseCodeMismatch",
        _ => "",
    };
    Some(UnhealthyTarget {
        target_group: target_group.to_owned(),
        target: subject.split_once(") ").map_or(subject, |(_, target)| target).to_owned(),
        reason: reason.to_owned(),
        description: description.to_owned(),
    })
}

/// `jobs-api` of `arn:aws:elasticloadbalancing:…:targetgroup/jobs-api/0123456789abcdef`
fn group_name(arn: &str) -> &str {
    arn.split_once(":targetgroup/").and_then(|(_, rest)| rest.split('/').next()).unwrap_or(arn)
}

/// What a service event gives away when no task was ever started.
pub(super) fn event(message: &str) -> Option<Cause> {
    let text = message.split_once(") ").map_or(message, |(_, text)| text);
    // Where to read on is no cause.
    let text = text.split(" For more information, see").next().unwrap_or(text);
    if text.contains("unable to place a task") {
        let why = text.split_once("Reason: ").map(|(_, why)| why);
        let why = why.or_else(|| text.split_once("because ").map(|(_, why)| why)).unwrap_or(text);
        let why = format!("no room to place a task: {}", quote(why.trim_end_matches('.')));
        return Some(match is_infrastructure(text) {
            true => Cause::Infrastructure { why },
            false => Cause::Other { why },
        });
    }
    if text.contains("service deployment configuration") {
        let why = "minimumHealthyPercent and maximumPercent leave no room to start or stop a task".to_owned();
        return Some(Cause::Other { why });
    }
    if text.contains("misconfigured") {
        return Some(Cause::Other { why: quote(text.trim_end_matches('.')) });
    }
    if is_infrastructure(text) {
        return Some(Cause::Infrastructure { why: quote(text.trim_end_matches('.')) });
    }
    None
}

fn image_of(text: &str, container: Option<&StoppedContainer>) -> String {
    let mut words = text.split([' ', '\'', '"', ',']).map(|word| word.trim_end_matches([':', '.', ')']));
    words
        .find(|word| {
            !word.contains("://")
                && !word.contains("Error")
                && word.contains('/')
                && word.contains(['.', ':'])
        })
        .map_or_else(|| format!("of container {}", name_of(container)), str::to_owned)
}

fn pull_error(text: &str) -> String {
    let says = |part: &str| text.contains(part);
    let why = if says("not found") || says("manifest unknown") || says("does not exist") {
        "not found"
    } else if says("toomanyrequests") || says("rate limit") {
        "the registry's rate limit is reached"
    } else if says("access denied") || says("403") || says("not authorized") || says("no basic auth") {
        "access denied for the execution role"
    } else if says("no space left") {
        "no space left on the disk"
    } else if says("request canceled") || says("i/o timeout") || says("dial tcp") {
        "the registry can't be reached (NAT gateway or VPC endpoint?)"
    } else {
        return quote(text.split_once(": ").map_or(text, |(_, why)| why));
    };
    why.to_owned()
}

fn initialisation_error(why: &str) -> String {
    let pulls_secrets = why.contains("unable to pull secrets");
    // ECS tells its whole road to the secret, and only then what was in the way.
    let why = why.split_once("time(s): ").map_or(why, |(_, what)| what);
    let hint = if pulls_secrets {
        "secrets or registry credentials can't be fetched"
    } else if why.contains("logger args") {
        "the log group can't be used"
    } else if why.contains("EFS") || why.contains("mount") {
        "a volume can't be mounted"
    } else {
        return quote(why);
    };
    format!("{hint}: {}", quote(why))
}

/// One line of somebody else's text, cut to size.
pub(super) fn quote(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim();
    match line.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
