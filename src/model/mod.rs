//! The nouns that travel from a commit to a settled service. Data only: no I/O, no decisions.

mod address;
mod applied;
mod checkout;
mod desired;
mod digest;
mod failure;
mod gate;
mod holder;
mod hook;
mod image;
mod live;
mod lookup;
mod meaning;
mod path;
mod record;
mod request;
mod revision;
mod scaling_override;
mod scheduled_task;
mod service_key;
mod stages;
mod surroundings;
mod tag_range;
mod tags;
mod timestamp;
mod value_from;
mod window;

pub use address::AddressKind;
pub use applied::{Applied, AppliedSpec, KeptDrift};
pub use checkout::Checkout;
pub use desired::{
    Desired, DesiredService, Drift, Environment, EnvironmentSync, OnFailure, Origin, Origins, RolloutPolicy,
    Scaling, SyncPolicy, WhenRotated,
};
pub use digest::Digest;
pub use failure::{
    ChangedField, FAILURE_BYTES_MAX, Failure, Gate, StoppedContainer, StoppedTask, UnhealthyTarget,
};
pub use gate::{
    AlarmState, AlarmsGate, GateNote, GatePolicy, HttpAnswer, HttpCheck, HttpGate, LiveAlarm, LiveGates,
    LiveTarget, RunningTask, Watched,
};
pub use holder::Holder;
pub use hook::{FailedHook, Hook, HookDefinition, HookOutcome, HookStage, OpenHook, PastHook};
pub use image::{
    Choice, ImageAnswer, ImageAnswers, ImageId, ImagePolicy, ImageTrouble, NamedImage, Proposal, Scan,
    Severity, by_range, ecr_image, images_in, range_of, without_registry,
};
pub use live::{
    Deployment, EcsService, HookTask, Live, LiveHook, LiveScaling, LiveService, LiveTaskDefinition, Part,
    REVISION_ONLY, ServiceDeployment, ServiceDeploymentStatus,
};
pub use lookup::{Answers, Found, LookedUp, LookupSource, LookupValue};
pub use meaning::{Meaning, Meanings, Moved, WhenMoved, shortened};
pub use path::{FieldPath, Segment};
pub use record::{
    Again, Deleted, GoingBack, Intent, IntentKind, LastGood, Leaving, Quarantine, RegisteredRevision,
    Rollout, RolloutKind, ScalingPut, ServiceRecord, UNANSWERED_FOR,
};
pub use request::Request;
pub use revision::{Revision, TaskDefinitionArn, is_dirty};
pub use scaling_override::{OVERRIDE_MAX, Overriding, ScalingOverride};
pub use scheduled_task::{
    DesiredScheduledTask, LiveScheduledTask, Schedule, ScheduleGroup, Workload, schedule_group_name,
};
pub use service_key::ServiceKey;
pub use stages::{Course, LifecycleHook, LifecycleHookStatus, Share, StagedDeployment};
pub use surroundings::{Facts, Repository, Subject};
pub use tag_range::TagRange;
pub use tags::{Ownership, cluster_name, tag};
pub use timestamp::Timestamp;
pub use value_from::{Arn, LiveValue, ValueFrom, secret_name, value_from};
pub use window::{WINDOW_MAX, Window, WindowDays, WindowKind};

/// A JSON tree as AWS speaks it. Objects are sorted by key, so equal trees print alike.
pub type Json = serde_json::Value;
