//! The log of one task, followed while it runs: container by container, from its first line on.

use super::evidence::stopped_task;
use super::redact::masked;
use crate::aws::{Error, ErrorKind, Reader};
use crate::model::{Json, StoppedTask, Timestamp};

/// Most pages of one stream that are read at once: a container that writes faster than it is read must
/// not keep us from looking at the task.
const PAGES_MAX: usize = 20;

/// A line, and the container that wrote it. What may be a secret in it is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub container: String,
    pub text: String,
}

/// The log streams of one task.
#[derive(Debug, Default)]
pub struct TaskLog {
    streams: Vec<Stream>,
    /// Containers whose logs can't be followed, and why.
    pub not_followed: Vec<(String, String)>,
}

#[derive(Debug)]
struct Stream {
    container: String,
    group: String,
    name: String,
    token: Option<String>,
}

impl TaskLog {
    /// Finds the streams of a task: `PREFIX/CONTAINER/TASK-ID`, for the log driver `awslogs`.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
    pub fn of(definition: &Json, task: &str, region: &str) -> Self {
        let id = task.rsplit('/').next().unwrap_or_default();
        let mut log = Self::default();
        for container in definition["containerDefinitions"].as_array().into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default().to_owned();
            match stream_of(&container["logConfiguration"], &name, id, region) {
                Ok((group, stream)) => {
                    log.streams.push(Stream { container: name, group, name: stream, token: None });
                }
                Err(why) => log.not_followed.push((name, why)),
            }
        }
        log
    }

    /// Group and name of each stream.
    pub fn streams(&self) -> impl Iterator<Item = (&str, &str)> {
        self.streams.iter().map(|stream| (stream.group.as_str(), stream.name.as_str()))
    }

    /// The lines that came since the last look. A stream that is not there yet has none; one that can't
    /// be read any more is given up and becomes one of `not_followed`.
    pub async fn read_on(&mut self, reader: &Reader) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let mut kept = Vec::new();
        for mut stream in std::mem::take(&mut self.streams) {
            match stream.read_on(reader, &mut lines).await {
                Err(error) if is_lasting(&error) => {
                    self.not_followed.push((stream.container, error.to_string()));
                }
                Ok(()) | Err(_) => kept.push(stream),
            }
        }
        self.streams = kept;
        lines
    }
}

/// One task, as it is now.
#[derive(Clone, Debug)]
pub struct TaskLook {
    /// `PROVISIONING`, `PENDING`, `RUNNING` and so on, as ECS calls it.
    pub status: String,
    pub started_at: Option<Timestamp>,
    pub stopped: Option<StoppedTask>,
}

/// Looks at one task; `None`: ECS does not show it, or not yet.
pub async fn look_at_task(reader: &Reader, cluster: &str, arn: &str) -> Result<Option<TaskLook>, Error> {
    let tasks = reader.describe_tasks(cluster, &[arn.to_owned()]).await?;
    Ok(tasks.iter().find(|task| task["taskArn"] == arn).map(|task| TaskLook {
        status: task["lastStatus"].as_str().unwrap_or_default().to_owned(),
        started_at: task["startedAt"].as_f64().map(Timestamp::from_seconds),
        stopped: (task["lastStatus"] == "STOPPED").then(|| stopped_task(task)),
    }))
}

impl Stream {
    async fn read_on(&mut self, reader: &Reader, lines: &mut Vec<LogLine>) -> Result<(), Error> {
        for _ in 0..PAGES_MAX {
            let page = reader.log_lines_from(&self.group, &self.name, self.token.as_deref()).await?;
            let container = &self.container;
            lines.extend(
                page.lines
                    .iter()
                    .flat_map(|event| event.lines())
                    .map(|text| LogLine { container: container.clone(), text: masked(text.trim_end()) }),
            );
            let more = page.next != self.token;
            self.token = page.next;
            if !more {
                break;
            }
        }
        Ok(())
    }
}

/// What will not pass while the task runs. A group or stream that is not there comes with the first line.
fn is_lasting(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::AccessDenied | ErrorKind::Credentials | ErrorKind::Rejected)
}

fn stream_of(log: &Json, container: &str, id: &str, region: &str) -> Result<(String, String), String> {
    let option = |name: &str| log["options"][name].as_str();
    match log["logDriver"].as_str() {
        None => return Err("it has no logConfiguration".to_owned()),
        Some("awslogs") => {}
        Some(driver) => return Err(format!("its log goes to `{driver}`, only `awslogs` is followed")),
    }
    let Some(group) = option("awslogs-group") else {
        return Err("its logConfiguration has no awslogs-group".to_owned());
    };
    if let Some(other) = option("awslogs-region").filter(|other| *other != region) {
        return Err(format!("its log is in {other}: aws logs tail {group} --region {other} --follow"));
    }
    match option("awslogs-stream-prefix") {
        Some(prefix) => Ok((group.to_owned(), format!("{prefix}/{container}/{id}"))),
        // Then the stream goes by the container's id, which only the host knows.
        None => Err(format!("without awslogs-stream-prefix its stream in {group} has no known name")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_log_that_cannot_be_followed_says_why() {
        let options = |options: Json| json!({"logDriver": "awslogs", "options": options});
        let group = || json!({"awslogs-group": "/jobs", "awslogs-region": "eu-west-1"});
        let mut other = group();
        other["awslogs-region"] = "us-east-1".into();
        other["awslogs-stream-prefix"] = "mail".into();
        let mut whole = group();
        whole["awslogs-stream-prefix"] = "mail".into();
        let definition = json!({"containerDefinitions": [
            {"name": "app", "logConfiguration": options(whole)},
            {"name": "mute"},
            {"name": "router", "logConfiguration": {"logDriver": "awsfirelens"}},
            {"name": "far", "logConfiguration": options(other)},
            {"name": "host", "logConfiguration": options(group())},
        ]});
        let log = TaskLog::of(&definition, "arn:aws:ecs:eu-west-1:123456789012:task/jobs/4f3a", "eu-west-1");
        assert_eq!(log.streams().collect::<Vec<_>>(), [("/jobs", "mail/app/4f3a")]);
        let not_followed: Vec<String> =
            log.not_followed.iter().map(|(container, why)| format!("{container}: {why}")).collect();
        assert_eq!(
            not_followed,
            [
                "mute: it has no logConfiguration",
                "router: its log goes to `awsfirelens`, only `awslogs` is followed",
                "far: its log is in us-east-1: aws logs tail /jobs --region us-east-1 --follow",
                "host: without awslogs-stream-prefix its stream in /jobs has no known name",
            ]
        );
    }
}
