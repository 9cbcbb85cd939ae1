//! AWS Secrets Manager: secrets with versions, and the lookup ECS does for a container's `secrets`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{flag, list, number, page, text, texts, without_nulls};
use crate::naming;
use crate::runtime::Runtime;
use crate::world::World;

mod rotation;

use rotation::Rotation;

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const FILTER_VALUES_MAX: usize = 10;
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

#[derive(Default)]
pub struct Secrets {
    by_name: BTreeMap<String, Secret>,
    /// How far ListSecrets is behind. AWS says that it may be by five minutes.
    listing_lag: std::time::Duration,
}

struct Secret {
    arn: String,
    name: String,
    description: Option<String>,
    key: Option<String>,
    tags: BTreeMap<String, String>,
    /// By version id.
    versions: BTreeMap<String, Version>,
    created: Time,
    changed: Time,
    /// When the recovery window of a deleted secret ends.
    deletion: Option<Time>,
    rotation: Rotation,
    rotated: Option<Time>,
    /// Which version had which stages since when, oldest first: what ListSecrets is behind with.
    past: Vec<(Time, Value)>,
}

/// Changes of a secret that ListSecrets may not know yet.
const PAST_MAX: usize = 16;

struct Version {
    content: Content,
    created: Time,
    stages: BTreeSet<String>,
}

#[derive(Clone, PartialEq)]
enum Content {
    Text(String),
    /// Base64, as on the wire.
    Binary(String),
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    let now = world.now;
    world.secrets.by_name.retain(|_, secret| secret.deletion.is_none_or(|deletion| deletion > now));
    match operation {
        "CreateSecret" => create(world, input),
        "PutSecretValue" => put_value(world, input),
        "GetSecretValue" => get_value(world, input),
        "DescribeSecret" => Ok(world.secrets.named(input)?.describe()),
        "ListSecrets" => list_secrets(world, input),
        "ListSecretVersionIds" => rotation::list_versions(world, input),
        "UpdateSecret" => rotation::update(world, input),
        "UpdateSecretVersionStage" => rotation::move_stage(world, input),
        "RotateSecret" => rotation::rotate(world, input),
        "DeleteSecret" => delete(world, input),
        "RestoreSecret" => rotation::restore(world, input),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

/// The seam to ECS, which injects secrets when it starts a task.
impl Secrets {
    /// Lets ListSecrets answer as it was so long ago.
    pub fn lag_behind(&mut self, lag: std::time::Duration) {
        self.listing_lag = lag;
    }

    /// Reads what a container's `valueFrom` names: an ARN or name, optionally followed by
    /// `:json-key:version-stage:version-id`. An error carries AWS's sentence for the stopped reason.
    pub fn resolve(&self, value_from: &str) -> Result<String, String> {
        let parts: Vec<&str> = value_from.split(':').collect();
        let id_parts = if value_from.starts_with("arn:") { 7 } else { 1 };
        let id = parts[..parts.len().min(id_parts)].join(":");
        let part = |index: usize| parts.get(id_parts + index).copied().filter(|part| !part.is_empty());
        let sentence = |error: ApiError| format!("{}: {}", error.code, error.message);

        let secret = self.usable(&id).map_err(sentence)?;
        let (_, version) = secret.version(part(2), part(1)).map_err(sentence)?;
        let Content::Text(content) = &version.content else {
            return Err(format!("secret {id} holds binary content"));
        };
        let Some(key) = part(0) else {
            return Ok(content.clone());
        };
        let fields: Value = serde_json::from_str(content).map_err(|_| {
            format!("retrieved secret from Secrets Manager is not JSON, so it has no json key {key}")
        })?;
        match fields.get(key) {
            Some(Value::String(field)) => Ok(field.clone()),
            Some(field) => Ok(field.to_string()),
            None => Err(format!("retrieved secret from Secrets Manager did not contain json key {key}")),
        }
    }

    /// Finds a secret by name, ARN, or ARN without its suffix.
    fn find(&self, id: &str) -> Option<&Secret> {
        self.by_name.get(id).or_else(|| {
            self.by_name.values().find(|secret| {
                secret.arn == id || secret.arn.rsplit_once('-').is_some_and(|(arn, _)| arn == id)
            })
        })
    }

    fn named(&self, input: &Value) -> Result<&Secret, ApiError> {
        let id = text(input, "SecretId").ok_or_else(|| missing("SecretId"))?;
        self.find(id).ok_or_else(not_found)
    }

    fn usable(&self, id: &str) -> Result<&Secret, ApiError> {
        let secret = self.find(id).ok_or_else(not_found)?;
        if secret.deletion.is_some() {
            return Err(ApiError::new(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(secret)
    }

    /// The secret that a request wants to change.
    fn usable_mut(&mut self, input: &Value) -> Result<&mut Secret, ApiError> {
        let id = text(input, "SecretId").ok_or_else(|| missing("SecretId"))?;
        let name = self.usable(id)?.name.clone();
        self.by_name.get_mut(&name).ok_or_else(not_found)
    }
}

impl Secret {
    /// The version with this id or stage; the current one where neither is given.
    fn version(&self, id: Option<&str>, stage: Option<&str>) -> Result<(&String, &Version), ApiError> {
        let wanted = stage.unwrap_or(CURRENT);
        let found = match id {
            Some(id) => self.versions.get_key_value(id),
            None => self.versions.iter().find(|(_, version)| version.stages.contains(wanted)),
        };
        match (found, id, stage) {
            (Some((_, version)), Some(_), Some(stage)) if !version.stages.contains(stage) => {
                Err(ApiError::new(
                    "InvalidRequestException",
                    "You provided a VersionStage that is not associated to the provided VersionId.",
                ))
            }
            (Some(found), _, _) => Ok(found),
            (None, Some(id), _) => Err(ApiError::new(
                "ResourceNotFoundException",
                format!("Secrets Manager can't find the specified secret value for VersionId: {id}"),
            )),
            (None, None, _) => Err(ApiError::new(
                "ResourceNotFoundException",
                format!("Secrets Manager can't find the specified secret value for staging label: {wanted}"),
            )),
        }
    }

    /// Adds a version and moves the stages to it; what was current becomes previous.
    fn add(&mut self, id: &str, content: Content, stages: &[&str], now: Time) {
        if stages.contains(&CURRENT) {
            let was_current = self.version(None, None).ok().map(|(id, _)| id.clone());
            for version in self.versions.values_mut() {
                version.stages.remove(PREVIOUS);
            }
            if let Some(version) = was_current.and_then(|id| self.versions.get_mut(&id)) {
                version.stages.insert(PREVIOUS.to_owned());
            }
        }
        for version in self.versions.values_mut() {
            version.stages.retain(|stage| !stages.contains(&stage.as_str()));
        }
        let version = Version {
            content,
            created: now,
            stages: stages.iter().map(|stage| (*stage).to_owned()).collect(),
        };
        self.versions.insert(id.to_owned(), version);
        self.changed_at(now);
    }

    fn changed_at(&mut self, now: Time) {
        // A version without any stage is deprecated, and Secrets Manager deletes it in time.
        self.versions.retain(|_, version| !version.stages.is_empty());
        self.changed = now;
        self.past.push((now, json!(self.stages())));
        let surplus = self.past.len().saturating_sub(PAST_MAX);
        self.past.drain(..surplus);
    }

    fn stages(&self) -> BTreeMap<&String, &BTreeSet<String>> {
        self.versions.iter().map(|(id, version)| (id, &version.stages)).collect()
    }

    fn describe(&self) -> Value {
        let mut described = without_nulls(json!({
            "ARN": self.arn,
            "Name": self.name,
            "Description": self.description,
            "KmsKeyId": self.key,
            "CreatedDate": self.created.seconds(),
            "LastChangedDate": self.changed.seconds(),
            "LastRotatedDate": self.rotated.map(Time::seconds),
            "DeletedDate": self.deletion.map(Time::seconds),
            "Tags": tag_list(&self.tags),
        }));
        self.rotation.describe(&mut described);
        // A secret that never got a value has none, and then the member is left out.
        if !self.versions.is_empty() {
            described["VersionIdsToStages"] = json!(self.stages());
        }
        described
    }

    /// As ListSecrets has it; `None`: it does not know it yet.
    fn listed(&self, until: Time) -> Option<Value> {
        let mut entry = self.describe();
        let known = self.past.iter().rev().find(|(at, _)| *at <= until);
        if let Some(now) = entry.as_object_mut()?.remove("VersionIdsToStages") {
            // What is forgotten is older than any lag.
            let forgotten =
                self.past.len() == PAST_MAX && self.past.first().is_some_and(|(at, _)| *at > until);
            entry["SecretVersionsToStages"] = match known {
                Some((_, stages)) => stages.clone(),
                None if forgotten => now,
                None => return None,
            };
        }
        Some(entry)
    }
}

fn create(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let name = text(input, "Name").ok_or_else(|| missing("Name"))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-!".contains(c);
    if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
        return Err(ApiError::new(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    let content = content(input)?;
    let token = token(input, name, now);
    if let Some(secret) = world.secrets.by_name.get(name) {
        if secret.deletion.is_some() {
            return Err(ApiError::new(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        let same = secret.versions.get(&token).map(|version| &version.content) == content.as_ref();
        if content.is_none() || !same {
            return Err(ApiError::new(
                "ResourceExistsException",
                format!("The operation failed because the secret {name} already exists."),
            ));
        }
        return Ok(json!({"ARN": secret.arn, "Name": name, "VersionId": token}));
    }
    let arn = format!(
        "arn:aws:secretsmanager:{}:{}:secret:{name}-{}",
        world.region,
        world.account,
        naming::alphanumeric(name, now, 6)
    );
    let mut secret = Secret {
        arn: arn.clone(),
        name: name.to_owned(),
        description: text(input, "Description").map(str::to_owned),
        key: text(input, "KmsKeyId").map(str::to_owned),
        tags: list(input, "Tags")
            .iter()
            .filter_map(|tag| Some((text(tag, "Key")?.into(), text(tag, "Value")?.into())))
            .collect(),
        versions: BTreeMap::new(),
        created: now,
        changed: now,
        deletion: None,
        rotation: Rotation::default(),
        rotated: None,
        past: Vec::new(),
    };
    let version = content.map(|content| {
        secret.add(&token, content, &[CURRENT], now);
        token
    });
    world.secrets.by_name.insert(name.to_owned(), secret);
    Ok(without_nulls(json!({"ARN": arn, "Name": name, "VersionId": version})))
}

fn put_value(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let secret = world.secrets.usable_mut(input)?;
    let content = content(input)?.ok_or_else(|| {
        ApiError::new("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
    })?;
    let token = token(input, &secret.name, now);
    let mut stages = texts(input, "VersionStages");
    if stages.is_empty() {
        stages.push(CURRENT);
    }
    match secret.versions.get(&token) {
        Some(version) if version.content != content => {
            return Err(ApiError::new(
                "ResourceExistsException",
                format!(
                    "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
                    secret.arn
                ),
            ));
        }
        Some(_) => {}
        None => secret.add(&token, content, &stages, now),
    }
    Ok(json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": token,
        "VersionStages": secret.versions.get(&token).map(|version| &version.stages),
    }))
}

fn get_value(world: &World, input: &Value) -> Answer {
    let id = text(input, "SecretId").ok_or_else(|| missing("SecretId"))?;
    let secret = world.secrets.usable(id)?;
    let (version_id, version) = secret.version(text(input, "VersionId"), text(input, "VersionStage"))?;
    let (string, binary) = match &version.content {
        Content::Text(content) => (Some(content), None),
        Content::Binary(content) => (None, Some(content)),
    };
    Ok(without_nulls(json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version_id,
        "SecretString": string,
        "SecretBinary": binary,
        "VersionStages": version.stages,
        "CreatedDate": version.created.seconds(),
    })))
}

fn list_secrets(world: &World, input: &Value) -> Answer {
    let limit = number(input, "MaxResults").unwrap_or(100);
    if !(1..=100).contains(&limit) {
        return Err(ApiError::new("InvalidParameterException", "MaxResults must be between 1 and 100."));
    }
    let deleted_too = flag(input, "IncludePlannedDeletion").unwrap_or(false);
    if list(input, "Filters").iter().any(|filter| texts(filter, "Values").len() > FILTER_VALUES_MAX) {
        return Err(ApiError::new(
            "ValidationException",
            "1 validation error detected: Value at 'filters.1.member.values' failed to satisfy constraint: Member must have length less than or equal to 10",
        ));
    }
    let lag = u64::try_from(world.secrets.listing_lag.as_millis()).unwrap_or(u64::MAX);
    let known_until = Time(world.now.0.saturating_sub(lag));
    let chosen = world
        .secrets
        .by_name
        .iter()
        .filter(|(_, secret)| deleted_too || secret.deletion.is_none())
        .filter(|(_, secret)| passes(secret, list(input, "Filters")))
        .filter_map(|(name, secret)| Some((name, secret.listed(known_until)?)));
    let page = page(chosen, limit as usize, text(input, "NextToken"))
        .ok_or_else(|| ApiError::new("InvalidNextTokenException", "The NextToken value is invalid."))?;
    Ok(without_nulls(json!({"SecretList": page.entries, "NextToken": page.next})))
}

/// Whether a secret passes all filters; each passes if one of its values is a prefix.
fn passes(secret: &Secret, filters: &[Value]) -> bool {
    filters.iter().all(|filter| {
        let any = |what: &str| texts(filter, "Values").iter().any(|value| what.starts_with(value));
        match text(filter, "Key") {
            Some("name") => any(&secret.name),
            Some("description") => secret.description.as_deref().is_some_and(any),
            Some("tag-key") => secret.tags.keys().any(|key| any(key)),
            Some("tag-value") => secret.tags.values().any(|value| any(value)),
            _ => true,
        }
    })
}

fn delete(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let force = flag(input, "ForceDeleteWithoutRecovery").unwrap_or(false);
    let days = number(input, "RecoveryWindowInDays");
    if force && days.is_some() {
        return Err(ApiError::new(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let days = days.unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(ApiError::new(
            "InvalidParameterException",
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    let secret = world.secrets.usable_mut(input)?;
    let (arn, name) = (secret.arn.clone(), secret.name.clone());
    let deletion = if force { now } else { now + DAY * days as u32 };
    secret.deletion = Some(deletion);
    if force {
        world.secrets.by_name.remove(&name);
    }
    Ok(json!({"ARN": arn, "Name": name, "DeletionDate": deletion.seconds()}))
}

fn content(input: &Value) -> Result<Option<Content>, ApiError> {
    match (text(input, "SecretString"), text(input, "SecretBinary")) {
        (Some(_), Some(_)) => Err(ApiError::new(
            "InvalidParameterException",
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        )),
        (Some(string), None) => Ok(Some(Content::Text(string.to_owned()))),
        (None, Some(binary)) => Ok(Some(Content::Binary(binary.to_owned()))),
        (None, None) => Ok(None),
    }
}

/// The version id: the caller's token, or one of our making where a client sends none.
fn token(input: &Value, name: &str, now: Time) -> String {
    let made = || {
        let content = text(input, "SecretString").unwrap_or_default();
        naming::uuid(&format!("{name}\n{content}"), now)
    };
    text(input, "ClientRequestToken").map_or_else(made, str::to_owned)
}

fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

fn missing(member: &str) -> ApiError {
    ApiError::new(
        "ValidationException",
        format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ),
    )
}

fn not_found() -> ApiError {
    ApiError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

#[cfg(test)]
mod tests;
