//! A container's own health check: a real command, run again and again.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use super::container::Container;
use crate::clock::Clock;
use crate::runtime::{ContainerHealth, HealthCheck};

/// Checks the container for ever; dropped when the container ends.
pub(super) async fn watch(container: &Container, check: Option<&HealthCheck>, clock: &Clock) -> Infallible {
    let Some((check, words)) = check.and_then(|check| Some((check, words(container, check)?))) else {
        return std::future::pending().await;
    };
    let started = clock.now();
    let mut failures = 0;
    loop {
        // As in Docker, the first check comes one interval after the start.
        tokio::time::sleep(clock.real(check.interval)).await;
        if passes(container, &words, clock.real(check.timeout)).await {
            failures = 0;
            container.set_health(ContainerHealth::Healthy);
        } else if clock.now().since(started) >= check.start_period {
            failures += 1;
            if failures >= check.retries {
                container.set_health(ContainerHealth::Unhealthy);
            }
        }
    }
}

/// The words to execute: `CMD-SHELL` is the only place where a shell is asked.
fn words(container: &Container, check: &HealthCheck) -> Option<Vec<String>> {
    let inside = |word: &String| rewrite_ports(word, container.ports());
    match check.command.split_first() {
        Some((form, rest)) if form == "CMD-SHELL" => {
            let script = rest.iter().map(inside).collect::<Vec<_>>().join(" ");
            Some(vec!["/bin/sh".into(), "-c".into(), script])
        }
        Some((form, rest)) if form == "CMD" && !rest.is_empty() => Some(rest.iter().map(inside).collect()),
        _ => None,
    }
}

/// Sends a check of the container's own port to where that port is on this machine:
/// `localhost:8080` becomes `localhost:20017`.
fn rewrite_ports(word: &str, ports: &BTreeMap<u16, u16>) -> String {
    let mut rewritten = word.to_owned();
    for host in ["localhost", "127.0.0.1"] {
        let mut result = String::new();
        let mut rest = rewritten.as_str();
        let marker = format!("{host}:");
        while let Some(at) = rest.find(&marker) {
            let (before, after) = rest.split_at(at + marker.len());
            result.push_str(before);
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let port = after[..digits].parse().ok();
            match port.and_then(|port: u16| ports.get(&port)) {
                Some(mapped) => result.push_str(&mapped.to_string()),
                None => result.push_str(&after[..digits]),
            }
            rest = &after[digits..];
        }
        result.push_str(rest);
        rewritten = result;
    }
    rewritten
}

/// Kills what is left of a check when it is over, timed out or no longer wanted.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Fails only if the whole group is gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn passes(container: &Container, words: &[String], timeout: Duration) -> bool {
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .envs(&container.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(directory) = &container.working_directory {
        command.current_dir(directory);
    }
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let _group = Group(child.id().and_then(|id| Pid::from_raw(id as i32)));
    match tokio::time::timeout(timeout, child.wait()).await {
        Ok(Ok(status)) => status.success(),
        Ok(Err(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_of_the_containers_port_goes_to_the_mapped_port() {
        let ports = BTreeMap::from([(80, 20001), (8080, 20002)]);
        let check = |word: &str, expect: &str| assert_eq!(rewrite_ports(word, &ports), expect);
        check(
            "curl -f http://localhost:8080/health || wget 127.0.0.1:80",
            "curl -f http://localhost:20002/health || wget 127.0.0.1:20001",
        );
        check("localhost:9000", "localhost:9000");
        check("localhost:80801", "localhost:80801");
        check("localhost:", "localhost:");
        check("example.org:8080", "example.org:8080");
    }
}
