//! Schedules of our group: one ListSchedules a hundred, and GetSchedule only for those that changed.
//!
//! ListSchedules tells neither when a schedule runs nor what it starts, but when it was modified last.
//! A schedule that was not modified since it was read is what it was then, and so is its revision.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Observer;
use super::parallel::{in_parallel, read};
use super::task_definitions::Sought;
use crate::aws::{Error, ErrorKind, Pages};
use crate::model::{
    Desired, DesiredScheduledTask, Digest, Json, Live, LiveScheduledTask, LiveTaskDefinition, Ownership,
    Part, Schedule, ScheduleGroup, ServiceKey, ServiceRecord, TaskDefinitionArn, Timestamp,
    schedule_group_name,
};
use crate::plan;

/// How often what was read serves before it is read again: a revision may be deregistered, and a group
/// tagged, without a trace in any schedule.
const USES_MAX: u32 = 10;

/// One scheduled task to look at.
#[derive(Clone, Copy, Debug)]
pub struct WantTask<'a> {
    pub desired: &'a DesiredScheduledTask,
    pub record: Option<&'a ServiceRecord>,
}

/// Scheduled tasks that left Git.
#[derive(Clone, Debug, Default)]
pub struct LeftTasks<'a> {
    /// Whether there are any: then the group is listed.
    pub any: bool,
    /// Those that are to go, which are read.
    pub going: Vec<&'a ServiceKey>,
}

impl<'a> LeftTasks<'a> {
    pub fn of(desired: &'a Desired, records: &'a BTreeMap<ServiceKey, ServiceRecord>) -> Self {
        Self {
            any: plan::schedules_left(desired, records).next().is_some(),
            going: plan::schedules_leaving(desired, records).map(|(key, _)| key).collect(),
        }
    }
}

/// Whose schedules are looked at: what names their group.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub installation: &'a str,
    /// Name of the environment.
    pub environment: &'a str,
}

/// What was read of schedules before.
#[derive(Debug, Default)]
pub(super) struct ScheduleMemory(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// Kept while it is ours and nobody asked to leave it alone.
    group: Option<ScheduleGroup>,
    tasks: BTreeMap<ServiceKey, Remembered>,
}

#[derive(Clone, Debug)]
struct Remembered {
    read_under: ReadUnder,
    /// `LastModificationDate`
    modified: Json,
    live: LiveScheduledTask,
    uses: u32,
}

impl Remembered {
    /// Otherwise a revision has to be found or registered, and memory knows nothing of those that were
    /// registered since.
    fn starts_what_is_wanted(&self, want: &WantTask<'_>) -> bool {
        let revision = self.live.task_definition.present();
        revision.is_some_and(|revision| {
            revision.is_active() && revision.digest().as_ref() == Some(&want.desired.task_definition_digest)
        })
    }
}

/// What held when a schedule was read: our own writes show at once.
#[derive(Clone, Debug, PartialEq)]
struct ReadUnder {
    digest: Digest,
    applied_digest: Option<Digest>,
    applied_at: Option<Timestamp>,
}

impl ReadUnder {
    fn of(want: &WantTask<'_>) -> Self {
        let applied = want.record.and_then(|record| record.applied.as_ref());
        Self {
            digest: want.desired.digest.clone(),
            applied_digest: applied.map(|applied| applied.digest.clone()),
            applied_at: applied.map(|applied| applied.at),
        }
    }
}

/// How a scheduled task gets its part of an observation.
enum Source {
    Memory(LiveScheduledTask),
    /// Memory would do, but it is its turn to be read again.
    Stale,
    Aws,
}

impl Observer {
    /// Looks at the scheduled tasks once, and adds what it saw to `live`; for none wanted and none left
    /// over, it asks nothing.
    pub async fn observe_scheduled_tasks(
        &self,
        wants: &[WantTask<'_>],
        left: &LeftTasks<'_>,
        owner: Owner<'_>,
        live: &mut Live,
    ) {
        if wants.is_empty() && !left.any && left.going.is_empty() {
            return;
        }
        let calls_before = self.reader.calls();
        let group = schedule_group_name(owner.installation, owner.environment, &self.cluster);
        if !left.going.is_empty() {
            let going = self.departing_schedules(&left.going, &group, owner).await;
            live.scheduled_tasks.extend(going);
        }
        if wants.is_empty() && !left.any {
            live.calls += u32::try_from(self.reader.calls() - calls_before).unwrap_or(u32::MAX);
            return;
        }
        match self.reader.list_schedules(&group).await {
            Ok(listed) => {
                let tasks = self.of_group(wants, &group, owner, &listed).await;
                live.scheduled_tasks.extend(tasks);
                // Half a list would call what stands in the other half gone.
                if listed.complete {
                    live.schedules = listed.items.iter().filter_map(name_of).collect();
                }
            }
            Err(error) if error.kind == ErrorKind::NotFound => {
                live.scheduled_tasks.extend(self.without_group(wants).await);
            }
            Err(error) => {
                let unreadable = || LiveScheduledTask::unreadable(error.to_string());
                live.scheduled_tasks
                    .extend(wants.iter().map(|want| (want.desired.key.clone(), unreadable())));
            }
        }
        live.calls += u32::try_from(self.reader.calls() - calls_before).unwrap_or(u32::MAX);
    }

    /// Each is read anew: what goes has to be what was put.
    async fn departing_schedules(
        &self,
        keys: &[&ServiceKey],
        name: &str,
        owner: Owner<'_>,
    ) -> Vec<(ServiceKey, LiveScheduledTask)> {
        let group = self.group(name, owner).await;
        let reads = keys.iter().map(|key| {
            let group = group.clone();
            read(async move {
                let schedule = match self.reader.get_schedule(name, key.name()).await {
                    Ok(answer) => Part::Present(Schedule(answer)),
                    Err(error) if error.kind == ErrorKind::NotFound => Part::Absent,
                    Err(error) => Part::Unreadable(error.to_string()),
                };
                LiveScheduledTask { group, schedule, task_definition: Part::Absent, reusable: None }
            })
        });
        let found = in_parallel(reads.collect()).await;
        keys.iter().map(|key| (*key).clone()).zip(found).collect()
    }

    /// Nothing of ours is there yet: only the revisions may be.
    async fn without_group(&self, wants: &[WantTask<'_>]) -> Vec<(ServiceKey, LiveScheduledTask)> {
        self.schedules_memory().tasks.clear();
        let reads = wants.iter().map(|want| read(self.absent(want, Part::Absent))).collect();
        let found = in_parallel(reads).await;
        wants.iter().map(|want| want.desired.key.clone()).zip(found).collect()
    }

    async fn of_group(
        &self,
        wants: &[WantTask<'_>],
        name: &str,
        owner: Owner<'_>,
        listed: &Pages,
    ) -> BTreeMap<ServiceKey, LiveScheduledTask> {
        let sources = self.sources(wants, listed);
        let anew = sources.iter().any(|source| !matches!(source, Source::Memory(_)));
        let known = self.schedules_memory().group.clone().filter(|_| !anew);
        let group = match known {
            Some(group) => Part::Present(group),
            None => self.group(name, owner).await,
        };
        let reads = wants
            .iter()
            .zip(sources)
            .map(|(want, source)| {
                let group = group.clone();
                read(async move {
                    match source {
                        Source::Memory(live) => LiveScheduledTask { group, ..live },
                        Source::Stale => self.schedule(want, name, group, Fresh::Revision).await,
                        Source::Aws => self.schedule(want, name, group, Fresh::Schedule).await,
                    }
                })
            })
            .collect();
        let found = in_parallel(reads).await;
        wants.iter().map(|want| want.desired.key.clone()).zip(found).collect()
    }

    /// Decides for each task whether memory answers, within the pass's allowance of second looks.
    fn sources(&self, wants: &[WantTask<'_>], listed: &Pages) -> Vec<Source> {
        let mut memory = self.schedules_memory();
        let mut allowance = 1 + wants.len() / usize::try_from(USES_MAX).unwrap_or(1);
        let modified: BTreeMap<&str, &Json> = listed
            .items
            .iter()
            .filter_map(|item| Some((item["Name"].as_str()?, &item["LastModificationDate"])))
            .collect();
        let source = |want: &WantTask<'_>| {
            let key = &want.desired.key;
            let unsettled = want.record.is_some_and(|record| record.intent.is_some());
            let Some(there) = memory.tasks.get_mut(key).filter(|there| {
                !unsettled
                    && there.starts_what_is_wanted(want)
                    && there.read_under == ReadUnder::of(want)
                    && modified.get(key.name()) == Some(&&there.modified)
            }) else {
                return Source::Aws;
            };
            there.uses += 1;
            if there.uses > USES_MAX && allowance > 0 {
                allowance -= 1;
                return Source::Stale;
            }
            Source::Memory(there.live.clone())
        };
        wants.iter().map(source).collect()
    }

    async fn schedule(
        &self,
        want: &WantTask<'_>,
        group_name: &str,
        group: Part<ScheduleGroup>,
        fresh: Fresh,
    ) -> LiveScheduledTask {
        let key = &want.desired.key;
        let schedule = match self.reader.get_schedule(group_name, key.name()).await {
            Ok(answer) => Schedule(answer),
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.schedules_memory().tasks.remove(key);
                return self.absent(want, group).await;
            }
            Err(error) => {
                self.schedules_memory().tasks.remove(key);
                return LiveScheduledTask { group, ..LiveScheduledTask::unreadable(error.to_string()) };
            }
        };
        let revision = schedule.task_definition();
        if let (Fresh::Revision, Some(arn)) = (fresh, &revision) {
            self.task_definitions.forget(arn);
        }
        let (task_definition, reusable) = self.revision_of(want, revision.as_ref()).await;
        let modified = schedule.0["LastModificationDate"].clone();
        let live = LiveScheduledTask { group, schedule: Part::Present(schedule), task_definition, reusable };
        let mut memory = self.schedules_memory();
        if matches!(live.task_definition, Part::Unreadable(_)) {
            memory.tasks.remove(key);
        } else {
            let read_under = ReadUnder::of(want);
            let remembered = Remembered { read_under, modified, live: live.clone(), uses: 0 };
            memory.tasks.insert(key.clone(), remembered);
        }
        live
    }

    /// The revision that a schedule starts, and another one that carries the wanted digest.
    async fn revision_of(
        &self,
        want: &WantTask<'_>,
        arn: Option<&TaskDefinitionArn>,
    ) -> (Part<LiveTaskDefinition>, Option<TaskDefinitionArn>) {
        let running = match arn {
            None => Part::Absent,
            Some(arn) => match self.revision(arn).await {
                Ok(revision) => Part::Present((*revision).clone()),
                // Deleted after it was deregistered.
                Err(error) if error.kind == ErrorKind::NotFound => Part::Absent,
                Err(error) => return (Part::Unreadable(error.to_string()), None),
            },
        };
        // One that can't be started any more has to be replaced, whatever it carries.
        let startable = running.present().filter(|running| running.is_active());
        match self.reusable(want.sought(), startable).await {
            Ok(reusable) => (running, reusable),
            // To register one now could make a double of a revision that is there.
            Err(error) => (Part::Unreadable(error.to_string()), None),
        }
    }

    async fn absent(&self, want: &WantTask<'_>, group: Part<ScheduleGroup>) -> LiveScheduledTask {
        match self.reusable(want.sought(), None).await {
            Ok(reusable) => {
                LiveScheduledTask { group, schedule: Part::Absent, task_definition: Part::Absent, reusable }
            }
            Err(error) => LiveScheduledTask { group, ..LiveScheduledTask::unreadable(error.to_string()) },
        }
    }

    async fn group(&self, name: &str, owner: Owner<'_>) -> Part<ScheduleGroup> {
        let part = match self.read_group(name).await {
            Ok(Some(group)) => Part::Present(group),
            Ok(None) => Part::Unreadable("it is being deleted, with everything in it".to_owned()),
            Err(error) if error.kind == ErrorKind::NotFound => Part::Absent,
            Err(error) => Part::Unreadable(error.to_string()),
        };
        let lasting = part.present().filter(|group| {
            group.ownership(owner.installation) == Ownership::Ours && group.suspended().is_none()
        });
        self.schedules_memory().group = lasting.cloned();
        part
    }

    /// `None`: it is on its way out.
    async fn read_group(&self, name: &str) -> Result<Option<ScheduleGroup>, Error> {
        let group = self.reader.get_schedule_group(name).await?;
        if group["State"] == "DELETING" {
            return Ok(None);
        }
        let tags = self.reader.list_schedule_group_tags(group["Arn"].as_str().unwrap_or_default()).await?;
        let tags = tags["Tags"].as_array().into_iter().flatten().filter_map(|tag| {
            Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str().unwrap_or_default().to_owned()))
        });
        Ok(Some(ScheduleGroup { name: name.to_owned(), tags: tags.collect() }))
    }

    fn schedules_memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.schedules.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What must not come from memory.
#[derive(Clone, Copy)]
enum Fresh {
    Schedule,
    /// The revision as well.
    Revision,
}

impl<'a> WantTask<'a> {
    fn sought(&self) -> Sought<'a> {
        let desired = self.desired;
        Sought {
            task_definition: &desired.task_definition,
            task_definition_digest: &desired.task_definition_digest,
            digest: &desired.digest,
            record: self.record,
        }
    }
}

fn name_of(summary: &Json) -> Option<ServiceKey> {
    summary["Name"].as_str().map(ServiceKey::new)
}
