//! One-off tasks around a deployment: what Git asks for, and what was tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Digest, Json, ServiceKey, TaskDefinitionArn, Timestamp};

/// A one-off task that has to succeed before a deployment begins, or before it counts as good.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// Unique in its service.
    pub name: String,
    pub stage: HookStage,
    /// Its place among the hooks of its stage, from 1, and how many there are.
    pub place: (u32, u32),
    pub definition: HookDefinition,
    /// Members of RunTask that say where and with what it runs: `overrides`, `launchType` and the like,
    /// the service's own where Git mentions none.
    pub run: Json,
    /// The containers whose exit codes decide.
    pub judged_by: Vec<String>,
    /// Images of those containers.
    pub images: Vec<String>,
    /// From the start of a task to its end; then it is stopped, and the hook has failed.
    pub timeout: Duration,
    /// How often it may exit with another code than 0.
    pub attempts: u32,
    /// Of what it does, and of the task definition that the service gets with it. Once done, it is done
    /// for this content.
    pub digest: Digest,
}

/// Which task definition a hook runs.
#[derive(Clone, Debug, PartialEq)]
pub enum HookDefinition {
    /// The revision that the service gets.
    OfTheService,
    /// RegisterTaskDefinition input with `family` filled in, without tags of ours; and its digest.
    Own { task_definition: Json, digest: Digest },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookStage {
    Before,
    After,
}

impl HookStage {
    /// As in a manifest: `rollout.before`.
    pub fn name(self) -> &'static str {
        match self {
            HookStage::Before => "before",
            HookStage::After => "after",
        }
    }
}

/// A hook that is under way; a service has one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenHook {
    pub name: String,
    pub stage: HookStage,
    pub place: (u32, u32),
    /// Of the hook's content.
    pub digest: Digest,
    /// Of the spec that it is run for.
    pub spec: Digest,
    /// The Git commit.
    pub revision: String,
    /// When the present try began.
    pub since: Timestamp,
    /// Numbers the tasks of this content from 1. No number is used twice: the client token is made of it.
    pub run: u32,
    /// Tasks that ended badly by themselves.
    #[serde(default)]
    pub failures: u32,
    /// Tasks that could not be placed, or lost the machine under them.
    #[serde(default)]
    pub interruptions: u32,
    /// The next task is not asked for before.
    #[serde(default)]
    pub not_before: Timestamp,
    /// What its tasks run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<TaskDefinitionArn>,
    /// Written before RunTask: from then on there may be a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// Its ARN, once RunTask or ListTasks has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// When ECS showed that task first. From then on its absence is no sign that it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// Written before StopTask, which is asked for until ECS shows that it heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    pub judged_by: Vec<String>,
    pub timeout_seconds: u64,
    pub attempts: u32,
}

impl OpenHook {
    /// A hook that is about to be tried for the first time, as run `run` of its content.
    pub fn of(hook: &Hook, spec: &Digest, revision: &str, run: u32, now: Timestamp) -> Self {
        Self {
            name: hook.name.clone(),
            stage: hook.stage,
            place: hook.place,
            digest: hook.digest.clone(),
            spec: spec.clone(),
            revision: revision.to_owned(),
            since: now,
            run,
            failures: 0,
            interruptions: 0,
            not_before: now,
            task_definition: None,
            asked_at: None,
            task: None,
            seen_at: None,
            stopped_at: None,
            judged_by: hook.judged_by.clone(),
            timeout_seconds: hook.timeout.as_secs(),
            attempts: hook.attempts,
        }
    }

    /// Takes over what Git says by now of the same content: what was tried counts all the same.
    pub fn renew(&mut self, hook: &Hook) {
        self.place = hook.place;
        self.timeout_seconds = hook.timeout.as_secs();
        self.attempts = hook.attempts;
    }

    /// `migrate (1 of 2)`
    pub fn title(&self) -> String {
        let (number, of) = self.place;
        format!("{} ({number} of {of})", self.name)
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// RunTask's `clientToken`: the same for the same run of the same content, however often it is asked
    /// for; 64 characters, the most that ECS takes.
    pub fn client_token(&self, cluster: &str, service: &ServiceKey) -> String {
        planted!("client-token-of-the-moment" => return Digest::of(&json!([self.run, self.asked_at])).as_str().to_owned());
        self.identity(cluster, service).as_str().to_owned()
    }

    /// RunTask's `startedBy`, by which ListTasks finds the task of this run.
    pub fn started_by(&self, cluster: &str, service: &ServiceKey) -> String {
        const DIGITS: usize = 24;
        let identity = self.identity(cluster, service);
        format!("reconciler-{}", identity.as_str().chars().take(DIGITS).collect::<String>())
    }

    fn identity(&self, cluster: &str, service: &ServiceKey) -> Digest {
        let cluster = cluster.rsplit('/').next().unwrap_or_default();
        Digest::of(&json!([cluster, service, self.name, self.digest, self.run]))
    }

    /// Forgets the task of this run; the next one is asked for no sooner than `not_before`.
    pub fn again(&mut self, not_before: Timestamp) {
        self.run += 1;
        self.not_before = not_before;
        self.asked_at = None;
        self.task = None;
        self.seen_at = None;
        self.stopped_at = None;
    }
}

/// What became of a content of a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastHook {
    pub name: String,
    /// Of the hook's content.
    pub digest: Digest,
    /// How many numbers of runs are used up.
    pub runs: u32,
    pub outcome: HookOutcome,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookOutcome {
    Succeeded,
    /// The service already ran what it goes with, and nobody remembers how that came about.
    Assumed,
    /// It failed, or was given up.
    Failed,
}

/// The hook that made a rollout fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedHook {
    pub name: String,
    pub stage: HookStage,
    /// The newest lines that the container to blame wrote, oldest first. Redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_words: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(run: u32) -> OpenHook {
        let hook = Hook {
            name: "migrate".to_owned(),
            stage: HookStage::Before,
            place: (1, 1),
            definition: HookDefinition::OfTheService,
            run: Json::Null,
            judged_by: vec!["migrate".to_owned()],
            images: Vec::new(),
            timeout: Duration::from_secs(600),
            attempts: 1,
            digest: Digest::of(&Json::Null),
        };
        OpenHook::of(&hook, &Digest::of(&Json::Null), "4c1f9e2", run, Timestamp(0))
    }

    #[test]
    fn a_token_fits_and_differs_by_service_and_run_only() {
        let api = ServiceKey::new("job-api");
        let token = open(1).client_token("jobs", &api);
        assert_eq!(token.len(), 64);
        let by_arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/jobs";
        assert_eq!(open(1).client_token(by_arn, &api), token);
        assert_ne!(open(2).client_token("jobs", &api), token);
        assert_ne!(open(1).client_token("jobs", &ServiceKey::new("job-worker")), token);
        let started_by = open(1).started_by("jobs", &api);
        assert!(
            started_by.len() <= 36 && token.starts_with(&started_by["reconciler-".len()..]),
            "{started_by}"
        );
    }
}
