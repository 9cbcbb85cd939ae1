//! Images: in their repository, and for the platform that the task runs on.

use super::what::Platform;
use super::{Verdict, View, error, not_checked};
use crate::model::{ImageId, Json, Subject, ecr_image};

pub(super) fn judge(image: &str, platform: Option<&Platform>, view: &View<'_>) -> Vec<Verdict> {
    let Some((repository, id)) = ecr_image(image) else {
        return vec![not_checked("images of registries other than ECR", "")];
    };
    let name = repository.name.clone();
    match view.look(&Subject::Repository(repository.clone()), "images") {
        Ok(Some(_)) => {}
        Ok(None) => {
            let place = format!("account {}, {}", repository.account, repository.region);
            let advice = "create it, or correct the name; a pull-through cache makes its repositories at the first pull";
            return vec![error(format!("there is no repository `{name}` ({place})"), advice)];
        }
        Err(verdict) => return vec![verdict],
    }
    let shown = match &id {
        ImageId::Tag(tag) => format!("{name}:{tag}"),
        ImageId::Digest(digest) => format!("{name}@{digest}"),
    };
    match view.look(&Subject::Image(repository, id), "images") {
        Ok(Some(manifest)) => {
            platform.and_then(|wanted| of_platform(&shown, manifest, wanted)).into_iter().collect()
        }
        Ok(None) => vec![error(format!("there is no image `{shown}`"), "push it, or name one that is there")],
        Err(verdict) => vec![verdict],
    }
}

fn of_platform(shown: &str, manifest: &Json, wanted: &Platform) -> Option<Verdict> {
    let Some(list) = manifest["manifests"].as_array() else {
        // An image that is not a list names its platform in its configuration only.
        return Some(not_checked(
            "the platform of images that are no list of platforms: only their configuration names it",
            "",
        ));
    };
    // Attestations are in the list as `unknown/unknown`.
    let platforms: Vec<(&str, &str)> = list
        .iter()
        .filter_map(|entry| {
            let platform = &entry["platform"];
            Some((platform["os"].as_str()?, platform["architecture"].as_str()?))
        })
        .filter(|(os, _)| *os != "unknown")
        .collect();
    if platforms.is_empty() {
        return Some(not_checked("the platform of images whose list names none", ""));
    }
    if platforms.contains(&(wanted.os, wanted.architecture)) {
        return None;
    }
    let has: Vec<String> =
        platforms.iter().map(|(os, architecture)| format!("{os}/{architecture}")).collect();
    let what = format!("image `{shown}` is for {}, and the task runs on {wanted}", has.join(" and "));
    Some(error(what, "build it for that platform, or change `runtimePlatform`"))
}
