//! The plan as a value that explains itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Action, AtOnce, MissingValue, Opening, Replacement, RevisionSource, Step};
use crate::model::{
    Digest, FieldPath, GatePolicy, HookStage, ImageTrouble, Json, KeptDrift, LookedUp, Moved, Origin,
    Quarantine, Request, Revision, ScalingOverride, Segment, ServiceKey, TaskDefinitionArn, Timestamp,
    Workload, tag,
};
use crate::shape::rules::{Effect, Source};

/// What one pass would do to an environment.
#[derive(Clone, Debug)]
pub struct Plan {
    pub revision: Revision,
    /// Name of the environment.
    pub environment: String,
    pub region: String,
    pub cluster: String,
    /// Variables whose values were looked up, with the versions that were found.
    pub looked_up: Vec<LookedUp>,
    /// When the live state was read, and how many AWS calls that took.
    pub read_at: Timestamp,
    pub calls: u32,
    /// One for each service and each scheduled task, sorted by key.
    pub services: Vec<ServicePlan>,
    /// Schedules of ours that Git no longer has: they go on running.
    pub schedules_left: Vec<ServiceKey>,
}

/// What would be done to one service or scheduled task.
#[derive(Clone, Debug)]
pub struct ServicePlan {
    pub service: ServiceKey,
    pub workload: Workload,
    /// Of the desired spec.
    pub digest: Digest,
    pub decision: Decision,
    /// Fields that differ and are left as they are, each with the rule that keeps it quiet.
    pub quiet: Vec<Quiet>,
    /// The one-off tasks that a change comes with.
    pub hooks: Hooks,
    pub extent: Extent,
    /// Git no longer mentions the service: this is the plan of its end.
    pub left_git: Option<LeftGit>,
    /// The service goes, so that what ECS can't change of it can be made anew.
    pub replaces: Option<Replacement>,
    /// Drift that goes into the task definition that the service gets, or is in it already.
    pub kept_drift: Vec<KeptDrift>,
    /// What tags of images mean in what is asked for: their digests.
    pub images: BTreeMap<String, String>,
}

/// The hooks of a change that are not done yet, in order, and the gates between them.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// To be done before the first step that concerns the service itself.
    pub before: Vec<PlannedHook>,
    /// What judges the deployment, if the change starts one.
    pub gates: Vec<GatePolicy>,
    /// To be done when the deployment has completed.
    pub after: Vec<PlannedHook>,
}

/// One hook that is not done yet.
#[derive(Clone, Debug)]
pub struct PlannedHook {
    pub name: String,
    pub stage: HookStage,
    /// Of its content.
    pub digest: Digest,
    /// What it runs.
    pub images: Vec<String>,
    pub runs: HookRevision,
}

/// Which revision a hook runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookRevision {
    /// Of its own definition: registered first, unless ECS has it already.
    Own,
    /// The one that the service gets. `Registered`: before the hook.
    OfTheService(RevisionSource),
}

/// A service that left Git, and what its deletion was weighed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftGit {
    /// The first Git commit without it, in full.
    pub revision: String,
    pub share: Share,
    /// What pruning is on by; `None`: it is off.
    pub prune: Option<PruneBy>,
    /// Tasks that run or start.
    pub tasks: i64,
    /// Its deletion is under way.
    pub begun: bool,
    /// ECS was asked to delete it.
    pub draining: bool,
}

/// How much of an environment would go at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Services that left Git and may be pruned.
    pub going: usize,
    /// Services that the ledger knows to be ours, with those that are going.
    pub owned: usize,
    pub allowed: usize,
    pub percent: u8,
}

/// Who says that what left Git goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneBy {
    /// The service's own manifest, when it was applied last.
    Service,
    Environment,
}

/// How much of what Git asks for a plan brings about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    #[default]
    Whole,
    /// Only what an administrator's override asks for, or its end; everything else is held.
    Override,
}

#[derive(Clone, Debug)]
pub enum Decision {
    Unchanged,
    /// The steps are done in order; none of them leaves a choice to execution.
    Change {
        differences: Vec<Difference>,
        steps: Vec<Step>,
    },
    /// Wanted, but not done now. `differences` is what would change, as far as it is known.
    Held {
        reason: Held,
        differences: Vec<Difference>,
    },
}

/// Why a wanted change is not made now.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// A part of the live state could not be read.
    Unreadable { what: String, why: String },
    /// A deployment is still going on: ours, or somebody else's.
    RolloutInFlight { deployment: String, task_definition: TaskDefinitionArn },
    /// It would stop tasks while a deployment is going on.
    ScaleIn { at_once: AtOnce, deployment: String },
    /// A hook of it is under way.
    HookRunning {
        /// `migrate (1 of 2)`
        hook: String,
    },
    /// This digest failed before.
    Quarantined(Box<Quarantine>),
    /// A person asked for it by a tag.
    Suspended { request: Box<Request> },
    /// Changes go out at certain times only. `opens`: the next one, if it comes within weeks.
    OutsideWindow { opens: Option<Opening> },
    /// Another owner holds the service.
    NotOwned { owner: String },
    /// A person asked for it by a tag of the schedule group: schedules can't carry tags.
    GroupSuspended { group: String, text: String },
    /// The schedule group of our name holds somebody else's schedules.
    GroupNotOwned { group: String, owner: String },
    /// Git made a service into a scheduled task, or the other way, under the name that the old one holds.
    KindChanged { was: Workload },
    /// The service is still DRAINING; its name is free once ECS is done.
    Draining,
    /// Drift, and `sync.drift` says to leave it.
    DriftTolerated,
    /// ECS can't change this in place; the service would have to be replaced.
    NeedsReplacement { fields: Vec<(FieldPath, Option<&'static str>)> },
    /// ECS would refuse this, each for a reason.
    RefusedByEcs { fields: Vec<(FieldPath, &'static str)> },
    /// Images that it names can't be had: a deployment would only fail.
    Image { troubles: Vec<ImageTrouble> },
    /// Alarms that its gates name are not in CloudWatch: nobody could judge the deployment.
    AlarmsMissing { names: Vec<String> },
    /// An earlier call was never answered: should it come late, it would undo this one, or double it.
    Unanswered { call: &'static str, asked_at: Timestamp, until: Timestamp },
    /// Secrets or parameters that its tasks need are missing: none of them would start.
    SecretsMissing { missing: Vec<MissingValue> },
    /// A service it depends on is not settled yet.
    WaitsFor { service: ServiceKey, wave: Wave },
    /// It left Git, and may not go (yet).
    NotPruned(PruneGuard),
}

/// Whether what a service waits for is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wave {
    GoesOn,
    /// It is held itself: whoever waits for it waits for a person, too.
    Stopped,
}

impl Held {
    /// Whether what waits for it waits for somebody, or for the clock.
    pub fn stops_a_wave(&self) -> bool {
        match self {
            Held::Unreadable { .. }
            | Held::Quarantined(_)
            | Held::Suspended { .. }
            | Held::OutsideWindow { .. }
            | Held::NotOwned { .. }
            | Held::GroupSuspended { .. }
            | Held::GroupNotOwned { .. }
            | Held::KindChanged { .. }
            | Held::NeedsReplacement { .. }
            | Held::RefusedByEcs { .. }
            | Held::SecretsMissing { .. }
            | Held::Image { .. }
            | Held::AlarmsMissing { .. }
            | Held::NotPruned(_) => true,
            Held::RolloutInFlight { .. }
            | Held::ScaleIn { .. }
            | Held::HookRunning { .. }
            | Held::Draining
            | Held::DriftTolerated
            | Held::Unanswered { .. }
            | Held::WaitsFor { .. } => false,
        }
    }
}

/// What stands between a service that left Git and its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PruneGuard {
    /// The commit has no service at all for this environment.
    NothingLeft,
    /// The ledger was kept for an environment of another name.
    EnvironmentRenamed {
        before: String,
        now: String,
    },
    /// Both owner tags have to say that it is ours.
    Tag {
        name: &'static str,
        found: Option<String>,
        wanted: String,
    },
    /// A schedule has no tags that say whose it is, and it is not as it was put.
    NotAsPut {
        what: String,
    },
    /// More would go at once than may.
    TooMany(Share),
    DependedOn {
        by: ServiceKey,
    },
    /// Changes go out at certain times only, and nothing says that a deletion may go out at another.
    OutsideWindow {
        opens: Option<Opening>,
    },
    /// Tasks still run, long after they were asked to stop.
    StillRunning {
        tasks: i64,
        asked_at: Timestamp,
    },
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// From the root of `spec`.
    pub path: FieldPath,
    /// `None`: absent.
    pub live: Option<Json>,
    pub desired: Option<Json>,
    pub consequence: Consequence,
    pub cause: Cause,
    /// Where Git says so.
    pub origin: Option<Origin>,
    /// Since when Git says so, as far as that is known.
    pub since: Option<Since>,
    /// The value looks like a credential: windows show only that it changed.
    pub sensitive: bool,
    /// Why ECS does not change it where it is.
    pub why: Option<&'static str>,
}

impl Difference {
    /// The key of a tag of our own on the service, where it is that which differs.
    pub fn bookkeeping(&self) -> Option<&str> {
        let [Segment::Field(_), Segment::Field(member), Segment::Field(key)] = self.path.0.as_slice() else {
            return None;
        };
        let ours = [tag::MANAGED_BY, tag::ID, tag::DIGEST, tag::TASK_DEFINITION];
        (member == "tags" && ours.contains(&key.as_str())).then_some(key)
    }
}

/// What making the difference go away does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Consequence {
    /// Changed where it is; running tasks stay.
    InPlace,
    /// A new task definition revision, and with it a deployment.
    NewRevision,
    /// A new deployment of the same revision.
    StartsDeployment,
    /// ECS would apply it to new tasks only; paired with forceNewDeployment.
    ForcesDeployment,
    /// The service does not exist yet.
    Creates,
    /// ECS can't change it: the service would have to be replaced.
    NeedsReplacement,
    /// ECS refuses it as long as the rest is as it is, and a new service would not help.
    Refused,
}

impl Consequence {
    pub(super) fn of(effect: Option<Effect>) -> Self {
        match effect {
            Some(Effect::InPlace) | None => Consequence::InPlace,
            Some(Effect::StartsDeployment) => Consequence::StartsDeployment,
            Some(Effect::ForcesDeployment) => Consequence::ForcesDeployment,
            Some(Effect::NeedsReplacement) => Consequence::NeedsReplacement,
        }
    }

    /// Whether UpdateService can make the change.
    pub(super) fn is_made_by_update(&self) -> bool {
        !matches!(self, Consequence::NeedsReplacement | Consequence::Refused)
    }

    /// Whether the change starts a deployment of a service that exists.
    pub fn deploys(&self) -> bool {
        match self {
            Consequence::NewRevision | Consequence::StartsDeployment | Consequence::ForcesDeployment => true,
            Consequence::InPlace
            | Consequence::Creates
            | Consequence::NeedsReplacement
            | Consequence::Refused => false,
        }
    }
}

/// Since which commit Git says what it says of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// This one changed it.
    Commit(String),
    /// A commit after the first, which was applied, and up to the second: the ones between are not known
    /// here.
    Between { after: String, until: String },
    /// It was applied with this one, and may be older.
    AtLatest(String),
    /// No commit did: a value that was looked up is another now.
    LookedUp { source: String, version: String, before: String },
    /// No commit did: a tag is another image now.
    ImageMoved(Moved),
    /// No commit did: the one that is planned was applied before.
    NoCommit,
}

/// Who caused a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Git asks for something new since the spec that was applied last.
    Git,
    /// The live side changed although Git did not.
    BehindOurBack,
    /// Both: Git asks for something new, and what is live is not what was applied last.
    GitAndBehindOurBack,
    /// An administrator's override is in force, and the live side is neither that nor what Git says.
    Overridden(ScalingOverride),
    /// An administrator's override was in force until now.
    OverrideEnded(ScalingOverride),
    /// It is ours, and Git no longer mentions it.
    LeftGit,
    /// Somebody else put it, and Git says that such things go.
    Foreign,
    /// A secret or parameter has another version than the tasks were started with; what it is called.
    NewVersion(String),
}

/// How much a plan tells of fields that differ and are left as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Explain {
    /// Only what people are told of unasked; the rest of a thousand services would fill the memory.
    #[default]
    Differences,
    /// `--explain`: all of them, each with the rule that kept it quiet.
    QuietFields,
}

/// A field that differs and is left as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet {
    pub path: FieldPath,
    pub live: Option<Json>,
    pub desired: Option<Json>,
    /// The rule, in a sentence: `AWS fills in 30`.
    pub rule: String,
    /// Where AWS says so, if it is a rule about AWS.
    pub source: Option<Source>,
    pub kept: Kept,
}

/// Why a difference is kept quiet, and with it whether people are told without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kept {
    /// Both sides mean the same, or the field is not Git's: told where somebody asks (`--explain`).
    #[default]
    ByRule,
    /// Git does not mention it, and AWS or somebody else has given it a value.
    NotMentioned,
    /// Changed behind Git's back, and `sync.drift` says to leave it, while something else goes through.
    Tolerated,
    /// The same where `sync.drift` says to ignore it: told where somebody asks (`--explain`).
    IgnoredDrift,
    /// Git's value waits for the end of an administrator's override.
    Overridden,
    /// An administrator's override that says nothing that could be done.
    NotHonoured,
    /// One of Git's own scheduled actions put it there.
    Scheduled,
    /// Git's value would stop tasks, and waits for the end of the deployment.
    AfterDeployment,
    /// A scheduled action for one moment, which has passed: it ran, or was put too late.
    Over,
    /// Git no longer mentions it, and it stays.
    LeftInPlace,
    /// Old revisions that nothing uses: they are deregistered when nothing else is to be done.
    Deregistered,
    /// Tasks have an older version of a secret or parameter, and `sync.secrets` says to tell it only.
    NewVersion,
    /// It should be rolled out when it has a new version, and nobody can see which one it has.
    NotWatched,
    /// A tag that was chosen from a range, or could be.
    Chosen,
    /// A name in it means something else by now than when the tasks were started, and that is left.
    Moved,
}

impl Kept {
    /// Whether people are told although they did not ask why.
    pub fn is_told(self) -> bool {
        match self {
            Kept::ByRule | Kept::NotMentioned | Kept::IgnoredDrift => false,
            Kept::Tolerated
            | Kept::Overridden
            | Kept::NotHonoured
            | Kept::Scheduled
            | Kept::AfterDeployment
            | Kept::Over
            | Kept::LeftInPlace
            | Kept::Deregistered
            | Kept::NewVersion
            | Kept::NotWatched
            | Kept::Chosen
            | Kept::Moved => true,
        }
    }
}

impl ServicePlan {
    /// A plan for a service of which nothing else is to be told.
    pub fn of(service: ServiceKey, digest: Digest, decision: Decision) -> Self {
        Self {
            service,
            workload: Workload::Service,
            digest,
            decision,
            quiet: Vec::new(),
            hooks: Hooks::default(),
            extent: Extent::Whole,
            left_git: None,
            replaces: None,
            kept_drift: Vec::new(),
            images: BTreeMap::new(),
        }
    }

    /// Whether a service runs what Git asks for already, and only our tags are missing on it.
    pub fn adopts(&self) -> bool {
        let Decision::Change { differences, steps } = &self.decision else { return false };
        let owner = FieldPath::root().field("service").field("tags").field(tag::MANAGED_BY);
        steps.iter().all(|step| matches!(step.action, Action::TagService { .. }))
            && differences.iter().any(|one| one.path == owner && one.live.is_none())
    }

    /// Whether something was changed behind Git's back, and stays because `sync.drift` says to ignore it.
    pub fn ignores_drift(&self) -> bool {
        self.quiet.iter().any(|quiet| quiet.kept == Kept::IgnoredDrift)
    }

    /// Whether what would be made was there already, and somebody else deleted it.
    pub fn was_deleted(&self) -> bool {
        let Decision::Change { differences, .. } = &self.decision else { return false };
        differences.iter().any(|one| {
            one.consequence == Consequence::Creates
                && matches!(one.cause, Cause::BehindOurBack | Cause::GitAndBehindOurBack)
        })
    }

    /// What would be done now; nothing where nothing is, or may be.
    pub fn steps(&self) -> &[Step] {
        match &self.decision {
            Decision::Change { steps, .. } => steps,
            Decision::Unchanged | Decision::Held { .. } => &[],
        }
    }
}

impl Plan {
    pub fn changes(&self) -> impl Iterator<Item = &ServicePlan> {
        self.services.iter().filter(|service| matches!(service.decision, Decision::Change { .. }))
    }

    pub fn held(&self) -> impl Iterator<Item = &ServicePlan> {
        self.services.iter().filter(|service| matches!(service.decision, Decision::Held { .. }))
    }

    /// All but those that are as Git wants them.
    pub fn differing(&self) -> BTreeSet<ServiceKey> {
        let differ = self.services.iter().filter(|plan| !matches!(plan.decision, Decision::Unchanged));
        differ.map(|plan| plan.service.clone()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.services.iter().all(|service| matches!(service.decision, Decision::Unchanged))
    }
}
