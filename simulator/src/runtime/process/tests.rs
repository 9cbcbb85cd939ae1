//! The process runtime with real processes.
#![allow(clippy::unwrap_used)]

use tokio::time::{interval, timeout};

use super::*;
use crate::runtime::{ContainerHealth, ContainerLaunch, ContainerStatus, HealthCheck};

const SERVER: &str = r#"
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path == "/sick" else 200)
        self.end_headers()
    def log_message(self, *args): pass
signal.signal(signal.SIGTERM, lambda *args: sys.exit(7))
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

fn runtime() -> ProcessRuntime {
    let mut images = Images::default();
    let image = |command: &str, args: &[&str]| Image {
        command: command.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        environment: BTreeMap::from([("FROM_IMAGE".into(), "1".into())]),
        ..Image::default()
    };
    images.insert("shell", image("sh", &["-c"]));
    images.insert("server", image("python3", &["-c", SERVER]));
    images.insert("absent", image("/nowhere/program", &[]));
    let extra = BTreeMap::from([("AWS_REGION".to_owned(), "eu-west-1".to_owned())]);
    ProcessRuntime::new(Clock::starting_at(Time(1_000), 1.0), images, extra)
}

fn container(image: &str, command: &[&str]) -> ContainerLaunch {
    ContainerLaunch {
        name: "app".into(),
        image: image.into(),
        essential: true,
        entry_point: Vec::new(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        environment: BTreeMap::new(),
        ports: vec![8080],
        health_check: None,
        stop_timeout: Duration::from_secs(30),
        memory_limit: None,
        depends_on: Vec::new(),
        start_timeout: None,
    }
}

/// Starts a task `t` of one container whose shell runs a script.
fn script(runtime: &ProcessRuntime, script: &str) {
    start(runtime, container("shell:1", &["-c", script]));
}

fn start(runtime: &ProcessRuntime, container: ContainerLaunch) {
    runtime.start(&TaskLaunch {
        task: "t".into(),
        service: None,
        containers: vec![container],
        launched_at: Time(1_000),
    });
}

fn state(runtime: &ProcessRuntime) -> ContainerState {
    runtime.observe("t", runtime.clock.now())[0].clone()
}

/// Looks until `seen` finds what it looks for.
async fn until<T>(mut seen: impl FnMut() -> Option<T>) -> T {
    timeout(Duration::from_secs(20), async {
        let mut looks = interval(Duration::from_millis(5));
        loop {
            looks.tick().await;
            if let Some(found) = seen() {
                return found;
            }
        }
    })
    .await
    .expect("not seen in time")
}

async fn exit_code(runtime: &ProcessRuntime) -> i32 {
    until(|| match state(runtime).status {
        ContainerStatus::Stopped { exit_code, .. } => Some(exit_code),
        _ => None,
    })
    .await
}

fn lines(runtime: &ProcessRuntime) -> Vec<String> {
    let lines = runtime.output("t", "app", 100).into_iter();
    lines.map(|(_, line)| line).collect()
}

async fn line(runtime: &ProcessRuntime, wanted: &str) {
    until(|| lines(runtime).iter().any(|line| line == wanted).then_some(())).await;
}

#[tokio::test]
async fn exit_code_and_last_words_of_a_process_are_kept() {
    let runtime = runtime();
    script(&runtime, "echo out; echo err >&2; exit 3");
    assert_eq!(exit_code(&runtime).await, 3);
    let mut lines = lines(&runtime);
    lines.sort();
    assert_eq!(lines, ["err", "out"]);
}

#[tokio::test]
async fn a_container_sees_its_own_environment_and_path_only() {
    let runtime = runtime();
    let mut launch = container("shell", &["-c", "env; echo done"]);
    launch.environment = BTreeMap::from([
        ("LOG_LEVEL".into(), "debug".into()),
        ("PORT".into(), "8080".into()),
        ("FROM_IMAGE".into(), "2".into()),
    ]);
    start(&runtime, launch);
    line(&runtime, "done").await;
    let port = runtime.address("t", "app", 8080).unwrap().port();
    let mut names: Vec<String> = lines(&runtime)
        .iter()
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        // Made by the shell itself.
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str()))
        .collect();
    names.sort();
    assert_eq!(names, ["AWS_REGION", "FROM_IMAGE", "LOG_LEVEL", "PATH", "PORT", "PORT_8080"]);
    assert!(lines(&runtime).contains(&format!("PORT={port}")));
    assert!(lines(&runtime).contains(&"FROM_IMAGE=2".to_owned()));
}

#[tokio::test]
async fn stopping_asks_first_and_the_exit_code_is_the_processes_own() {
    let runtime = runtime();
    script(&runtime, "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done");
    line(&runtime, "up").await;
    runtime.stop("t", runtime.clock.now());
    assert_eq!(exit_code(&runtime).await, 9);
    line(&runtime, "bye").await;
}

#[tokio::test]
async fn a_process_that_does_not_listen_is_killed_after_its_stop_timeout() {
    let runtime = runtime();
    let stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    let mut launch = container("shell", &["-c", stubborn]);
    launch.stop_timeout = Duration::from_millis(200);
    start(&runtime, launch);
    line(&runtime, "up").await;
    runtime.stop("t", runtime.clock.now());
    assert_eq!(exit_code(&runtime).await, 128 + 9);
}

#[tokio::test]
async fn a_process_without_a_handler_ends_with_143() {
    let runtime = runtime();
    script(&runtime, "echo up; exec sleep 60");
    line(&runtime, "up").await;
    runtime.stop("t", runtime.clock.now());
    assert_eq!(exit_code(&runtime).await, 143);
}

#[tokio::test]
async fn an_image_that_maps_to_nothing_cannot_be_pulled_and_no_sibling_starts() {
    let runtime = runtime();
    let mut second = container("registry.example/other:1", &[]);
    second.name = "other".into();
    runtime.start(&TaskLaunch {
        task: "t".into(),
        service: None,
        containers: vec![container("shell", &["-c", "echo up"]), second],
        launched_at: Time(1_000),
    });
    let states = runtime.observe("t", runtime.clock.now());
    assert_eq!(states[0].status, ContainerStatus::Pending);
    let ContainerStatus::CannotStart { reason } = &states[1].status else {
        panic!("{states:?}");
    };
    assert_eq!(
        reason,
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to \
         resolve ref registry.example/other:1: registry.example/other:1: not found"
    );
    runtime.stop("t", Time(2_000));
    let states = runtime.observe("t", Time(2_000));
    assert!(matches!(states[0].status, ContainerStatus::Stopped { .. }));
}

#[tokio::test]
async fn an_image_pushed_later_can_be_pulled() {
    let runtime = runtime();
    let image = Image { command: "sh".into(), args: vec!["-c".into(), "exit 5".into()], ..Image::default() };
    runtime.map_image("late", image);
    start(&runtime, container("late:1", &[]));
    assert_eq!(exit_code(&runtime).await, 5);
}

#[tokio::test]
async fn a_program_that_does_not_exist_cannot_be_started() {
    let runtime = runtime();
    start(&runtime, container("absent", &[]));
    let reason = until(|| match state(&runtime).status {
        ContainerStatus::CannotStart { reason } => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.starts_with("CannotStartContainerError: "), "{reason}");
}

#[tokio::test]
async fn a_health_check_command_decides_the_containers_health() {
    let directory = tempfile::tempdir().unwrap();
    let well = directory.path().join("well");
    let runtime = &runtime();
    let mut launch = container("shell", &["-c", "exec sleep 60"]);
    launch.health_check = Some(HealthCheck {
        command: vec!["CMD-SHELL".into(), format!("test -e {}", well.display())],
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(5),
        retries: 2,
        start_period: Duration::ZERO,
    });
    start(runtime, launch);
    let is = |health| until(move || (state(runtime).health == health).then_some(()));
    is(ContainerHealth::Unhealthy).await;
    std::fs::write(&well, "").unwrap();
    is(ContainerHealth::Healthy).await;
    std::fs::remove_file(&well).unwrap();
    is(ContainerHealth::Unhealthy).await;
}

#[tokio::test]
async fn a_probe_asks_the_process_over_http() {
    let runtime = runtime();
    start(&runtime, container("server:1", &[]));
    let probe = |path: &str| Probe {
        task: "t".into(),
        container: "app".into(),
        port: 8080,
        path: path.into(),
        timeout: Duration::from_secs(5),
        matcher: "200".into(),
    };
    until(|| (runtime.probe(&probe("/"), Time(1_000)) == ProbeAnswer::Passed).then_some(())).await;
    let failure = until(|| match runtime.probe(&probe("/sick"), Time(1_000)) {
        ProbeAnswer::Pending => None,
        answer => Some(answer),
    })
    .await;
    let expected = failed_answer("Health checks failed with these codes: [503]");
    assert_eq!(failure, expected);
}

fn failed_answer(description: &str) -> ProbeAnswer {
    ProbeAnswer::Failed { reason: "Target.ResponseCodeMismatch".into(), description: description.into() }
}

/// The process ids that a script wrote, one a line.
async fn process_ids(runtime: &ProcessRuntime, count: usize) -> Vec<rustix::process::Pid> {
    until(|| {
        let lines = lines(runtime);
        (lines.len() == count).then_some(lines)
    })
    .await
    .iter()
    .map(|line| rustix::process::Pid::from_raw(line.parse().unwrap()).unwrap())
    .collect()
}

fn is_gone(process: rustix::process::Pid) -> bool {
    // A zombie whose new parent has not looked yet counts as gone.
    let status = format!("/proc/{}/stat", process.as_raw_nonzero());
    std::fs::read_to_string(status).map_or(true, |stat| stat.contains(") Z "))
}

#[tokio::test]
async fn dropping_the_runtime_kills_processes_and_their_children() {
    let runtime = runtime();
    script(&runtime, "sleep 60 & echo $!; echo $$; wait");
    let processes = process_ids(&runtime, 2).await;
    drop(runtime);
    for process in processes {
        until(|| is_gone(process).then_some(())).await;
    }
}

#[tokio::test]
async fn shutting_down_waits_until_all_processes_have_ended() {
    let runtime = runtime();
    script(&runtime, "trap 'exit 4' TERM; echo $$; while :; do sleep 0.05; done");
    let processes = process_ids(&runtime, 1).await;
    runtime.shut_down(Duration::from_secs(10)).await;
    assert!(is_gone(processes[0]));
    assert_eq!(exit_code(&runtime).await, 4);
}

#[tokio::test]
async fn a_forgotten_task_is_unknown_and_killed() {
    let runtime = runtime();
    script(&runtime, "trap '' TERM; echo $$; while :; do sleep 0.05; done");
    let processes = process_ids(&runtime, 1).await;
    runtime.forget("t");
    assert!(runtime.observe("t", Time(1_000)).is_empty());
    until(|| is_gone(processes[0]).then_some(())).await;
}
