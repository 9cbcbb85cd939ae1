//! Application Auto Scaling of one service: what Git asks for, and what becomes of the rest.

use super::change::{Change, Look, was_applied};
use super::credentials::masked;
use super::difference::{Rules, differences};
use super::ignore::with_ignored;
use super::three_way::{self, Sides};
use super::{Action, AtOnce, Cause, Consequence, Difference, Kept, Quiet, body, once, overriding, trees};
use crate::model::{FieldPath, IntentKind, Json, LiveScaling, Scaling, ScalingPut, Segment, tag};
use crate::shape::rules::{Tree, tree};

/// The lists of a scaling tree, with the member that names an element.
const LISTS: [(&str, &str); 2] = [("policies", "PolicyName"), ("scheduledActions", "ScheduledActionName")];

/// What becomes of a service's scalable target.
pub(super) enum Fate<'a> {
    /// There is none, and Git asks for none.
    None,
    /// Git asks for one.
    Wanted,
    /// Git asks for none, and it goes, with everything on it.
    Ends { live: &'a LiveScaling },
    /// Git asks for none, and it stays.
    Stays { live: &'a LiveScaling, why: Stays },
}

pub(super) enum Stays {
    /// `sync.ignore` names it.
    Ignored,
    Overridden(String),
    PruneIsOff,
    NotOurs,
    /// Deregistering it would take this along, which is not ours.
    Carries(String),
}

impl Fate<'_> {
    /// Whether Application Auto Scaling sets the count after this plan.
    pub(super) fn keeps_a_target(&self) -> bool {
        match self {
            Fate::Wanted | Fate::Stays { .. } => true,
            Fate::None | Fate::Ends { .. } => false,
        }
    }

    pub(super) fn ends(&self) -> bool {
        matches!(self, Fate::Ends { .. })
    }
}

/// A scalable target goes when Git asks for none any more, we registered it, pruning is on, and nothing
/// on it belongs to others: deregistering deletes its policies and scheduled actions.
pub(super) fn fate<'a>(look: Look<'_>, scaling: Option<&'a LiveScaling>) -> Fate<'a> {
    let (None, live) = (&look.desired.scaling, scaling) else { return Fate::Wanted };
    let Some(live) = live else { return Fate::None };
    let ours = look.record.and_then(|record| record.scaling.as_ref());
    let overridden = look.overriding().and_then(|it| it.in_force());
    let foreign = foreign(live, ours);
    let stays = if look.desired.sync.ignore.iter().any(|pointer| pointer == "/scaling") {
        Stays::Ignored
    } else if !ours.is_some_and(|ours| ours.target) {
        Stays::NotOurs
    } else if !look.desired.sync.prunes(look.environment) {
        Stays::PruneIsOff
    } else if let Some(asked) = overridden {
        Stays::Overridden(overriding::rule(&asked, look.now))
    } else if let (Some(foreign), Some(_)) = (foreign, why_foreign_stays(look)) {
        Stays::Carries(foreign)
    } else {
        return Fate::Ends { live };
    };
    Fate::Stays { live, why: stays }
}

/// The first policy or scheduled action that we did not put, as a sentence names it.
fn foreign(live: &LiveScaling, ours: Option<&ScalingPut>) -> Option<String> {
    let is_ours = |list, name: &str| ours.is_some_and(|ours| names(ours, list).contains(name));
    let policy = live.policies.keys().find(|name| !is_ours("policies", name));
    let action = live.scheduled_actions.keys().find(|name| !is_ours("scheduledActions", name));
    policy
        .map(|name| format!("the policy `{name}`"))
        .or_else(|| action.map(|name| format!("the scheduled action `{name}`")))
}

/// Why what this installation did not put stays; `None`: it goes, because the manifest says so.
///
/// Both guards of pruning hold for it too: it has to be on, and both owner tags have to say that the
/// service is ours. Whether something is foreign is told by the ledger alone, so without one nothing is.
fn why_foreign_stays(look: Look<'_>) -> Option<&'static str> {
    let sync = &look.desired.sync;
    let tagged = [(tag::MANAGED_BY, look.installation), (tag::ID, look.desired.key.name())];
    let service = look.live.service.present();
    let is_ours = service.is_some_and(|it| tagged.iter().all(|(name, ours)| it.tag(name) == Some(ours)));
    if look.is_unrecorded() {
        Some("whether this installation put it is not known here")
    } else if !sync.prune_foreign_scaling {
        Some("this installation did not put it")
    } else if !sync.prunes(look.environment) {
        Some("this installation did not put it, and prune is off")
    } else if !is_ours {
        Some("this installation did not put it, and the service does not carry both owner tags")
    } else {
        None
    }
}

fn names<'a>(ours: &'a ScalingPut, list: &str) -> &'a std::collections::BTreeSet<String> {
    if list == "policies" { &ours.policies } else { &ours.scheduled_actions }
}

/// Brings scaling to what Git asks for.
///
/// Registers the target only on a real change: the call itself pulls desiredCount into the bounds.
pub(super) fn scale(look: Look<'_>, wanted: &Scaling, live: Option<&LiveScaling>, change: &mut Change) {
    let key = &look.desired.key;
    let of_git = (wanted.min_capacity, wanted.max_capacity);
    let nothing = serde_json::json!({"policies": [], "scheduledActions": []});
    let live = live.map(trees::live_scaling);
    let live = live.as_ref();
    let mut wanted = trees::desired_scaling(wanted);
    change.quiet.extend(live.into_iter().flat_map(|live| leave_scheduled(look, &mut wanted, live)));
    // After that: what an action put there stays when the action is over.
    change.quiet.extend(once::forget(&mut wanted, live, look.now));
    change.quiet.extend(overriding::hold(look, &mut wanted, live));
    let (wanted, ignored) = match live {
        Some(live) => {
            with_ignored("scaling", &wanted, live, tree(Tree::ScalableTarget), &look.desired.sync.ignore)
        }
        None => (wanted, Vec::new()),
    };
    let (mut found, quiet) = differences(&wanted, live.unwrap_or(&nothing), &Rules::scaling());
    overriding::blame(look, &mut found);
    if let Some(live) = live {
        let rules = Rules::scaling();
        three_way::of_scaling(
            look,
            Sides { applied: None, wanted: &wanted, live, rules: &rules },
            &mut found,
        );
    }
    change.quiet.extend(ignored);
    let below = |name: &str| -> Vec<FieldPath> {
        let under = list_path(name);
        found.iter().map(|one| one.path.clone()).filter(|path| path.starts_with(&under)).collect()
    };
    let target: Vec<FieldPath> =
        ["minCapacity", "maxCapacity", "suspendedState"].into_iter().flat_map(below).collect();
    if !target.is_empty() {
        let body = body::scalable_target(look.environment, key, &wanted);
        let at_once = AtOnce::of(look, &wanted, change);
        change.step(Action::RegisterScalableTarget { of_git, body, at_once }, target);
    }
    for (list, name) in LISTS {
        let differing = below(list);
        for element in wanted[list].as_array().into_iter().flatten() {
            let own = Segment::Key(element[name].as_str().unwrap_or_default().to_owned());
            let because: Vec<FieldPath> =
                differing.iter().filter(|path| path.0.get(2) == Some(&own)).cloned().collect();
            if because.is_empty() {
                continue;
            }
            let mut body = body::scaling_element(look.environment, key, element);
            // PutScheduledAction keeps the time zone that it does not mention.
            if because
                .iter()
                .any(|path| matches!(path.0.last(), Some(Segment::Field(it)) if it == "Timezone"))
            {
                body["Timezone"] = element.get("Timezone").cloned().unwrap_or_else(|| "UTC".into());
            }
            change.step(
                match list {
                    "policies" => Action::PutScalingPolicy { body },
                    _ => Action::PutScheduledAction { body },
                },
                because,
            );
        }
    }
    change.differences.extend(found);
    let Some(live) = live else { return };
    let unmentioned = Unmentioned::of(&wanted, live);
    // What Git does not mention is told by whose it is, not by a general rule.
    change.quiet.extend(quiet.into_iter().filter(|one| !unmentioned.has(&one.path)));
    unmentioned.prune(look, change);
}

/// Leaves bounds alone that Git's own scheduled actions put in place of Git's: Application Auto Scaling
/// shows them as the target's own, until another action or a call changes them. Bounds that Git changed
/// since we put them are not left waiting for the next action.
///
/// https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTargetAction.html
fn leave_scheduled(look: Look<'_>, wanted: &mut Json, live: &Json) -> Vec<Quiet> {
    if look.overriding().is_some() || !bounds_were_put(look, wanted) {
        return Vec::new();
    }
    let mut quiet = Vec::new();
    for (bound, member) in overriding::BOUNDS.into_iter().zip(["MinCapacity", "MaxCapacity"]) {
        if live[bound] == wanted[bound] {
            continue;
        }
        let mut actions = wanted["scheduledActions"].as_array().into_iter().flatten();
        let sets = |action: &&Json| {
            let asked = action["ScalableTargetAction"][member].as_i64();
            asked.is_some() && asked == live[bound].as_i64()
        };
        let Some(action) = actions.find(sets) else { return Vec::new() };
        let name = action["ScheduledActionName"].as_str().unwrap_or_default();
        quiet.push(Quiet {
            path: overriding::path(bound),
            live: Some(live[bound].clone()),
            desired: Some(wanted[bound].clone()),
            rule: format!("the scheduled action `{name}` sets it"),
            source: None,
            kept: Kept::Scheduled,
        });
    }
    for bound in overriding::BOUNDS {
        wanted[bound] = live[bound].clone();
    }
    quiet
}

/// Whether Git's bounds of today were in force once.
fn bounds_were_put(look: Look<'_>, wanted: &Json) -> bool {
    let interrupted = look
        .record
        .and_then(|record| record.intent.as_ref())
        .is_some_and(|intent| intent.kind == IntentKind::Scale);
    let ours = look.record.and_then(|record| record.scaling.as_ref()).and_then(|ours| ours.bounds);
    match ours {
        Some((minimum, maximum)) => {
            !interrupted && wanted["minCapacity"] == minimum && wanted["maxCapacity"] == maximum
        }
        None => was_applied(look, look.live.service.present()),
    }
}

/// Lets go of scaling that Git no longer asks for at all.
pub(super) fn leave(look: Look<'_>, fate: Fate<'_>, change: &mut Change) {
    let path = FieldPath::root().field("scaling");
    let quiet = |live: &Json, rule: String, kept| Quiet {
        path: path.clone(),
        live: Some(masked(live)),
        desired: None,
        rule,
        source: None,
        kept,
    };
    match fate {
        Fate::None | Fate::Wanted => {}
        Fate::Ends { live } => {
            change.differences.push(goes(path.clone(), trees::live_scaling(live), Cause::LeftGit));
            change.step(Action::DeregisterScalableTarget, vec![path]);
        }
        Fate::Stays { live, why } => {
            let tree = trees::live_scaling(live);
            let (rule, kept) = match why {
                Stays::Ignored => (crate::shape::rules::IGNORED.to_owned(), Kept::ByRule),
                Stays::Overridden(rule) => (rule, Kept::Overridden),
                Stays::PruneIsOff => (PRUNE_IS_OFF.to_owned(), Kept::LeftInPlace),
                Stays::NotOurs if look.is_unrecorded() => {
                    let rule = "whether this installation registered the scalable target is not known here";
                    (rule.to_owned(), Kept::LeftInPlace)
                }
                Stays::NotOurs => {
                    ("this installation did not register the scalable target".to_owned(), Kept::LeftInPlace)
                }
                Stays::Carries(foreign) => {
                    let rule = format!("it carries {foreign}, which this installation did not put");
                    change.quiet.push(quiet(&tree, rule, Kept::LeftInPlace));
                    // Our own part of it goes all the same.
                    let nothing = serde_json::json!({"policies": [], "scheduledActions": []});
                    Unmentioned::of(&nothing, &tree).prune(look, change);
                    return;
                }
            };
            change.quiet.push(quiet(&tree, rule, kept));
        }
    }
}

const PRUNE_IS_OFF: &str = "prune is off";

/// The policies and scheduled actions that only the live side has: path, list, name and body.
struct Unmentioned(Vec<(FieldPath, &'static str, String, Json)>);

impl Unmentioned {
    fn of(wanted: &Json, live: &Json) -> Self {
        let elements = |side: &Json, list: &str| side[list].as_array().cloned().unwrap_or_default();
        let mut found = Vec::new();
        for (list, member) in LISTS {
            let name_of = |element: &Json| element[member].as_str().unwrap_or_default().to_owned();
            let mentioned: Vec<String> = elements(wanted, list).iter().map(name_of).collect();
            for element in elements(live, list) {
                let name = name_of(&element);
                if !mentioned.contains(&name) {
                    found.push((list_path(list).key(&name), list, name, element));
                }
            }
        }
        Self(found)
    }

    fn has(&self, path: &FieldPath) -> bool {
        self.0.iter().any(|(own, ..)| path.starts_with(own))
    }

    /// Deletes what is ours, if pruning is on, and what is not, if Git says so; says of the rest why it stays.
    fn prune(self, look: Look<'_>, change: &mut Change) {
        let ours = look.record.and_then(|record| record.scaling.as_ref());
        let prunes = look.desired.sync.prunes(look.environment);
        for (path, list, name, element) in self.0 {
            let is_ours = ours.is_some_and(|ours| names(ours, list).contains(&name));
            let why = match is_ours {
                true => (!prunes).then_some(PRUNE_IS_OFF),
                false => why_foreign_stays(look),
            };
            let Some(rule) = why else {
                let cause = if is_ours { Cause::LeftGit } else { Cause::Foreign };
                change.differences.push(goes(path.clone(), element, cause));
                let action = match list {
                    "policies" => Action::DeleteScalingPolicy { name },
                    _ => Action::DeleteScheduledAction { name },
                };
                change.step(action, vec![path]);
                continue;
            };
            change.quiet.push(Quiet {
                path,
                live: Some(masked(&element)),
                desired: None,
                rule: rule.to_owned(),
                source: None,
                kept: Kept::LeftInPlace,
            });
        }
    }
}

/// What is not in Git, and is deleted.
fn goes(path: FieldPath, live: Json, cause: Cause) -> Difference {
    Difference {
        path,
        live: Some(masked(&live)),
        desired: None,
        consequence: Consequence::InPlace,
        cause,
        origin: None,
        since: None,
        sensitive: false,
        why: None,
    }
}

fn list_path(list: &str) -> FieldPath {
    FieldPath::root().field("scaling").field(list)
}
