//! The way back from a failed rollout: to the revision that completed a deployment last.

use serde_json::json;

use super::find::{is_going_back, our_service_deployment, our_status};
use crate::model::{
    Deployment, EcsService, Json, LiveService, Part, REVISION_ONLY, Rollout, RolloutKind, RolloutPolicy,
    ServiceDeploymentStatus, ServiceRecord, TaskDefinitionArn,
};
use crate::plan::{Action, RevisionSource, Step};
use crate::shape::rules::{Clear, Tree, tree};

/// How a service gets back to what worked.
#[derive(Clone, Debug)]
pub enum RollBack {
    /// ECS goes back by itself, or has done so already.
    ByEcs,
    /// StopServiceDeployment of our own deployment: ECS goes back to the service revision before, with
    /// its network and load balancers as well.
    Stop { arn: String },
    /// UpdateService to the last revision that completed a deployment.
    Update { steps: Vec<Step> },
    /// There is nothing to go back to.
    Nowhere { why: String },
}

/// Plans the way back.
///
/// Never to "the revision before" by number, to a deregistered revision (UpdateService refuses those),
/// or to the one that just failed.
pub fn roll_back(rollout: &Rollout, live: &LiveService, record: &ServiceRecord) -> RollBack {
    let nowhere = |why: &str| RollBack::Nowhere { why: why.to_owned() };
    let Some(service) = live.service.present() else {
        return nowhere("the service can't be seen");
    };
    if rollout.kind == RolloutKind::RollBack {
        return nowhere("the roll-back itself failed");
    }
    let ours = our_service_deployment(rollout, service, live);
    if our_status(rollout, service, live).is_some_and(is_going_back) {
        return RollBack::ByEcs;
    }
    let stop = ours
        .filter(|ours| is_stoppable(&ours.status) && came_after_success(&ours.arn, live))
        .map(|ours| RollBack::Stop { arn: ours.arn.clone() });
    let Some(back_to) = &rollout.back_to else {
        return nowhere("no other revision has completed a deployment");
    };
    let same_revision = *back_to == rollout.task_definition;
    if !same_revision && service.primary().is_some_and(|primary| primary.task_definition() == *back_to) {
        return RollBack::ByEcs;
    }
    planted!("goes-back-to-a-deregistered-revision" => return stop.unwrap_or_else(|| by_update(rollout, service, &live.service_revision, record)));
    if live.task_definition.present().is_some_and(|one| one.arn == *back_to && !one.is_active()) {
        return RollBack::Nowhere { why: format!("{back_to} is deregistered") };
    }
    stop.unwrap_or_else(|| by_update(rollout, service, &live.service_revision, record))
}

/// The way back by UpdateService: to the revision of the last good deployment, and to the settings it
/// had, as far as the ledger remembers them.
pub fn by_update(
    rollout: &Rollout,
    service: &EcsService,
    revision: &Part<Json>,
    record: &ServiceRecord,
) -> RollBack {
    let Some(back_to) = &rollout.back_to else {
        return RollBack::Nowhere { why: "no other revision has completed a deployment".to_owned() };
    };
    let good = record.last_good.as_ref().filter(|good| good.task_definition == *back_to);
    let settings = good.and_then(|good| good.settings.as_object()).cloned().unwrap_or_default();
    let changed: Vec<_> = settings
        .into_iter()
        .filter(|(name, good)| is_another(name, good, service, revision))
        .filter_map(|(name, good)| Some((put_back(&name, good)?, name)))
        .collect();
    if changed.is_empty() && *back_to == rollout.task_definition {
        return RollBack::Nowhere { why: "no other revision has completed a deployment".to_owned() };
    }
    let mut body = json!({
        "cluster": service.0["clusterArn"],
        "service": service.0["serviceName"],
        "taskDefinition": back_to.0,
    });
    for (value, name) in changed {
        body[name] = value;
    }
    let task_definition = Some(RevisionSource::Existing(back_to.clone()));
    let action = Action::UpdateService { task_definition, body, starts_deployment: true };
    RollBack::Update { steps: vec![Step { action, because: Vec::new() }] }
}

/// Whether a setting is not known to be what it was.
fn is_another(name: &str, good: &Json, service: &EcsService, revision: &Part<Json>) -> bool {
    if !REVISION_ONLY.contains(&name) {
        return service.0.get(name) != Some(good);
    }
    match revision {
        Part::Present(revision) => revision.get(name).unwrap_or(&Json::Null) != good,
        // It is read wherever Git mentions one, so what failed has none of Git's.
        Part::Absent => !good.is_null(),
        Part::Unreadable(_) => true,
    }
}

/// What UpdateService takes to bring a setting back; null stands for one that was not there.
fn put_back(name: &str, good: Json) -> Option<Json> {
    if !good.is_null() {
        return Some(good);
    }
    let rule = tree(Tree::Service).members.get(name)?.rule?;
    match rule.clear {
        Clear::Send(text) => serde_json::from_str(text).ok(),
        Clear::LeaveOut | Clear::SendDefault | Clear::Cannot => None,
    }
}

fn is_stoppable(status: &ServiceDeploymentStatus) -> bool {
    matches!(status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress)
}

/// Stopping goes back to the service revision before ours, whatever became of that one.
fn came_after_success(arn: &str, live: &LiveService) -> bool {
    let mut older = live.deployments.present().into_iter().flatten().skip_while(|one| one.arn != arn).skip(1);
    older.next().is_some_and(|before| before.status == ServiceDeploymentStatus::Successful)
}

/// The revision that completed a deployment last, as far as AWS still shows it; else what the ledger
/// remembers. Never one that is quarantined: it may have completed before it failed a later gate.
///
/// Where gates or hooks judge what ECS has completed, only the ledger knows which one passed them.
pub fn last_good(
    live: &LiveService,
    record: Option<&ServiceRecord>,
    policy: &RolloutPolicy,
) -> Option<TaskDefinitionArn> {
    planted!("goes-back-to-whatever-ran-before" => return live.service.present().map(EcsService::task_definition));
    let known_good = record.and_then(|record| record.last_good.as_ref()).map(|good| &good.task_definition);
    if let Some(known_good) = known_good.filter(|_| policy.judges_what_completed()) {
        return Some(known_good.clone());
    }
    // A revision that once was good may have failed for the settings around it.
    let rejected = record
        .and_then(|record| record.quarantine.as_ref()?.task_definition.as_ref())
        .filter(|rejected| Some(*rejected) != known_good);
    let service = live.service.present();
    let good = |deployment: &Deployment<'_>| Some(&deployment.task_definition()) != rejected;
    let succeeded = live
        .deployments
        .present()
        .into_iter()
        .flatten()
        .filter(|one| one.status == ServiceDeploymentStatus::Successful)
        .filter_map(|one| service?.deployments().find(|deployment| one.is_of(deployment.id())))
        .find(good);
    let completed = || {
        let mut all = service?.deployments();
        all.find(|deployment| deployment.rollout_state() == Some("COMPLETED") && good(deployment))
    };
    succeeded
        .or_else(completed)
        .map(|deployment| deployment.task_definition())
        .or_else(|| known_good.cloned())
}
