//! A task that a person runs by hand, as it is told beside its log, and as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::paint::{plain, span};
use crate::model::{Json, StoppedTask, TaskDefinitionArn, Timestamp};

/// Rises when a member changes its meaning or goes away.
pub const TASK_RUN_VERSION: u32 = 1;

/// One run.
#[derive(Clone, Debug)]
pub struct RunByHand {
    pub name: String,
    pub region: String,
    pub cluster: String,
    /// ARN.
    pub task: String,
    pub task_definition: TaskDefinitionArn,
    pub started_by: String,
    /// Group and name of each log stream.
    pub streams: Vec<(String, String)>,
}

/// How it ended, as far as somebody waited for that.
#[derive(Clone, Debug)]
pub struct EndByHand {
    pub stopped: StoppedTask,
    pub started_at: Option<Timestamp>,
    /// Of the container that decides.
    pub exit_code: Option<i64>,
}

impl RunByHand {
    /// `mail runs mail:7 as task 4f3a… in cluster jobs`
    pub fn started(&self) -> String {
        let Self { name, cluster, task_definition, started_by, .. } = self;
        format!(
            "{name}: {task_definition} runs as task {} in cluster {cluster} (startedBy {started_by})",
            self.id()
        )
    }

    fn id(&self) -> &str {
        self.task.rsplit('/').next().unwrap_or_default()
    }

    /// Why nobody waits for the end any more, and what a person can do then.
    pub fn left_alone(&self, why: &str) -> String {
        let Self { region, cluster, streams, .. } = self;
        let mut text = format!("{why}; the task goes on\n");
        // Writing to a `String` can't fail.
        let _ = writeln!(
            text,
            "  to stop it   aws ecs stop-task --region {region} --cluster {cluster} --task {}",
            self.id()
        );
        for (group, stream) in streams {
            let _ = writeln!(
                text,
                "  its log      aws logs tail {group} --region {region} --log-stream-names {stream} --follow"
            );
        }
        text.trim_end().to_owned()
    }

    /// `container app exited 3 after 12 s`, or why none ran.
    pub fn ended(&self, end: &EndByHand) -> String {
        let EndByHand { stopped, started_at, exit_code } = end;
        let took =
            started_at.map(|at| format!(" after {}", span(stopped.stopped_at.since(at)))).unwrap_or_default();
        let containers: Vec<String> = stopped
            .containers
            .iter()
            .map(|container| {
                let reason = container.reason.as_deref().map(|reason| format!(" ({})", plain(reason)));
                let how = match container.exit_code {
                    Some(code) => format!("exited {code}"),
                    None => "has no exit code".to_owned(),
                };
                format!("{} {how}{}", container.name, reason.unwrap_or_default())
            })
            .collect();
        let why = match stopped.stop_code.as_str() {
            "EssentialContainerExited" => String::new(),
            code => format!(": {code}, {}", plain(&stopped.stopped_reason)),
        };
        let first = match exit_code {
            Some(0) => format!("{} ended well{took}", self.name),
            Some(code) => format!("{} ended with {code}{took}{why}", self.name),
            None => format!("{} ended without an exit code{took}{why}", self.name),
        };
        match containers.is_empty() {
            true => first,
            false => format!("{first}: {}", containers.join(", ")),
        }
    }

    /// For programs: `end` is `None` where nobody waited for it.
    pub fn json(&self, end: Option<&EndByHand>) -> Json {
        let streams = self.streams.iter().map(|(group, stream)| json!({"group": group, "stream": stream}));
        let containers = end.map(|end| {
            let containers = end.stopped.containers.iter();
            containers
                .map(|it| json!({"name": it.name, "exitCode": it.exit_code, "reason": it.reason}))
                .collect::<Vec<_>>()
        });
        json!({
            "version": TASK_RUN_VERSION,
            "name": self.name,
            "region": self.region,
            "cluster": self.cluster,
            "task": self.task,
            "taskDefinition": self.task_definition,
            "startedBy": self.started_by,
            "logs": streams.collect::<Vec<_>>(),
            "ended": end.is_some(),
            "exitCode": end.and_then(|end| end.exit_code),
            "stopCode": end.map(|end| &end.stopped.stop_code),
            "stoppedReason": end.map(|end| &end.stopped.stopped_reason),
            "startedAt": end.and_then(|end| end.started_at).map(|at| at.to_string()),
            "stoppedAt": end.map(|end| end.stopped.stopped_at.to_string()),
            "containers": containers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StoppedContainer;

    fn run() -> RunByHand {
        RunByHand {
            name: "mail".to_owned(),
            region: "eu-west-1".to_owned(),
            cluster: "jobs".to_owned(),
            task: "arn:aws:ecs:eu-west-1:123456789012:task/jobs/4f3a".to_owned(),
            task_definition: TaskDefinitionArn(
                "arn:aws:ecs:eu-west-1:123456789012:task-definition/mail:7".to_owned(),
            ),
            started_by: "by-hand/ada".to_owned(),
            streams: vec![("/jobs".to_owned(), "mail/app/4f3a".to_owned())],
        }
    }

    fn end(code: Option<i64>, stop_code: &str, reason: &str) -> EndByHand {
        let container = StoppedContainer {
            name: "app".to_owned(),
            exit_code: code,
            reason: code.is_none().then(|| "CannotPullContainerError: no".to_owned()),
            last_lines: Vec::new(),
        };
        let stopped = StoppedTask {
            task: run().task,
            started_by: String::new(),
            stop_code: stop_code.to_owned(),
            stopped_reason: reason.to_owned(),
            containers: vec![container],
            stopped_at: Timestamp(22_000),
        };
        EndByHand { stopped, started_at: code.map(|_| Timestamp(10_000)), exit_code: code }
    }

    #[test]
    fn a_run_by_hand_is_told_from_its_start_to_its_end() {
        insta::assert_snapshot!(run().started(), @"mail: mail:7 runs as task 4f3a in cluster jobs (startedBy by-hand/ada)");
        let exited = |code| {
            run().ended(&end(Some(code), "EssentialContainerExited", "Essential container in task exited"))
        };
        insta::assert_snapshot!(exited(0), @"mail ended well after 12 s: app exited 0");
        insta::assert_snapshot!(exited(3), @"mail ended with 3 after 12 s: app exited 3");
        let killed = run().ended(&end(Some(137), "UserInitiated", "stopped by ada"));
        insta::assert_snapshot!(killed, @"mail ended with 137 after 12 s: UserInitiated, stopped by ada: app exited 137");
        let never = run().ended(&end(None, "TaskFailedToStart", "no image"));
        insta::assert_snapshot!(never, @"mail ended without an exit code: TaskFailedToStart, no image: app has no exit code (CannotPullContainerError: no)");
    }

    #[test]
    fn who_leaves_a_task_alone_is_told_how_to_stop_it_and_where_its_log_is() {
        insta::assert_snapshot!(run().left_alone("interrupted"), @r"
        interrupted; the task goes on
          to stop it   aws ecs stop-task --region eu-west-1 --cluster jobs --task 4f3a
          its log      aws logs tail /jobs --region eu-west-1 --log-stream-names mail/app/4f3a --follow
        ");
    }
}
