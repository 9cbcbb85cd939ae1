//! What the end of a task that was run by hand means for whoever ran it.

use crate::model::StoppedTask;

/// Exit codes of processes that were ended by SIGKILL and SIGTERM.
const KILLED: [i64; 2] = [137, 143];

/// The exit code of the task: of the container that decides.
///
/// Where several decide, one that failed by itself says more than one that was ended because of it, and
/// any failure more than success. `None`: none of them ran, or ECS does not tell how it ended.
pub fn exit_code(judged_by: &[String], stopped: &StoppedTask) -> Option<i64> {
    let judged = stopped.containers.iter().filter(|container| judged_by.contains(&container.name));
    let codes: Vec<Option<i64>> = judged.map(|container| container.exit_code).collect();
    let failures: Vec<i64> = codes.iter().copied().flatten().filter(|code| *code != 0).collect();
    let all_ended = !codes.is_empty() && codes.iter().all(Option::is_some);
    let by_itself = failures.iter().find(|code| !KILLED.contains(code));
    by_itself.or(failures.first()).copied().or(all_ended.then_some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{StoppedContainer, Timestamp};

    #[test]
    fn the_exit_code_is_that_of_the_container_that_decides() {
        let code = |containers: &[(&str, Option<i64>)], judged_by: &[&str]| {
            let containers = containers.iter().map(|(name, exit_code)| StoppedContainer {
                name: (*name).to_owned(),
                exit_code: *exit_code,
                reason: None,
                last_lines: Vec::new(),
            });
            let stopped = StoppedTask {
                task: String::new(),
                started_by: String::new(),
                stop_code: String::new(),
                stopped_reason: String::new(),
                containers: containers.collect(),
                stopped_at: Timestamp(0),
            };
            let judged_by: Vec<String> = judged_by.iter().map(|name| (*name).to_owned()).collect();
            exit_code(&judged_by, &stopped)
        };
        for (containers, judged_by, expected) in [
            (&[("app", Some(0)), ("router", Some(143))][..], &["app"][..], Some(0)),
            (&[("app", Some(3)), ("router", Some(0))], &["app"], Some(3)),
            // The proxy was ended because the app failed.
            (&[("proxy", Some(143)), ("app", Some(3))], &["proxy", "app"], Some(3)),
            (&[("app", Some(0)), ("proxy", Some(137))], &["app", "proxy"], Some(137)),
            (&[("app", None), ("proxy", Some(1))], &["app", "proxy"], Some(1)),
            (&[("app", None), ("proxy", Some(0))], &["app", "proxy"], None),
            (&[("app", None)], &["app"], None),
            (&[], &["app"], None),
        ] {
            assert_eq!(code(containers, judged_by), expected, "{containers:?}");
        }
    }
}
