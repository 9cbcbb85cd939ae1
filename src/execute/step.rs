//! One step: the call it makes, and what the answer teaches the steps after it.

use std::collections::BTreeMap;

use serde_json::json;

use super::Work;
use crate::aws::{self, Answer, Category, Permit, Writer, resource_id};
use crate::journal::Kind;
use crate::model::{
    ChangedField, EcsService, Json, Rollout, RolloutKind, Schedule, TaskDefinitionArn, Timestamp, Watched,
    tag,
};
use crate::plan::{Action, Decision, RevisionSource};
use crate::report;

/// What is known so far: from the observation, then from each answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// What the register step of this plan made.
    pub(super) registered: Option<TaskDefinitionArn>,
    /// What the service points to.
    pub(super) task_definition: Option<TaskDefinitionArn>,
    service_arn: Option<String>,
    /// The PRIMARY deployment's id as it was last seen.
    pub(super) primary: Option<String>,
    pub(super) started: Option<Rollout>,
    /// The way back is one that a person asked for.
    pub(super) by_hand: bool,
}

/// What a step has to say for itself.
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) sentence: String,
    pub(super) deployment: Option<String>,
    pub(super) starts_deployment: bool,
}

/// A mutating call with nothing left to fill in.
#[derive(Debug, PartialEq)]
pub(super) enum Call {
    RegisterTaskDefinition(Json),
    CreateService(Json),
    UpdateService(Json),
    TagService { arn: String, tags: Vec<(String, String)> },
    UntagService { arn: String, keys: Vec<String> },
    DeleteService { cluster: String, service: String },
    DeleteSchedule { group: String, name: String },
    RegisterScalableTarget(Json),
    PutScalingPolicy(Json),
    DeleteScalingPolicy(Json),
    PutScheduledAction(Json),
    DeleteScheduledAction(Json),
    DeregisterScalableTarget(Json),
    CreateScheduleGroup(Json),
    CreateSchedule(Json),
    UpdateSchedule(Json),
    StopServiceDeployment { arn: String },
}

impl Call {
    /// The revision that the service will point to, where the call says so.
    pub(super) fn task_definition(&self) -> Option<TaskDefinitionArn> {
        match self {
            Call::CreateService(body) | Call::UpdateService(body) => {
                body["taskDefinition"].as_str().map(|arn| TaskDefinitionArn(arn.to_owned()))
            }
            Call::CreateSchedule(body) | Call::UpdateSchedule(body) => {
                Schedule(body.clone()).task_definition()
            }
            _ => None,
        }
    }

    /// The bucket of AWS's that it draws from.
    pub(super) fn category(&self) -> Category {
        match self {
            Call::RegisterTaskDefinition(_) => Category::TaskDefinitionModify,
            Call::CreateService(_) | Call::UpdateService(_) | Call::DeleteService { .. } => {
                Category::ServiceModify
            }
            Call::TagService { .. } | Call::UntagService { .. } => Category::TagModify,
            Call::StopServiceDeployment { .. } => Category::DeploymentStop,
            Call::CreateScheduleGroup(_)
            | Call::CreateSchedule(_)
            | Call::UpdateSchedule(_)
            | Call::DeleteSchedule { .. } => Category::Schedules,
            Call::RegisterScalableTarget(_)
            | Call::PutScalingPolicy(_)
            | Call::DeleteScalingPolicy(_)
            | Call::PutScheduledAction(_)
            | Call::DeleteScheduledAction(_)
            | Call::DeregisterScalableTarget(_) => Category::Scaling,
        }
    }

    pub(super) async fn send(&self, writer: &Writer, permit: Permit) -> Result<Answer, aws::Error> {
        match self {
            Call::RegisterTaskDefinition(body) => writer.register_task_definition(permit, body).await,
            Call::CreateService(body) => writer.create_service(permit, body).await,
            Call::UpdateService(body) => writer.update_service(permit, body).await,
            Call::TagService { arn, tags } => writer.tag_resource(permit, arn, tags).await,
            Call::UntagService { arn, keys } => writer.untag_resource(permit, arn, keys).await,
            Call::DeleteService { cluster, service } => writer.delete_service(permit, cluster, service).await,
            Call::DeleteSchedule { group, name } => writer.delete_schedule(permit, group, name).await,
            Call::RegisterScalableTarget(body) => writer.register_scalable_target(permit, body).await,
            Call::PutScalingPolicy(body) => writer.put_scaling_policy(permit, body).await,
            Call::DeleteScalingPolicy(body) => writer.delete_scaling_policy(permit, body).await,
            Call::PutScheduledAction(body) => writer.put_scheduled_action(permit, body).await,
            Call::DeleteScheduledAction(body) => writer.delete_scheduled_action(permit, body).await,
            Call::DeregisterScalableTarget(body) => writer.deregister_scalable_target(permit, body).await,
            Call::CreateScheduleGroup(body) => writer.create_schedule_group(permit, body).await,
            Call::CreateSchedule(body) => writer.create_schedule(permit, body).await,
            Call::UpdateSchedule(body) => writer.update_schedule(permit, body).await,
            Call::StopServiceDeployment { arn } => writer.stop_service_deployment(permit, arn).await,
        }
    }
}

impl Outcome {
    pub(super) fn of(work: &Work<'_>) -> Self {
        let mut outcome = Self::default();
        if let Some(service) = work.service {
            outcome.see(service);
        }
        outcome
    }

    /// The call of a step, with what only its predecessors could know filled in.
    pub(super) fn call(&self, work: &Work<'_>, action: &Action) -> Result<Call, String> {
        let scaling = |body: &Json| self.scaling_body(work, body.clone());
        Ok(match action {
            Action::RegisterTaskDefinition { body, .. } => Call::RegisterTaskDefinition(body.clone()),
            Action::CreateService { task_definition, body } => {
                let mut body = self.service_body(body, Some(task_definition))?;
                // CreateService carries its tags along; UpdateService takes none.
                let revision = self.resolve(task_definition)?.family_and_revision().to_owned();
                put_tag(&mut body, tag::TASK_DEFINITION, &revision);
                Call::CreateService(body)
            }
            Action::UpdateService { task_definition, body, .. } => {
                Call::UpdateService(self.service_body(body, task_definition.as_ref())?)
            }
            Action::TagService { task_definition, tags } => {
                let arn = self.service_arn.clone().ok_or("the service to tag is not known")?;
                let revision = self.resolve(task_definition)?.family_and_revision().to_owned();
                let mut tags = tags.clone();
                let place = tags.iter().position(|(key, _)| key == tag::TASK_DEFINITION);
                let suffix = place.map(|place| tags.swap_remove(place).1).unwrap_or_default();
                tags.push((tag::TASK_DEFINITION.to_owned(), format!("{revision}{suffix}")));
                Call::TagService { arn, tags }
            }
            Action::UntagService { keys } => {
                let arn = self.service_arn.clone().ok_or("the service to untag is not known")?;
                Call::UntagService { arn, keys: keys.clone() }
            }
            Action::DeleteService => Call::DeleteService {
                cluster: work.cluster.to_owned(),
                service: work.plan.service.name().to_owned(),
            },
            Action::DeleteSchedule { group } => {
                Call::DeleteSchedule { group: group.clone(), name: work.plan.service.name().to_owned() }
            }
            Action::RegisterScalableTarget { body, .. } => Call::RegisterScalableTarget(scaling(body)),
            Action::PutScalingPolicy { body } => Call::PutScalingPolicy(scaling(body)),
            Action::DeleteScalingPolicy { name } => {
                Call::DeleteScalingPolicy(scaling(&json!({"PolicyName": name})))
            }
            Action::PutScheduledAction { body } => Call::PutScheduledAction(scaling(body)),
            Action::DeleteScheduledAction { name } => {
                Call::DeleteScheduledAction(scaling(&json!({"ScheduledActionName": name})))
            }
            Action::DeregisterScalableTarget => Call::DeregisterScalableTarget(scaling(&json!({}))),
            Action::CreateScheduleGroup { body } => Call::CreateScheduleGroup(body.clone()),
            Action::CreateSchedule { task_definition, body } => {
                Call::CreateSchedule(self.schedule_body(work, body, task_definition)?)
            }
            Action::UpdateSchedule { task_definition, body } => {
                Call::UpdateSchedule(self.schedule_body(work, body, task_definition)?)
            }
            Action::StopServiceDeployment { arn } => Call::StopServiceDeployment { arn: arn.clone() },
        })
    }

    /// Takes in the answer of a step.
    pub(super) fn learn(
        &mut self,
        work: &Work<'_>,
        action: &Action,
        answer: &Answer,
        now: Timestamp,
    ) -> Told {
        let before = self.primary.clone();
        let after = answer.body.get("service").cloned().map(EcsService);
        if let Some(service) = &after {
            self.see(service);
        }
        let name = work.plan.service.name();
        match action {
            Action::RegisterTaskDefinition { .. } => {
                let arn = answer.body["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_default();
                let arn = TaskDefinitionArn(arn.to_owned());
                let sentence = arn.to_string();
                self.registered = Some(arn);
                Told::of(Kind::Register, sentence)
            }
            Action::CreateService { task_definition, .. } => {
                let deployment = self.start(work, Some(task_definition), None, after.as_ref(), now);
                let sentence = self.sentence(&format!("{name} ->"), "", deployment.as_deref());
                Told { deployment, starts_deployment: true, ..Told::of(Kind::Create, sentence) }
            }
            Action::UpdateService { task_definition, starts_deployment: true, .. } => {
                let before = before.as_deref();
                let deployment = self.start(work, task_definition.as_ref(), before, after.as_ref(), now);
                let (kind, why) = match work.kind {
                    RolloutKind::Deploy => (Kind::Update, ""),
                    RolloutKind::RollBack => (Kind::Rollback, self.why_there()),
                };
                let sentence = self.sentence(&format!("{name} ->"), why, deployment.as_deref());
                Told { deployment, starts_deployment: true, ..Told::of(kind, sentence) }
            }
            Action::UpdateService { body, starts_deployment: false, .. } => Told::of(
                Kind::Update,
                format!("{name} in place: {} set, no deployment", changed_members(body)),
            ),
            Action::TagService { .. } => Told::of(Kind::Tag, format!("{name} records what was applied")),
            Action::CreateScheduleGroup { body } => {
                let group = text(body, "Name");
                Told::of(Kind::Create, format!("{name}: schedule group {group}, as there is none yet"))
            }
            Action::CreateSchedule { task_definition, body } => {
                let sentence = self.scheduled(name, task_definition, body);
                Told::of(Kind::Create, sentence)
            }
            Action::UpdateSchedule { task_definition, body } => {
                let sentence = self.scheduled(name, task_definition, body);
                Told::of(Kind::Update, sentence)
            }
            Action::UntagService { keys } => {
                Told::of(Kind::Tag, format!("{name} no longer carries {}", keys.join(", ")))
            }
            Action::DeleteService | Action::DeleteSchedule { .. } => {
                Told::of(Kind::Delete, format!("{name} is deleted"))
            }
            Action::StopServiceDeployment { .. } => {
                // ECS starts the way back itself; which deployment carries it shows later.
                self.started = work.back_to.map(|back_to| Rollout {
                    values: BTreeMap::new(),
                    ..rollout(work, back_to.clone(), None, now)
                });
                let sentence = match work.back_to {
                    Some(arn) => format!("{name} -> {arn}{}; the deployment is stopped", self.why_there()),
                    None => format!("{name}: the deployment is stopped, ECS takes it back"),
                };
                Told { starts_deployment: self.started.is_some(), ..Told::of(Kind::Rollback, sentence) }
            }
            Action::RegisterScalableTarget { body, .. } => {
                let bounds = format!("{} and {} tasks", body["MinCapacity"], body["MaxCapacity"]);
                Told::of(Kind::Scale, format!("{name} scales between {bounds}"))
            }
            Action::PutScalingPolicy { body } => {
                Told::of(Kind::Scale, format!("{name} scales by policy `{}`", text(body, "PolicyName")))
            }
            Action::DeleteScalingPolicy { name: policy } => {
                Told::of(Kind::Scale, format!("{name} no longer scales by policy `{policy}`"))
            }
            Action::PutScheduledAction { body } => {
                let action = text(body, "ScheduledActionName");
                Told::of(Kind::Scale, format!("{name} scales by scheduled action `{action}`"))
            }
            Action::DeleteScheduledAction { name: action } => {
                Told::of(Kind::Scale, format!("{name} no longer scales by scheduled action `{action}`"))
            }
            Action::DeregisterScalableTarget => {
                Told::of(Kind::Scale, format!("{name} no longer scales by Application Auto Scaling"))
            }
        }
    }

    /// Why a roll-back goes where it goes.
    fn why_there(&self) -> &'static str {
        if self.by_hand { ", as a person asks" } else { ", the last that completed" }
    }

    /// Notes the deployment that a create or update started; its id, if the answer shows it.
    fn start(
        &mut self,
        work: &Work<'_>,
        source: Option<&RevisionSource>,
        before: Option<&str>,
        after: Option<&EcsService>,
        now: Timestamp,
    ) -> Option<String> {
        if let Some(revision) = source.and_then(|source| self.resolve(source).ok()) {
            self.task_definition = Some(revision);
        }
        let revision = self.task_definition.clone()?;
        // An answer may still show the deployment before ours: the write is not visible at once.
        let ours = after.and_then(EcsService::primary).filter(|primary| {
            Some(primary.id()) != before
                && !primary.id().is_empty()
                && primary.task_definition().family_and_revision() == revision.family_and_revision()
        });
        let id = ours.map(|primary| primary.id().to_owned());
        // By ECS's clock where it tells, so that a restart does not move the deadline.
        let started_at = ours.and_then(|primary| primary.created_at()).unwrap_or(now);
        self.started = Some(rollout(work, revision, id.clone(), started_at));
        id
    }

    fn see(&mut self, service: &EcsService) {
        if !service.arn().is_empty() {
            self.service_arn = Some(service.arn().to_owned());
        }
        if !service.task_definition().0.is_empty() {
            self.task_definition = Some(service.task_definition());
        }
        self.primary = service.primary().map(|primary| primary.id().to_owned());
    }

    fn resolve(&self, source: &RevisionSource) -> Result<TaskDefinitionArn, String> {
        match source {
            RevisionSource::Existing(arn) => Ok(arn.clone()),
            RevisionSource::Registered => self
                .registered
                .clone()
                .ok_or_else(|| "no revision was registered before this step".to_owned()),
        }
    }

    fn service_body(&self, body: &Json, source: Option<&RevisionSource>) -> Result<Json, String> {
        let mut body = body.clone();
        if let Some(source) = source {
            body["taskDefinition"] = self.resolve(source)?.0.into();
        }
        Ok(body)
    }

    /// With the cluster's ARN and the revision. Both are of one account and region, so the one's ARN tells
    /// the other's, where the Environment only names the cluster.
    fn schedule_body(&self, work: &Work<'_>, body: &Json, source: &RevisionSource) -> Result<Json, String> {
        let revision = self.resolve(source)?;
        let place = revision.0.split_once(":task-definition/").map_or("", |(place, _)| place);
        let cluster = match work.cluster.starts_with("arn:") {
            true => work.cluster.to_owned(),
            false => format!("{place}:cluster/{}", work.cluster),
        };
        let mut body = body.clone();
        body["Target"]["Arn"] = cluster.into();
        body["Target"]["EcsParameters"]["TaskDefinitionArn"] = revision.0.into();
        Ok(body)
    }

    /// Notes what the schedule starts from now on, and says so.
    fn scheduled(&mut self, name: &str, source: &RevisionSource, body: &Json) -> String {
        self.task_definition = self.resolve(source).ok();
        let schedule = Schedule(body.clone());
        let disabled = if schedule.is_enabled() { "" } else { ", disabled" };
        let revision = self.task_definition.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{name} -> {revision} at {}{disabled}", schedule.expression())
    }

    fn scaling_body(&self, work: &Work<'_>, mut body: Json) -> Json {
        body["ServiceNamespace"] = "ecs".into();
        body["ScalableDimension"] = "ecs:service:DesiredCount".into();
        body["ResourceId"] = resource_id(work.cluster, work.plan.service.name()).into();
        body
    }

    fn sentence(&self, start: &str, why: &str, deployment: Option<&str>) -> String {
        let revision = self.task_definition.as_ref().map(ToString::to_string).unwrap_or_default();
        let deployment = deployment.map(|id| format!(" · deployment {}", short(id))).unwrap_or_default();
        format!("{start} {revision}{why}{deployment}")
    }
}

/// `ecs-svc/3081…`: enough to tell deployments apart; the event carries the whole id.
fn short(deployment: &str) -> String {
    const DIGITS: usize = 4;
    match deployment.split_once('/') {
        Some((kind, number)) if number.len() > DIGITS => format!("{kind}/{}…", &number[..DIGITS]),
        Some(_) | None => deployment.to_owned(),
    }
}

impl Told {
    fn of(kind: Kind, sentence: String) -> Self {
        Self { kind, sentence, deployment: None, starts_deployment: false }
    }
}

fn rollout(
    work: &Work<'_>,
    task_definition: TaskDefinitionArn,
    deployment: Option<String>,
    started_at: Timestamp,
) -> Rollout {
    let back_to = match work.kind {
        RolloutKind::Deploy => work.back_to.cloned(),
        // The way back has no way back of its own.
        RolloutKind::RollBack => None,
    };
    Rollout {
        kind: work.kind,
        digest: work.plan.digest.clone(),
        task_definition,
        deployment,
        started_at,
        revision: work.revision.to_owned(),
        back_to,
        changes: changes(work),
        watched: Watched::default(),
        course: None,
        values: work.values.clone(),
    }
}

/// What the report of its failure will say that it changed.
pub(super) fn changes(work: &Work<'_>) -> Vec<ChangedField> {
    match (&work.plan.decision, work.kind) {
        (Decision::Change { differences, .. }, RolloutKind::Deploy) => report::changed_fields(differences),
        (Decision::Change { .. }, RolloutKind::RollBack)
        | (Decision::Unchanged | Decision::Held { .. }, _) => Vec::new(),
    }
}

/// What tasks get that a call starts. Those that ECS goes back to by itself run already.
pub(super) fn values(work: &Work<'_>, action: &Action) -> BTreeMap<String, String> {
    match action {
        Action::CreateService { .. } | Action::UpdateService { starts_deployment: true, .. } => {
            work.values.clone()
        }
        _ => BTreeMap::new(),
    }
}

fn put_tag(body: &mut Json, key: &str, value: &str) {
    if !body["tags"].is_array() {
        body["tags"] = json!([]);
    }
    if let Some(tags) = body["tags"].as_array_mut() {
        tags.retain(|tag| tag["key"] != key);
        tags.push(json!({"key": key, "value": value}));
    }
}

/// The members of an UpdateService body that change something.
fn changed_members(body: &Json) -> String {
    let members = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    members.filter(|name| !matches!(*name, "cluster" | "service")).collect::<Vec<_>>().join(", ")
}

fn text<'a>(body: &'a Json, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_default()
}
