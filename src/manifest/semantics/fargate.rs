//! What Fargate asks of a task definition.

use super::{View, elements};
use crate::manifest::suggest::any_of;
use crate::model::Json;

/// CPU units, and the memory in MiB that a task of that size may have: from, to, in steps of.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>
const SIZES: [(u32, &[u32]); 2] = [(256, &[512, 1024, 2048]), (512, &[1024, 2048, 3072, 4096])];
const LARGE_SIZES: [(u32, u32, u32, u32); 5] = [
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

pub fn check(view: &mut View<'_>) {
    if !is_fargate(view) {
        return;
    }
    size(view);
    network_mode(view);
    execution_role(view);
}

/// Asked for by the launch type, a capacity provider, or the task definition itself.
pub fn is_fargate(view: &View<'_>) -> bool {
    let service = view.service();
    let compatible = view.task_definition()["requiresCompatibilities"].as_array();
    let ecs = view.ecs_parameters();
    let mut providers = elements(service, &view.service_path(""), "capacityProviderStrategy")
        .chain(elements(ecs, &view.service_path(""), "CapacityProviderStrategy"));
    service["launchType"] == "FARGATE"
        || ecs["LaunchType"] == "FARGATE"
        || compatible.is_some_and(|names| names.iter().any(|name| name == "FARGATE"))
        || providers.any(|(_, item)| {
            item["capacityProvider"].as_str().is_some_and(|name| name.starts_with("FARGATE"))
        })
}

fn size(view: &mut View<'_>) {
    let paths = [view.task_definition_path("cpu"), view.task_definition_path("memory")];
    if !paths.iter().all(|path| view.sound(path)) {
        return;
    }
    let task = view.task_definition();
    let missing: Vec<&str> = ["cpu", "memory"].into_iter().filter(|name| task.get(name).is_none()).collect();
    if !missing.is_empty() {
        let title = format!("Fargate needs {} of the whole task", missing.join(" and "));
        view.error_at_key(&view.task_definition_path(missing[0]), title, "", &["see RegisterTaskDefinition"]);
        return;
    }
    let (Some(cpu), Some(memory)) = (units(&task["cpu"], "vcpu"), units(&task["memory"], "gb")) else {
        let [cpu, memory] = [&task["cpu"], &task["memory"]].map(|value| value.as_str().unwrap_or_default());
        let title = format!("Fargate can't read cpu `{cpu}` with memory `{memory}`");
        let label = "such as cpu 256 or \"0.25 vCPU\", memory 512 or \"0.5 GB\"";
        view.error_at_key(&paths[0], title, label, &["see RegisterTaskDefinition"]);
        view.beside(&paths[1], "with this");
        return;
    };
    let allowed = memory_sizes(cpu);
    if allowed.contains(&memory) {
        return;
    }
    let title = format!("Fargate has no size of {cpu} CPU units with {memory} MiB");
    let cpus: Vec<String> =
        all_cpu().filter(|cpu| memory_sizes(*cpu).contains(&memory)).map(|cpu| cpu.to_string()).collect();
    let with_cpu = match allowed.as_slice() {
        [] => format!(
            "cpu is {}",
            any_of(all_cpu().map(|cpu| cpu.to_string()).collect::<Vec<_>>().iter().map(String::as_str))
        ),
        _ => format!("with cpu {cpu} memory is {}", sizes(&allowed)),
    };
    let with_memory = match cpus.as_slice() {
        [] => format!("no size has {memory} MiB"),
        _ => format!("with memory {memory} cpu is {}", any_of(cpus.iter().map(String::as_str))),
    };
    view.error_at_key(&paths[0], title, "", &[&format!("{with_cpu}; {with_memory}")]);
    view.beside(&paths[1], "with this");
}

fn all_cpu() -> impl Iterator<Item = u32> {
    SIZES.iter().map(|(cpu, _)| *cpu).chain(LARGE_SIZES.iter().map(|(cpu, ..)| *cpu))
}

fn memory_sizes(cpu: u32) -> Vec<u32> {
    let small = SIZES.iter().find(|(size, _)| *size == cpu).map(|(_, memory)| memory.to_vec());
    let large = LARGE_SIZES.iter().find(|(size, ..)| *size == cpu);
    let stepped = large.map(|(_, from, to, step)| (*from..=*to).step_by(*step as usize).collect());
    small.or(stepped).unwrap_or_default()
}

/// `512, 1024 or 2048`, or `2048 to 8192 in steps of 1024`.
fn sizes(allowed: &[u32]) -> String {
    match allowed {
        [from, second, .., to] if allowed.len() > 4 => {
            format!("{from} to {to} in steps of {}", second - from)
        }
        _ => any_of(allowed.iter().map(u32::to_string).collect::<Vec<_>>().iter().map(String::as_str)),
    }
}

/// `1024`, `1 vCPU` or `2GB`: RegisterTaskDefinition takes both, and answers with the number.
fn units(value: &Json, unit: &str) -> Option<u32> {
    let text = value.as_str()?.to_lowercase();
    match text.strip_suffix(unit) {
        None => text.parse().ok(),
        Some(number) => {
            let units = number.trim().parse::<f64>().ok()? * 1024.0;
            (units.fract() == 0.0 && (1.0..1e6).contains(&units)).then_some(units as u32)
        }
    }
}

fn network_mode(view: &mut View<'_>) {
    let path = view.task_definition_path("networkMode");
    let mode = view.task_definition()["networkMode"].as_str();
    if mode != Some("awsvpc") && view.sound(&path) {
        let title = match mode {
            Some(mode) => format!("Fargate can't run with networkMode `{mode}`"),
            None => "Fargate needs `networkMode: awsvpc`".to_owned(),
        };
        let label = if mode.is_some() { "must be awsvpc" } else { "" };
        view.error_at_key(&path, title, label, &["see RegisterTaskDefinition"]);
    }
}

/// Fargate fetches secrets and writes awslogs with the execution role; there is no instance's to use.
fn execution_role(view: &mut View<'_>) {
    let path = view.task_definition_path("executionRoleArn");
    if view.task_definition().get("executionRoleArn").is_some() || !view.sound(&path) {
        return;
    }
    let needy: Vec<_> = view
        .containers()
        .filter_map(|(path, container)| {
            let secrets = container["secrets"].as_array().is_some_and(|secrets| !secrets.is_empty());
            let logs = container["logConfiguration"]["logDriver"] == "awslogs";
            let field = if secrets { "secrets" } else { "logConfiguration" };
            (secrets || logs).then(|| path.field(field))
        })
        .collect();
    for path in needy {
        let title = "Fargate needs an `executionRoleArn` in the task definition for this";
        view.error_at_key(&path, title, "", &["see RegisterTaskDefinition"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_aws() {
        let cases = [
            (256, 2048, true),
            (256, 4096, false),
            (512, 3072, true),
            (1024, 2048, true),
            (1024, 9216, false),
            (4096, 30720, true),
            (8192, 20480, true),
            (8192, 18432, false),
            (16384, 122_880, true),
            (300, 512, false),
        ];
        for (cpu, memory, exists) in cases {
            assert_eq!(memory_sizes(cpu).contains(&memory), exists, "{cpu} {memory}");
        }
    }

    #[test]
    fn sizes_may_be_written_with_units() {
        assert_eq!(units(&Json::from("0.25 vCPU"), "vcpu"), Some(256));
        assert_eq!(units(&Json::from("2GB"), "gb"), Some(2048));
        assert_eq!(units(&Json::from("1024"), "gb"), Some(1024));
        assert_eq!(units(&Json::from("much"), "gb"), None);
    }
}
