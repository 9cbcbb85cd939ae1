//! Images by their tags: what holds a change, what is told of a tag that moved, and what runs already.

use std::collections::BTreeMap;

use super::change::{Change, Look};
use super::{Action, Decision, Difference, Held, Kept, Quiet, Since, Step};
use crate::model::{
    Choice, DesiredService, FieldPath, Json, LiveService, NamedImage, Segment, ServiceRecord, WhenMoved,
    images_in, range_of, without_registry,
};

/// An image that can't be had: without it a deployment would only fail.
pub(super) fn missing(look: Look<'_>, change: &Change) -> Option<Held> {
    let blocking = look.desired.named_images.iter().filter(|image| image.blocks());
    let troubles: Vec<_> = blocking.filter_map(|image| image.trouble.clone()).collect();
    (deploys(&change.steps) && !troubles.is_empty()).then_some(Held::Image { troubles })
}

/// Whether tasks would be started by what was decided.
pub(super) fn starts_tasks(decision: &Decision) -> bool {
    match decision {
        Decision::Change { steps, .. } => deploys(steps),
        Decision::Unchanged | Decision::Held { .. } => false,
    }
}

fn deploys(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.action {
        Action::RegisterTaskDefinition { .. } | Action::CreateService { .. } => true,
        Action::UpdateService { starts_deployment, .. } => *starts_deployment,
        _ => false,
    })
}

/// What people are told of a tag although nothing is done about it.
pub(super) fn remarks(desired: &DesiredService, decision: &Decision) -> Vec<Quiet> {
    let chosen = |image: &NamedImage| {
        let (choice, (repository, range)) = (image.choice.as_ref()?, range_of(&image.name)?);
        let rule = newest(repository, range, choice);
        let live = Json::from(choice.tag.as_str());
        // At rest it is nothing that anybody has to read each time.
        let kept = if matches!(decision, Decision::Unchanged) { Kept::ByRule } else { Kept::Chosen };
        let path = place(desired, image);
        Some(Quiet { path, live: None, desired: Some(live), rule, source: None, kept })
    };
    let proposed = desired.proposals.iter().filter_map(|proposal| {
        let choice = proposal.newest.as_ref()?;
        let written = match desired.images.write_back.unwrap_or_default() {
            true => "it is written to",
            false => "to take it, write it into",
        };
        let newest = newest(&proposal.repository, &proposal.range, choice);
        Some(Quiet {
            path: FieldPath::root().field("taskDefinition").field("containerDefinitions"),
            live: Some(proposal.tag.as_str().into()),
            desired: Some(choice.tag.as_str().into()),
            rule: format!("{newest}; {written} {}", proposal.origin),
            source: None,
            kept: Kept::Chosen,
        })
    });
    let chosen = desired.named_images.iter().filter_map(chosen);
    moved(desired).chain(chosen).chain(proposed).collect()
}

/// `1.5.2 is the newest of \`>=1.4 <2\` in job-api, 1.5.1 the one before`
fn newest(repository: &str, range: &str, choice: &Choice) -> String {
    let before = choice.runner_up.as_ref().map_or(String::new(), |tag| format!(", {tag} the one before"));
    format!("{} is the newest of `{range}` in {}{before}", choice.tag, without_registry(repository))
}

fn moved(desired: &DesiredService) -> impl Iterator<Item = Quiet> {
    desired.named_images.iter().filter_map(|image| {
        let live = image.digest.as_deref().map(Json::from);
        let now = image.moved.as_ref().map(|moved| Json::from(moved.now.as_str()));
        Some(Quiet {
            path: place(desired, image),
            live,
            desired: now,
            rule: image.remark()?,
            source: None,
            kept: Kept::Moved,
        })
    })
}

/// The first container that gets the image; of a hook's own, the service's containers as a whole.
fn place(desired: &DesiredService, image: &NamedImage) -> FieldPath {
    let containers = FieldPath::root().field("taskDefinition").field("containerDefinitions");
    let registered = image.registered();
    let all = desired.task_definition["containerDefinitions"].as_array().into_iter().flatten();
    let named = all
        .filter(|container| container["image"].as_str() == registered.as_deref())
        .find_map(|container| container["name"].as_str());
    match named {
        Some(name) => {
            let mut path = containers;
            path.0.push(Segment::Key(name.to_owned()));
            path.field("image")
        }
        None => containers,
    }
}

/// Puts the difference of an image down to its tag, where that moved and Git did not.
pub(super) fn tell(desired: &DesiredService, difference: &mut Difference) {
    let Some(wanted) = difference.desired.as_ref().and_then(Json::as_str) else { return };
    let named = desired.named_images.iter().find(|image| image.registered().as_deref() == Some(wanted));
    let Some((image, moved)) = named.and_then(|image| Some((image, image.moved.as_ref()?))) else { return };
    let was = image.registered_as(&moved.was);
    if difference
        .live
        .as_ref()
        .is_some_and(|live| *live == was || Some(live) == Some(&Json::from(image.tagged())))
    {
        difference.since = Some(Since::ImageMoved(moved.clone()));
    }
}

/// Whether two images are one as far as Git says: a revision that was registered by the tag alone, or with what
/// the tag meant then, where no ledger says that it meant something else. ECS itself holds the tasks of a
/// deployment at one digest, so nothing moves for as long as it runs.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html#deployment-container-image-stability>
pub(super) fn is_pinned_already(look: Look<'_>, difference: &Difference) -> bool {
    let desired = look.desired;
    if desired.images.when_moved() != WhenMoved::Pin {
        return false;
    }
    let text = |side: &Option<Json>| side.as_ref().and_then(Json::as_str).map(str::to_owned);
    let (Some(live), Some(wanted)) = (text(&difference.live), text(&difference.desired)) else {
        return false;
    };
    let named = desired.named_images.iter().find(|image| image.registered().as_ref() == Some(&wanted));
    let known = |name: &str| look.record.is_some_and(|record| record.meanings.images.contains_key(name));
    named.is_some_and(|image| match live.split_once('@') {
        None => live == image.tagged(),
        Some((name, _)) => name == image.tagged() && !known(&image.name),
    })
}

/// The difference of such an image, which is none.
pub(super) fn left_as_it_runs(difference: Difference) -> Quiet {
    Quiet {
        path: difference.path,
        live: difference.live,
        desired: difference.desired,
        rule: "the tag is the same; its digest goes into the next revision".to_owned(),
        source: None,
        kept: Kept::ByRule,
    }
}

/// What each tag means for a service that is as Git wants it: what its revision has, or the ledger where that was
/// not read, or else what is asked for.
pub fn meanings(
    desired: &DesiredService,
    live: &LiveService,
    record: Option<&ServiceRecord>,
) -> BTreeMap<String, String> {
    let running = live.task_definition.present().map(|running| &running.body);
    let digest = |name: &str| {
        let mut images = running.into_iter().flat_map(images_in);
        images.find_map(|image| image.strip_prefix(name)?.strip_prefix('@').map(str::to_owned))
    };
    desired
        .named_images
        .iter()
        .filter_map(|image| {
            let asked = image.digest.clone()?;
            let known = || record?.meanings.images.get(&image.name).map(|known| known.is.clone());
            let is = match desired.images.when_moved() {
                WhenMoved::Pin => digest(&image.tagged()).and_then(|is| image.meaning_of(&is)).or_else(known),
                WhenMoved::Follow | WhenMoved::Ignore => None,
            };
            Some((image.name.clone(), is.or_else(|| image.meaning_of(&asked))?))
        })
        .collect()
}

/// What each tag means in what is asked for.
pub(super) fn asked(desired: &DesiredService) -> BTreeMap<String, String> {
    let known = desired.named_images.iter();
    known.filter_map(|image| Some((image.name.clone(), image.meaning()?))).collect()
}
