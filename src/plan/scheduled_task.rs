//! One scheduled task: its revision, its schedule and the group around it, and what is held back.

use serde_json::json;

use super::change::{Change, creation, origin, paths};
use super::decide::{closed, kind_changed};
use super::difference::{Rules, differences};
use super::ignore::with_ignored;
use super::task_definition::{Comparison, Wanted, compare_contents, source_of};
use super::unanswered::held_by_unanswered;
use super::{
    Action, Cause, Consequence, Decision, Difference, Held, Quiet, RevisionSource, ServicePlan, body,
    lookups, tolerance,
};
use crate::model::{
    DesiredScheduledTask, Digest, Environment, FieldPath, Json, LiveScheduledTask, Ownership, Part, Revision,
    RolloutKind, Schedule, ServiceRecord, Timestamp, Workload, schedule_group_name, tag,
};
use crate::shape::rules::{Tree, tree};

/// Everything that the plan is made from.
#[derive(Clone, Copy)]
struct Look<'a> {
    desired: &'a DesiredScheduledTask,
    live: &'a LiveScheduledTask,
    record: Option<&'a ServiceRecord>,
    environment: &'a Environment,
    installation: &'a str,
    revision: &'a Revision,
    now: Timestamp,
}

/// Plans one scheduled task, knowing nothing of the others.
pub fn plan_scheduled_task(
    desired: &DesiredScheduledTask,
    live: &LiveScheduledTask,
    record: Option<&ServiceRecord>,
    environment: &Environment,
    installation: &str,
    revision: &Revision,
    now: Timestamp,
) -> ServicePlan {
    let look = Look { desired, live, record, environment, installation, revision, now };
    let (decision, quiet) = decide(look);
    ServicePlan {
        workload: Workload::ScheduledTask,
        quiet,
        ..ServicePlan::of(desired.key.clone(), desired.digest.clone(), decision)
    }
}

/// First match wins, in the order in which services are decided.
fn decide(look: Look<'_>) -> (Decision, Vec<Quiet>) {
    let held = |reason| (Decision::Held { reason, differences: Vec::new() }, Vec::new());
    let hands_off = kind_changed(look.record, Workload::ScheduledTask)
        .or_else(|| unreadable(look))
        .or_else(|| not_owned(look));
    if let Some(reason) = hands_off {
        return held(reason);
    }
    let mut change = match look.live.schedule.present() {
        Some(schedule) => of_existing(look, schedule),
        None => of_absent(look),
    };
    attribute(look, &mut change);
    if look.live.schedule.present().is_some() {
        tolerance::ignore(look.desired.sync.drift, &mut change);
    }
    if change.differences.is_empty() && change.steps.is_empty() {
        return (Decision::Unchanged, change.quiet);
    }
    let tolerated = || change.is_tolerated_drift(look.desired.sync.drift).then_some(Held::DriftTolerated);
    let unanswered = || held_by_unanswered(look.record, &change.steps, None, RolloutKind::Deploy, look.now);
    let windows = look.desired.sync.windows(look.environment);
    let outside = || closed(windows, look.record, &look.desired.digest, look.now);
    let reason =
        suspended(look).or_else(|| quarantined(look)).or_else(tolerated).or_else(outside).or_else(unanswered);
    let Change { differences, quiet, steps, .. } = change;
    let decision = match reason {
        Some(reason) => Decision::Held { reason, differences },
        None => Decision::Change { differences, steps },
    };
    (decision, quiet)
}

fn unreadable(look: Look<'_>) -> Option<Held> {
    let LiveScheduledTask { group, schedule, task_definition, .. } = look.live;
    let held = |what: &str, why: &String| Held::Unreadable { what: what.to_owned(), why: why.clone() };
    match (group, schedule, task_definition) {
        (Part::Unreadable(why), _, _) => Some(held("schedule group", why)),
        (_, Part::Unreadable(why), _) => Some(held("schedule", why)),
        (_, _, Part::Unreadable(why)) => Some(held("task definition", why)),
        (Part::Present(_) | Part::Absent, Part::Present(_) | Part::Absent, _) => None,
    }
}

fn not_owned(look: Look<'_>) -> Option<Held> {
    let group = look.live.group.present()?;
    match group.ownership(look.installation) {
        Ownership::Foreign { owner } => Some(Held::GroupNotOwned { group: group.name.clone(), owner }),
        Ownership::Ours | Ownership::Unclaimed => None,
    }
}

fn suspended(look: Look<'_>) -> Option<Held> {
    let group = look.live.group.present()?;
    let text = group.suspended()?.to_owned();
    Some(Held::GroupSuspended { group: group.name.clone(), text })
}

fn quarantined(look: Look<'_>) -> Option<Held> {
    let quarantine = look.record?.quarantine.as_ref()?;
    let rejected = quarantine.digest == look.desired.digest && !quarantine.is_released(look.now);
    rejected.then(|| Held::Quarantined(Box::new(quarantine.clone())))
}

fn of_absent(look: Look<'_>) -> Change {
    let desired = look.desired;
    let mut change = Change::default();
    let source = source_of(look.live.reusable.as_ref());
    if source == RevisionSource::Registered {
        let path = FieldPath::root().field("taskDefinition");
        change.differences.push(creation(path.clone(), &desired.task_definition));
        change.step(registration(look, &desired.task_definition), vec![path]);
    }
    let path = FieldPath::root().field("schedule");
    change.differences.push(creation(path.clone(), &desired.schedule));
    if look.live.group.present().is_none() {
        change.step(Action::CreateScheduleGroup { body: group_body(look) }, vec![path.clone()]);
    }
    let body = schedule_body(look, &desired.schedule);
    change.step(Action::CreateSchedule { task_definition: source, body }, vec![path]);
    change
}

fn of_existing(look: Look<'_>, schedule: &Schedule) -> Change {
    let desired = look.desired;
    let mut change = Change::default();
    let source = revision(look, schedule, &mut change);

    let mut wanted = desired.schedule.clone();
    wanted["Target"]["Arn"] = look.environment.cluster.as_str().into();
    let ignore = &desired.sync.ignore;
    let (wanted, ignored) = with_ignored("schedule", &wanted, &schedule.0, tree(Tree::Schedule), ignore);
    let (found, quiet) = differences(&wanted, &schedule.0, &Rules::schedule());
    change.quiet.extend(quiet);
    change.quiet.extend(ignored);
    change.differences.extend(found);
    if !change.differences.is_empty() {
        let body = schedule_body(look, &wanted);
        let because = paths(&change.differences);
        change.step(Action::UpdateSchedule { task_definition: source, body }, because);
    }
    change
}

/// Which revision the schedule is to start, and what has to be done to have it.
fn revision(look: Look<'_>, schedule: &Schedule, change: &mut Change) -> RevisionSource {
    let desired = look.desired;
    let wanted = Wanted {
        body: &desired.task_definition,
        digest: &desired.task_definition_digest,
        ignore: &desired.sync.ignore,
        reusable: look.live.reusable.as_ref(),
    };
    let running = look.live.task_definition.present();
    let startable = running
        .filter(|running| running.is_active() && schedule.task_definition().as_ref() == Some(&running.arn));
    let (source, body) = match startable.map(|running| compare_contents(&wanted, running, look.installation))
    {
        Some(Comparison::Equal { quiet }) => {
            change.quiet.extend(quiet);
            return schedule.task_definition().map_or(RevisionSource::Registered, RevisionSource::Existing);
        }
        Some(Comparison::Different(found)) => {
            change.differences.extend(found.differences);
            change.quiet.extend(found.quiet);
            (found.source, found.body)
        }
        // Somebody deregistered it, or wrote a name without a number: at the next run RunTask would
        // refuse it, or start whatever is the newest by then.
        Some(Comparison::Unknown { .. }) | None => {
            change.differences.push(Difference {
                path: FieldPath::root().field("taskDefinition").field("status"),
                live: running.and_then(|running| running.body.get("status").cloned()),
                desired: Some("ACTIVE".into()),
                consequence: Consequence::NewRevision,
                cause: Cause::Git,
                origin: None,
                since: None,
                sensitive: false,
                why: None,
            });
            (source_of(look.live.reusable.as_ref()), desired.task_definition.clone())
        }
    };
    if source == RevisionSource::Registered {
        let because = paths(&change.differences);
        change.step(registration(look, &body), because);
    }
    source
}

fn registration(look: Look<'_>, task_definition: &Json) -> Action {
    let Look { desired, installation, revision, environment, .. } = look;
    let digest = &desired.task_definition_digest;
    let cluster = &environment.cluster;
    let body = body::register(task_definition, digest, &desired.key, installation, &revision.id, cluster);
    Action::RegisterTaskDefinition { digest: digest.clone(), body }
}

/// CreateSchedule and UpdateSchedule take the same. Neither carries a client token of ours: names are
/// unique within a group, so a call that is sent again can't make a double.
fn schedule_body(look: Look<'_>, tree: &Json) -> Json {
    let mut body = tree.clone();
    body["Name"] = look.desired.key.name().into();
    body["GroupName"] = group_name(look).into();
    if let Some(target) = body["Target"].as_object_mut() {
        target.remove("Arn");
    }
    if let Some(members) = body.as_object_mut() {
        // What GetSchedule adds, where `sync.ignore` puts the live tree in the place of ours.
        for output in ["Arn", "CreationDate", "LastModificationDate"] {
            members.remove(output);
        }
    }
    body
}

fn group_name(look: Look<'_>) -> String {
    schedule_group_name(look.installation, &look.environment.name, &look.environment.cluster)
}

fn group_body(look: Look<'_>) -> Json {
    let name = group_name(look);
    let applied_at = look.record.and_then(|record| record.applied.as_ref()).map(|applied| applied.at);
    // The same for all tasks of a first commit: they may find the group missing at the same moment.
    let token = Digest::of(&json!([name, look.revision.id, applied_at]));
    json!({
        "Name": name,
        "ClientToken": token.as_str().chars().take(32).collect::<String>(),
        "Tags": [{"Key": tag::MANAGED_BY, "Value": look.installation}],
    })
}

/// Says of each difference who caused it and where Git asks for it.
fn attribute(look: Look<'_>, change: &mut Change) {
    let wanted = &look.desired.digest;
    let drifted = look.record.is_some_and(|record| {
        let interrupted = record.intent.as_ref().is_some_and(|intent| intent.digest == *wanted);
        record.applied.as_ref().is_some_and(|applied| applied.digest == *wanted) && !interrupted
    });
    for difference in &mut change.differences {
        difference.cause = if drifted { Cause::BehindOurBack } else { Cause::Git };
        difference.origin = origin(&look.desired.origins, &difference.path);
        if let Some(applied) =
            look.record.and_then(|record| record.applied.as_ref()).filter(|it| it.digest != *wanted)
        {
            lookups::tell(applied, look.environment, &look.desired.origins, &look.revision.id, difference);
        }
    }
}
