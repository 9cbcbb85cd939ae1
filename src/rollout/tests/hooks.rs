//! One run of a hook, by what ECS shows of its task.

use std::time::Duration;

use super::{at, stopped};
use crate::model::{
    Digest, Gate, Hook, HookDefinition, HookStage, HookTask, Json, OpenHook, StoppedContainer, StoppedTask,
};
use crate::rollout::{HookVerdict, is_infrastructure, is_unplaceable, judge_hook};

fn open() -> OpenHook {
    let digest = Digest::of(&Json::Null);
    let hook = Hook {
        name: "migrate".to_owned(),
        stage: HookStage::Before,
        place: (1, 1),
        definition: HookDefinition::OfTheService,
        run: Json::Null,
        judged_by: vec!["worker".to_owned()],
        images: Vec::new(),
        timeout: Duration::from_secs(600),
        attempts: 1,
        digest: digest.clone(),
    };
    let mut open = OpenHook::of(&hook, &digest, "4c1f9e2", 1, at(0));
    open.asked_at = Some(at(0));
    open
}

fn running() -> HookTask {
    HookTask {
        arn: "arn:aws:ecs:eu-west-1:123456789012:task/jobs/1".to_owned(),
        stopping: false,
        created_at: Some(at(1)),
        started_at: Some(at(5)),
        stopped: None,
        last_words: Vec::new(),
    }
}

fn ended(stop_code: &str, stopped: StoppedTask) -> HookTask {
    let stopped = StoppedTask { stop_code: stop_code.to_owned(), ..stopped };
    HookTask { stopping: true, stopped: Some(stopped), ..running() }
}

fn said(open: &OpenHook, task: &HookTask, seconds: i64) -> String {
    match judge_hook(open, task, at(seconds)) {
        HookVerdict::Running => "running".to_owned(),
        HookVerdict::Late => "late".to_owned(),
        HookVerdict::Succeeded => "succeeded".to_owned(),
        HookVerdict::Failed(failure) => {
            assert_eq!(failure.gate, Gate::Hook);
            format!("failed: {}", failure.likely_cause)
        }
        HookVerdict::Hopeless(failure) => format!("hopeless: {}", failure.likely_cause),
        HookVerdict::Interrupted { why } => format!("interrupted: {why}"),
    }
}

#[test]
fn the_end_of_a_task_says_whether_the_hook_did_its_work() {
    const EXITED: &str = "Essential container in task exited";
    let network = "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-1': \
                   InsufficientFreeAddressesInSubnet";
    let pull = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve \
                ref r/migrate:1: r/migrate:1: not found";
    for (code, exit_code, reason, stopped_reason, expected) in [
        ("EssentialContainerExited", Some(0), "", EXITED, "succeeded"),
        ("EssentialContainerExited", Some(1), "", EXITED, "failed: hook migrate: container worker exited 1"),
        (
            "EssentialContainerExited",
            Some(137),
            "OutOfMemoryError: Container killed due to memory usage",
            EXITED,
            "failed: hook migrate: containers are killed for memory (exit 137): raise the memory of worker",
        ),
        // Told to stop, it may well have ended with 0: that is not its work.
        (
            "SpotInterruption",
            Some(0),
            "",
            "Your Spot Task was interrupted.",
            "interrupted: Fargate or EC2 Spot took the capacity back",
        ),
        ("TerminationNotice", Some(143), "", "Host terminates.", "interrupted: Host terminates"),
        (
            "UserInitiated",
            Some(0),
            "",
            "wrong database",
            "hopeless: hook migrate: somebody stopped its task: wrong database",
        ),
        (
            "TaskFailedToStart",
            None,
            "",
            pull,
            "hopeless: hook migrate: image r/migrate:1 can't be pulled: not found",
        ),
        ("TaskFailedToStart", None, "", "AGENT", "interrupted: AGENT"),
        // The machine is gone, and nobody saw how the container ended.
        (
            "",
            None,
            "",
            "Host EC2 (instance i-1) terminated.",
            "interrupted: Host EC2 (instance i-1) terminated",
        ),
    ] {
        let task = ended(code, stopped(exit_code, reason, stopped_reason));
        assert_eq!(said(&open(), &task, 60), expected, "{code} {exit_code:?} {stopped_reason}");
    }
    let task = ended("TaskFailedToStart", stopped(None, "", network));
    assert!(said(&open(), &task, 60).starts_with("interrupted: no network interface for the task"));
}

#[test]
fn the_containers_that_count_decide_and_their_last_words_are_told() {
    let container = |name: &str, exit_code| StoppedContainer {
        name: name.to_owned(),
        exit_code,
        reason: None,
        last_lines: Vec::new(),
    };
    let with =
        |containers| ended("EssentialContainerExited", StoppedTask { containers, ..stopped(None, "", "") });
    // A proxy beside it was told to stop when the work was done.
    let done = with(vec![container("proxy", Some(143)), container("worker", Some(0))]);
    assert_eq!(said(&open(), &done, 60), "succeeded");
    // The proxy ended first, so the work never began.
    let undone = with(vec![container("proxy", Some(2)), container("worker", None)]);
    assert_eq!(said(&open(), &undone, 60), "failed: hook migrate: container proxy exited 2");
    let mut failed = with(vec![container("proxy", Some(143)), container("worker", Some(3))]);
    failed.last_words = vec!["connecting".to_owned(), "no such table: jobs".to_owned()];
    assert_eq!(
        said(&open(), &failed, 60),
        "failed: hook migrate: container worker exited 3; its last words: \"no such table: jobs\""
    );
    let both = OpenHook { judged_by: vec!["worker".to_owned(), "proxy".to_owned()], ..open() };
    assert_eq!(said(&both, &done, 60), "failed: hook migrate: container proxy was told to stop (exit 143)");
}

#[test]
fn a_task_has_its_time_by_ecss_clock_and_is_given_up_when_it_does_not_stop() {
    let mut open = open();
    assert_eq!(said(&open, &running(), 600), "running");
    assert_eq!(said(&open, &running(), 601), "late");
    open.stopped_at = Some(at(601));
    // Until ECS shows that it heard, it is told again.
    assert_eq!(said(&open, &running(), 606), "late");
    let stopping = HookTask { stopping: true, ..running() };
    assert_eq!(said(&open, &stopping, 606), "running");
    assert_eq!(
        said(&open, &stopping, 901),
        "hopeless: hook migrate: its task was told to stop 5 minutes ago and goes on"
    );
    let late = ended("UserInitiated", stopped(Some(143), "", "reconciler: not ended after 10 m"));
    assert_eq!(said(&open, &late, 620), "hopeless: hook migrate: it did not end within 10 m and was stopped");
    // It was done in the very moment in which it was told to stop.
    let done = ended("EssentialContainerExited", stopped(Some(0), "", "Essential container in task exited"));
    assert_eq!(said(&open, &done, 620), "succeeded");
}

#[test]
fn want_of_room_passes_and_a_constraint_does_not() {
    for words in [
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        "You've reached the limit on the number of vCPUs you can run concurrently",
        "AGENT",
    ] {
        assert!(is_infrastructure(words), "{words}");
    }
    for words in
        ["TaskDefinition not found.", "Override for container named x is not a container in it.", "AGENTS"]
    {
        assert!(!is_infrastructure(words), "{words}");
    }
    assert!(is_unplaceable("ATTRIBUTE") && is_unplaceable("MemberOf placement constraint unsatisfied."));
    assert!(!is_unplaceable("RESOURCE:MEMORY") && !is_unplaceable("EMPTY CAPACITY PROVIDER"));
}
