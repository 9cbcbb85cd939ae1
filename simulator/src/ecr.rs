//! Amazon ECR: repositories, images by digest, and the tags that point to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{flag, list, number, page, text, texts, without_nulls};
use crate::naming;
use crate::runtime::Runtime;
use crate::world::World;

pub struct Ecr {
    /// The host of this account's registry, without scheme.
    pub registry: String,
    repositories: BTreeMap<String, Repository>,
}

impl Default for Ecr {
    fn default() -> Self {
        Self {
            registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com".to_owned(),
            repositories: BTreeMap::new(),
        }
    }
}

struct Repository {
    arn: String,
    created: Time,
    mutability: String,
    scan_on_push: bool,
    /// By digest.
    images: BTreeMap<String, Image>,
}

struct Image {
    manifest: String,
    media_type: Option<String>,
    tags: BTreeSet<String>,
    pushed: Time,
    scanned: bool,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateRepository" => create_repository(world, input),
        "DescribeRepositories" => describe_repositories(world, input),
        "DeleteRepository" => delete_repository(world, input),
        "PutImage" => put_image(world, input),
        "DescribeImages" => describe_images(world, input),
        "BatchGetImage" => batch_get_image(world, input),
        "ListImages" => list_images(world, input),
        "StartImageScan" => start_image_scan(world, input),
        "DescribeImageScanFindings" => describe_image_scan_findings(world, input),
        "BatchDeleteImage" => batch_delete_image(world, input),
        "GetAuthorizationToken" => Ok(json!({"authorizationData": [{
            "authorizationToken": STANDARD.encode("AWS:simulator"),
            "expiresAt": (world.now + Duration::from_secs(12 * 60 * 60)).seconds(),
            "proxyEndpoint": format!("https://{}", world.ecr.registry),
        }]})),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

/// The seam to ECS, which pins an image tag to a digest when a deployment starts.
impl Ecr {
    /// The digest behind an image reference in this account's registry: `None` for a reference to
    /// another registry, `Some(None)` where repository or tag does not exist.
    pub fn digest(&self, image: &str) -> Option<Option<String>> {
        let image = image.strip_prefix(&self.registry)?.strip_prefix('/')?;
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        let (name, tag) = name.split_once(':').unwrap_or((name, "latest"));
        let found = self.repositories.get(name).and_then(|repository| {
            match digest {
                // A digest outranks the tag beside it.
                Some(digest) => repository.find(Some(digest), None),
                None => repository.find(None, Some(tag)),
            }
        });
        Some(found.map(|(digest, _)| digest.clone()))
    }

    fn repository(&self, account: &str, input: &Value) -> Result<(&str, &Repository), ApiError> {
        let name = required(input, "repositoryName")?;
        let found = self.repositories.get_key_value(name);
        let (name, repository) = found.ok_or_else(|| no_repository(name, account))?;
        Ok((name, repository))
    }

    fn repository_mut(&mut self, account: &str, input: &Value) -> Result<&mut Repository, ApiError> {
        let name = required(input, "repositoryName")?;
        let found = self.repositories.get_mut(name);
        found.ok_or_else(|| no_repository(name, account))
    }
}

impl Repository {
    fn find(&self, digest: Option<&str>, tag: Option<&str>) -> Option<(&String, &Image)> {
        let found = match (digest, tag) {
            (Some(digest), _) => self.images.get_key_value(digest)?,
            (None, Some(tag)) => self.images.iter().find(|(_, image)| image.tags.contains(tag))?,
            (None, None) => return None,
        };
        let fits = digest.is_none() || tag.is_none_or(|tag| found.1.tags.contains(tag));
        fits.then_some(found)
    }

    fn identified(&self, id: &Value) -> Option<(&String, &Image)> {
        self.find(text(id, "imageDigest"), text(id, "imageTag"))
    }

    fn describe(&self, name: &str, world: &World) -> Value {
        json!({
            "repositoryArn": self.arn,
            "registryId": world.account,
            "repositoryName": name,
            "repositoryUri": format!("{}/{name}", world.ecr.registry),
            "createdAt": self.created.seconds(),
            "imageTagMutability": self.mutability,
            "imageScanningConfiguration": {"scanOnPush": self.scan_on_push},
            "encryptionConfiguration": {"encryptionType": "AES256"},
        })
    }
}

impl Image {
    /// What the layers and the configuration weigh, as the manifest states it.
    fn size(&self) -> u64 {
        let manifest: Value = serde_json::from_str(&self.manifest).unwrap_or_default();
        let size = |part: &Value| part.get("size").and_then(Value::as_u64).unwrap_or(0);
        let layers = list(&manifest, "layers").iter().map(size).sum::<u64>();
        layers + manifest.get("config").map_or(0, size)
    }

    fn passes(&self, filter: Option<&str>) -> bool {
        match filter {
            Some("TAGGED") => !self.tags.is_empty(),
            Some("UNTAGGED") => self.tags.is_empty(),
            _ => true,
        }
    }
}

fn create_repository(world: &mut World, input: &Value) -> Answer {
    let name = required(input, "repositoryName")?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    if !(2..=256).contains(&name.len())
        || !name.chars().all(allowed)
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Err(invalid(format!(
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'': {name}"
        )));
    }
    if world.ecr.repositories.contains_key(name) {
        return Err(ApiError::new(
            "RepositoryAlreadyExistsException",
            format!(
                "The repository with name '{name}' already exists in the registry with id '{}'",
                world.account
            ),
        ));
    }
    let scanning = input.get("imageScanningConfiguration");
    let repository = Repository {
        arn: format!("arn:aws:ecr:{}:{}:repository/{name}", world.region, world.account),
        created: world.now,
        mutability: text(input, "imageTagMutability").unwrap_or("MUTABLE").to_owned(),
        scan_on_push: scanning.and_then(|scanning| flag(scanning, "scanOnPush")).unwrap_or(false),
        images: BTreeMap::new(),
    };
    let answer = json!({"repository": repository.describe(name, world)});
    world.ecr.repositories.insert(name.to_owned(), repository);
    Ok(answer)
}

fn describe_repositories(world: &World, input: &Value) -> Answer {
    let names = texts(input, "repositoryNames");
    if let Some(unknown) = names.iter().find(|name| !world.ecr.repositories.contains_key(**name)) {
        return Err(no_repository(unknown, &world.account));
    }
    let chosen = world.ecr.repositories.iter();
    let chosen = chosen.filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()));
    let described = chosen.map(|(name, repository)| (name, repository.describe(name, world)));
    paged("repositories", described, input)
}

/// One page of a list, for which ECR has the same rule everywhere.
fn paged<K: AsRef<str>>(
    member: &str,
    entries: impl IntoIterator<Item = (K, Value)>,
    input: &Value,
) -> Answer {
    let limit = number(input, "maxResults").unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(invalid("Invalid parameter at 'maxResults': must be between 1 and 1000"));
    }
    let page = page(entries, limit as usize, text(input, "nextToken"))
        .ok_or_else(|| invalid("Invalid parameter at 'nextToken'"))?;
    Ok(without_nulls(json!({member: page.entries, "nextToken": page.next})))
}

fn delete_repository(world: &mut World, input: &Value) -> Answer {
    let (name, repository) = world.ecr.repository(&world.account, input)?;
    if !repository.images.is_empty() && !flag(input, "force").unwrap_or(false) {
        return Err(ApiError::new(
            "RepositoryNotEmptyException",
            format!(
                "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still contains images",
                world.account
            ),
        ));
    }
    let (name, answer) = (name.to_owned(), repository.describe(name, world));
    world.ecr.repositories.remove(&name);
    Ok(json!({"repository": answer}))
}

fn put_image(world: &mut World, input: &Value) -> Answer {
    let (now, account) = (world.now, world.account.clone());
    let name = required(input, "repositoryName")?.to_owned();
    let repository = world.ecr.repository_mut(&account, input)?;
    let scan_on_push = repository.scan_on_push;
    let manifest = required(input, "imageManifest")?;
    let tag = text(input, "imageTag");
    let digest = format!("sha256:{}", naming::sha256(manifest));
    if text(input, "imageDigest").is_some_and(|given| given != digest) {
        return Err(ApiError::new(
            "ImageDigestDoesNotMatchException",
            format!("Digest does not match the manifest, whose digest is {digest}"),
        ));
    }
    let before = tag.and_then(|tag| repository.find(None, Some(tag)));
    let same_tag = before.is_some_and(|(tagged, _)| *tagged == digest);
    if same_tag || (tag.is_none() && repository.images.contains_key(&digest)) {
        return Err(ApiError::new(
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}' in registry with id '{account}'",
                tag.unwrap_or("null")
            ),
        ));
    }
    if let (Some(tag), Some(_), true) = (tag, before, repository.mutability.starts_with("IMMUTABLE")) {
        return Err(ApiError::new(
            "ImageTagAlreadyExistsException",
            format!(
                "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable."
            ),
        ));
    }
    let media_type = text(input, "imageManifestMediaType").map(str::to_owned);
    let stated = || {
        let manifest: Value = serde_json::from_str(manifest).ok()?;
        Some(text(&manifest, "mediaType")?.to_owned())
    };
    for image in repository.images.values_mut() {
        if let Some(tag) = tag {
            image.tags.remove(tag);
        }
    }
    let image = repository.images.entry(digest.clone()).or_insert_with(|| Image {
        manifest: manifest.to_owned(),
        media_type: media_type.or_else(stated),
        tags: BTreeSet::new(),
        pushed: now,
        scanned: scan_on_push,
    });
    image.tags.extend(tag.map(str::to_owned));
    Ok(json!({"image": show_image(&account, &name, &digest, tag, image)}))
}

fn show_image(account: &str, name: &str, digest: &str, tag: Option<&str>, image: &Image) -> Value {
    without_nulls(json!({
        "registryId": account,
        "repositoryName": name,
        "imageId": image_id(digest, tag),
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    }))
}

fn image_id(digest: &str, tag: Option<&str>) -> Value {
    without_nulls(json!({"imageDigest": digest, "imageTag": tag}))
}

fn describe_images(world: &World, input: &Value) -> Answer {
    let (name, repository) = world.ecr.repository(&world.account, input)?;
    let filter = tag_status(input);
    let describe = |digest: &String, image: &Image| {
        without_nulls(json!({
            "registryId": world.account,
            "repositoryName": name,
            "imageDigest": digest,
            "imageTags": (!image.tags.is_empty()).then_some(&image.tags),
            "imageSizeInBytes": image.size(),
            "imagePushedAt": image.pushed.seconds(),
            "imageManifestMediaType": image.media_type,
            "imageStatus": "ACTIVE",
        }))
    };
    let ids = list(input, "imageIds");
    if ids.is_empty() {
        let chosen = repository.images.iter().filter(|(_, image)| image.passes(filter));
        let described = chosen.map(|(digest, image)| (digest, describe(digest, image)));
        return paged("imageDetails", described, input);
    }
    let mut details = BTreeMap::new();
    for id in ids {
        let (digest, image) = repository.identified(id).ok_or_else(|| no_image(id, name, &world.account))?;
        details.insert(digest, describe(digest, image));
    }
    Ok(json!({"imageDetails": details.into_values().collect::<Vec<_>>()}))
}

fn start_image_scan(world: &mut World, input: &Value) -> Answer {
    let account = world.account.clone();
    let id = input.get("imageId").cloned().unwrap_or_default();
    let name = required(input, "repositoryName")?.to_owned();
    let repository = world.ecr.repository_mut(&account, input)?;
    let digest = repository.identified(&id).map(|(digest, _)| digest.clone());
    let digest = digest.ok_or_else(|| no_image(&id, &name, &account))?;
    if let Some(image) = repository.images.get_mut(&digest) {
        image.scanned = true;
    }
    Ok(json!({
        "registryId": account, "repositoryName": name, "imageId": image_id(&digest, text(&id, "imageTag")),
        "imageScanStatus": {"status": "IN_PROGRESS"},
    }))
}

/// What a scan found is a member of the image's manifest here: `"findings": {"HIGH": 2}`.
fn describe_image_scan_findings(world: &World, input: &Value) -> Answer {
    let (name, repository) = world.ecr.repository(&world.account, input)?;
    let id = input.get("imageId").cloned().unwrap_or_default();
    let (digest, image) = repository.identified(&id).ok_or_else(|| no_image(&id, name, &world.account))?;
    let manifest: Value = serde_json::from_str(&image.manifest).unwrap_or_default();
    // A list of platforms is not scanned itself, but its images are.
    if !image.scanned || manifest.get("manifests").is_some() {
        return Err(ApiError::new(
            "ScanNotFoundException",
            format!(
                "Image scan does not exist for the image with '{{imageDigest:'{digest}'}}' in the repository with name '{name}' in the registry with id '{}'",
                world.account
            ),
        ));
    }
    let counts = manifest.get("findings").cloned().unwrap_or_else(|| json!({}));
    Ok(json!({
        "registryId": world.account, "repositoryName": name,
        "imageId": image_id(digest, text(&id, "imageTag")),
        "imageScanStatus": {"status": "COMPLETE", "description": "The scan was completed successfully."},
        "imageScanFindings": {
            "imageScanCompletedAt": image.pushed.seconds(),
            "findings": [], "findingSeverityCounts": counts,
        },
    }))
}

fn tag_status(input: &Value) -> Option<&str> {
    text(input.get("filter")?, "tagStatus")
}

fn list_images(world: &World, input: &Value) -> Answer {
    let (_, repository) = world.ecr.repository(&world.account, input)?;
    let filter = tag_status(input);
    let mut ids = BTreeMap::new();
    for (digest, image) in &repository.images {
        if !image.passes(filter) {
            continue;
        }
        if image.tags.is_empty() {
            ids.insert(digest.clone(), image_id(digest, None));
        }
        for tag in &image.tags {
            ids.insert(format!("{digest} {tag}"), image_id(digest, Some(tag)));
        }
    }
    paged("imageIds", ids, input)
}

fn batch_get_image(world: &World, input: &Value) -> Answer {
    let (name, repository) = world.ecr.repository(&world.account, input)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in list(input, "imageIds") {
        match repository.identified(id) {
            Some((digest, image)) => {
                let tag = text(id, "imageTag");
                images.push(show_image(&world.account, name, digest, tag, image));
            }
            None => failures.push(failure(id)),
        }
    }
    Ok(json!({"images": images, "failures": failures}))
}

fn failure(id: &Value) -> Value {
    let (code, reason) = if text(id, "imageDigest").or(text(id, "imageTag")).is_none() {
        ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
    } else {
        ("ImageNotFound", "Requested image not found")
    };
    json!({"imageId": id, "failureCode": code, "failureReason": reason})
}

fn batch_delete_image(world: &mut World, input: &Value) -> Answer {
    let account = world.account.clone();
    let repository = world.ecr.repository_mut(&account, input)?;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in list(input, "imageIds") {
        let Some(digest) = repository.identified(id).map(|(digest, _)| digest.clone()) else {
            failures.push(failure(id));
            continue;
        };
        let Some(image) = repository.images.get_mut(&digest) else {
            continue;
        };
        let gone = match (text(id, "imageDigest"), text(id, "imageTag")) {
            // By tag alone, the image stays while it has other tags.
            (None, Some(tag)) => {
                image.tags.remove(tag);
                deleted.push(image_id(&digest, Some(tag)));
                image.tags.is_empty()
            }
            _ => {
                let tags = image.tags.iter().map(|tag| image_id(&digest, Some(tag)));
                deleted.extend(tags);
                if image.tags.is_empty() {
                    deleted.push(image_id(&digest, None));
                }
                true
            }
        };
        if gone {
            repository.images.remove(&digest);
        }
    }
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).ok_or_else(|| {
        invalid(format!("Invalid parameter at '{member}' failed to satisfy constraint: 'must not be null'"))
    })
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn no_repository(name: &str, account: &str) -> ApiError {
    ApiError::new(
        "RepositoryNotFoundException",
        format!("The repository with name '{name}' does not exist in the registry with id '{account}'"),
    )
}

fn no_image(id: &Value, name: &str, account: &str) -> ApiError {
    let quoted = |member| text(id, member).unwrap_or("null");
    ApiError::new(
        "ImageNotFoundException",
        format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{name}' in the registry with id '{account}'",
            quoted("imageDigest"),
            quoted("imageTag")
        ),
    )
}

#[cfg(test)]
mod tests;
