//! Which revision a service runs, and whether the wanted one exists already.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Observer, Want};
use crate::aws;
use crate::model::{
    Digest, EcsService, Json, LiveTaskDefinition, Part, ServiceRecord, TaskDefinitionArn, cluster_name, tag,
};

/// Revisions kept in memory: content never changes, so a revision is read once.
const CACHED_MAX: usize = 512;
/// How often a revision is proposed for use by what memory says of it. Somebody may deregister it
/// meanwhile, and ECS refuses to run an INACTIVE one.
const PROPOSALS_MAX: u32 = 20;
/// How many of a family's newest revisions are searched for the wanted digest.
const SEARCHED_MAX: usize = 5;

/// Revisions that were read before.
#[derive(Debug, Default)]
pub(super) struct TaskDefinitions(Mutex<Cache>);

#[derive(Debug, Default)]
struct Cache {
    by_arn: BTreeMap<TaskDefinitionArn, Cached>,
    /// Oldest first.
    order: VecDeque<TaskDefinitionArn>,
}

#[derive(Debug)]
struct Cached {
    revision: Arc<LiveTaskDefinition>,
    proposals: u32,
}

/// A task definition that somebody wants: of a service or of a scheduled task.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) task_definition: &'a Json,
    pub(super) task_definition_digest: &'a Digest,
    /// Of the whole spec that it belongs to.
    pub(super) digest: &'a Digest,
    pub(super) record: Option<&'a ServiceRecord>,
}

impl<'a> Want<'a> {
    pub(super) fn sought(&self) -> Sought<'a> {
        let desired = self.desired;
        Sought {
            task_definition: &desired.task_definition,
            task_definition_digest: &desired.task_definition_digest,
            digest: &desired.digest,
            record: self.record,
        }
    }
}

impl TaskDefinitions {
    /// Has the revision read again the next time that it is needed.
    pub(super) fn forget(&self, arn: &TaskDefinitionArn) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.by_arn.remove(arn).is_some() {
            cache.order.retain(|it| it != arn);
        }
    }

    fn get(&self, arn: &TaskDefinitionArn) -> Option<Arc<LiveTaskDefinition>> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.by_arn.get(arn).map(|cached| cached.revision.clone())
    }

    /// Counts a proposal; forgets the revision when its status has to be read again.
    fn propose(&self, arn: &TaskDefinitionArn) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(cached) = cache.by_arn.get_mut(arn) else { return };
        cached.proposals += 1;
        if cached.proposals >= PROPOSALS_MAX {
            cache.by_arn.remove(arn);
            cache.order.retain(|it| it != arn);
        }
    }

    fn keep(&self, revision: Arc<LiveTaskDefinition>) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.order.len() >= CACHED_MAX
            && let Some(oldest) = cache.order.pop_front()
        {
            cache.by_arn.remove(&oldest);
        }
        let arn = revision.arn.clone();
        if cache.by_arn.insert(arn.clone(), Cached { revision, proposals: 0 }).is_none() {
            cache.order.push_back(arn);
        }
    }
}

impl Observer {
    /// The revision that a service points to; `Absent` where its tags prove what it is.
    pub(super) async fn task_definition(
        &self,
        want: &Want<'_>,
        service: &EcsService,
    ) -> Part<LiveTaskDefinition> {
        if is_proven(want, service) {
            return Part::Absent;
        }
        match self.revision(&service.task_definition()).await {
            Ok(revision) => Part::Present((*revision).clone()),
            Err(error) => Part::Unreadable(error.to_string()),
        }
    }

    /// The revision that was applied last, where the service runs another and Git asks for a third. What
    /// can't be read any more is only missed in explanations.
    pub(super) async fn applied_revision(
        &self,
        want: &Want<'_>,
        service: &EcsService,
        running: &LiveTaskDefinition,
    ) -> Option<LiveTaskDefinition> {
        let (applied, same) = match want.applied() {
            Some(applied) => (
                applied.task_definition.clone(),
                applied.task_definition_digest == want.desired.task_definition_digest,
            ),
            // Where the ledger does not say it, the service's tags do.
            None => (service.tagged_revision()?, service.digest().as_ref() == Some(&want.desired.digest)),
        };
        if same || applied == running.arn {
            return None;
        }
        self.revision(&applied).await.ok().map(|revision| (*revision).clone())
    }

    /// An ACTIVE revision that carries the wanted digest, other than the one that runs. An error
    /// must keep a new one from being registered: there is no telling whether it would be a double.
    pub(super) async fn reusable(
        &self,
        sought: Sought<'_>,
        running: Option<&LiveTaskDefinition>,
    ) -> Result<Option<TaskDefinitionArn>, aws::Error> {
        let wanted = sought.task_definition_digest;
        if running.is_some_and(|revision| revision.digest().as_ref() == Some(wanted)) {
            return Ok(None);
        }
        let going = sought.record.map(|record| record.deregistering.as_slice()).unwrap_or_default();
        for arn in remembered(sought).into_iter().filter(|arn| !going.contains(arn)) {
            // What the ledger remembers may be deregistered or deleted by now: then it is no candidate.
            if let Ok(revision) = self.revision(&arn).await
                && revision.digest().as_ref() == Some(wanted)
                && revision.is_active()
            {
                self.task_definitions.propose(&arn);
                return Ok(Some(arn));
            }
        }
        // A register call that was not answered, or a crash right after it, left a revision that
        // only the family's list knows.
        let family = sought.task_definition["family"].as_str().unwrap_or_default();
        let found = self.registered(family, wanted, going).await?;
        if let Some(arn) = &found {
            self.task_definitions.propose(arn);
        }
        Ok(found)
    }

    /// An ACTIVE revision among a family's newest that carries a digest, and that neither another cluster's
    /// operator nor we ourselves may be about to deregister.
    pub(super) async fn registered(
        &self,
        family: &str,
        wanted: &Digest,
        going: &[TaskDefinitionArn],
    ) -> Result<Option<TaskDefinitionArn>, aws::Error> {
        planted!("registers-without-looking" => return Ok(None));
        if family.is_empty() {
            return Ok(None);
        }
        for arn in self.reader.list_task_definitions(family, SEARCHED_MAX).await? {
            let revision = self.revision(&arn).await?;
            let cluster = revision.tags.get(tag::CLUSTER);
            let usable = cluster.is_none_or(|cluster| cluster == cluster_name(&self.cluster));
            let matches = revision.digest().as_ref() == Some(wanted) && revision.is_active();
            if usable && matches && !going.contains(&arn) {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }

    /// A revision that was read before.
    pub(super) fn known_revision(&self, arn: &TaskDefinitionArn) -> Option<Arc<LiveTaskDefinition>> {
        self.task_definitions.get(arn)
    }

    /// DescribeTaskDefinition, unless it was read before.
    pub(super) async fn revision(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<Arc<LiveTaskDefinition>, aws::Error> {
        if let Some(revision) = self.task_definitions.get(arn) {
            return Ok(revision);
        }
        let mut answer = self.reader.describe_task_definition(arn).await?;
        let tags = answer["tags"].as_array().into_iter().flatten().filter_map(|tag| {
            Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str().unwrap_or_default().to_owned()))
        });
        let tags = tags.collect();
        let revision =
            Arc::new(LiveTaskDefinition { arn: arn.clone(), tags, body: answer["taskDefinition"].take() });
        // One that is being deregistered changes its status; ACTIVE ones are what steady state needs.
        if revision.is_active() {
            self.task_definitions.keep(revision.clone());
        }
        Ok(revision)
    }
}

/// Revisions are immutable, so two tags of the service say what it runs: the digest that was applied,
/// and the revision that was applied with it.
pub(super) fn is_proven(want: &Want<'_>, service: &EcsService) -> bool {
    planted!("digest-alone-is-proof" => return service.digest().as_ref() == Some(&want.desired.digest));
    service.digest().as_ref() == Some(&want.desired.digest)
        && service.tag(tag::TASK_DEFINITION) == Some(service.task_definition().family_and_revision())
}

/// Revisions that the ledger connects with the wanted digest.
fn remembered(sought: Sought<'_>) -> Vec<TaskDefinitionArn> {
    let Some(record) = sought.record else { return Vec::new() };
    let applied = record
        .applied
        .as_ref()
        .filter(|applied| applied.task_definition_digest == *sought.task_definition_digest)
        .map(|applied| &applied.task_definition);
    let quarantined = record
        .quarantine
        .as_ref()
        .filter(|quarantine| quarantine.digest == *sought.digest)
        .and_then(|quarantine| quarantine.task_definition.as_ref());
    let good = record
        .last_good
        .as_ref()
        .filter(|good| good.digest == *sought.digest)
        .map(|good| &good.task_definition);
    let registered = record
        .registered
        .as_ref()
        .filter(|registered| registered.task_definition_digest == *sought.task_definition_digest)
        .map(|registered| &registered.task_definition);
    // It may come back as it was.
    let deleted = record.deleted.as_ref().and_then(|deleted| deleted.task_definition.as_ref());
    let mut arns: Vec<_> =
        [registered, applied, quarantined, good, deleted].into_iter().flatten().cloned().collect();
    arns.dedup();
    arns
}
