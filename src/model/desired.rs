//! What the manifests of a commit say, after overlay and substitution.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    DesiredScheduledTask, Digest, FieldPath, GatePolicy, Hook, ImageAnswers, ImagePolicy, Json, LookedUp,
    NamedImage, Proposal, Revision, Segment, ServiceKey, Window,
};

/// Everything one commit wants of one environment.
#[derive(Clone, Debug)]
pub struct Desired {
    pub revision: Revision,
    pub environment: Environment,
    pub services: BTreeMap<ServiceKey, DesiredService>,
    /// No name is used by both.
    pub scheduled_tasks: BTreeMap<ServiceKey, DesiredScheduledTask>,
    /// What ECR says of the images that are named by their tags; empty: it was not asked.
    pub images: ImageAnswers,
}

/// Account, region and cluster that manifests are applied to.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    pub name: String,
    /// Refused to act elsewhere, when it is given.
    pub account: Option<String>,
    pub region: String,
    pub cluster: String,
    pub variables: BTreeMap<String, Json>,
    /// Those of them that stand elsewhere, with the version that was found.
    pub looked_up: Vec<LookedUp>,
    pub sync: EnvironmentSync,
    /// For the services that say nothing else.
    pub images: ImagePolicy,
}

impl Environment {
    /// What was looked up, each on a line.
    pub fn looked_up(&self) -> Vec<String> {
        self.looked_up.iter().map(ToString::to_string).collect()
    }
}

/// What holds for every service of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentSync {
    /// Whether what left Git goes, where a service says nothing else.
    pub prune: bool,
    /// How many of a hundred services may be on their way out at once; but always one.
    pub prune_max_percent: u8,
    /// How many revisions of a task definition stay registered, at least.
    pub keep_revisions: u32,
    /// When changes may go out, where a service says nothing else; empty: at any time.
    pub windows: Vec<Window>,
}

impl Default for EnvironmentSync {
    /// Nothing goes. Once that is changed, a fifth may: more at a time is rather a slip in Git, such as
    /// a folder that was moved away, than somebody's wish.
    fn default() -> Self {
        Self { prune: false, prune_max_percent: 20, keep_revisions: 10, windows: Vec::new() }
    }
}

/// One service as Git wants it. The trees hold AWS's own field names and wire types.
#[derive(Clone, Debug)]
pub struct DesiredService {
    pub key: ServiceKey,
    /// RegisterTaskDefinition input with `family` filled in, without `tags` of ours.
    pub task_definition: Json,
    /// CreateService input without `cluster`, `serviceName` and `taskDefinition`.
    pub service: Json,
    pub scaling: Option<Scaling>,
    pub rollout: RolloutPolicy,
    pub sync: SyncPolicy,
    pub depends_on: Vec<ServiceKey>,
    pub images: ImagePolicy,
    /// Tags that are in it, where ECR was asked about them: then the trees have digests in their place.
    pub named_images: Vec<NamedImage>,
    /// Tags in Git that newer ones are looked for.
    pub proposals: Vec<Proposal>,
    /// Of the whole normalised spec: what quarantine and the service's tag are keyed by.
    pub digest: Digest,
    /// Of the normalised task definition: what a revision's tag holds.
    pub task_definition_digest: Digest,
    pub origins: Origins,
}

/// Application Auto Scaling inputs. `ServiceNamespace`, `ResourceId` and `ScalableDimension` are
/// left out: they follow from the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    pub min_capacity: i64,
    pub max_capacity: i64,
    /// `SuspendedState`, only if Git mentions it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_state: Option<Json>,
    /// PutScalingPolicy inputs by PolicyName.
    pub policies: BTreeMap<String, Json>,
    /// PutScheduledAction inputs by ScheduledActionName.
    pub scheduled_actions: BTreeMap<String, Json>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RolloutPolicy {
    /// From the start of a deployment to COMPLETED; then it counts as failed.
    pub timeout: Duration,
    pub on_failure: OnFailure,
    /// What judges a deployment beside ECS, in order.
    pub gates: Vec<GatePolicy>,
    /// One-off tasks before a deployment, in order.
    pub before: Vec<Hook>,
    /// One-off tasks after a deployment has completed, before it counts as good.
    pub after: Vec<Hook>,
}

impl RolloutPolicy {
    /// Whether a deployment that ECS completed still has to be judged: then only the ledger knows which one
    /// was found good.
    pub fn judges_what_completed(&self) -> bool {
        !self.after.is_empty() || !self.gates.is_empty()
    }

    pub fn hooks(&self) -> impl Iterator<Item = &Hook> {
        self.before.iter().chain(&self.after)
    }

    /// The hook with this content.
    pub fn hook(&self, digest: &Digest) -> Option<&Hook> {
        self.hooks().find(|hook| hook.digest == *digest)
    }
}

impl Default for RolloutPolicy {
    /// 15 minutes: ECS's own circuit breaker needs up to 12 for an image that can't be pulled, and
    /// should be the one to speak first.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15 * 60),
            on_failure: OnFailure::Rollback,
            gates: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    Rollback,
    Hold,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncPolicy {
    pub drift: Drift,
    /// Whether what left Git goes; `None`: as the environment says.
    pub prune: Option<bool>,
    /// Whether, where what left Git goes, so do scaling policies and scheduled actions of others.
    pub prune_foreign_scaling: bool,
    /// Whether a service that ECS can't change may be deleted and made anew.
    pub replace: bool,
    /// JSON pointers from `spec`; the diff and the write both leave these fields alone.
    pub ignore: Vec<String>,
    /// When changes may go out; `None`: as the environment says.
    pub windows: Option<Vec<Window>>,
    pub secrets: WhenRotated,
}

impl SyncPolicy {
    /// Whether what left Git goes.
    pub fn prunes(&self, environment: &Environment) -> bool {
        self.prune.unwrap_or(environment.sync.prune)
    }

    /// When changes may go out.
    pub fn windows<'a>(&'a self, environment: &'a Environment) -> &'a [Window] {
        self.windows.as_deref().unwrap_or(&environment.sync.windows)
    }
}

/// What to do about a difference that Git did not cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Drift {
    #[default]
    Correct,
    Warn,
    Ignore,
}

/// What to do when a secret or a parameter has another version than the tasks were started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhenRotated {
    /// It is told, and left to the next deployment.
    #[default]
    Report,
    /// A deployment of the same revision starts tasks with it.
    Roll,
    /// Nobody looks, not even whether it is there.
    Ignore,
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Origin {
    /// Shared by all values of a file.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Where each value of a service was written, by its path from `spec`.
///
/// A path is kept as one text: there are dozens for each of a thousand services.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    places: BTreeMap<Box<str>, Origin>,
    /// The variables that put a value there, of those whose own value stands elsewhere than in Git.
    pub looked_up: BTreeMap<FieldPath, BTreeSet<String>>,
}

impl Origins {
    pub fn insert(&mut self, path: &FieldPath, origin: Origin) {
        self.places.insert(written(&path.0).into(), origin);
    }

    /// The origin of the value itself.
    pub fn get(&self, path: &FieldPath) -> Option<&Origin> {
        self.places.get(written(&path.0).as_str())
    }

    /// The origin of the value itself, or of the nearest value around it.
    pub fn nearest(&self, path: &FieldPath) -> Option<&Origin> {
        (0..=path.0.len()).rev().find_map(|length| self.places.get(written(&path.0[..length]).as_str()))
    }
}

impl FromIterator<(FieldPath, Origin)> for Origins {
    fn from_iter<T: IntoIterator<Item = (FieldPath, Origin)>>(written: T) -> Self {
        let mut origins = Self::default();
        written.into_iter().for_each(|(path, origin)| origins.insert(&path, origin));
        origins
    }
}

/// A path as one text, the kind of each segment before it. No name has a NUL in it.
fn written(path: &[Segment]) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Field(name) => format!(".{name}\0"),
        Segment::Key(name) => format!("[{name}\0"),
        Segment::Index(index) => format!("#{index}\0"),
    };
    path.iter().map(segment).collect()
}
