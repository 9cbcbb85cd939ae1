//! The one sentence that a person on call reads first.

use serde_json::json;

use super::{START, at, live, ours, rollout, service_deployment, set, stopped, target};
use crate::model::{ChangedField, Gate, LiveService, Part, StoppedTask, UnhealthyTarget};
use crate::rollout::diagnose;

fn failing(stopped: Vec<StoppedTask>, targets: Vec<UnhealthyTarget>) -> LiveService {
    let mut live = live(json!([ours("FAILED", 0)]));
    live.stopped_tasks = stopped;
    live.unhealthy_targets = targets;
    live
}

fn check(task: StoppedTask, expected: &str) {
    let failure =
        diagnose(&failing(vec![task], Vec::new()), &rollout(), Gate::EcsCircuitBreaker, at(START + 90));
    assert_eq!(failure.likely_cause, expected);
}

const EXITED: &str = "Essential container in task exited";

#[test]
fn a_program_that_crashes_is_quoted() {
    let mut task = stopped(Some(1), "", EXITED);
    task.containers[0].last_lines = vec!["bind: address in use".to_owned()];
    check(task, "container worker exited 1 soon after start; its last words: \"bind: address in use\"");
    check(stopped(Some(2), "", EXITED), "container worker exited 2 soon after start");
}

#[test]
fn exit_codes_that_mean_something_are_said_in_words() {
    check(
        stopped(Some(0), "", EXITED),
        "container worker ended by itself (exit 0), though a service's container has to keep running",
    );
    check(
        stopped(Some(137), "", EXITED),
        "container worker was killed (exit 137): out of memory, or it did not stop in time",
    );
    check(stopped(Some(139), "", EXITED), "container worker crashed (exit 139, segmentation fault)");
}

#[test]
fn the_container_that_failed_is_blamed_not_the_one_that_had_to_stop() {
    let mut task = stopped(Some(143), "", EXITED);
    let mut guilty = task.containers[0].clone();
    guilty.name = "proxy".to_owned();
    guilty.exit_code = Some(3);
    task.containers.push(guilty);
    check(task, "container proxy exited 3 soon after start");
}

#[test]
fn running_out_of_memory_is_said_whatever_the_spelling() {
    let sentence = "containers are killed for memory (exit 137): raise the memory of worker";
    check(stopped(Some(137), "OutOfMemoryError: Container killed due to memory usage", EXITED), sentence);
    check(stopped(Some(137), "", "OutOfMemoryError: container killed due to memory usage"), sentence);
}

#[test]
fn an_image_that_cannot_be_pulled_is_named_with_the_reason() {
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/job-api:9";
    let failed = |why: &str| {
        stopped(
            None,
            &format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {why}"
            ),
            "Task failed to start",
        )
    };
    check(failed("not found"), &format!("image {image} can't be pulled: not found"));
    check(
        failed("pull access denied"),
        &format!("image {image} can't be pulled: access denied for the execution role"),
    );
    check(
        failed("429 toomanyrequests"),
        &format!("image {image} can't be pulled: the registry's rate limit is reached"),
    );
    check(
        failed("dial tcp 10.0.0.1:443: i/o timeout"),
        &format!(
            "image {image} can't be pulled: the registry can't be reached (NAT gateway or VPC endpoint?)"
        ),
    );
    check(
        stopped(None, "CannotPullContainerError: strange", ""),
        "image of container worker can't be pulled: strange",
    );
}

#[test]
fn secrets_logs_and_volumes_that_cannot_be_set_up_are_told() {
    let failed = |why: &str| stopped(None, "", &format!("ResourceInitializationError: {why}"));
    check(
        failed("unable to pull secrets or registry auth: execution resource retrieval failed"),
        "the task could not be set up: secrets or registry credentials can't be fetched: unable to pull secrets or registry auth: execution resource retrieval failed",
    );
    check(
        failed("failed to validate logger args: no such group"),
        "the task could not be set up: the log group can't be used: failed to validate logger args: no such group",
    );
}

#[test]
fn a_container_that_cannot_start_is_told() {
    check(
        stopped(None, "CannotStartContainerError: exec: \"srve\": executable file not found", EXITED),
        "container worker could not start: exec: \"srve\": executable file not found",
    );
}

#[test]
fn a_failed_health_check_says_what_the_load_balancer_got() {
    let task = stopped(
        Some(143),
        "",
        "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/jobs-api/0123456789abcdef)",
    );
    check(task.clone(), "the load balancer's health check fails (target group jobs-api)");
    let cases = [
        (
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [500]",
            "GET health check answers 500 (target group jobs-api)",
        ),
        (
            "Target.Timeout",
            "Request timed out",
            "GET health check does not answer in time (target group jobs-api)",
        ),
        (
            "Target.FailedHealthChecks",
            "Health checks failed",
            "health check finds nobody listening (target group jobs-api)",
        ),
        ("Elb.InternalError", "", "Elb.InternalError (target group jobs-api)"),
    ];
    for (reason, description, expected) in cases {
        for stopped in [vec![task.clone()], Vec::new()] {
            let live = failing(stopped, vec![target(reason, description)]);
            let failure = diagnose(&live, &rollout(), Gate::EcsCircuitBreaker, at(START + 90));
            assert_eq!(failure.likely_cause, expected);
        }
    }
}

#[test]
fn what_the_load_balancer_got_is_read_from_the_events_once_the_target_is_gone() {
    let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/jobs-api/0123456789abcdef";
    let task = stopped(Some(143), "", &format!("Task failed ELB health checks in (target-group {group})"));
    let cases = [
        ("Health checks failed with these codes: [503]", "GET health check answers 503"),
        ("Request timed out", "GET health check does not answer in time"),
        ("Health checks failed", "health check finds nobody listening"),
    ];
    for (why, expected) in cases {
        let message = format!(
            "(service worker) (task 0f3a) (port 8080) is unhealthy in (target-group {group}) due to (reason {why})."
        );
        let mut live = failing(vec![task.clone()], Vec::new());
        let event = |seconds: i64| json!({"createdAt": seconds as f64, "message": message});
        set(&mut live, "/events", json!([event(START + 60), event(START + 50), event(START - 60)]));
        let failure = diagnose(&live, &rollout(), Gate::EcsCircuitBreaker, at(START + 90));
        assert_eq!(failure.likely_cause, format!("{expected} (target group jobs-api)"));
        assert_eq!(failure.unhealthy_targets.len(), 2, "as many as since the start");
    }
}

#[test]
fn a_containers_own_health_check_is_told_before_its_exit_code() {
    check(
        stopped(Some(137), "", "Task failed container health checks"),
        "the container's own health check fails",
    );
}

#[test]
fn the_cause_that_most_tasks_share_is_told() {
    let crash = stopped(Some(1), "", EXITED);
    let spot = StoppedTask {
        stop_code: "SpotInterruption".to_owned(),
        ..stopped(None, "", "Your Spot Task was interrupted.")
    };
    let live = failing(vec![spot, crash.clone(), crash], Vec::new());
    let failure = diagnose(&live, &rollout(), Gate::EcsCircuitBreaker, at(START + 90));
    assert_eq!(failure.likely_cause, "container worker exited 1 soon after start");
    assert_eq!(failure.stopped_tasks.len(), 3);
}

#[test]
fn where_no_task_ever_started_the_events_are_asked() {
    let mut live = failing(Vec::new(), Vec::new());
    let event = |seconds: i64, message: &str| json!({"createdAt": seconds as f64, "message": message});
    set(
        &mut live,
        "/events",
        json!([
            event(START + 70, "(service worker) has reached a steady state."),
            event(
                START + 60,
                "(service worker) was unable to place a task. Reason: Capacity is unavailable at this time."
            ),
            event(START + 50, "(service worker) (deployment ecs-svc/1) deployment completed."),
            event(START - 60, "(service worker) is unable to consistently start tasks successfully."),
        ]),
    );
    let failure = diagnose(&live, &rollout(), Gate::Deadline, at(START + 600));
    assert_eq!(failure.likely_cause, "no room to place a task: Capacity is unavailable at this time");
    assert_eq!(
        failure.events,
        ["(service worker) was unable to place a task. Reason: Capacity is unavailable at this time."]
    );
}

#[test]
fn with_no_evidence_left_it_says_what_ecs_said_or_that_there_is_none() {
    let mut live = failing(Vec::new(), Vec::new());
    let mut ended = service_deployment(2, "ROLLBACK_SUCCESSFUL", START);
    ended.status_reason = "Service deployment rolled back because of alarms.".to_owned();
    live.deployments = Part::Present(vec![ended]);
    let cause = |live: &LiveService, gate| diagnose(live, &rollout(), gate, at(START + 600)).likely_cause;
    assert_eq!(cause(&live, Gate::EcsCircuitBreaker), "Service deployment rolled back because of alarms");
    live.deployments = Part::Absent;
    assert_eq!(
        cause(&live, Gate::Deadline),
        "only 0 of 3 new tasks came up in time, and AWS shows no reason"
    );
}

#[test]
fn what_may_pass_is_told_apart_from_what_git_has_to_change() {
    let not_pulled =
        |why: &str| stopped(None, &format!("CannotPullContainerError: {why}"), "Task failed to start");
    let not_set_up = |why: &str| stopped(None, "", &format!("ResourceInitializationError: {why}"));
    let with_code =
        |code: &str, reason: &str| StoppedTask { stop_code: code.to_owned(), ..stopped(None, "", reason) };
    let cases = [
        (stopped(Some(1), "", EXITED), false),
        (stopped(Some(137), "OutOfMemoryError: Container killed due to memory usage", EXITED), false),
        (not_pulled("ref job-api:9: not found"), false),
        (not_pulled("dial tcp 10.0.0.1:443: i/o timeout"), false),
        (not_pulled("429 toomanyrequests: rate exceeded"), true),
        (not_pulled("unexpected status from HEAD request: 503 Service Unavailable"), true),
        (not_set_up("unable to pull secrets: AccessDeniedException"), false),
        (not_set_up("unable to pull secrets: ThrottlingException: Rate exceeded"), true),
        (with_code("SpotInterruption", "Your Spot Task was interrupted."), true),
        (with_code("TerminationNotice", "The instance is being terminated"), true),
        (with_code("InfrastructureHealth", "unhealthy infrastructure"), true),
        (with_code("EssentialContainerExited", "Host EC2 (instance i-0f3a) terminated."), true),
        (
            with_code("TaskFailedToStart", "Timeout waiting for network interface provisioning to complete."),
            true,
        ),
        (
            with_code(
                "TaskFailedToStart",
                "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-1': \
                 InsufficientFreeAddressesInSubnet",
            ),
            true,
        ),
        (
            with_code(
                "TaskFailedToStart",
                "Unexpected EC2 error while attempting to Create Network Interface: InvalidSubnetID.NotFound",
            ),
            false,
        ),
        (stopped(Some(143), "", "Task failed ELB health checks in (target-group arn)"), false),
    ];
    for (task, transient) in cases {
        let words = format!("{} {:?}", task.stopped_reason, task.containers[0].reason);
        let spot = with_code("SpotInterruption", "Your Spot Task was interrupted.");
        for tasks in [vec![task.clone()], vec![task, spot]] {
            let failure = diagnose(&failing(tasks, Vec::new()), &rollout(), Gate::Deadline, at(START + 90));
            assert_eq!(failure.transient, transient, "{words}: {}", failure.likely_cause);
        }
    }
    // An alarm or a person has seen more than tasks.
    for gate in [Gate::EcsAlarms, Gate::LifecycleHook, Gate::StoppedByHand, Gate::Alarms, Gate::Http] {
        let spot = with_code("SpotInterruption", "Your Spot Task was interrupted.");
        let failure = diagnose(&failing(vec![spot], Vec::new()), &rollout(), gate, at(START + 90));
        assert!(!failure.transient, "{gate}");
    }
    for (event, transient) in [
        ("(service worker) was unable to place a task. Reason: Capacity is unavailable at this time.", true),
        ("(service worker) operations are being throttled on elb. Will try again later.", true),
        (
            "(service worker) was unable to place a task because no container instance met all of its \
             requirements. The closest matching container-instance 1 has insufficient CPU units available.",
            true,
        ),
        (
            "(service worker) was unable to place a task because no container instance met all of its \
             requirements. The closest matching container-instance 1 is missing an attribute required by your task.",
            false,
        ),
    ] {
        let mut live = failing(Vec::new(), Vec::new());
        set(&mut live, "/events", json!([{"createdAt": (START + 60) as f64, "message": event}]));
        let failure = diagnose(&live, &rollout(), Gate::Deadline, at(START + 600));
        assert_eq!(failure.transient, transient, "{}", failure.likely_cause);
    }
}

#[test]
fn a_cause_names_what_this_commit_changed_that_goes_with_it() {
    let container = "taskDefinition.containerDefinitions[worker]";
    let changed = |path: &str, change: &str| ChangedField {
        path: path.to_owned(),
        change: change.to_owned(),
        rotated: None,
        file: None,
    };
    let image = || changed(&format!("{container}.image"), "\"w:1\" -> \"w:2\"");
    let batch = || changed(&format!("{container}.environment.BATCH"), "(absent) -> \"20\"");
    let because = |task: StoppedTask, changes: Vec<ChangedField>| {
        let rollout = crate::model::Rollout { changes, ..rollout() };
        let failure = diagnose(&failing(vec![task], Vec::new()), &rollout, Gate::Deadline, at(START + 90));
        failure.likely_cause
    };
    let oom = || stopped(Some(137), "OutOfMemoryError: Container killed due to memory usage", EXITED);
    let pull = || stopped(None, "CannotPullContainerError: ref a/w:2: not found", "Task failed to start");
    let set_up = |why: &str| stopped(None, "", &format!("ResourceInitializationError: {why}"));
    let ill = || {
        stopped(Some(143), "", "Task failed ELB health checks in (target-group arn:aws:x:targetgroup/api/1)")
    };
    let network = |why: &str| {
        stopped(
            None,
            "",
            &format!("Unexpected EC2 error while attempting to Create Network Interface: {why}"),
        )
    };
    let cases = [
        because(oom(), vec![changed("taskDefinition.memory", "1024 -> 512"), batch()]),
        because(oom(), vec![batch()]),
        because(pull(), vec![batch(), image()]),
        because(
            set_up("unable to pull secrets or registry auth: AccessDeniedException"),
            vec![changed(&format!("{container}.secrets.TOKEN"), "(added, not shown)")],
        ),
        because(
            set_up("failed to validate logger args: The specified log group does not exist"),
            vec![changed(&format!("{container}.logConfiguration.options.awslogs-group"), "\"/a\" -> \"/b\"")],
        ),
        because(ill(), vec![changed(&format!("{container}.portMappings[0].containerPort"), "8080 -> 8081")]),
        because(
            stopped(Some(137), "", "Task failed container health checks"),
            vec![changed(
                &format!("{container}.healthCheck.command"),
                "[\"CMD\", \"a\"] -> [\"CMD\", \"b\"]",
            )],
        ),
        because(
            network("InsufficientFreeAddressesInSubnet"),
            vec![changed("service.networkConfiguration.awsvpcConfiguration.subnets", "+subnet-2")],
        ),
        because(
            stopped(Some(1), "", EXITED),
            vec![changed(&format!("{container}.command"), "[\"a\"] -> [\"b\"]")],
        ),
        because(
            stopped(None, "CannotStartContainerError: exec: \"srve\": not found", EXITED),
            vec![changed(&format!("{container}.entryPoint"), "(absent) -> [\"srve\"]")],
        ),
        // What has nothing to do with it is not blamed.
        because(pull(), vec![batch()]),
        because(stopped(Some(1), "", EXITED), vec![changed("service.desiredCount", "2 -> 3")]),
    ];
    insta::assert_snapshot!(cases.join("\n"), @r#"
    containers are killed for memory (exit 137): raise the memory of worker; this commit changed memory 1024 -> 512 and BATCH (absent) -> "20"
    containers are killed for memory (exit 137): raise the memory of worker; this commit changed BATCH (absent) -> "20"
    image a/w:2 can't be pulled: not found; this commit changed image "w:1" -> "w:2"
    the task could not be set up: secrets or registry credentials can't be fetched: unable to pull secrets or registry auth: AccessDeniedException; this commit changed TOKEN (added, not shown)
    the task could not be set up: the log group can't be used: failed to validate logger args: The specified log group does not exist; this commit changed awslogs-group "/a" -> "/b"
    the load balancer's health check fails (target group api); this commit changed containerPort 8080 -> 8081
    the container's own health check fails; this commit changed command ["CMD", "a"] -> ["CMD", "b"]
    no network interface for the task, the subnet has no free address: Unexpected EC2 error while attempting to Create Network Interface: InsufficientFreeAddressesInSubnet; this commit changed subnets +subnet-2
    container worker exited 1 soon after start; this commit changed command ["a"] -> ["b"]
    container worker could not start: exec: "srve": not found; this commit changed entryPoint (absent) -> ["srve"]
    image a/w:2 can't be pulled: not found
    container worker exited 1 soon after start
    "#);
}
