//! What this installation attempted for one service: the ledger's row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Applied, AppliedSpec, ChangedField, Course, Digest, EcsService, Failure, Hook, HookOutcome, Json,
    LiveValue, Meanings, OpenHook, Part, PastHook, REVISION_ONLY, TaskDefinitionArn, Timestamp, Watched,
    Workload,
};

/// Everything the ledger keeps about a service. Git says what is wanted, AWS says what is; this
/// says what was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceRecord {
    /// A call that was about to be made and whose outcome is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Earlier calls whose outcome is not known either, and that may still take effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<Intent>,
    /// The revision that was registered last, until what it is for is applied: the family's list may not
    /// show it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered: Option<RegisteredRevision>,
    /// The spec that was applied last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// The deployment that is being watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
    /// The hook that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<OpenHook>,
    /// What became of hooks, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<PastHook>,
    /// What of the service's scaling is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingPut>,
    /// Git no longer mentions the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
    /// What it is a record of: no name is used by both, but Git may turn one into the other.
    #[serde(skip_serializing_if = "Workload::is_service")]
    pub workload: Workload,
    /// The service is gone; this is all that is kept of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Deleted>,
    /// What was good before `last_good`, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<LastGood>,
    /// A roll-back that a person asked for, until its first call is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub going_back: Option<GoingBack>,
    /// The digest that need not wait for its window: a person asked for it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<Digest>,
    /// The revision after which old ones were cleared out last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared: Option<TaskDefinitionArn>,
    /// Revisions that are about to be deregistered, or were, for all that is known: never used again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deregistering: Vec<TaskDefinitionArn>,
    /// The latest request of each kind that was heeded, as its tag has it: a tag that can't be taken off
    /// is not heeded twice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub heeded: BTreeMap<String, String>,
    /// What tags, secrets and parameters meant when the tasks were started.
    #[serde(skip_serializing_if = "Meanings::is_empty")]
    pub meanings: Meanings,
}

/// How many revisions that were good once are remembered, besides the last.
const EARLIER_MAX: usize = 5;

/// Contents of hooks that are remembered for a service. One that is forgotten would run again, should
/// Git go back to it.
const PAST_HOOKS_MAX: usize = 64;

/// For so long a call that was not answered may still take effect. AWS takes a request, in most cases, for
/// five minutes after its signature; the rest is for clocks that differ.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
pub const UNANSWERED_FOR: Duration = Duration::from_secs(5 * 60 + 30);
/// Calls of that kind that are remembered for a service; no two of them are the same.
const UNANSWERED_MAX: usize = 16;

impl ServiceRecord {
    /// Calls whose outcome is not known, and that may still take effect.
    pub fn unanswered(&self, now: Timestamp) -> impl Iterator<Item = &Intent> {
        let all = self.intent.iter().chain(&self.unanswered);
        let waits = if planted!("no-barrier") { Duration::ZERO } else { UNANSWERED_FOR };
        all.filter(move |intent| now < intent.at.plus(waits))
    }

    /// Makes room for another intent: what may still become of the one before is remembered for as long as it
    /// may.
    pub fn set_intent_aside(&mut self, now: Timestamp) {
        let before = self.intent.take().filter(|_| !planted!("one-intent-forgets-the-other"));
        let same = |one: &Intent, other: &Intent| (&one.content, &one.body) == (&other.content, &other.body);
        self.unanswered.retain(|one| {
            now < one.at.plus(UNANSWERED_FOR) && before.as_ref().is_none_or(|before| !same(one, before))
        });
        self.unanswered
            .extend(before.filter(|it| {
                (it.content.is_some() || it.body.is_some()) && now < it.at.plus(UNANSWERED_FOR)
            }));
        let surplus = self.unanswered.len().saturating_sub(UNANSWERED_MAX);
        self.unanswered.drain(..surplus);
    }

    /// Forgets calls that can't take effect any more.
    pub fn forget_what_is_too_late(&mut self, now: Timestamp) {
        self.unanswered.retain(|one| now < one.at.plus(UNANSWERED_FOR));
    }

    /// What this digest asks for is live: a call for it has had its effect, one for another has not.
    pub fn conclude_intent(&mut self, digest: &Digest, now: Timestamp) {
        match &self.intent {
            Some(intent) if intent.digest == *digest => self.intent = None,
            Some(_) => self.set_intent_aside(now),
            None => {}
        }
    }

    /// Whether a content of a hook is done, and never to be run again.
    pub fn hook_is_done(&self, digest: &Digest) -> bool {
        self.past_hook(digest).is_some_and(|past| past.outcome != HookOutcome::Failed)
    }

    /// The highest number of a run that a content of a hook has used.
    pub fn hook_runs(&self, digest: &Digest) -> u32 {
        self.past_hook(digest).map_or(0, |past| past.runs)
    }

    fn past_hook(&self, digest: &Digest) -> Option<&PastHook> {
        self.hooks.iter().find(|past| past.digest == *digest)
    }

    /// Notes what became of a content of a hook, and forgets the oldest where there are too many.
    pub fn note_hook(&mut self, past: PastHook) {
        self.hooks.retain(|other| other.digest != past.digest);
        self.hooks.push(past);
        let surplus = self.hooks.len().saturating_sub(PAST_HOOKS_MAX);
        self.hooks.drain(..surplus);
    }

    /// Notes as done what nobody has seen running: the service runs what it goes with. Answers the names
    /// of those that were not known to be done.
    pub fn assume_hooks<'a>(
        &mut self,
        hooks: impl Iterator<Item = &'a Hook>,
        now: Timestamp,
    ) -> Vec<&'a str> {
        let mut assumed = Vec::new();
        for hook in hooks {
            if !self.hook_is_done(&hook.digest) {
                assumed.push(hook.name.as_str());
                self.note_hook(PastHook {
                    name: hook.name.clone(),
                    digest: hook.digest.clone(),
                    runs: self.hook_runs(&hook.digest),
                    outcome: HookOutcome::Assumed,
                    at: now,
                });
            }
        }
        assumed
    }

    /// Ends the hook that is under way.
    pub fn end_hook(&mut self, outcome: HookOutcome, now: Timestamp) {
        if let Some(open) = self.hook.take() {
            let (name, digest, runs) = (open.name, open.digest, open.run);
            self.note_hook(PastHook { name, digest, runs, outcome, at: now });
        }
    }

    /// Notes what is good now, and keeps what was good before it.
    pub fn note_good(&mut self, good: LastGood) {
        let before = self.last_good.take();
        self.earlier.retain(|one| one.task_definition != good.task_definition);
        if let Some(before) = before.filter(|before| before.task_definition != good.task_definition) {
            self.earlier.retain(|one| one.task_definition != before.task_definition);
            self.earlier.insert(0, before);
            self.earlier.truncate(EARLIER_MAX);
        }
        self.last_good = Some(good);
    }

    /// Notes what the tasks were started with, now that their deployment has completed.
    pub fn note_values(&mut self, rollout: &Rollout, now: Timestamp) {
        // Tasks that ECS itself went back to were started long ago.
        if rollout.kind == RolloutKind::Deploy || !rollout.values.is_empty() {
            Meanings::note(&mut self.meanings.values, &rollout.values, now);
        }
    }

    /// What is remembered of a revision that was good.
    pub fn good(&self, task_definition: &TaskDefinitionArn) -> Option<&LastGood> {
        self.last_good.iter().chain(&self.earlier).find(|good| good.task_definition == *task_definition)
    }

    /// Whether a digest is not tried now.
    pub fn is_quarantined(&self, digest: &Digest, now: Timestamp) -> bool {
        self.quarantine.as_ref().is_some_and(|it| it.digest == *digest && !it.is_released(now))
    }

    /// Whether nothing is known that was ever brought to its end: the service was adopted, or the ledger
    /// was lost.
    pub fn knows_no_end(&self) -> bool {
        let Self { intent: _, applied, rollout, quarantine, last_good, hook, hooks, .. } = self;
        applied.is_none()
            && rollout.is_none()
            && quarantine.is_none()
            && last_good.is_none()
            && hook.is_none()
            && hooks.is_empty()
    }

    /// What holds this name already, where that is of another kind: each kind lives elsewhere in AWS, so
    /// the new one would not replace the old one.
    pub fn held_by_another_kind(&self, workload: Workload) -> Option<Workload> {
        let holds = match self.workload {
            Workload::Service => self.is_of_a_service(),
            Workload::ScheduledTask => self.applied.is_some(),
        };
        (holds && self.workload != workload).then_some(self.workload)
    }

    /// Whether we put this schedule, and it has not been deleted since.
    pub fn is_of_a_schedule(&self) -> bool {
        self.workload == Workload::ScheduledTask && self.applied.is_some()
    }

    /// Whether we made or changed this service, and it has not been deleted since.
    pub fn is_of_a_service(&self) -> bool {
        self.workload.is_service()
            && self.deleted.is_none()
            && (self.applied.is_some() || self.rollout.is_some() || self.last_good.is_some())
    }
}

/// What we asked Application Auto Scaling for. It has no tags on policies and scheduled actions, so
/// this alone tells ours from those of others. Noted before the call: a name that is noted and was never
/// put is one that Git asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingPut {
    /// We registered the scalable target, or changed it.
    pub target: bool,
    /// Git's bounds when we registered the target last, minimum and maximum: while Git asks for the same,
    /// others that a scheduled action asks for are that action's doing, and no old wish of Git's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<(i64, i64)>,
    pub policies: BTreeSet<String>,
    pub scheduled_actions: BTreeSet<String>,
}

/// Since when Git does without a service that we deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// The first Git commit in force without it.
    pub revision: String,
    pub noticed_at: Timestamp,
    /// When its deletion began; from then on its count is not what Git asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// Git still asks for it, and ECS can't change it: it goes so that another can be made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    pub at: Timestamp,
    /// The Git commit that did without it.
    pub revision: String,
    /// What it ran last. Task definitions stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<TaskDefinitionArn>,
}

/// A revision, by what it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredRevision {
    pub task_definition_digest: Digest,
    pub task_definition: TaskDefinitionArn,
}

/// Written before a mutating call, removed once its outcome is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    pub kind: IntentKind,
    /// Of the spec that the call serves.
    pub digest: Digest,
    /// The Git commit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The revision that the service will point to, where the call says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<TaskDefinitionArn>,
    /// Of the task definition that the call registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// The input of UpdateService: while this one may come late, no other may go before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
    /// The PRIMARY deployment before the call: whatever became of the call, it did not start this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What the rollout changes that the call starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangedField>,
    /// Versions of secrets and parameters, as they were read before the call: what its tasks get, or older.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// It was sent, and no answer came: it may be under way still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_answer: bool,
    pub at: Timestamp,
}

impl Intent {
    /// An intent that names neither a revision nor the deployment before.
    pub fn of(kind: IntentKind, digest: &Digest, at: Timestamp) -> Self {
        Self {
            kind,
            digest: digest.clone(),
            revision: String::new(),
            task_definition: None,
            content: None,
            body: None,
            before: None,
            changes: Vec::new(),
            values: BTreeMap::new(),
            no_answer: false,
            at,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IntentKind {
    Register,
    Create,
    Update,
    Scale,
    Tag,
    RollBack,
    Delete,
}

/// A deployment that we started or adopted, until it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    pub kind: RolloutKind,
    /// Of the spec that is being rolled out; for a roll-back, of the spec that failed.
    pub digest: Digest,
    pub task_definition: TaskDefinitionArn,
    /// `ecs-svc/<number>`, once it is known. Health is judged against this id alone.
    pub deployment: Option<String>,
    pub started_at: Timestamp,
    pub revision: String,
    /// The revision to go back to: the last that completed a deployment, when this one started.
    pub back_to: Option<TaskDefinitionArn>,
    /// What it changes, the first few, for the report should it fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangedField>,
    /// What its gates remember.
    #[serde(default, skip_serializing_if = "Watched::is_empty")]
    pub watched: Watched,
    /// How far ECS was seen to take it, where it shifts traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// Versions of secrets and parameters that its tasks are started with, or older ones: read before it began,
    /// so that one that moves while it goes on is noticed after it. Empty: its tasks are not new.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RolloutKind {
    Deploy,
    RollBack,
}

/// A digest that failed: not tried again until Git asks for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    pub digest: Digest,
    /// The task definition that failed; none where AWS refused a call, for then none was tried.
    #[serde(default)]
    pub task_definition: Option<TaskDefinitionArn>,
    /// The deployment that was judged. It may still be going on: another digest may replace it.
    #[serde(default)]
    pub deployment: Option<String>,
    pub revision: String,
    pub failure: Failure,
    /// When it is tried again, if it is before Git changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// Who asked for the roll-back, where nothing had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What failed is not the digest, which was good before, but it with these versions of secrets and
    /// parameters: with others it is tried again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

impl Quarantine {
    /// Whether its digest may be tried once more.
    pub fn is_released(&self, now: Timestamp) -> bool {
        self.again.as_ref().is_some_and(|again| again.at <= now)
    }

    /// Whether it failed for versions of secrets that are no longer those that tasks get.
    pub fn is_outdated(&self, values: &BTreeMap<String, LiveValue>) -> bool {
        self.values.iter().any(|(name, failed)| {
            let now = values.get(name).and_then(LiveValue::version);
            now.is_some_and(|now| now != failed)
        })
    }
}

/// Another try of a digest that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Again {
    /// Not before.
    pub at: Timestamp,
    /// Which try it will be, from 1; those that a person asked for don't count.
    pub attempt: u32,
    /// How many there are; `None`: until it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A roll-back that a person asked for and that has not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoingBack {
    pub to: TaskDefinitionArn,
    /// The Git commit that is taken back.
    pub revision: String,
}

/// The revision that completed a deployment last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastGood {
    pub digest: Digest,
    pub task_definition: TaskDefinitionArn,
    /// `ecs-svc/<number>`, so that one deployment is not judged twice.
    #[serde(default)]
    pub deployment: Option<String>,
    /// The service's own settings that a deployment brings along, as AWS had them: what a roll-back
    /// puts back besides the task definition.
    #[serde(default)]
    pub settings: Json,
    /// What Git said of it then, besides its task definition. `None`: it is not known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<AppliedSpec>,
    pub completed_at: Timestamp,
}

impl LastGood {
    /// Of the deployment that leads now, which has completed. `revision`: what only its service revision
    /// shows.
    pub fn of(
        service: &EcsService,
        revision: &Part<Json>,
        digest: Digest,
        spec: Option<AppliedSpec>,
        completed_at: Timestamp,
    ) -> Self {
        let mut good = Self {
            digest,
            task_definition: service.task_definition(),
            deployment: service.primary().map(|primary| primary.id().to_owned()),
            settings: service.deployed_settings(),
            spec,
            completed_at,
        };
        if let Part::Present(revision) = revision {
            good.note_revision(revision);
        }
        good
    }

    /// Notes what only the service revision shows; null stands for what is not there.
    pub fn note_revision(&mut self, revision: &Json) {
        for name in REVISION_ONLY {
            self.settings[name] = revision.get(name).cloned().unwrap_or(Json::Null);
        }
    }

    /// Whether what runs now is this deployment, of which it is not noted yet what only the service
    /// revision shows. It is read at rest only where Git mentions it: a roll-back of a commit that brings
    /// one along has to know what was there before.
    pub fn lacks_revision_of(&self, service: &EcsService) -> bool {
        let runs = service.primary().is_some_and(|primary| self.deployment.as_deref() == Some(primary.id()));
        runs && self.settings.is_object()
            && REVISION_ONLY.iter().any(|name| self.settings.get(*name).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(number: usize, outcome: HookOutcome) -> PastHook {
        let digest = Digest::from_tag(&number.to_string());
        PastHook { name: "migrate".to_owned(), digest, runs: 2, outcome, at: Timestamp(0) }
    }

    #[test]
    fn a_content_is_remembered_once_and_the_oldest_is_forgotten() {
        let mut record = ServiceRecord::default();
        for number in 0..PAST_HOOKS_MAX + 2 {
            record.note_hook(past(number, HookOutcome::Failed));
            record.note_hook(past(number, HookOutcome::Succeeded));
        }
        assert_eq!(record.hooks.len(), PAST_HOOKS_MAX);
        assert!(!record.hook_is_done(&Digest::from_tag("1")));
        assert!(record.hook_is_done(&Digest::from_tag("2")));
        assert_eq!(
            (record.hook_runs(&Digest::from_tag("2")), record.hook_runs(&Digest::from_tag("1"))),
            (2, 0)
        );
    }

    #[test]
    fn what_failed_is_not_done_and_keeps_its_numbers() {
        let mut record = ServiceRecord::default();
        record.note_hook(past(1, HookOutcome::Failed));
        assert!(!record.hook_is_done(&Digest::from_tag("1")));
        assert_eq!(record.hook_runs(&Digest::from_tag("1")), 2);
        assert!(!record.knows_no_end());
    }
}
