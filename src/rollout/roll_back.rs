//! The way back from a failed rollout: to the revision that completed a deployment last.

use serde_json::json;

use super::find::{is_going_back, our_service_deployment};
use crate::model::{
    Deployment, EcsService, LiveService, Rollout, RolloutKind, ServiceDeploymentStatus, ServiceRecord,
    TaskDefinitionArn,
};
use crate::plan::{Action, RevisionSource, Step};

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
pub fn roll_back(rollout: &Rollout, live: &LiveService) -> RollBack {
    let nowhere = |why: &str| RollBack::Nowhere { why: why.to_owned() };
    let Some(service) = live.service.present() else {
        return nowhere("the service can't be seen");
    };
    if rollout.kind == RolloutKind::RollBack {
        return nowhere("the roll-back itself failed");
    }
    let ours = our_service_deployment(rollout, service, live);
    if ours.is_some_and(|ours| is_going_back(&ours.status)) {
        return RollBack::ByEcs;
    }
    let stop = ours
        .filter(|ours| is_stoppable(&ours.status) && came_after_success(&ours.arn, live))
        .map(|ours| RollBack::Stop { arn: ours.arn.clone() });
    let back_to = match (&rollout.back_to, stop.as_ref()) {
        (Some(back_to), _) if *back_to != rollout.task_definition => back_to,
        // Only what is around the revision has changed, such as its network: ECS knows what that was.
        (Some(_), Some(stop)) => return stop.clone(),
        (Some(_), None) | (None, _) => return nowhere("no other revision has completed a deployment"),
    };
    if service.primary().is_some_and(|primary| primary.task_definition() == *back_to) {
        return RollBack::ByEcs;
    }
    if live.task_definition.present().is_some_and(|one| one.arn == *back_to && !one.is_active()) {
        return RollBack::Nowhere { why: format!("{back_to} is deregistered") };
    }
    stop.unwrap_or_else(|| RollBack::Update { steps: vec![update(service, back_to)] })
}

fn is_stoppable(status: &ServiceDeploymentStatus) -> bool {
    matches!(status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress)
}

/// Stopping goes back to the service revision before ours, whatever became of that one.
fn came_after_success(arn: &str, live: &LiveService) -> bool {
    let mut older = live.deployments.present().into_iter().flatten().skip_while(|one| one.arn != arn).skip(1);
    older.next().is_some_and(|before| before.status == ServiceDeploymentStatus::Successful)
}

fn update(service: &EcsService, back_to: &TaskDefinitionArn) -> Step {
    Step {
        action: Action::UpdateService {
            task_definition: Some(RevisionSource::Existing(back_to.clone())),
            body: json!({
                "cluster": service.0["clusterArn"],
                "service": service.0["serviceName"],
                "taskDefinition": back_to.0,
            }),
            starts_deployment: true,
        },
        because: Vec::new(),
    }
}

/// The revision that completed a deployment last, as far as AWS still shows it; else what the ledger
/// remembers. Never one that is quarantined: it may have completed before it failed a later gate.
pub fn last_good(live: &LiveService, record: Option<&ServiceRecord>) -> Option<TaskDefinitionArn> {
    let rejected =
        record.and_then(|record| record.quarantine.as_ref()).map(|quarantine| &quarantine.task_definition);
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
    let remembered = || Some(record?.last_good.as_ref()?.task_definition.clone());
    succeeded
        .or_else(completed)
        .map(|deployment| deployment.task_definition())
        .or_else(|| remembered().filter(|arn| Some(arn) != rejected))
}
