//! Secrets and parameters: which ones a service's tasks hold, and what to do when one has another version.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::change::{Change, Look, origin};
use super::{Action, Cause, Consequence, Difference, Held, Kept, Quiet};
use crate::model::{
    DesiredService, EcsService, FieldPath, Json, LiveService, LiveValue, Meaning, Moved, Origin, RolloutKind,
    ServiceRecord, Timestamp, ValueFrom, WhenRotated, value_from,
};

/// A secret or parameter that a service's spec names and whose version may change.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedValue {
    /// What it is called in the ledger.
    pub name: String,
    pub from: ValueFrom,
    /// Every place that names it.
    pub paths: Vec<FieldPath>,
    /// Whether running tasks hold it. A registry's password is only asked for when a task starts.
    pub is_held: bool,
    /// JSON keys that are asked for.
    pub keys: BTreeSet<String>,
}

/// One that is missing: tasks that need it can't start.
#[derive(Clone, Debug, PartialEq)]
pub struct MissingValue {
    /// `secret jobs/db`
    pub title: String,
    /// `is not there`
    pub why: &'static str,
    pub origin: Option<Origin>,
}

/// Each of them once, by name. What is pinned to a version is left out, since it means the same for ever.
pub fn named_values(service: &DesiredService, region: &str) -> Vec<NamedValue> {
    let mut named: BTreeMap<String, NamedValue> = BTreeMap::new();
    for (path, from, is_held) in all(service, region) {
        let Some(name) = from.watched(region) else { continue };
        let key = match &from {
            ValueFrom::Secret { key, .. } => key.clone(),
            ValueFrom::Parameter { .. } | ValueFrom::Other => None,
        };
        let (paths, keys) = (Vec::new(), BTreeSet::new());
        let entry =
            named.entry(name.clone()).or_insert(NamedValue { name, from, paths, is_held: false, keys });
        entry.paths.push(path);
        entry.is_held |= is_held;
        entry.keys.extend(key);
    }
    named.into_values().collect()
}

/// Every place that names one, and whether running tasks hold it.
fn all(service: &DesiredService, region: &str) -> Vec<(FieldPath, ValueFrom, bool)> {
    let mut found = Vec::new();
    let definition = FieldPath::root().field("taskDefinition");
    for container in elements(&service.task_definition["containerDefinitions"]) {
        let at = definition.field("containerDefinitions").key(container["name"].as_str().unwrap_or_default());
        for secret in elements(&container["secrets"]) {
            let at = at.field("secrets").field(secret["name"].as_str().unwrap_or_default());
            found.extend(text(secret, "valueFrom").map(|from| (at, value_from(from, region), true)));
        }
        options(&container["logConfiguration"], &at.field("logConfiguration"), region, &mut found);
        let credentials = &container["repositoryCredentials"];
        let at = at.field("repositoryCredentials").field("credentialsParameter");
        let registry = text(credentials, "credentialsParameter");
        found.extend(registry.map(|id| (at, secret(id, region), false)));
    }
    let connect = &service.service["serviceConnectConfiguration"]["logConfiguration"];
    let at =
        FieldPath::root().field("service").field("serviceConnectConfiguration").field("logConfiguration");
    options(connect, &at, region, &mut found);
    found
}

/// What a log driver is given.
fn options(log: &Json, at: &FieldPath, region: &str, found: &mut Vec<(FieldPath, ValueFrom, bool)>) {
    for option in elements(&log["secretOptions"]) {
        let at = at.field("secretOptions").key(option["name"].as_str().unwrap_or_default());
        found.extend(text(option, "valueFrom").map(|from| (at, value_from(from, region), true)));
    }
}

/// A secret of Secrets Manager, which may be given by its name alone.
fn secret(id: &str, region: &str) -> ValueFrom {
    match value_from(id, region) {
        ValueFrom::Parameter { region, account: None, name } => {
            ValueFrom::Secret { region, id: name, key: None, stage: None, version: None }
        }
        from => from,
    }
}

fn elements(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

fn text<'a>(tree: &'a Json, field: &str) -> Option<&'a str> {
    tree[field].as_str()
}

/// The versions that a deployment started its tasks with which nobody saw beginning: those that are not younger
/// than it, and of the others what was known before.
pub fn values_started_with(
    live: &LiveService,
    record: &ServiceRecord,
    began: Option<Timestamp>,
) -> BTreeMap<String, String> {
    let version = |name: &String, value: &LiveValue| {
        if began.is_some_and(|began| value.was_there_at(began)) {
            return value.version().map(str::to_owned);
        }
        known(record, name).map(str::to_owned)
    };
    let of_it = live.values.iter().filter_map(|(name, value)| Some((name.clone(), version(name, value)?)));
    of_it.collect()
}

/// What the ledger should say of a service at rest, where it says something else: what a deployment brought that
/// nobody saw, what is named now and was not before. Of what is not known, what means so now is taken for what
/// its tasks have: nothing is rolled out for a service that was only just adopted.
pub fn values_at_rest(
    live: &LiveService,
    record: &ServiceRecord,
    now: Timestamp,
) -> Option<BTreeMap<String, Meaning>> {
    let began = live.service.present().and_then(EcsService::primary).and_then(|it| it.created_at());
    let mut values = record.meanings.values.clone();
    values.retain(|name, _| live.values.contains_key(name));
    for (name, value) in &live.values {
        let Some(version) = value.version() else { continue };
        let brought = began.is_some_and(|began| value.was_there_at(began));
        let is_news = values.get(name).is_none_or(|known| brought && known.is != version);
        if is_news {
            values.insert(name.clone(), Meaning { is: version.to_owned(), since: now });
        }
    }
    (values != record.meanings.values).then_some(values)
}

/// The version with which the tasks were started that run, or start now.
fn known<'a>(record: &'a ServiceRecord, name: &str) -> Option<&'a str> {
    let rollout = record.rollout.as_ref().filter(|rollout| rollout.kind == RolloutKind::Deploy);
    let under_way = rollout.and_then(|rollout| rollout.values.get(name)).map(String::as_str);
    under_way.or_else(|| record.meanings.values.get(name).map(|meaning| meaning.is.as_str()))
}

/// Those that mean something else than when the service's tasks were started.
fn moved(look: Look<'_>, service: &EcsService) -> Vec<(NamedValue, Moved)> {
    let Some(record) = look.record else { return Vec::new() };
    let began = service.primary().and_then(|primary| primary.created_at());
    let moved = |named: NamedValue| {
        let value = look.live.values.get(&named.name)?;
        let (was, now) = (known(record, &named.name)?, value.version()?);
        // The deployment that leads is younger than the version: whoever started it, its tasks have it.
        let is_there = began.is_some_and(|began| value.was_there_at(began));
        (named.is_held && was != now && !is_there && !is_older(&named, was, now, value, record)).then(|| {
            let moved = Moved { name: named.name.clone(), was: was.to_owned(), now: now.to_owned() };
            (named, moved)
        })
    };
    named_values(look.desired, &look.environment.region).into_iter().filter_map(moved).collect()
}

/// Versions of a parameter are counted: a lower one is an old answer, unless the parameter was made anew.
fn is_older(named: &NamedValue, was: &str, now: &str, value: &LiveValue, record: &ServiceRecord) -> bool {
    let numbers = was.parse::<u64>().ok().zip(now.parse::<u64>().ok());
    let (ValueFrom::Parameter { .. }, Some((was, now))) = (&named.from, numbers) else { return false };
    let LiveValue::Is { changed_at, .. } = value else { return false };
    let noted = record.meanings.values.get(&named.name).map(|meaning| meaning.since);
    now < was && changed_at.zip(noted).is_none_or(|(changed, noted)| changed <= noted)
}

/// Adds to a change what it takes for tasks to be started with the versions that are current: one deployment,
/// however many moved, or none where the change starts one in any case.
pub(super) fn roll(look: Look<'_>, service: &EcsService, change: &mut Change) {
    let policy = look.desired.sync.secrets;
    if policy == WhenRotated::Ignore {
        return;
    }
    let moved = moved(look, service);
    if moved.is_empty() {
        return;
    }
    let asked_for = look.record.is_some_and(|record| record.sync.as_ref() == Some(&look.desired.digest));
    let rolls = policy == WhenRotated::Roll || asked_for;
    if !rolls && !change.starts_deployment() {
        change.quiet.extend(moved.iter().map(reported));
        return;
    }
    if change.is_tolerated_drift(look.desired.sync.drift) {
        // Drift that may stay is no reason to hold the roll, nor is the roll one to set it back.
        change.leave_drift();
    }
    let differences: Vec<Difference> = moved.iter().map(|moved| difference(look, moved)).collect();
    if !change.starts_deployment() {
        let body = json!({
            "cluster": look.environment.cluster,
            "service": look.desired.key.name(),
            "forceNewDeployment": true,
        });
        let because = differences.iter().map(|one| one.path.clone()).collect();
        change.step(Action::UpdateService { task_definition: None, body, starts_deployment: true }, because);
    }
    change.differences.extend(differences);
}

fn difference(look: Look<'_>, (named, moved): &(NamedValue, Moved)) -> Difference {
    let path = named.paths.first().cloned().unwrap_or_else(FieldPath::root);
    Difference {
        origin: origin(&look.desired.origins, &path),
        path,
        live: Some(version(&moved.was)),
        desired: Some(version(&moved.now)),
        consequence: Consequence::ForcesDeployment,
        cause: Cause::NewVersion(named.from.title()),
        since: None,
        sensitive: false,
        why: None,
    }
}

fn reported((named, moved): &(NamedValue, Moved)) -> Quiet {
    Quiet {
        path: named.paths.first().cloned().unwrap_or_else(FieldPath::root),
        live: Some(version(&moved.was)),
        desired: Some(version(&moved.now)),
        rule: named.from.title(),
        source: None,
        kept: Kept::NewVersion,
    }
}

/// `version 4c1f9e2a…`: enough of an id to tell two apart.
fn version(id: &str) -> Json {
    const SHOWN: usize = 8;
    match id.get(..SHOWN) {
        Some(start) if id.len() > SHOWN + 1 => format!("version {start}…").into(),
        Some(_) | None => format!("version {id}").into(),
    }
}

/// Why tasks that a change would start can't start: the new ones would fail, one after the other.
pub(super) fn missing(look: Look<'_>, change: &Change) -> Option<Held> {
    if !change.starts_deployment() && !change.creates() {
        return None;
    }
    let missing = |named: NamedValue| match look.live.values.get(&named.name)? {
        LiveValue::Missing { why } => Some(MissingValue {
            title: named.from.title(),
            why,
            origin: named.paths.first().and_then(|path| origin(&look.desired.origins, path)),
        }),
        LiveValue::Is { .. } | LiveValue::Unreadable(_) => None,
    };
    let named = named_values(look.desired, &look.environment.region);
    let missing: Vec<MissingValue> = named.into_iter().filter_map(missing).collect();
    (!missing.is_empty()).then_some(Held::SecretsMissing { missing })
}

/// What is not known of what a service names, for those who ask.
pub(super) fn unknown(look: Look<'_>) -> Vec<Quiet> {
    let quiet = |named: &NamedValue, rule: String| Quiet {
        path: named.paths.first().cloned().unwrap_or_else(FieldPath::root),
        live: None,
        desired: None,
        rule,
        source: None,
        kept: Kept::ByRule,
    };
    let mut unknown = Vec::new();
    for named in named_values(look.desired, &look.environment.region) {
        let title = named.from.title();
        if let Some(LiveValue::Unreadable(why)) = look.live.values.get(&named.name) {
            let rule = format!("whether {title} is there, and which version it has, is not known: {why}");
            let kept =
                if look.desired.sync.secrets == WhenRotated::Roll { Kept::NotWatched } else { Kept::ByRule };
            unknown.push(Quiet { kept, ..quiet(&named, rule) });
        }
        for key in &named.keys {
            let rule = format!(
                "whether {title} has the key `{key}` shows when a task starts, or in `reconciler verify`: only its \
                 value could tell"
            );
            unknown.push(quiet(&named, rule));
        }
    }
    unknown
}
