//! One ECS task on a schedule of EventBridge Scheduler: as Git wants it, and as AWS has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Desired, DesiredService, Digest, HookDefinition, Json, LiveTaskDefinition, Origins, Ownership, Part,
    ServiceKey, SyncPolicy, TaskDefinitionArn, tag,
};

/// A name of ECS's or EventBridge Scheduler's groups has at most so many characters.
const GROUP_NAME_LENGTH_MAX: usize = 64;

/// What a manifest asks AWS to run, by the manifest's `kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Workload {
    #[default]
    Service,
    ScheduledTask,
}

impl Workload {
    pub fn is_service(&self) -> bool {
        *self == Workload::Service
    }

    /// The manifest's word for it.
    pub fn kind(self) -> &'static str {
        match self {
            Workload::Service => "Service",
            Workload::ScheduledTask => "ScheduledTask",
        }
    }

    /// As it is counted and spoken of: `scheduled task`.
    pub fn noun(self) -> &'static str {
        match self {
            Workload::Service => "service",
            Workload::ScheduledTask => "scheduled task",
        }
    }
}

/// One scheduled task as Git wants it. The trees hold AWS's own field names and wire types.
#[derive(Clone, Debug)]
pub struct DesiredScheduledTask {
    /// Names of services and of scheduled tasks are one set.
    pub key: ServiceKey,
    /// RegisterTaskDefinition input with `family` filled in, without `tags` of ours.
    pub task_definition: Json,
    /// CreateSchedule input without `Name`, `GroupName`, `ClientToken`, `Target.Arn` and
    /// `Target.EcsParameters.TaskDefinitionArn`.
    pub schedule: Json,
    pub sync: SyncPolicy,
    pub depends_on: Vec<ServiceKey>,
    /// Of the whole normalised spec: what quarantine is keyed by.
    pub digest: Digest,
    /// Of the normalised task definition: what a revision's tag holds.
    pub task_definition_digest: Digest,
    pub origins: Origins,
}

/// One scheduled task as AWS has it.
#[derive(Clone, Debug)]
pub struct LiveScheduledTask {
    /// The group that the schedule is in, or would be: schedules themselves can't carry tags.
    pub group: Part<ScheduleGroup>,
    pub schedule: Part<Schedule>,
    /// The revision that the schedule starts; `Absent` where there is no schedule, or it starts
    /// something else than a revision.
    pub task_definition: Part<LiveTaskDefinition>,
    /// An existing ACTIVE revision that carries the desired digest, where the schedule starts another.
    pub reusable: Option<TaskDefinitionArn>,
}

impl LiveScheduledTask {
    /// A look that brought nothing, for this reason.
    pub fn unreadable(why: impl Into<String>) -> Self {
        Self {
            group: Part::Absent,
            schedule: Part::Unreadable(why.into()),
            task_definition: Part::Absent,
            reusable: None,
        }
    }
}

/// GetSchedule's answer, raw.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(pub Json);

impl Schedule {
    /// The revision that it starts, if it names one by its number.
    pub fn task_definition(&self) -> Option<TaskDefinitionArn> {
        let arn = self.0["Target"]["EcsParameters"]["TaskDefinitionArn"].as_str()?;
        let arn = TaskDefinitionArn(arn.to_owned());
        arn.number().is_some().then_some(arn)
    }

    /// `cron(0 6 * * ? *) Europe/Dublin`
    pub fn expression(&self) -> String {
        expression(&self.0)
    }

    pub fn is_enabled(&self) -> bool {
        self.0["State"] != "DISABLED"
    }
}

/// When a schedule runs, as people say it: the time zone only where there is one.
fn expression(schedule: &Json) -> String {
    let text = |member: &str| schedule[member].as_str().unwrap_or_default();
    let zone = text("ScheduleExpressionTimezone");
    match zone.is_empty() || text("ScheduleExpression").starts_with("rate(") {
        true => text("ScheduleExpression").to_owned(),
        false => format!("{} {zone}", text("ScheduleExpression")),
    }
}

impl DesiredScheduledTask {
    /// `cron(0 6 * * ? *) Europe/Dublin`
    pub fn expression(&self) -> String {
        expression(&self.schedule)
    }
}

/// A schedule group: what says whose the schedules in it are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScheduleGroup {
    pub name: String,
    pub tags: BTreeMap<String, String>,
}

impl ScheduleGroup {
    /// A group bears the name of our installation, so one without our tag is a coincidence or an
    /// accident; either way somebody else's schedules may be in it.
    pub fn ownership(&self, installation: &str) -> Ownership {
        match self.tags.get(tag::MANAGED_BY) {
            Some(owner) if owner == installation => Ownership::Ours,
            Some(owner) => Ownership::Foreign { owner: format!("the installation `{owner}`") },
            None => Ownership::Foreign { owner: "somebody who set no tag on it".to_owned() },
        }
    }

    /// A person's request to leave all schedules of the group alone.
    pub fn suspended(&self) -> Option<&str> {
        self.tags.get(tag::SUSPENDED).map(String::as_str)
    }
}

/// The group of an installation's schedules for one environment and its cluster:
/// `reconciler-production-web`. Unlike services, groups of all clusters of a region share one set of names.
///
/// Characters that a group's name can't hold become hyphens; a name that is too long is cut and gets
/// a part of its digest instead.
pub fn schedule_group_name(installation: &str, environment: &str, cluster: &str) -> String {
    let whole: String = format!("{installation}-{environment}-{cluster}")
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || "-_.".contains(it) { it } else { '-' })
        .collect();
    if whole.len() <= GROUP_NAME_LENGTH_MAX {
        return whole;
    }
    const DIGITS: usize = 16;
    let digest = Digest::of(&Json::from(whole.as_str()));
    let digits = digest.as_str().get(..DIGITS).unwrap_or_default();
    format!("{}-{digits}", whole.get(..GROUP_NAME_LENGTH_MAX - DIGITS - 1).unwrap_or_default())
}

/// What services and scheduled tasks have in common: a name, a digest, an order.
impl Desired {
    /// Every name, of services and of scheduled tasks.
    pub fn keys(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys().chain(self.scheduled_tasks.keys())
    }

    pub fn workload(&self, key: &ServiceKey) -> Option<Workload> {
        let service = self.services.contains_key(key).then_some(Workload::Service);
        service.or_else(|| self.scheduled_tasks.contains_key(key).then_some(Workload::ScheduledTask))
    }

    pub fn digest(&self, key: &ServiceKey) -> Option<&Digest> {
        let task = || self.scheduled_tasks.get(key).map(|task| &task.digest);
        self.services.get(key).map(|service| &service.digest).or_else(task)
    }

    pub fn depends_on(&self, key: &ServiceKey) -> &[ServiceKey] {
        let task = || self.scheduled_tasks.get(key).map(|task| task.depends_on.as_slice());
        let service = self.services.get(key).map(|service: &DesiredService| service.depends_on.as_slice());
        service.or_else(task).unwrap_or_default()
    }

    pub fn sync(&self, key: &ServiceKey) -> Option<&SyncPolicy> {
        let task = || self.scheduled_tasks.get(key).map(|task| &task.sync);
        self.services.get(key).map(|service| &service.sync).or_else(task)
    }

    /// The families of task definitions that are of one name: its own, and those of its hooks.
    pub fn families(&self, key: &ServiceKey) -> Vec<&str> {
        let service = self.services.get(key);
        let hooks = service.into_iter().flat_map(|it| it.rollout.before.iter().chain(&it.rollout.after));
        let of_hooks = hooks.filter_map(|hook| match &hook.definition {
            HookDefinition::Own { task_definition, .. } => Some(task_definition),
            HookDefinition::OfTheService => None,
        });
        let task = self.scheduled_tasks.get(key).map(|task| &task.task_definition);
        let own = service.map(|service| &service.task_definition);
        let all = own.into_iter().chain(task).chain(of_hooks);
        let mut families: Vec<&str> = all.filter_map(|it| it["family"].as_str()).collect();
        families.sort_unstable();
        families.dedup();
        families
    }

    pub fn origins(&self, key: &ServiceKey) -> Option<&Origins> {
        let task = || self.scheduled_tasks.get(key).map(|task| &task.origins);
        self.services.get(key).map(|service| &service.origins).or_else(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_name_is_one_that_aws_takes_and_tells_environments_apart() {
        assert_eq!(schedule_group_name("reconciler", "production", "web"), "reconciler-production-web");
        assert_eq!(schedule_group_name("team a", "test", "jobs"), "team-a-test-jobs");
        let long =
            |name: &str| schedule_group_name("reconciler", &format!("{}{name}", "x".repeat(80)), "web");
        assert_eq!(long("a").len(), GROUP_NAME_LENGTH_MAX);
        assert_ne!(long("a"), long("b"));
    }
}
