//! Which versions secrets and parameters have now: from lists while all is at rest, and exactly where something
//! depends on it. No call brings a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::parallel::{Read, in_parallel, read};
use super::surroundings::{as_asked, spellings};
use super::task_definitions::is_proven;
use super::{Observer, Want};
use crate::aws::{DESCRIBED_PARAMETERS_MAX, Error, ErrorKind, LISTED_SECRETS_MAX};
use crate::model::{
    EcsService, Json, LiveValue, Part, RolloutKind, ServiceKey, Timestamp, ValueFrom, WhenRotated,
    secret_name,
};
use crate::plan::named_values;

/// For so long a look serves while nothing is about to be deployed. ListSecrets is up to five minutes behind in
/// any case, and each of its calls is paid for.
const SERVES_FOR: Duration = Duration::from_secs(60);
/// The same for what is about to be deployed: what it notes should be what its tasks get.
const SERVES_A_DEPLOYMENT_FOR: Duration = Duration::from_secs(10);
const CURRENT: &str = "AWSCURRENT";

/// What was read last, by the names of the ledger.
#[derive(Debug, Default)]
pub(super) struct ValueMemory(Mutex<BTreeMap<String, Remembered>>);

#[derive(Clone, Debug)]
struct Remembered {
    value: LiveValue,
    at: Timestamp,
    /// From the secret itself, and not from a list.
    exact: bool,
}

/// One name, for all services that use it.
struct Asked {
    from: ValueFrom,
    /// Versions with which tasks were started.
    known: BTreeSet<String>,
    /// A service that names it is about to be deployed.
    exactly: bool,
}

/// By the names of the ledger.
type Values = BTreeMap<String, LiveValue>;

impl Remembered {
    /// A version from a list counts only where nothing follows from it: a list may be old.
    fn serves(&self, asked: &Asked, now: Timestamp) -> bool {
        let serves_for = if asked.exactly { SERVES_A_DEPLOYMENT_FOR } else { SERVES_FOR };
        let is_recent = now >= self.at && now.since(self.at) < serves_for;
        is_recent && (self.exact || !asked.exactly && asked.expects(&self.value))
    }
}

impl Asked {
    fn expects(&self, value: &LiveValue) -> bool {
        match value {
            LiveValue::Is { version, .. } => self.known.iter().all(|known| known == version),
            LiveValue::Unreadable(_) => true,
            LiveValue::Missing { .. } => false,
        }
    }
}

impl Observer {
    /// Reads what the services' specs name, each name once.
    pub(super) async fn values(
        &self,
        wants: &[Want<'_>],
        services: &BTreeMap<ServiceKey, Part<EcsService>>,
        now: Timestamp,
    ) -> BTreeMap<ServiceKey, Values> {
        let region = self.reader.region();
        let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
        let mut of_services: BTreeMap<ServiceKey, Vec<String>> = BTreeMap::new();
        for want in wants.iter().filter(|want| is_looked_after(want, services.get(want.key()))) {
            let exactly = is_about_to_deploy(want, services.get(want.key()));
            for named in named_values(want.desired, region) {
                of_services.entry(want.key().clone()).or_default().push(named.name.clone());
                let known = started_with(want, &named.name);
                let asked = asked.entry(named.name).or_insert_with(|| Asked {
                    from: named.from,
                    known: BTreeSet::new(),
                    exactly: false,
                });
                asked.exactly |= exactly;
                asked.known.extend(known);
            }
        }
        let mut values = self.values.recall(&asked, now);
        asked.retain(|name, _| !values.contains_key(name));
        let (secrets, parameters): (BTreeMap<_, _>, BTreeMap<_, _>) =
            asked.into_iter().partition(|(_, asked)| matches!(asked.from, ValueFrom::Secret { .. }));
        let (secrets, parameters) = tokio::join!(self.secrets(&secrets), self.parameters(&parameters));
        let read: Vec<(String, LiveValue, bool)> = secrets.into_iter().chain(parameters).collect();
        self.values.keep(&read, now);
        values.extend(read.into_iter().map(|(name, value, _)| (name, value)));
        let of_service = |names: Vec<String>| {
            names
                .into_iter()
                .filter_map(|name| values.get(&name).cloned().map(|value| (name, value)))
                .collect()
        };
        of_services.into_iter().map(|(key, names)| (key, of_service(names))).collect()
    }

    /// Name, version, and whether that is exact.
    async fn secrets(&self, asked: &BTreeMap<String, Asked>) -> Vec<(String, LiveValue, bool)> {
        let mut exactly: Vec<&String> = Vec::new();
        let mut listed: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for (name, asked) in asked {
            match &asked.from {
                ValueFrom::Secret { region, .. } if !asked.exactly => {
                    listed.entry(region).or_default().push(name)
                }
                _ => exactly.push(name),
            }
        }
        let mut lists: Vec<Read<'_, Vec<(String, LiveValue)>>> = Vec::new();
        for (region, names) in listed {
            match names.as_slice() {
                // A list costs as much, and tells less.
                [only] => exactly.push(only),
                names => lists.extend(
                    names
                        .chunks(LISTED_SECRETS_MAX)
                        .map(|names| read(self.listed_secrets(region, names.to_vec(), asked))),
                ),
            }
        }
        let found: Values = in_parallel(lists).await.into_iter().flatten().collect();
        let unexpected = asked.keys().filter(|name| !exactly.contains(name)).filter(|name| {
            let expected = found.get(*name).zip(asked.get(*name));
            expected.is_none_or(|(value, asked)| !asked.expects(value))
        });
        let exactly: Vec<&String> = exactly.iter().copied().chain(unexpected).collect();
        let described = exactly.iter().map(|name| read(self.described_secret(name, asked))).collect();
        let described = in_parallel(described).await.into_iter().flatten();
        let mut all: BTreeMap<String, (LiveValue, bool)> =
            found.into_iter().map(|(name, value)| (name, (value, false))).collect();
        all.extend(described.map(|(name, value)| (name, (value, true))));
        all.into_iter().map(|(name, (value, exact))| (name, value, exact)).collect()
    }

    /// What a list tells. A name that is not in it has to be asked for by itself.
    async fn listed_secrets(
        &self,
        region: &str,
        names: Vec<&String>,
        asked: &BTreeMap<String, Asked>,
    ) -> Vec<(String, LiveValue)> {
        let ids = names.iter().filter_map(|name| match &asked.get(*name)?.from {
            ValueFrom::Secret { id, stage, .. } => Some(((*name).clone(), id.as_str(), stage.as_deref())),
            ValueFrom::Parameter { .. } | ValueFrom::Other => None,
        });
        let ids: Vec<(String, &str, Option<&str>)> = ids.collect();
        let prefixes: BTreeSet<&str> = ids.iter().map(|(_, id, _)| secret_name(id)).collect();
        let prefixes: Vec<&str> = prefixes.into_iter().collect();
        match self.reader.list_secrets(region, &prefixes).await {
            Ok(list) => {
                let found = ids.into_iter().filter_map(|(name, id, stage)| {
                    let is_it = |entry: &&Json| entry["ARN"].as_str().is_some_and(|arn| is_arn_of(arn, id));
                    let entry = list.iter().find(is_it)?;
                    Some((name, version_of(entry, &entry["SecretVersionsToStages"], stage)))
                });
                found.collect()
            }
            // The right to look at each may be there without the right to list all.
            Err(error) if error.kind == ErrorKind::AccessDenied => Vec::new(),
            Err(error) => {
                ids.into_iter().map(|(name, _, _)| (name, LiveValue::Unreadable(error.to_string()))).collect()
            }
        }
    }

    async fn described_secret(
        &self,
        name: &String,
        asked: &BTreeMap<String, Asked>,
    ) -> Option<(String, LiveValue)> {
        let ValueFrom::Secret { region, id, stage, .. } = &asked.get(name)?.from else { return None };
        let value = match self.reader.describe_secret(region, id).await {
            Ok(described) => version_of(&described, &described["VersionIdsToStages"], stage.as_deref()),
            Err(error) if error.kind == ErrorKind::NotFound => LiveValue::Missing { why: "is not there" },
            Err(error) => unreadable(&error),
        };
        Some((name.clone(), value))
    }

    async fn parameters(&self, asked: &BTreeMap<String, Asked>) -> Vec<(String, LiveValue, bool)> {
        let mut of_regions: BTreeMap<&str, Vec<(&String, &str)>> = BTreeMap::new();
        for (name, asked) in asked {
            if let ValueFrom::Parameter { region, name: parameter, .. } = &asked.from {
                of_regions.entry(region).or_default().push((name, parameter));
            }
        }
        let mut reads: Vec<Read<'_, Vec<(String, LiveValue, bool)>>> = Vec::new();
        for (region, names) in of_regions {
            // A name of one level is asked for in both its spellings.
            for names in names.chunks(DESCRIBED_PARAMETERS_MAX / 2) {
                reads.push(read(self.some_parameters(region, names.to_vec(), asked)));
            }
        }
        in_parallel(reads).await.into_iter().flatten().collect()
    }

    async fn some_parameters(
        &self,
        region: &str,
        names: Vec<(&String, &str)>,
        asked: &BTreeMap<String, Asked>,
    ) -> Vec<(String, LiveValue, bool)> {
        let spelt: Vec<String> = names.iter().flat_map(|(_, parameter)| spellings(parameter)).collect();
        let answer = self.reader.describe_parameters(region, &spelt).await;
        let value = |name: &String, parameter: &str| match &answer {
            Err(error) => unreadable(error),
            Ok(found) => match as_asked(&[parameter.to_owned()], found).first() {
                Some(parameter) => parameter_version(parameter),
                // What another account shares is in no list of this one.
                None if may_be_shared(asked.get(name), found) => LiveValue::Unreadable(
                    "it is not listed here, and another account may share it".to_owned(),
                ),
                None => LiveValue::Missing { why: "is not there" },
            },
        };
        names.iter().map(|(name, parameter)| ((*name).clone(), value(name, parameter), true)).collect()
    }
}

impl ValueMemory {
    fn recall(&self, asked: &BTreeMap<String, Asked>, now: Timestamp) -> Values {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let serving = asked.iter().filter_map(|(name, asked)| {
            let it = remembered.get(name).filter(|it| it.serves(asked, now))?;
            Some((name.clone(), it.value.clone()))
        });
        serving.collect()
    }

    fn keep(&self, read: &[(String, LiveValue, bool)], now: Timestamp) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody asked for lately is of no use any more.
        remembered.retain(|_, it| now.since(it.at) < 2 * SERVES_FOR);
        for (name, value, exact) in read {
            remembered.insert(name.clone(), Remembered { value: value.clone(), at: now, exact: *exact });
        }
    }
}

/// While a task of a hook runs nothing is planned, and what nobody can see needs no versions.
fn is_looked_after(want: &Want<'_>, service: Option<&Part<EcsService>>) -> bool {
    want.desired.sync.secrets != WhenRotated::Ignore
        && !want.waits_for_hook()
        && !matches!(service, None | Some(Part::Unreadable(_)))
}

fn is_about_to_deploy(want: &Want<'_>, service: Option<&Part<EcsService>>) -> bool {
    // A deployment under way is not followed by another one before it has ended.
    let under_way = want.record.is_some_and(|record| record.rollout.is_some());
    !under_way && service.and_then(Part::present).is_none_or(|service| !is_proven(want, service))
}

/// The version that the service's tasks were started with, if it is known.
fn started_with(want: &Want<'_>, name: &str) -> Option<String> {
    let record = want.record?;
    let rollout = record.rollout.as_ref().filter(|rollout| rollout.kind == RolloutKind::Deploy);
    let under_way = rollout.and_then(|rollout| rollout.values.get(name)).cloned();
    under_way.or_else(|| record.meanings.values.get(name).map(|meaning| meaning.is.clone()))
}

/// An ARN may be given without the hyphen and the six characters at its end.
fn is_arn_of(arn: &str, id: &str) -> bool {
    arn == id || arn.strip_prefix(id).is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'))
}

fn version_of(secret: &Json, versions: &Json, stage: Option<&str>) -> LiveValue {
    if !secret["DeletedDate"].is_null() {
        return LiveValue::Missing { why: "is marked for deletion" };
    }
    let wanted = stage.unwrap_or(CURRENT);
    let has = |stages: &Json| stages.as_array().into_iter().flatten().any(|stage| stage == wanted);
    let version = versions.as_object().into_iter().flatten().find(|(_, stages)| has(stages));
    match version {
        Some((id, _)) => LiveValue::Is { version: id.clone(), changed_at: time(&secret["LastChangedDate"]) },
        None if stage.is_some() => LiveValue::Missing { why: "has no version at that stage" },
        None => LiveValue::Missing { why: "has no value yet" },
    }
}

fn parameter_version(parameter: &Json) -> LiveValue {
    match parameter["Version"].as_u64() {
        Some(number) => {
            LiveValue::Is { version: number.to_string(), changed_at: time(&parameter["LastModifiedDate"]) }
        }
        None => LiveValue::Unreadable("its version is not told".to_owned()),
    }
}

fn time(seconds: &Json) -> Option<Timestamp> {
    seconds.as_f64().map(Timestamp::from_seconds)
}

fn may_be_shared(asked: Option<&Asked>, found: &[Json]) -> bool {
    let Some(ValueFrom::Parameter { account: Some(account), .. }) = asked.map(|asked| &asked.from) else {
        return false;
    };
    let own = found.iter().find_map(|parameter| parameter["ARN"].as_str()?.split(':').nth(4));
    own != Some(account)
}

fn unreadable(error: &Error) -> LiveValue {
    LiveValue::Unreadable(match error.kind {
        ErrorKind::AccessDenied => format!("needs {}", error.operation),
        _ => error.to_string(),
    })
}
