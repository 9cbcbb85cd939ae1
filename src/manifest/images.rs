//! Tags of images to digests: what has to be asked of ECR, and the services with what was answered.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::canonical;
use crate::model::{
    Choice, Desired, DesiredService, Digest, HookDefinition, ImageAnswer, ImageId, ImagePolicy, ImageTrouble,
    Json, Meaning, Moved, NamedImage, Proposal, ServiceKey, ServiceRecord, TagRange, WhenMoved, ecr_image,
    images_in, range_of,
};

/// The names that ECR has to be asked about. One that is pinned by its digest needs no question, and one of
/// another registry has nobody who could be asked.
pub fn images(desired: &Desired) -> BTreeSet<String> {
    let asked = |service: &DesiredService| {
        let ignored = service.images.or(desired.environment.images).when_moved() == WhenMoved::Ignore;
        let names = names(service).filter(move |name| !ignored || range_of(name).is_some());
        let all: Vec<String> =
            names.map(str::to_owned).chain(service.proposals.iter().map(Proposal::name)).collect();
        all
    };
    desired.services.values().flat_map(asked).collect()
}

/// Those of them whose scans somebody goes by.
pub fn scanned(desired: &Desired) -> BTreeSet<String> {
    let policy = |service: &DesiredService| service.images.or(desired.environment.images);
    let asked = desired.services.values().filter(|service| policy(service).block_severity.is_some());
    let all = |service: &DesiredService| -> Vec<String> {
        names(service).map(str::to_owned).chain(service.proposals.iter().map(Proposal::name)).collect()
    };
    asked.flat_map(all).collect()
}

/// What is asked for, with digests in the place of tags, as far as ECR was asked.
///
/// What a tag means is a part of what is asked for, and so of its digest: a revision runs the same bytes for as
/// long as it is there, and who goes back to it gets what ran then.
pub fn with_images<'a>(
    desired: &'a Desired,
    records: &BTreeMap<ServiceKey, ServiceRecord>,
) -> Cow<'a, Desired> {
    let none = BTreeMap::new();
    let resolved: Vec<DesiredService> = desired
        .services
        .values()
        .filter_map(|service| {
            let known = records.get(&service.key).map_or(&none, |record| &record.meanings.images);
            resolved(service, desired, known)
        })
        .collect();
    if resolved.is_empty() {
        return Cow::Borrowed(desired);
    }
    let mut desired = desired.clone();
    desired.services.extend(resolved.into_iter().map(|service| (service.key.clone(), service)));
    Cow::Owned(desired)
}

/// All names of images in ECR that are no digests, of containers and of hooks.
fn names(service: &DesiredService) -> impl Iterator<Item = &str> {
    let of_hooks = service.rollout.hooks().filter_map(|hook| match &hook.definition {
        HookDefinition::OfTheService => None,
        HookDefinition::Own { task_definition, .. } => Some(task_definition),
    });
    let all = std::iter::once(&service.task_definition).chain(of_hooks).flat_map(images_in);
    all.filter(|image| matches!(ecr_image(image), Some((_, ImageId::Tag(_)))))
}

/// `None`: nothing is known that would change it.
fn resolved(
    service: &DesiredService,
    desired: &Desired,
    known: &BTreeMap<String, Meaning>,
) -> Option<DesiredService> {
    let images = service.images.or(desired.environment.images);
    let ignored = images.when_moved() == WhenMoved::Ignore;
    let platform = platform(&service.task_definition);
    let named: BTreeSet<&str> = names(service).collect();
    let not_asked = ImageAnswer::Unreadable("ECR was not asked".to_owned());
    let named_images: Vec<NamedImage> = named
        .into_iter()
        .filter_map(|name| {
            let ranged = range_of(name).is_some();
            let answer = desired.images.get(name).or(ranged.then_some(&not_asked))?;
            let asked = ranged || !ignored;
            asked.then(|| decide(name, answer, known.get(name), images, platform.as_deref()))
        })
        .collect();
    let proposals: Vec<Proposal> = service
        .proposals
        .iter()
        .map(|proposal| {
            let name = proposal.name();
            let answer = desired.images.get(&name);
            let found = answer.map(|answer| decide(&name, answer, None, images, platform.as_deref()));
            let newest = found.filter(|found| found.trouble.is_none()).and_then(|found| found.choice);
            let newest = newest.filter(|newest| is_newer(proposal, &newest.tag));
            Proposal { newest, ..proposal.clone() }
        })
        .collect();
    if named_images.is_empty() && proposals.is_empty() {
        return None;
    }
    let mut service = DesiredService { named_images, proposals, images, ..service.clone() };
    put_digests(&mut service);
    Some(service)
}

/// Which digest a name stands for. What is wrong with an answer does not take away what is known already.
fn decide(
    name: &str,
    answer: &ImageAnswer,
    known: Option<&Meaning>,
    policy: ImagePolicy,
    platform: Option<&str>,
) -> NamedImage {
    let name = name.to_owned();
    // `1.4.2@sha256:…` for a range, else the digest alone.
    let known = known.map(|known| match known.is.split_once('@') {
        Some((tag, digest)) => (Some(Choice { tag: tag.to_owned(), runner_up: None }), digest.to_owned()),
        None => (None, known.is.clone()),
    });
    let kept = |name, trouble| {
        let (choice, digest) = known.clone().map_or((None, None), |(choice, digest)| (choice, Some(digest)));
        NamedImage { name, choice, digest, moved: None, trouble: Some(trouble) }
    };
    match answer {
        ImageAnswer::Found { digest, choice, scan, platforms } => {
            let found = NamedImage {
                name: name.clone(),
                choice: choice.clone(),
                digest: Some(digest.clone()),
                moved: None,
                trouble: None,
            };
            let unfit = |name: &str| {
                let name = name.to_owned();
                if let Some((has, wanted)) = other_platform(platforms, platform) {
                    return Some(ImageTrouble::OtherPlatform { name, has, wanted });
                }
                let why = scan.as_ref()?.refusal(policy.block_severity?)?;
                Some(ImageTrouble::Findings { name, tag: choice.as_ref().map(|it| it.tag.clone()), why })
            };
            let tag = |choice: &Option<Choice>| choice.as_ref().map(|choice| choice.tag.clone());
            let Some((known_choice, known_digest)) = known.as_ref() else {
                return unfit(&name).map_or(found, |trouble| kept(name, trouble));
            };
            let same_tag = tag(known_choice) == tag(choice);
            if same_tag && known_digest == digest {
                return found;
            }
            // A pinned one stays, whatever the other one is.
            let stays = same_tag && policy.when_moved() == WhenMoved::Pin;
            if let Some(trouble) = unfit(&name).filter(|_| !stays) {
                return kept(name, trouble);
            }
            let before = NamedImage { choice: known_choice.clone(), ..found.clone() };
            let moved = match (before.meaning_of(known_digest), found.meaning()) {
                (Some(was), Some(now)) => Some(Moved { name, was, now }),
                _ => None,
            };
            let digest = if stays { known_digest.clone() } else { digest.clone() };
            NamedImage { digest: Some(digest), moved, ..found }
        }
        ImageAnswer::NoneFits { has } => {
            let has = has.clone();
            kept(name.clone(), ImageTrouble::NoneFits { name, has })
        }
        ImageAnswer::NoTag { nearest } => {
            let nearest = nearest.clone();
            kept(name.clone(), ImageTrouble::NoTag { name, nearest })
        }
        ImageAnswer::NoRepository => kept(name.clone(), ImageTrouble::NoRepository { name }),
        ImageAnswer::Unreadable(why) => {
            kept(name.clone(), ImageTrouble::Unreadable { name, why: why.clone() })
        }
    }
}

/// Whether a tag is a newer one of the range that Git's tag is in: nothing is ever taken back.
fn is_newer(proposal: &Proposal, tag: &str) -> bool {
    let Ok(range) = TagRange::parse(&proposal.range) else { return false };
    let both = [proposal.tag.clone(), tag.to_owned()];
    tag != proposal.tag && range.fitting(both.iter()) == [tag, proposal.tag.as_str()]
}

/// What a list of platforms has, and what is wanted of it that it has not.
fn other_platform(platforms: &[String], wanted: Option<&str>) -> Option<(Vec<String>, String)> {
    let wanted =
        wanted.filter(|wanted| !platforms.is_empty() && !platforms.iter().any(|one| one == wanted))?;
    Some((platforms.to_vec(), wanted.to_owned()))
}

/// `linux/arm64`, as lists of platforms have it; `None`: that is up to the instance.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html>
fn platform(task_definition: &Json) -> Option<String> {
    let wanted = &task_definition["runtimePlatform"];
    let on_fargate = task_definition["requiresCompatibilities"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one == "FARGATE"));
    let architecture = match wanted["cpuArchitecture"].as_str() {
        Some("ARM64") => "arm64",
        Some(_) => "amd64",
        None if on_fargate => "amd64",
        None => return None,
    };
    let windows =
        wanted["operatingSystemFamily"].as_str().is_some_and(|family| family.starts_with("WINDOWS"));
    Some(format!("{}/{architecture}", if windows { "windows" } else { "linux" }))
}

fn put_digests(service: &mut DesiredService) {
    let registered: BTreeMap<String, String> = service
        .named_images
        .iter()
        .filter_map(|image| Some((image.name.clone(), image.registered()?)))
        .collect();
    if registered.is_empty() {
        return;
    }
    let put = |task_definition: &mut Json| {
        let containers = task_definition["containerDefinitions"].as_array_mut().into_iter().flatten();
        let mut changed = false;
        for image in containers.filter_map(|container| container.get_mut("image")) {
            if let Some(digest) = image.as_str().and_then(|name| registered.get(name)) {
                *image = digest.as_str().into();
                changed = true;
            }
        }
        changed
    };
    let of_service = put(&mut service.task_definition);
    if of_service {
        service.task_definition_digest = canonical::task_definition_digest(&service.task_definition);
    }
    for hook in service.rollout.before.iter_mut().chain(&mut service.rollout.after) {
        let own = match &mut hook.definition {
            HookDefinition::OfTheService => false,
            HookDefinition::Own { task_definition, digest } => {
                let changed = put(task_definition);
                if changed {
                    *digest = canonical::task_definition_digest(task_definition);
                }
                changed
            }
        };
        for image in &mut hook.images {
            if let Some(digest) = registered.get(image.as_str()) {
                image.clone_from(digest);
            }
        }
        if own || of_service {
            // All else about the hook is in the digest that it has already.
            hook.digest = Digest::of(&json!({
                "hook": hook.digest,
                "taskDefinition": match &hook.definition {
                    HookDefinition::OfTheService => None,
                    HookDefinition::Own { digest, .. } => Some(digest),
                },
                "service": service.task_definition_digest,
            }));
        }
    }
    service.digest = canonical::digest(service);
}
