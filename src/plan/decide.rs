//! One service: whether to change it, hold it, or leave it as it is.

use super::change::{Change, Look, Unknown, of_absent};
use super::tolerance::of_existing;
use super::unanswered::held_by_unanswered;
use super::{
    Consequence, Decision, Difference, Extent, Gateway, Held, Hooks, Quiet, Replacement, ServicePlan, again,
    gateway, hooks, images, overriding, replacing, scale_in, values,
};
use crate::model::{
    Deployment, DesiredService, Digest, EcsService, Environment, KeptDrift, LiveScaling, LiveService,
    Ownership, Part, Revision, RolloutKind, ServiceDeploymentStatus, ServiceRecord, Timestamp, Window,
    Workload,
};

/// Plans one service, knowing nothing of the others.
pub fn plan_service(
    desired: &DesiredService,
    live: &LiveService,
    record: Option<&ServiceRecord>,
    environment: &Environment,
    installation: &str,
    revision: &Revision,
    now: Timestamp,
) -> ServicePlan {
    let look =
        Look { desired, live, record, environment, installation, revision, now, drift_in_revision: false };
    let Decided { decision, mut quiet, extent, replaces, kept_drift } = decide(look);
    quiet.extend(images::remarks(desired, &decision));
    let hooks = match (&decision, extent) {
        (Decision::Change { steps, .. }, Extent::Whole) => hooks::due(look, steps),
        // Scaling bounds are nothing that a hook goes with, and the rest is held.
        (Decision::Change { .. }, Extent::Override) => Hooks::default(),
        (Decision::Unchanged | Decision::Held { .. }, _) => Hooks::default(),
    };
    let images = match images::starts_tasks(&decision) {
        true => images::asked(desired),
        false => images::meanings(desired, live, record),
    };
    ServicePlan {
        service: desired.key.clone(),
        workload: Workload::Service,
        digest: desired.digest.clone(),
        decision,
        quiet,
        hooks,
        extent,
        left_git: None,
        replaces,
        kept_drift,
        images,
    }
}

struct Decided {
    decision: Decision,
    quiet: Vec<Quiet>,
    extent: Extent,
    replaces: Option<Replacement>,
    kept_drift: Vec<KeptDrift>,
}

impl Decided {
    fn of(decision: Decision, quiet: Vec<Quiet>) -> Self {
        Self { decision, quiet, extent: Extent::Whole, replaces: None, kept_drift: Vec::new() }
    }
}

/// First match wins. What forbids touching the service at all comes before looking at it closely;
/// what only defers a change comes after there is one.
fn decide(look: Look<'_>) -> Decided {
    let nothing_known = |reason| Decided::of(Decision::Held { reason, differences: Vec::new() }, Vec::new());
    let hands_off = kind_changed(look.record, Workload::Service)
        .or_else(|| unreadable(look))
        .or_else(|| draining(look))
        .or_else(|| not_owned(look))
        .or_else(|| hook_running(look));
    if let Some(reason) = hands_off {
        return nothing_known(reason);
    }
    let scaling = look.live.scaling.present();
    let mut change = match look.live.service.present() {
        Some(service) => match of_existing(look, service, scaling) {
            Ok(change) => change,
            Err(Unknown { what, why }) => return nothing_known(Held::Unreadable { what, why }),
        },
        None => of_absent(look),
    };
    if let Some(service) = look.live.service.present().filter(|_| change.steps.is_empty()) {
        again::deploy_again(look, service, &mut change);
    }
    if let Some(service) = look.live.service.present() {
        values::roll(look, service, &mut change);
    }
    change.quiet.extend(values::unknown(look));
    if change.differences.is_empty() && change.steps.is_empty() {
        return Decided::of(Decision::Unchanged, change.quiet);
    }
    let suspended = suspended(look);
    let (replaces, not_replaced) = match replacement(look, scaling, &mut change) {
        Some(Ok(replacement)) => (Some(replacement), None),
        Some(Err(held)) => (None, Some(held)),
        None => (None, None),
    };
    let deferred = quarantined(look)
        .or_else(|| refused(&change))
        .or(not_replaced)
        .or_else(|| images::missing(look, &change))
        .or_else(|| tolerated(look, &change))
        .or_else(|| values::missing(look, &change))
        .or_else(|| in_flight(look, &change))
        .or_else(|| outside_window(look))
        .or_else(|| without_its_alarms(look, &change))
        .or_else(|| unanswered(look, &change));
    // An override begins and ends when it says so, whatever else has to wait.
    let (reason, extent) = match (suspended, deferred) {
        (Some(reason), _) => (Some(reason), Extent::Whole),
        (None, Some(deferred)) if overriding::leave_only_its_own(&mut change) => {
            match scale_in::wait(look, &mut change) {
                Some(_) => (Some(deferred), Extent::Whole),
                None => (None, Extent::Override),
            }
        }
        (None, Some(deferred)) => (Some(deferred), Extent::Whole),
        (None, None) if replaces.is_some() => (None, Extent::Whole),
        (None, None) => (scale_in::wait(look, &mut change), Extent::Whole),
    };
    let Change { differences, quiet, steps, kept_drift } = change;
    let decision = match reason {
        Some(reason) => Decision::Held { reason, differences },
        None => Decision::Change { differences, steps },
    };
    let replaces = replaces.filter(|_| matches!(decision, Decision::Change { .. }));
    Decided { decision, quiet, extent, replaces, kept_drift }
}

pub(super) fn kind_changed(record: Option<&ServiceRecord>, workload: Workload) -> Option<Held> {
    record?.held_by_another_kind(workload).map(|was| Held::KindChanged { was })
}

fn unreadable(look: Look<'_>) -> Option<Held> {
    let held = |what: &str, why: &String| Held::Unreadable { what: what.to_owned(), why: why.clone() };
    match (&look.live.service, &look.live.scaling) {
        (Part::Unreadable(why), _) => Some(held("service", why)),
        (_, Part::Unreadable(why)) => Some(held("scaling", why)),
        (Part::Present(_) | Part::Absent, Part::Present(_) | Part::Absent) => None,
    }
}

fn draining(look: Look<'_>) -> Option<Held> {
    look.live.service.present().filter(|service| service.status() == "DRAINING").map(|_| Held::Draining)
}

fn not_owned(look: Look<'_>) -> Option<Held> {
    planted!("touches-what-others-own" => return None);
    match look.live.service.present()?.ownership(look.installation) {
        Ownership::Foreign { owner } => Some(Held::NotOwned { owner }),
        Ownership::Ours | Ownership::Unclaimed => None,
    }
}

/// While a task of a hook runs, no more is looked at than it takes to follow it.
fn hook_running(look: Look<'_>) -> Option<Held> {
    let open = look.record?.hook.as_ref().filter(|open| open.asked_at.is_some())?;
    Some(Held::HookRunning { hook: open.title() })
}

fn suspended(look: Look<'_>) -> Option<Held> {
    planted!("suspension-ignored" => return None);
    let request = look.live.service.present()?.suspended(look.now)?;
    Some(Held::Suspended { request: Box::new(request) })
}

fn quarantined(look: Look<'_>) -> Option<Held> {
    let quarantine = look.record?.quarantine.as_ref()?;
    planted!("quarantine-forgotten" => return None);
    let same = quarantine.digest == look.desired.digest && !quarantine.is_outdated(&look.live.values);
    let rejected = (same && !quarantine.is_released(look.now)) || planted!("quarantine-of-the-whole-service");
    rejected.then(|| Held::Quarantined(Box::new(quarantine.clone())))
}

/// What ECS can't change in place is replaced only where the manifest says that it may be.
fn replacement(
    look: Look<'_>,
    scaling: Option<&LiveScaling>,
    change: &mut Change,
) -> Option<Result<Replacement, Held>> {
    let service = look.live.service.present()?;
    let needs = |one: &&Difference| one.consequence == Consequence::NeedsReplacement;
    let fields: Vec<_> =
        change.differences.iter().filter(needs).map(|one| (one.path.clone(), one.why)).collect();
    if fields.is_empty() {
        return None;
    }
    Some(match look.desired.sync.replace {
        true => replacing::replace(look, service, scaling, change),
        false => Err(Held::NeedsReplacement { fields }),
    })
}

/// A roll-back is no plan of this one, so no window holds it.
fn outside_window(look: Look<'_>) -> Option<Held> {
    closed(look.desired.sync.windows(look.environment), look.record, &look.desired.digest, look.now)
}

/// Why a change waits for its window, unless a person asked for it now.
pub(super) fn closed(
    windows: &[Window],
    record: Option<&ServiceRecord>,
    digest: &Digest,
    now: Timestamp,
) -> Option<Held> {
    planted!("windows-ignored" => return None);
    let Gateway::Closed { opens } = gateway(windows, now) else { return None };
    let asked_for = record.is_some_and(|record| record.sync.as_ref() == Some(digest));
    (!asked_for).then_some(Held::OutsideWindow { opens })
}

fn refused(change: &Change) -> Option<Held> {
    let refused = change.differences.iter().filter(|one| one.consequence == Consequence::Refused);
    let fields: Vec<_> = refused.map(|one| (one.path.clone(), one.why.unwrap_or_default())).collect();
    (!fields.is_empty()).then_some(Held::RefusedByEcs { fields })
}

fn tolerated(look: Look<'_>, change: &Change) -> Option<Held> {
    change.is_tolerated_drift(look.desired.sync.drift).then_some(Held::DriftTolerated)
}

/// A deployment does not begin that its gates could not judge. One that is half-way through a replacement has
/// no tasks, and waits for nobody.
fn without_its_alarms(look: Look<'_>, change: &Change) -> Option<Held> {
    if !(change.starts_deployment() || change.creates()) || look.is_replaced() {
        return None;
    }
    let alarms = || look.live.gates.alarms.iter();
    let missing = alarms().filter(|(_, alarm)| **alarm == Part::Absent).map(|(name, _)| name.clone());
    let names: Vec<String> = missing.collect();
    if !names.is_empty() {
        return Some(Held::AlarmsMissing { names });
    }
    alarms().find_map(|(name, alarm)| match alarm {
        Part::Unreadable(why) => {
            Some(Held::Unreadable { what: format!("alarm {name} of its gates"), why: why.clone() })
        }
        Part::Present(_) | Part::Absent => None,
    })
}

fn unanswered(look: Look<'_>, change: &Change) -> Option<Held> {
    let service = look.live.service.present();
    held_by_unanswered(look.record, &change.steps, service, RolloutKind::Deploy, look.now)
}

/// A change that would start a deployment waits for the one that is going on; unless that is our own
/// and Git has moved on from it, for a fix must not wait for what it fixes.
fn in_flight(look: Look<'_>, change: &Change) -> Option<Held> {
    planted!("deploys-over-a-deployment" => return None);
    let ours = look.record.and_then(|record| record.rollout.as_ref());
    let Some(service) = look.live.service.present() else {
        // For some seconds after CreateService AWS may not show the service: it is not made twice.
        return ours.map(|rollout| Held::RolloutInFlight {
            deployment: rollout.deployment.clone().unwrap_or_default(),
            task_definition: rollout.task_definition.clone(),
        });
    };
    // A deployment under way ends with its service; one that began to go has none of ours.
    let waits = change.starts_deployment() || change.changes_controller() || change.creates();
    if !waits || look.is_replaced() {
        return None;
    }
    let moving = moving_deployment(service);
    if let Some(rollout) = ours {
        let replaced_by_others = moving.is_some_and(|moving| {
            moving.task_definition() != rollout.task_definition
                && rollout.deployment.as_deref() != Some(moving.id())
        });
        let superseding = rollout.kind == RolloutKind::Deploy
            && rollout.digest != look.desired.digest
            && !replaced_by_others
            && !ecs_rolls_back(look.live);
        if superseding {
            return None;
        }
    } else if moving.is_none_or(|moving| is_rejected(look, moving)) {
        return None;
    }
    let (deployment, task_definition) = match (moving, ours) {
        (Some(moving), _) => (moving.id().to_owned(), moving.task_definition()),
        (None, Some(rollout)) => {
            (rollout.deployment.clone().unwrap_or_default(), rollout.task_definition.clone())
        }
        (None, None) => return None,
    };
    Some(Held::RolloutInFlight { deployment, task_definition })
}

/// Our own deployment that failed and was left where it is: without a circuit breaker ECS goes on
/// trying for ever, and what fixes it must not wait for that.
pub(super) fn is_rejected(look: Look<'_>, moving: Deployment<'_>) -> bool {
    let quarantine = look.record.and_then(|record| record.quarantine.as_ref());
    quarantine.is_some_and(|quarantine| {
        (quarantine.digest != look.desired.digest || quarantine.is_released(look.now))
            && quarantine.deployment.as_deref() == Some(moving.id())
    })
}

/// The deployment that has not come to rest, if there is one.
pub(super) fn moving_deployment(service: &EcsService) -> Option<Deployment<'_>> {
    let primary = service.primary()?;
    match primary.rollout_state() {
        Some("IN_PROGRESS") => Some(primary),
        // COMPLETED with older tasks still draining is at rest (DEFERRED clean-up), and so is FAILED.
        Some(_) => None,
        // Other controllers, Classic Load Balancers and emulators give no rollout state.
        None => {
            let alive = service.deployments().filter(|one| one.status() != "INACTIVE").count();
            (alive > 1).then_some(primary)
        }
    }
}

/// While ECS rolls back, the deployment that completed last counts as in progress again: another one
/// started now would have nothing to go back to.
fn ecs_rolls_back(live: &LiveService) -> bool {
    live.deployments.present().and_then(|all| all.first()).is_some_and(|newest| {
        matches!(
            newest.status,
            ServiceDeploymentStatus::RollbackRequested | ServiceDeploymentStatus::RollbackInProgress
        )
    })
}
