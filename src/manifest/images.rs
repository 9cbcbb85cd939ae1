//! Tags of images to digests: what has to be asked of ECR, and the services with what was answered.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::canonical;
use crate::model::{
    Desired, DesiredService, Digest, HookDefinition, ImageAnswer, ImageId, ImageTrouble, Json, Meaning,
    Moved, NamedImage, ServiceKey, ServiceRecord, WhenMoved, ecr_image, images_in,
};

/// The names that ECR has to be asked about. One that is pinned by its digest needs no question, and one of
/// another registry has nobody who could be asked.
pub fn images(desired: &Desired) -> BTreeSet<String> {
    let policy = |service: &DesiredService, desired: &Desired| service.images.or(desired.environment.images);
    let asked = desired
        .services
        .values()
        .filter(|service| policy(service, desired).when_moved() != WhenMoved::Ignore);
    asked.flat_map(|service| names(service).map(str::to_owned)).collect()
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
    if images.when_moved() == WhenMoved::Ignore {
        return None;
    }
    let platform = platform(&service.task_definition);
    let named: BTreeSet<&str> = names(service).collect();
    let named_images: Vec<NamedImage> = named
        .into_iter()
        .filter_map(|name| {
            let answer = desired.images.get(name)?;
            Some(decide(name, answer, known.get(name), images.when_moved(), platform.as_deref()))
        })
        .collect();
    if named_images.is_empty() {
        return None;
    }
    let mut service = DesiredService { named_images, images, ..service.clone() };
    put_digests(&mut service);
    Some(service)
}

/// Which digest a name stands for. What is wrong with an answer does not take away what is known already.
fn decide(
    name: &str,
    answer: &ImageAnswer,
    known: Option<&Meaning>,
    when_moved: WhenMoved,
    platform: Option<&str>,
) -> NamedImage {
    let name = name.to_owned();
    let known = known.map(|known| known.is.clone());
    let kept =
        |name, trouble| NamedImage { name, digest: known.clone(), moved: None, trouble: Some(trouble) };
    match answer {
        ImageAnswer::Found { digest, .. } if known.as_ref() == Some(digest) => {
            NamedImage { name, digest: known, moved: None, trouble: None }
        }
        ImageAnswer::Found { digest, platforms } => {
            let other = platform.filter(|wanted| {
                !platforms.is_empty() && !platforms.iter().any(|platform| platform == wanted)
            });
            if let Some(wanted) = other {
                let (has, wanted) = (platforms.clone(), wanted.to_owned());
                return kept(name.clone(), ImageTrouble::OtherPlatform { name, has, wanted });
            }
            let moved = known.clone().map(|was| Moved { name: name.clone(), was, now: digest.clone() });
            let digest = match (when_moved, known) {
                (WhenMoved::Pin, Some(known)) => known,
                (WhenMoved::Pin | WhenMoved::Follow | WhenMoved::Ignore, _) => digest.clone(),
            };
            NamedImage { name, digest: Some(digest), moved, trouble: None }
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
