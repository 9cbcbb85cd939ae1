//! What became of a call whose answer was lost, to a time-out or a crash, or came before its effect.

use std::time::Duration;

use crate::journal::{Event, Journal, Kind};
use crate::ledger::{self, Ledger};
use crate::model::{
    Deployment, DesiredService, EcsService, Intent, IntentKind, LiveService, Part, Rollout, RolloutKind,
    ServiceDeployment, ServiceDeploymentStatus, TaskDefinitionArn, Timestamp, Watched,
};

/// How far our clock may run ahead of ECS's.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(60);
/// The same where an earlier deployment of another revision would do harm: it is taken for this one.
const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(5);

/// Compares a leftover intent with what is live, before anything is judged or planned. A deployment
/// that began after the intent is ours: it is written down, to be judged like any other, and returned. So
/// is one that ECS has taken back before anybody looked.
///
/// A rollout that is known without the id of its deployment gets it.
///
/// An intent that left no trace stays, since the call may still take effect; the next plan decides.
pub async fn recover(
    desired: &DesiredService,
    live: &LiveService,
    back_to: Option<&TaskDefinitionArn>,
    ledger: &Ledger,
    journal: &Journal,
    now: Timestamp,
) -> Result<Option<Rollout>, ledger::Error> {
    let record = ledger.record(&desired.key).unwrap_or_default();
    if record.intent.is_none() {
        return complete(desired, live, record.rollout, ledger).await;
    }
    let (Some(intent), Part::Present(service)) = (&record.intent, &live.service) else { return Ok(None) };
    let Some(kind) = rollout_kind(intent.kind) else { return Ok(None) };
    let known = record.rollout.as_ref().and_then(|rollout| rollout.deployment.as_deref());
    let leads = service.primary().filter(|primary| is_of(intent, primary, known)).map(|primary| Started {
        deployment: primary.id().to_owned(),
        task_definition: primary.task_definition(),
        at: primary.created_at(),
    });
    let Some(started) = leads.or_else(|| came_and_went(intent, live, known)) else { return Ok(None) };
    let rollout = Rollout {
        kind,
        digest: intent.digest.clone(),
        task_definition: started.task_definition,
        deployment: Some(started.deployment.clone()),
        started_at: match kind {
            RolloutKind::Deploy if planted!("deadline-starts-anew-after-a-crash") => now,
            RolloutKind::Deploy => started.at.unwrap_or(intent.at),
            RolloutKind::RollBack => intent.at,
        },
        revision: intent.revision.clone(),
        back_to: back_to.filter(|_| kind == RolloutKind::Deploy).cloned(),
        changes: intent.changes.clone(),
        watched: Watched::default(),
        course: None,
        values: intent.values.clone(),
    };
    // Not yet `applied`: the steps after this one may not have been made.
    ledger
        .update(&desired.key, |record| {
            record.intent = None;
            record.rollout = Some(rollout.clone());
        })
        .await?;
    let sentence = format!(
        "{} {} · deployment {} found started",
        desired.key, rollout.task_definition, started.deployment
    );
    journal.tell(
        Event::new(now, Kind::Progress, sentence)
            .of(&desired.key)
            .digest(&rollout.digest)
            .revision(&rollout.revision)
            .deployment(rollout.deployment.as_deref()),
    );
    Ok(Some(rollout))
}

/// Fills in the id of a rollout whose own answer did not show its deployment yet.
async fn complete(
    desired: &DesiredService,
    live: &LiveService,
    rollout: Option<Rollout>,
    ledger: &Ledger,
) -> Result<Option<Rollout>, ledger::Error> {
    let open = rollout.filter(|rollout| rollout.deployment.is_none());
    let primary = live.service.present().and_then(EcsService::primary);
    let (Some(mut rollout), Some(primary)) = (open, primary) else { return Ok(None) };
    let runs_it =
        primary.task_definition().family_and_revision() == rollout.task_definition.family_and_revision();
    let began = match rollout.kind {
        RolloutKind::Deploy => {
            primary.created_at().is_some_and(|at| at.plus(CLOCK_SKEW_MAX) >= rollout.started_at)
        }
        // ECS goes back to the old deployment itself, with the id and the time it always had.
        RolloutKind::RollBack => true,
    };
    if !runs_it || !began || primary.id().is_empty() {
        return Ok(None);
    }
    rollout.deployment = Some(primary.id().to_owned());
    ledger.update(&desired.key, |record| record.rollout = Some(rollout.clone())).await?;
    Ok(Some(rollout))
}

fn rollout_kind(intent: IntentKind) -> Option<RolloutKind> {
    match intent {
        IntentKind::Create | IntentKind::Update => Some(RolloutKind::Deploy),
        IntentKind::RollBack => Some(RolloutKind::RollBack),
        // These start no deployment; the next plan sees for itself what they did.
        IntentKind::Register | IntentKind::Scale | IntentKind::Tag | IntentKind::Delete => None,
    }
}

/// The deployment that a call started.
struct Started {
    deployment: String,
    task_definition: TaskDefinitionArn,
    at: Option<Timestamp>,
}

/// A deployment that began after the call and that ECS takes back, or has taken back: DescribeServices shows
/// the one before again, as if nothing had been.
fn came_and_went(intent: &Intent, live: &LiveService, known: Option<&str>) -> Option<Started> {
    let task_definition = intent.task_definition.clone().filter(|_| intent.kind == IntentKind::Update)?;
    let of_before = |one: &ServiceDeployment| {
        [known, intent.before.as_deref()].into_iter().flatten().any(|id| one.is_of(id))
    };
    let found = live.deployments.present()?.iter().find(|one| {
        let goes_back = matches!(
            one.status,
            ServiceDeploymentStatus::RollbackRequested
                | ServiceDeploymentStatus::RollbackInProgress
                | ServiceDeploymentStatus::RollbackSuccessful
        );
        goes_back && one.created_at.plus(CLOCK_BEHIND_MAX) >= intent.at && !of_before(one)
    })?;
    let number = found.target_service_revision_arn.rsplit('/').next()?;
    Some(Started { deployment: format!("ecs-svc/{number}"), task_definition, at: Some(found.created_at) })
}

/// Another deployment leads than before the call, and it runs what the call asked for.
fn is_of(intent: &Intent, primary: &Deployment<'_>, known: Option<&str>) -> bool {
    let target = intent.task_definition.as_ref().map(TaskDefinitionArn::family_and_revision);
    let runs = primary.task_definition();
    let began = match intent.kind {
        // ECS goes back to the old deployment itself, with the time it always had.
        IntentKind::RollBack => true,
        _ => primary.created_at().is_some_and(|at| at.plus(CLOCK_SKEW_MAX) >= intent.at),
    };
    began
        && !primary.id().is_empty()
        && ![known, intent.before.as_deref()].contains(&Some(primary.id()))
        && target.is_none_or(|target| target == runs.family_and_revision())
}
