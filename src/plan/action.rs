//! Steps of a plan: mutating calls with everything they carry.

use super::AtOnce;
use crate::model::{Digest, FieldPath, Json, TaskDefinitionArn};

/// One call, and the differences that cause it.
#[derive(Clone, Debug)]
pub struct Step {
    pub action: Action,
    /// Paths of the differences that this step removes.
    pub because: Vec<FieldPath>,
}

/// A mutating call of AWS with everything it carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `body` is complete, with tags.
    RegisterTaskDefinition {
        digest: Digest,
        body: Json,
    },
    /// `body` is complete where `task_definition` exists. Where it is just being registered, `body`
    /// lacks `taskDefinition` and the tag `reconciler/task-definition`, both filled in by execution.
    CreateService {
        task_definition: RevisionSource,
        body: Json,
    },
    /// `body` holds only fields that Git owns. Lacks only `taskDefinition`, likewise.
    UpdateService {
        task_definition: Option<RevisionSource>,
        body: Json,
        starts_deployment: bool,
    },
    /// TagResource on the service; the tag `reconciler/task-definition` is filled in from
    /// `task_definition`, followed by what `tags` says of it, if anything.
    TagService {
        task_definition: RevisionSource,
        tags: Vec<(String, String)>,
    },
    /// UntagResource on the service.
    UntagService {
        keys: Vec<String>,
    },
    /// Never by force: ECS refuses it while a task is asked for.
    DeleteService,
    RegisterScalableTarget {
        /// Minimum and maximum as Git asks for them, also where the body has others for a while.
        of_git: (i64, i64),
        body: Json,
        /// What Application Auto Scaling does to the count by itself.
        at_once: Option<AtOnce>,
    },
    PutScalingPolicy {
        body: Json,
    },
    DeleteScalingPolicy {
        name: String,
    },
    PutScheduledAction {
        body: Json,
    },
    DeleteScheduledAction {
        name: String,
    },
    DeregisterScalableTarget,
    /// With the tag that says whose it is.
    CreateScheduleGroup {
        body: Json,
    },
    /// `body` lacks `Target.Arn` and `Target.EcsParameters.TaskDefinitionArn`, both filled in by
    /// execution: a schedule's target is an ARN where an Environment may name its cluster.
    CreateSchedule {
        task_definition: RevisionSource,
        body: Json,
    },
    DeleteSchedule {
        group: String,
    },
    /// Replaces the whole schedule. `body` lacks the same.
    UpdateSchedule {
        task_definition: RevisionSource,
        body: Json,
    },
    /// StopServiceDeployment with stopType ROLLBACK: ECS itself goes back to the source revision.
    StopServiceDeployment {
        arn: String,
    },
}

impl Action {
    /// AWS's name of the call.
    pub fn call(&self) -> &'static str {
        match self {
            Action::RegisterTaskDefinition { .. } => "RegisterTaskDefinition",
            Action::CreateService { .. } => "CreateService",
            Action::UpdateService { .. } => "UpdateService",
            Action::TagService { .. } => "TagResource",
            Action::UntagService { .. } => "UntagResource",
            Action::DeleteService => "DeleteService",
            Action::RegisterScalableTarget { .. } => "RegisterScalableTarget",
            Action::PutScalingPolicy { .. } => "PutScalingPolicy",
            Action::DeleteScalingPolicy { .. } => "DeleteScalingPolicy",
            Action::PutScheduledAction { .. } => "PutScheduledAction",
            Action::DeleteScheduledAction { .. } => "DeleteScheduledAction",
            Action::DeregisterScalableTarget => "DeregisterScalableTarget",
            Action::CreateScheduleGroup { .. } => "CreateScheduleGroup",
            Action::CreateSchedule { .. } => "CreateSchedule",
            Action::UpdateSchedule { .. } => "UpdateSchedule",
            Action::DeleteSchedule { .. } => "DeleteSchedule",
            Action::StopServiceDeployment { .. } => "StopServiceDeployment",
        }
    }
}

/// Which revision a service is pointed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevisionSource {
    /// The one that the register step of this plan makes.
    Registered,
    Existing(TaskDefinitionArn),
}
