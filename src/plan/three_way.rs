//! Who caused a difference: what Git says and what is live, each compared with what was applied last.

use super::change::Look;
use super::difference::{Rules, differences};
use super::ignore::with_ignored;
use super::{Cause, Consequence, Difference, Kept, Quiet, Since, body, scale_in};
use crate::model::{
    Applied, AppliedSpec, Digest, EcsService, FieldPath, Gate, Json, KeptDrift, LastGood, Ownership, Segment,
    TaskDefinitionArn, Timestamp, tag,
};
use crate::shape::rules::{Clear, Tree, tree};

/// What follows the revision in the tag [`tag::TASK_DEFINITION`] where its content is not all Git's:
/// drift that `sync.drift` says to leave went into it.
pub(super) const WITH_DRIFT: &str = " +drift";

/// What was applied last, seen from what Git asks for now.
#[derive(Clone, Debug)]
pub(super) enum Last {
    /// Nothing that is known: every difference is put down to Git.
    Unknown,
    /// The very same spec, so that a difference is somebody else's doing.
    Same { revision: Option<String> },
    /// Another one, of which as much is known as the ledger says, or else the service's tags.
    Other(Box<Applied>),
}

/// Looks up what was applied last: in the ledger, and where there is none, in the service's tags.
pub(super) fn last(look: Look<'_>, service: Option<&EcsService>) -> Last {
    let wanted = &look.desired.digest;
    // CreateService writes the tags before scaling is set up: an apply that was cut short there has
    // nobody but us to blame. Where the ledger knows what was applied whole, it knows better.
    let Some(record) = look.record else { return tagged(look, service) };
    if record.intent.as_ref().is_some_and(|intent| intent.digest == *wanted) {
        return Last::Unknown;
    }
    match &record.applied {
        Some(applied) if applied.digest == *wanted => Last::Same { revision: Some(applied.revision.clone()) },
        Some(applied) => {
            // Part of a third spec may be live: nobody's hand put it there but ours.
            let refused = record.quarantine.as_ref().is_some_and(|quarantine| {
                quarantine.failure.gate == Gate::RefusedByAws && quarantine.digest != applied.digest
            });
            match record.intent.is_some() || refused {
                true => Last::Unknown,
                false => Last::Other(Box::new(applied.clone())),
            }
        }
        None if record.rollout.is_some() || record.last_good.is_some() => Last::Unknown,
        None => tagged(look, service),
    }
}

fn tagged(look: Look<'_>, service: Option<&EcsService>) -> Last {
    let Some(service) = service else { return Last::Unknown };
    if service.digest().as_ref() == Some(&look.desired.digest) {
        return Last::Same { revision: service.tag(tag::REVISION).map(str::to_owned) };
    }
    applied_by_tags(service, look.installation)
        .map_or(Last::Unknown, |applied| Last::Other(Box::new(applied)))
}

/// What was applied last as far as the service's own tags tell, if they are ours.
pub(super) fn applied_by_tags(service: &EcsService, installation: &str) -> Option<Applied> {
    if service.ownership(installation) != Ownership::Ours {
        return None;
    }
    Some(Applied {
        digest: service.digest()?,
        // Neither is a tag of the service.
        task_definition_digest: Digest::from_tag(""),
        spec: None,
        looked_up: Vec::new(),
        kept_drift: Vec::new(),
        task_definition: service.tagged_revision().unwrap_or_else(|| TaskDefinitionArn(String::new())),
        revision: service.tag(tag::REVISION).unwrap_or_default().to_owned(),
        at: Timestamp(0),
        prune: None,
    })
}

/// Whether the service runs an older revision because the rollout of what was applied last was rolled
/// back: that is no drift, and neither is another try.
fn went_back<'a>(look: Look<'a>, service: &EcsService, applied: &Digest) -> Option<&'a LastGood> {
    let good = look.record?.last_good.as_ref()?;
    (good.digest != *applied && good.task_definition == service.task_definition()).then_some(good)
}

/// Whether what Git asks for failed, and is tried again.
fn is_released(look: Look<'_>) -> bool {
    let quarantine = look.record.and_then(|record| record.quarantine.as_ref());
    quarantine.is_some_and(|it| it.digest == look.desired.digest && it.is_released(look.now))
}

/// One part of a spec with what it is compared by.
pub(super) struct Sides<'a> {
    /// As it was applied last; `None`: not known.
    pub applied: Option<&'a Json>,
    /// Git's, with ignored fields as they are live.
    pub wanted: &'a Json,
    pub live: &'a Json,
    pub rules: &'a Rules,
}

/// Says of each difference of a part that Git may have caused who did.
fn blame(sides: &Sides<'_>, found: &mut [Difference]) {
    let Some(applied) = sides.applied else { return };
    let (by_hand, _) = differences(applied, sides.live, sides.rules);
    let (by_git, _) = differences(sides.wanted, applied, sides.rules);
    for difference in found.iter_mut().filter(|one| one.cause == Cause::Git) {
        difference.cause = match (touches(&by_git, &difference.path), touches(&by_hand, &difference.path)) {
            (true, true) => Cause::GitAndBehindOurBack,
            (false, true) => Cause::BehindOurBack,
            (_, false) => Cause::Git,
        };
    }
}

/// The same where a roll-back put settings back: those are compared with what it put there. Of the rest
/// only the count is known to be nothing that a roll-back moves.
fn blame_after_roll_back(good: &LastGood, applied: &Json, sides: &Sides<'_>, found: &mut [Difference]) {
    let Some(settings) = good.settings.as_object() else { return };
    let known = good.spec.as_ref().and_then(AppliedSpec::read).map(|spec| spec.service);
    let mut then = known.as_ref().unwrap_or(applied).clone();
    settings.iter().for_each(|(member, value)| then[member.as_str()] = value.clone());
    let service = FieldPath::root().field("service");
    let is_known = |one: &Difference| {
        if known.is_some() {
            return true;
        }
        let mut members = settings.keys().map(String::as_str).chain(["desiredCount"]);
        members.any(|member| one.path.starts_with(&service.field(member)))
    };
    for one in found.iter_mut().filter(|one| is_known(one)) {
        blame(&Sides { applied: Some(&then), ..*sides }, std::slice::from_mut(one));
    }
}

/// Whether any of the differences is at a path, above or below it.
pub(super) fn touches(found: &[Difference], path: &FieldPath) -> bool {
    found.iter().any(|one| one.path.starts_with(path) || path.starts_with(&one.path))
}

/// The differences of the service's own part, and fields that Git mentioned when it was applied last and
/// does not any more: set back where ECS has a call for it, and told where it has none.
pub(super) fn of_service(
    look: Look<'_>,
    service: &EcsService,
    sides: Sides<'_>,
    found: &mut Vec<Difference>,
    quiet: &mut [Quiet],
) {
    let Last::Other(applied) = last(look, Some(service)) else { return };
    let Some(spec) = applied.spec.as_ref().and_then(AppliedSpec::read) else { return };
    let ignore = &look.desired.sync.ignore;
    let (before, _) = with_ignored("service", &spec.service, sides.live, tree(Tree::Service), ignore);
    let sides = Sides { applied: Some(&before), ..sides };
    match went_back(look, service, &applied.digest) {
        _ if look.comes_back() => {}
        None => blame(&sides, found),
        Some(good) => blame_after_roll_back(good, &before, &sides, found),
    }
    let (_, never_ours) = differences(&before, sides.live, sides.rules);
    let was_mentioned = |path: &FieldPath| {
        !never_ours.iter().any(|one| one.kept == Kept::NotMentioned && path.starts_with(&one.path))
    };
    for quiet in quiet.iter_mut().filter(|one| one.kept == Kept::NotMentioned && one.live.is_some()) {
        if !was_mentioned(&quiet.path) {
            continue;
        }
        match cleared_by_a_call(&quiet.path) {
            Some(consequence) => found.push(Difference {
                path: quiet.path.clone(),
                live: quiet.live.clone(),
                desired: None,
                consequence,
                cause: Cause::Git,
                origin: None,
                since: None,
                sensitive: false,
                why: None,
            }),
            None if gives_way(&quiet.path, sides.wanted) => {
                quiet.rule = "a capacityProviderStrategy takes its place".to_owned();
            }
            None => {
                quiet.kept = Kept::LeftInPlace;
                quiet.rule = "Git no longer mentions it, and ECS has no call that clears it".to_owned();
            }
        }
    }
}

/// Whether ECS takes a field away by itself for something else that Git asks for: a service has either a
/// launch type or a capacity provider strategy.
///
/// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
fn gives_way(path: &FieldPath, wanted: &Json) -> bool {
    let strategy = wanted["capacityProviderStrategy"].as_array().is_some_and(|items| !items.is_empty());
    strategy && *path == FieldPath::root().field("service").field("launchType")
}

/// The differences of the service's own tags.
pub(super) fn of_tags(look: Look<'_>, service: &EcsService, found: &mut [Difference]) {
    let Some(TagsBefore { tags: before, .. }) = tags_before(look, service) else { return };
    for one in found {
        let Some((_, was)) =
            before.iter().find(|(key, _)| one.path.0.last() == Some(&Segment::Field(key.clone())))
        else {
            continue;
        };
        let was = Some(Json::from(was.as_str()));
        one.cause = match (one.desired == was, one.live == was) {
            (true, _) => Cause::BehindOurBack,
            (false, true) => Cause::Git,
            (false, false) => Cause::GitAndBehindOurBack,
        };
    }
}

/// Tags that Git asked for when the service was applied last and does not any more: they stay, since
/// nobody but their author knows who else reads them.
pub(super) fn left_tags(look: Look<'_>, service: &EcsService) -> Vec<Quiet> {
    let Some(TagsBefore { revision, tags: before }) = tags_before(look, service) else { return Vec::new() };
    let now = body::user_tags(&look.desired.service);
    let path = FieldPath::root().field("service").field("tags");
    let left = before.iter().filter(|(key, _)| !now.iter().any(|(other, _)| other == key));
    let there = left.filter_map(|(key, _)| Some((key, service.tag(key)?)));
    let commit = revision.get(..7).unwrap_or(&revision);
    there
        .map(|(key, value)| Quiet {
            path: path.field(key),
            live: Some(value.into()).filter(|value| !super::is_credential(key, value)),
            desired: None,
            rule: format!(
                "it was Git's in {commit}, which was applied last, and no longer is; to end it, untag the service"
            ),
            source: None,
            kept: Kept::LeftInPlace,
        })
        .collect()
}

/// Git's own tags of a service when it was applied last, and the commit.
struct TagsBefore {
    revision: String,
    tags: Vec<(String, String)>,
}

/// What there is to compare tags with, where another spec was.
fn tags_before(look: Look<'_>, service: &EcsService) -> Option<TagsBefore> {
    let Last::Other(applied) = last(look, Some(service)) else { return None };
    if look.comes_back() {
        return None;
    }
    let tags = body::user_tags(&applied.spec.as_ref()?.read()?.service);
    Some(TagsBefore { revision: applied.revision, tags })
}

/// What clearing a member of a service does, if UpdateService has a value for it that is no default.
fn cleared_by_a_call(path: &FieldPath) -> Option<Consequence> {
    let [_, Segment::Field(name)] = path.0.as_slice() else { return None };
    let node = tree(Tree::Service).members.get(name.as_str())?;
    match node.rule?.clear {
        Clear::Send(_) => Some(Consequence::of(node.effect)),
        Clear::LeaveOut | Clear::SendDefault | Clear::Cannot => None,
    }
}

/// The differences of the task definition. Revisions are immutable, so which one runs says most.
pub(super) fn of_task_definition(
    look: Look<'_>,
    service: &EcsService,
    wanted: &Json,
    live: &Json,
    found: &mut [Difference],
) {
    let Last::Other(applied) = last(look, Some(service)) else { return };
    if look.comes_back() {
        return;
    }
    of_kept_drift(&applied, found);
    let same = applied.task_definition_digest == look.desired.task_definition_digest;
    let runs_what_was_applied =
        applied.task_definition.family_and_revision() == service.task_definition().family_and_revision();
    // A ledger of an older release does not say what the drift is that the service's tag speaks of.
    let is_told = !applied.kept_drift.is_empty() || !carries_drift(service);
    if runs_what_was_applied && (is_told || !same) || went_back(look, service, &applied.digest).is_some() {
        return;
    }
    if same {
        found.iter_mut().for_each(|one| one.cause = Cause::BehindOurBack);
        return;
    }
    let before = look.live.applied.as_ref();
    let before =
        before.filter(|it| it.arn.family_and_revision() == applied.task_definition.family_and_revision());
    let rules = Rules::task_definition();
    blame(&Sides { applied: before.map(|it| &it.body), wanted, live, rules: &rules }, found);
}

/// Differences where drift was left in the revision that we registered: nobody's wish but that of whoever
/// changed it by hand, unless Git says something else there now.
fn of_kept_drift(applied: &Applied, found: &mut [Difference]) {
    for one in found {
        let pointer = one.path.pointer();
        let is_around = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut touched = applied
            .kept_drift
            .iter()
            .filter(|it| is_around(&it.path, &pointer) || is_around(&pointer, &it.path));
        let Some(first) = touched.next() else { continue };
        one.cause = match *first == KeptDrift::of(&one.path, one.desired.as_ref()) {
            true => Cause::BehindOurBack,
            false => Cause::GitAndBehindOurBack,
        };
    }
}

/// Whether the service's tag says that its revision is not all Git's.
pub(super) fn carries_drift(service: &EcsService) -> bool {
    service.tag(tag::TASK_DEFINITION).is_some_and(|tagged| tagged.ends_with(WITH_DRIFT))
}

/// The differences of scaling.
pub(super) fn of_scaling(look: Look<'_>, sides: Sides<'_>, found: &mut [Difference]) {
    let Last::Other(applied) = last(look, look.live.service.present()) else { return };
    if look.comes_back() {
        return;
    }
    let service = look.live.service.present();
    let back = service.and_then(|service| went_back(look, service, &applied.digest)?.spec.as_ref());
    let before = back.or(applied.spec.as_ref()).and_then(AppliedSpec::read).and_then(|spec| spec.scaling);
    let before = before.as_ref().map(super::trees::desired_scaling);
    blame(&Sides { applied: before.as_ref(), ..sides }, found);
}

/// What is left: whole specs that are the same, tags, and since when Git says what it says.
pub(super) fn finish(look: Look<'_>, service: Option<&EcsService>, found: &mut [Difference]) {
    let last = last(look, service);
    let back = service.is_some_and(|service| {
        let new_revision = found.iter().any(|one| one.consequence == Consequence::NewRevision);
        went_back(look, service, &look.desired.digest)
            .is_some_and(|good| new_revision || good.spec.is_some() && is_released(look))
    });
    let before = match &last {
        Last::Same { revision } => revision.as_deref(),
        Last::Other(applied) => Some(applied.revision.as_str()),
        Last::Unknown => None,
    };
    for difference in found {
        let drifted = matches!(last, Last::Same { .. }) && !back && !look.comes_back();
        // What we note on the service is nobody's wish, and no drift that `sync.drift` could leave.
        let is_gits = difference.bookkeeping().is_some() || scale_in::waited(look, &difference.path);
        if drifted && difference.cause == Cause::Git && !is_gits {
            difference.cause = Cause::BehindOurBack;
        }
        difference.since = since(look, &difference.cause, before.filter(|it| !it.is_empty()));
    }
}

fn since(look: Look<'_>, cause: &Cause, before: Option<&str>) -> Option<Since> {
    let now = &look.revision.id;
    let before = before?.to_owned();
    match cause {
        Cause::BehindOurBack => Some(Since::AtLatest(before)),
        Cause::Git | Cause::GitAndBehindOurBack if before != *now => {
            Some(Since::Between { after: before, until: now.clone() })
        }
        Cause::Git
        | Cause::GitAndBehindOurBack
        | Cause::Overridden(_)
        | Cause::OverrideEnded(_)
        | Cause::LeftGit
        | Cause::Foreign
        | Cause::NewVersion(_) => None,
    }
}
