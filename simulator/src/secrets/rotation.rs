//! How a secret comes by another version: updates, moved stages, rotation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CURRENT, Content, PREVIOUS, Secret, content, missing, token};
use crate::error::{Answer, ApiError};
use crate::input::{flag, number, text, without_nulls};
use crate::naming;
use crate::world::World;

/// When a secret is rotated, and by which function. The function itself is played: it writes another password.
#[derive(Clone, Debug, Default)]
pub(super) struct Rotation {
    pub(super) function: Option<String>,
    every_days: Option<i64>,
}

impl Rotation {
    pub(super) fn describe(&self, of: &mut Value) {
        if let Some(function) = &self.function {
            of["RotationEnabled"] = true.into();
            of["RotationLambdaARN"] = function.as_str().into();
            if let Some(days) = self.every_days {
                of["RotationRules"] = json!({"AutomaticallyAfterDays": days});
            }
        }
    }
}

pub(super) fn update(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let secret = world.secrets.usable_mut(input)?;
    if let Some(description) = text(input, "Description") {
        secret.description = Some(description.to_owned());
    }
    if let Some(key) = text(input, "KmsKeyId") {
        secret.key = Some(key.to_owned());
    }
    secret.changed = now;
    let made = content(input)?.map(|content| {
        let token = token(input, &secret.name, now);
        secret.add(&token, content, &[CURRENT], now);
        token
    });
    Ok(without_nulls(json!({"ARN": secret.arn, "Name": secret.name, "VersionId": made})))
}

pub(super) fn move_stage(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let stage = text(input, "VersionStage").ok_or_else(|| missing("VersionStage"))?.to_owned();
    let (from, to) = (text(input, "RemoveFromVersionId"), text(input, "MoveToVersionId"));
    let secret = world.secrets.usable_mut(input)?;
    let holder = secret.versions.iter().find(|(_, version)| version.stages.contains(&stage));
    let holder = holder.map(|(id, _)| id.clone());
    if let Some(holder) = holder.as_deref().filter(|holder| from != Some(holder)) {
        return Err(ApiError::new(
            "InvalidParameterException",
            format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ),
        ));
    }
    if to.is_none() && stage == CURRENT {
        return Err(ApiError::new(
            "InvalidParameterException",
            format!(
                "You can only move staging label {CURRENT} to a different secret version. It can't be completely removed."
            ),
        ));
    }
    if let Some(to) = to
        && !secret.versions.contains_key(to)
    {
        return Err(ApiError::new(
            "ResourceNotFoundException",
            format!("Secrets Manager can't find the specified secret value for VersionId: {to}"),
        ));
    }
    let mut take =
        |stage: &str| secret.versions.values_mut().for_each(|it| it.stages.retain(|one| one != stage));
    take(&stage);
    // What was current is the previous one, also when it is set back by hand.
    if stage == CURRENT && holder.as_deref() != to {
        take(PREVIOUS);
        if let Some(before) = holder.and_then(|holder| secret.versions.get_mut(&holder)) {
            before.stages.insert(PREVIOUS.to_owned());
        }
    }
    if let Some(version) = to.and_then(|to| secret.versions.get_mut(to)) {
        version.stages.insert(stage);
    }
    secret.changed_at(now);
    Ok(json!({"ARN": secret.arn, "Name": secret.name}))
}

/// The function works at once: it makes a version, tests it, and moves AWSCURRENT to it.
pub(super) fn rotate(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let secret = world.secrets.usable_mut(input)?;
    if let Some(function) = text(input, "RotationLambdaARN") {
        secret.rotation.function = Some(function.to_owned());
    }
    if secret.rotation.function.is_none() {
        return Err(ApiError::new(
            "InvalidRequestException",
            "No Lambda rotation function ARN is associated with this secret.",
        ));
    }
    if let Some(rules) = input.get("RotationRules") {
        secret.rotation.every_days = number(rules, "AutomaticallyAfterDays");
    }
    let id = token(input, &secret.name, now);
    if flag(input, "RotateImmediately").unwrap_or(true) {
        let password = naming::alphanumeric(&format!("{}\n{id}", secret.name), now, 24);
        let content = secret.with_password(password);
        secret.add(&id, content, &[CURRENT], now);
        secret.rotated = Some(now);
    }
    Ok(json!({"ARN": secret.arn, "Name": secret.name, "VersionId": id}))
}

pub(super) fn restore(world: &mut World, input: &Value) -> Answer {
    let id = text(input, "SecretId").ok_or_else(|| missing("SecretId"))?;
    let name = world.secrets.find(id).ok_or_else(super::not_found)?.name.clone();
    let secret = world.secrets.by_name.get_mut(&name).ok_or_else(super::not_found)?;
    secret.deletion = None;
    Ok(json!({"ARN": secret.arn, "Name": secret.name}))
}

pub(super) fn list_versions(world: &World, input: &Value) -> Answer {
    let secret = world.secrets.named(input)?;
    let versions = secret.versions.iter().map(|(id, version)| {
        json!({"VersionId": id, "VersionStages": version.stages, "CreatedDate": version.created.seconds()})
    });
    Ok(json!({"ARN": secret.arn, "Name": secret.name, "Versions": versions.collect::<Vec<_>>()}))
}

impl Secret {
    /// The newest content with another password in it; a text without members is one as a whole.
    fn with_password(&self, password: String) -> Content {
        let current = self.version(None, None).ok().map(|(_, version)| &version.content);
        let members: Option<BTreeMap<String, Value>> = match current {
            Some(Content::Text(text)) => serde_json::from_str(text).ok(),
            Some(Content::Binary(_)) | None => None,
        };
        match members {
            Some(mut members) => {
                members.insert("password".to_owned(), password.into());
                Content::Text(json!(members).to_string())
            }
            None => Content::Text(password),
        }
    }
}
