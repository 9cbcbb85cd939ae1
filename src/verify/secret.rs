//! Secrets and parameters: there, with the version and the JSON key that are asked for.

use super::reference::{ValueFrom, value_from};
use super::{Verdict, View, error, not_checked, texts};
use crate::model::{Json, Subject};

/// What to look up for a `valueFrom`. A value is read only where a key of it is asked for.
pub(super) fn subjects(from: &str, region: &str) -> Vec<Subject> {
    match value_from(from, region) {
        ValueFrom::Secret { region, id, key, stage, version } => {
            let secret = Subject::Secret { region: region.clone(), id: id.clone() };
            let keys = key.map(|_| Subject::SecretKeys { region, id, stage, version });
            [Some(secret), keys].into_iter().flatten().collect()
        }
        ValueFrom::Parameter { region, name, .. } => {
            vec![Subject::Parameter { region, name: split(&name).0.to_owned() }]
        }
        ValueFrom::Other => Vec::new(),
    }
}

pub(super) fn judge(from: &str, view: &View<'_>) -> Vec<Verdict> {
    match value_from(from, &view.context.region) {
        ValueFrom::Secret { region, id, key, stage, version } => {
            let secret = Secret { region, id, stage, version };
            secret.judge(key.as_deref(), view).into_iter().collect()
        }
        ValueFrom::Parameter { region, account, name } => {
            let own = &view.context.account;
            if account.is_some_and(|account| !own.is_empty() && account != *own) {
                return vec![not_checked("parameters that another account shares", "")];
            }
            parameter(region, &name, view).into_iter().collect()
        }
        ValueFrom::Other => vec![error(
            format!("`{from}` is neither a secret nor a parameter"),
            "name a parameter, or give the ARN of a secret or parameter",
        )],
    }
}

struct Secret {
    region: String,
    id: String,
    stage: Option<String>,
    version: Option<String>,
}

impl Secret {
    fn judge(self, key: Option<&str>, view: &View<'_>) -> Option<Verdict> {
        let Self { region, id, stage, version } = self;
        let name = id.rsplit(':').next().unwrap_or(&id).to_owned();
        let subject = Subject::Secret { region: region.clone(), id: id.clone() };
        let described = match view.look(&subject, "secrets") {
            Ok(Some(described)) => described,
            Ok(None) => {
                let advice = "create it, or correct the ARN: its last six characters are part of it";
                return Some(error(format!("there is no secret `{name}` in {region}"), advice));
            }
            Err(verdict) => return Some(verdict),
        };
        if described["DeletedDate"].is_number() || described["DeletedDate"].is_string() {
            return Some(error(
                format!("secret `{name}` is marked for deletion"),
                "restore it, or name another",
            ));
        }
        if let Some(verdict) = versions(&name, described, stage.as_deref(), version.as_deref()) {
            return Some(verdict);
        }
        let key = key?;
        match view.look(&Subject::SecretKeys { region, id, stage, version }, "keys of secrets") {
            Ok(Some(Json::Array(keys))) if keys.iter().any(|it| it == key) => None,
            Ok(Some(Json::Array(_))) => {
                let advice = "add it to the secret's JSON, or correct what follows the ARN";
                Some(error(format!("secret `{name}` has no key `{key}`"), advice))
            }
            Ok(Some(_)) => {
                let advice = "leave the key away, or make the secret a JSON object";
                Some(error(format!("secret `{name}` is no JSON object, so it has no key `{key}`"), advice))
            }
            Ok(None) => Some(error(format!("secret `{name}` has no such version"), "give it a value")),
            Err(verdict) => Some(verdict),
        }
    }
}

fn versions(name: &str, described: &Json, stage: Option<&str>, version: Option<&str>) -> Option<Verdict> {
    // A secret that never got a value has none, and then AWS leaves the member out.
    let none = serde_json::Map::new();
    let versions = described["VersionIdsToStages"].as_object().unwrap_or(&none);
    let staged = |stage: &str| versions.values().any(|stages| texts(stages).contains(&stage));
    match (version, stage) {
        (Some(version), _) if !versions.contains_key(version) => {
            Some(error(format!("secret `{name}` has no version `{version}`"), "correct what follows the ARN"))
        }
        (Some(_), _) => None,
        (None, Some(stage)) if !staged(stage) => Some(error(
            format!("secret `{name}` has no version at stage `{stage}`"),
            "correct what follows the ARN",
        )),
        (None, Some(_)) => None,
        (None, None) if !staged("AWSCURRENT") => {
            Some(error(format!("secret `{name}` has no value yet"), "give it one"))
        }
        (None, None) => None,
    }
}

/// The name of a parameter and the selector behind it.
fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once(':').map_or((name, None), |(name, selector)| (name, Some(selector)))
}

fn parameter(region: String, name: &str, view: &View<'_>) -> Option<Verdict> {
    let (name, selector) = split(name);
    let subject = Subject::Parameter { region: region.clone(), name: name.to_owned() };
    let described = match view.look(&subject, "parameters") {
        Ok(Some(described)) => described,
        Ok(None) => {
            return Some(error(
                format!("there is no parameter `{name}` in {region}"),
                "create it, or correct the name; a secret of Secrets Manager is named by its ARN",
            ));
        }
        Err(verdict) => return Some(verdict),
    };
    let newest = described["Version"].as_i64()?;
    let asked: i64 = selector?.parse().ok()?;
    (asked > newest || asked < 1).then(|| {
        let what = format!("parameter `{name}` has no version {asked}: {newest} is its newest");
        error(what, "correct what follows the name")
    })
}
