//! What a rollout leaves behind: service deployments, target health, stopped tasks, last words.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::parallel::{in_parallel, read};
use super::redact::redact;
use super::{Observer, Want, gates, stages};
use crate::model::{
    Deployment, EcsService, IntentKind, Json, LiveService, LiveTarget, LiveTaskDefinition, Part, Rollout,
    ServiceDeployment, ServiceDeploymentStatus, ServiceKey, StagedDeployment, StoppedContainer, StoppedTask,
    Timestamp, UnhealthyTarget,
};
use crate::rollout;

const DEPLOYMENTS_MAX: usize = 5;
/// ECS's own quota per service.
const TARGET_GROUPS_MAX: usize = 5;
const STOPPED_TASKS_MAX: usize = 10;
/// Tasks whose logs are read; those that follow rarely say anything new.
const LAST_WORDS_TASKS_MAX: usize = 2;
/// Lines that are kept of each container.
const LAST_LINES_MAX: usize = 5;

/// While ECS counts no further failed task, those that were read serve for so long.
const STOPPED_TASKS_SERVE: Duration = Duration::from_secs(60);

/// The stopped tasks of a service's rollout as they were read last.
#[derive(Debug, Default)]
pub(super) struct StoppedMemory(Mutex<BTreeMap<ServiceKey, StoppedTasks>>);

#[derive(Clone, Debug)]
struct StoppedTasks {
    deployment: String,
    /// `failedTasks` of the deployment at the time.
    failed: i64,
    at: Timestamp,
    tasks: Vec<StoppedTask>,
}

impl StoppedMemory {
    fn recall(
        &self,
        service: &ServiceKey,
        counted: &Counted<'_>,
        now: Timestamp,
    ) -> Option<Vec<StoppedTask>> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = memory.get(service)?;
        let same = kept.deployment == counted.deployment && kept.failed == counted.failed;
        // A task may be counted before it can be described.
        let whole = !kept.tasks.is_empty() && now.since(kept.at) < STOPPED_TASKS_SERVE;
        (same && whole).then(|| kept.tasks.clone())
    }

    fn keep(&self, service: &ServiceKey, counted: &Counted<'_>, now: Timestamp, tasks: &[StoppedTask]) {
        let kept = StoppedTasks {
            deployment: counted.deployment.to_owned(),
            failed: counted.failed,
            at: now,
            tasks: tasks.to_vec(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service.clone(), kept);
    }

    pub(super) fn forget(&self, service: &ServiceKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }
}

/// A deployment that still leads, and how many tasks of it ECS has seen fail.
struct Counted<'a> {
    deployment: &'a str,
    failed: i64,
}

impl Observer {
    /// Reads what the judge of a rollout needs, into `live`.
    pub(super) async fn evidence(
        &self,
        want: &Want<'_>,
        service: &EcsService,
        rollout: &Rollout,
        now: Timestamp,
        live: &mut LiveService,
    ) {
        let gated = gates::is_gated(want, service, rollout);
        // Where traffic is shifted, nothing but the service deployments tells the end of one from its middle.
        let ended = service.shifts_traffic() && stages::current(service).is_none();
        let decided = !is_leading(service, rollout)
            || ended
            || (!service.shifts_traffic() && is_late(want, rollout, None, now))
            || rollout.digest != want.desired.digest
            // Found to be no good while ECS is at it: whether it can be stopped is told there alone.
            || gates::is_rejected(want, rollout)
            // When it completed, by ECS's clock, likewise.
            || (gated && rollout.watched.completed_at.is_none())
            || want.record.is_some_and(|record| record.going_back.is_some());
        let deployments = async {
            match decided {
                true => self.service_deployments(want).await,
                // Nothing that it could add to DescribeServices would be acted upon.
                false => Part::Absent,
            }
        };
        if service.shifts_traffic() {
            live.deployments = deployments.await;
            live.staged = self.staged(service, rollout, &live.deployments).await;
            // When it has ended well, its gates ask for the same targets: production points at green for good.
            let staged = live.staged.present().filter(|staged| gated || !staged.status.is_terminal());
            let green = match staged {
                Some(staged) => self.green_groups(want, staged).await,
                None => Vec::new(),
            };
            self.target_health(green.iter().map(String::as_str).collect(), live).await;
        } else {
            let groups = target_groups(service);
            let (deployments, ()) = tokio::join!(deployments, self.target_health(groups, live));
            live.deployments = deployments;
        }
        if gated {
            self.for_gates(want, rollout, now, live).await;
        }
        let bakes = gated && gates::tasks_came_and_went(want, service, rollout, now);
        let late = is_late(want, rollout, live.staged.present(), now);
        if late && !matches!(live.deployments, Part::Present(_)) {
            // A way back begins with what can be stopped.
            live.deployments = self.service_deployments(want).await;
        }
        if bakes || is_going_wrong(late, service, rollout, &live.deployments) {
            let counted = (!decided && !late).then(|| counted(service, rollout)).flatten();
            live.stopped_tasks = self.stopped_tasks_once(want, rollout, counted, now).await;
        }
    }

    /// The stopped tasks, read again only when another one failed, or a verdict is near.
    async fn stopped_tasks_once(
        &self,
        want: &Want<'_>,
        rollout: &Rollout,
        counted: Option<Counted<'_>>,
        now: Timestamp,
    ) -> Vec<StoppedTask> {
        let Some(counted) = counted else { return self.stopped_tasks(want, rollout).await };
        if let Some(tasks) = self.stopped.recall(want.key(), &counted, now) {
            return tasks;
        }
        let tasks = self.stopped_tasks(want, rollout).await;
        self.stopped.keep(want.key(), &counted, now, &tasks);
        tasks
    }

    pub(super) async fn service_deployments(&self, want: &Want<'_>) -> Part<Vec<ServiceDeployment>> {
        let name = want.key().name();
        match self.reader.list_service_deployments(&self.cluster, name, DEPLOYMENTS_MAX).await {
            Ok(deployments) => {
                let mut deployments: Vec<_> = deployments.iter().map(service_deployment).collect();
                deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
                Part::Present(deployments)
            }
            Err(error) => Part::Unreadable(error.to_string()),
        }
    }

    /// Leaves `target_health` empty if a target group can't be read: a part of it would mislead.
    async fn target_health(&self, mut groups: Vec<&str>, live: &mut LiveService) {
        groups.truncate(TARGET_GROUPS_MAX);
        groups.sort_unstable();
        groups.dedup();
        if groups.is_empty() {
            return;
        }
        let reads = groups.iter().map(|group| read(self.reader.describe_target_health(group))).collect();
        let health = in_parallel(reads).await;
        let (mut healthy, mut all) = (0, 0);
        let mut seen = Vec::new();
        for (group, targets) in groups.iter().zip(health) {
            let targets = match targets {
                Ok(targets) => targets,
                Err(error) => {
                    live.gates.targets = Some(Part::Unreadable(error.to_string()));
                    return;
                }
            };
            seen.extend(targets.iter().map(|target| LiveTarget {
                target_group: (*group).to_owned(),
                target: target.target.clone(),
                state: target.state.clone(),
                reason: target.reason.clone(),
                description: target.description.clone(),
            }));
            // Old tasks on their way out say nothing about the new ones.
            for target in targets.into_iter().filter(|it| it.state != "draining" && it.state != "unused") {
                all += 1;
                healthy += usize::from(target.state == "healthy");
                if target.state == "unhealthy" {
                    live.unhealthy_targets.push(UnhealthyTarget {
                        target_group: (*group).to_owned(),
                        target: target.target,
                        reason: target.reason,
                        description: target.description,
                    });
                }
            }
        }
        live.target_health = Some((healthy, all));
        live.gates.targets = Some(Part::Present(seen));
    }

    /// The stopped tasks of our own deployment, newest first.
    async fn stopped_tasks(&self, want: &Want<'_>, rollout: &Rollout) -> Vec<StoppedTask> {
        let Some(deployment) = &rollout.deployment else { return Vec::new() };
        let Ok(arns) = self.reader.list_stopped_tasks(&self.cluster, want.key().name()).await else {
            return Vec::new();
        };
        if arns.is_empty() {
            return Vec::new();
        }
        let Ok(tasks) = self.reader.describe_tasks(&self.cluster, &arns).await else { return Vec::new() };
        let mut tasks: Vec<StoppedTask> =
            tasks.iter().filter(|task| task["startedBy"] == deployment.as_str()).map(stopped_task).collect();
        tasks.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
        tasks.truncate(STOPPED_TASKS_MAX);
        if let Ok(revision) = self.revision(&rollout.task_definition).await {
            let failed = tasks.iter_mut().take(LAST_WORDS_TASKS_MAX);
            in_parallel(failed.map(|task| read(self.last_words(task, &revision))).collect()).await;
        }
        tasks
    }

    async fn last_words(&self, task: &mut StoppedTask, revision: &LiveTaskDefinition) {
        let id = task.task.rsplit('/').next().unwrap_or_default().to_owned();
        // A container without an exit code never ran, so it has no log.
        for container in task.containers.iter_mut().filter(|container| container.exit_code.is_some()) {
            let Some((group, prefix)) = log_of(revision, &container.name) else { continue };
            let stream = format!("{prefix}/{}/{id}", container.name);
            let lines = self.reader.last_log_lines(group, &stream, LAST_LINES_MAX).await.unwrap_or_default();
            container.last_lines = lines.iter().map(|line| redact(line)).collect();
            planted!("words-of-a-task-unmasked" => container.last_lines = lines);
        }
    }
}

/// Whether a call that nobody heard of may have started a deployment that ECS has taken back since: the
/// service shows no trace of it.
pub(super) fn may_have_come_and_gone(want: &Want<'_>, service: &EcsService) -> bool {
    let intent = want.record.and_then(|record| record.intent.as_ref());
    let primary = service.primary();
    intent.is_some_and(|intent| {
        intent.kind == IntentKind::Update
            && intent.task_definition.is_some()
            && intent.before.as_deref() == primary.as_ref().map(Deployment::id)
    })
}

/// Whether DescribeServices shows our deployment at work or done, in the first place: then the service
/// deployments view says nothing else. It alone remembers roll-backs, and knows what can be stopped.
fn is_leading(service: &EcsService, rollout: &Rollout) -> bool {
    counted(service, rollout).is_some()
}

fn counted<'a>(service: &'a EcsService, rollout: &'a Rollout) -> Option<Counted<'a>> {
    let id = rollout.deployment.as_deref()?;
    let ours = service.deployments().find(|deployment| deployment.id() == id)?;
    let at_work = matches!(ours.rollout_state(), Some("IN_PROGRESS" | "COMPLETED"));
    (ours.status() == "PRIMARY" && at_work).then(|| Counted { deployment: id, failed: ours.failed_tasks() })
}

/// Most of the time is gone.
fn is_late(want: &Want<'_>, rollout: &Rollout, staged: Option<&StagedDeployment>, now: Timestamp) -> bool {
    let policy = &want.desired.rollout;
    let deadline = rollout::deadline(rollout, policy, rollout.started_at, staged, now);
    deadline.is_some_and(|deadline| now.plus(policy.timeout.mul_f64(0.2)) >= deadline)
}

fn target_groups(service: &EcsService) -> Vec<&str> {
    let balancers = service.0["loadBalancers"].as_array().into_iter().flatten();
    balancers.filter_map(|balancer| balancer["targetGroupArn"].as_str()).collect()
}

/// Whether stopped tasks are worth two more calls: tasks fail, the deployment lost its place, or most
/// of the time is gone.
fn is_going_wrong(
    late: bool,
    service: &EcsService,
    rollout: &Rollout,
    deployments: &Part<Vec<ServiceDeployment>>,
) -> bool {
    let Some(id) = rollout.deployment.as_deref() else { return false };
    let ours = service.deployments().find(|deployment| deployment.id() == id);
    let failing = ours.is_none_or(|deployment| {
        deployment.status() != "PRIMARY"
            || deployment.failed_tasks() > 0
            || deployment.rollout_state() == Some("FAILED")
    });
    let rolled_back = deployments.present().into_iter().flatten().any(|deployment| {
        deployment.is_of(id)
            && !matches!(
                deployment.status,
                ServiceDeploymentStatus::Pending
                    | ServiceDeploymentStatus::InProgress
                    | ServiceDeploymentStatus::Successful
            )
    });
    let completed = ours.is_some_and(|deployment| deployment.rollout_state() == Some("COMPLETED"));
    failing || rolled_back || (late && !completed)
}

fn service_deployment(brief: &Json) -> ServiceDeployment {
    let text = |member: &str| brief[member].as_str().unwrap_or_default().to_owned();
    ServiceDeployment {
        arn: text("serviceDeploymentArn"),
        status: ServiceDeploymentStatus::from_wire(brief["status"].as_str().unwrap_or_default()),
        status_reason: text("statusReason"),
        target_service_revision_arn: text("targetServiceRevisionArn"),
        created_at: brief["createdAt"].as_f64().map(Timestamp::from_seconds).unwrap_or_default(),
        finished_at: brief["finishedAt"].as_f64().map(Timestamp::from_seconds),
    }
}

pub(super) fn stopped_task(task: &Json) -> StoppedTask {
    let text = |member: &str| task[member].as_str().unwrap_or_default().to_owned();
    let containers = task["containers"].as_array().into_iter().flatten();
    StoppedTask {
        task: text("taskArn"),
        started_by: text("startedBy"),
        stop_code: text("stopCode"),
        stopped_reason: text("stoppedReason"),
        containers: containers
            .map(|container| StoppedContainer {
                name: container["name"].as_str().unwrap_or_default().to_owned(),
                exit_code: container["exitCode"].as_i64(),
                reason: container["reason"].as_str().map(str::to_owned),
                last_lines: Vec::new(),
            })
            .collect(),
        // ECS lists a task as stopped when it is asked to be, which may be minutes before it is.
        stopped_at: ["stoppedAt", "executionStoppedAt", "stoppingAt"]
            .into_iter()
            .find_map(|member| task[member].as_f64())
            .map(Timestamp::from_seconds)
            .unwrap_or_default(),
    }
}

/// The `awslogs` group and stream prefix of a container; streams are `prefix/container/task-id`.
pub(super) fn log_of<'a>(revision: &'a LiveTaskDefinition, container: &str) -> Option<(&'a str, &'a str)> {
    let definitions = revision.body["containerDefinitions"].as_array()?;
    let definition = definitions.iter().find(|definition| definition["name"] == container)?;
    let log = &definition["logConfiguration"];
    if log["logDriver"] != "awslogs" {
        return None;
    }
    let option = |name: &str| log["options"][name].as_str();
    Some((option("awslogs-group")?, option("awslogs-stream-prefix")?))
}
