//! What somebody should know of a service that was imported.

use super::tree::Tree;
use super::variables::is_reference;
use crate::model::{EcsService, FieldPath, Json, LiveScaling, ServiceKey};
use crate::plan::is_credential;

/// Something to know, and what to do about it. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// `None`: of the import as a whole.
    pub service: Option<String>,
    pub text: String,
    pub way_out: String,
}

impl Remark {
    pub(super) fn of(service: &ServiceKey, text: String, way_out: &str) -> Self {
        Self { service: Some(service.name().to_owned()), text, way_out: way_out.to_owned() }
    }

    pub(super) fn is_of(&self, service: &str) -> bool {
        self.service.as_deref() == Some(service)
    }
}

/// Fields of which AWS's model knows nothing: written, they would be refused.
pub(super) fn unknown(service: &ServiceKey, paths: &[FieldPath]) -> Option<Remark> {
    let named: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    (!named.is_empty()).then(|| {
        let text = format!("{} is left out: no input of this version's API model", named.join(", "));
        Remark::of(service, text, "nothing is done to it; a newer reconciler may know it")
    })
}

/// A deployment that is going on: what it brings is what was imported.
pub(super) fn moving(service: &ServiceKey, live: &EcsService) -> Option<Remark> {
    let primary = live.primary().filter(|primary| primary.rollout_state() == Some("IN_PROGRESS"))?;
    let text = format!("{} is still rolling out {}", primary.id(), primary.task_definition());
    Some(Remark::of(service, text, "this is what was imported; import again if it is taken back"))
}

/// Bounds that a scheduled action put there: Application Auto Scaling shows no others.
pub(super) fn scheduled(service: &ServiceKey, scaling: &LiveScaling) -> Option<Remark> {
    let bounds = |of: &Json| (of["MinCapacity"].as_i64(), of["MaxCapacity"].as_i64());
    let (minimum, maximum) = bounds(&scaling.target);
    let sets = |action: &Json| {
        let (least, most) = bounds(&action["ScalableTargetAction"]);
        (least.is_some() || most.is_some())
            && least.is_none_or(|least| Some(least) == minimum)
            && most.is_none_or(|most| Some(most) == maximum)
    };
    let (name, _) = scaling.scheduled_actions.iter().find(|(_, action)| sets(action))?;
    let text = format!("its bounds are those that the scheduled action `{name}` sets");
    Some(Remark::of(service, text, "write the bounds that you mean for the other hours, if they are others"))
}

/// Settings that look like credentials: they stay as they are, because nobody knows where else they are.
pub(super) fn credentials(service: &ServiceKey, spec: &Tree) -> Option<Remark> {
    let list = |name: &str| match spec.get("taskDefinition").and_then(|it| it.get(name)) {
        Some(Tree::List(items)) => items.as_slice(),
        _ => &[],
    };
    let mut found = Vec::new();
    for container in list("containerDefinitions") {
        let name = container.get("name").and_then(Tree::as_text).unwrap_or("?");
        let logs = container.get("logConfiguration").and_then(|it| it.get("options"));
        let router = container.get("firelensConfiguration").and_then(|it| it.get("options"));
        let settings = [container.get("environment"), logs, router, container.get("dockerLabels")];
        let mut names: Vec<&str> = settings.into_iter().flatten().flat_map(suspicious).collect();
        let health = container.get("healthCheck").and_then(|it| it.get("command"));
        let commands = [
            ("command", container.get("command")),
            ("entryPoint", container.get("entryPoint")),
            ("healthCheck", health),
        ];
        let tells = commands.into_iter().filter(|(_, words)| words.is_some_and(hands_over_a_credential));
        names.extend(tells.map(|(name, _)| name));
        if !names.is_empty() {
            found.push(format!("{} of container {name}", names.join(", ")));
        }
    }
    for volume in list("volumes") {
        let name = volume.get("name").and_then(Tree::as_text).unwrap_or("?");
        let options = volume.get("dockerVolumeConfiguration").and_then(|it| it.get("driverOpts"));
        let Some(Tree::Map(members)) = options else { continue };
        let is =
            |(name, value): &&(String, Tree)| looks_so(name, Some(value)) || hands_over_a_credential(value);
        let names: Vec<&str> = members.iter().filter(is).map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            found.push(format!("{} of volume {name}", names.join(", ")));
        }
    }
    let connect = spec.get("service").and_then(|it| it.get("serviceConnectConfiguration"));
    let logs = connect.and_then(|it| it.get("logConfiguration")).and_then(|it| it.get("options"));
    let names: Vec<&str> = logs.into_iter().flat_map(suspicious).collect();
    if !names.is_empty() {
        found.push(format!("{} of Service Connect's logs", names.join(", ")));
    }
    (!found.is_empty()).then(|| {
        let text = format!("looks like a credential, and stands in the manifest as it is: {}", found.join("; "));
        let way_out = "before you commit it: store it in Secrets Manager or Parameter Store, and name it under \
                       `secrets` (or `secretOptions`) instead; that makes a new revision";
        Remark::of(service, text, way_out)
    })
}

/// Names of settings that look like credentials; they are mappings, or lists of `{name, value}`.
fn suspicious(settings: &Tree) -> Vec<&str> {
    match settings {
        Tree::Map(members) => members
            .iter()
            .filter(|(name, value)| looks_so(name, Some(value)))
            .map(|(name, _)| name.as_str())
            .collect(),
        Tree::List(items) => items
            .iter()
            .filter_map(|item| item.get("name")?.as_text().map(|name| (name, item.get("value"))))
            .filter(|(name, value)| looks_so(name, *value))
            .map(|(name, _)| name)
            .collect(),
        Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::Missing(_) => Vec::new(),
    }
}

fn looks_so(name: &str, value: Option<&Tree>) -> bool {
    let text = value.and_then(Tree::as_text).unwrap_or_default();
    is_credential(name, &Json::from(text)) && !text.starts_with("arn:") && !is_reference(text)
}

/// Whether the words of a command have a credential among them: `--password=x`, `--password x`,
/// `PASSWORD=x` or `postgres://user:x@host`.
fn hands_over_a_credential(command: &Tree) -> bool {
    let texts: Vec<&str> = match command {
        Tree::List(words) => words.iter().filter_map(Tree::as_text).collect(),
        Tree::Text(text) => vec![text.as_str()],
        Tree::Flag(_) | Tree::Number(_) | Tree::Map(_) | Tree::Missing(_) => Vec::new(),
    };
    let ends = |letter: char| letter.is_whitespace() || matches!(letter, '\'' | '"' | ',' | ';');
    let words: Vec<&str> =
        texts.iter().flat_map(|text| text.split(ends)).filter(|word| !word.is_empty()).collect();
    let follows = |pair: &[&str]| match pair {
        [option, value] => takes_a_credential(option) && is_one(option, value),
        _ => false,
    };
    words.iter().any(|word| assigns_a_credential(word)) || words.windows(2).any(follows)
}

fn assigns_a_credential(word: &str) -> bool {
    let (name, value) = word.split_once('=').unwrap_or(("", word));
    is_one(name, value)
}

/// Whether an option says its value in the next word: `--password`, but neither `--no-password` nor
/// `--password-file`.
fn takes_a_credential(option: &str) -> bool {
    let name = option.trim_start_matches('-');
    name != option
        && !name.contains('=')
        && !name.starts_with("no-")
        && !["file", "path"].iter().any(|end| name.ends_with(end))
}

/// What the shell fills in, a file, another option and a variable of the Environment are no credentials
/// themselves.
fn is_one(name: &str, value: &str) -> bool {
    !value.starts_with(['$', '/', '-']) && !is_reference(value) && looks_so(name, Some(&Tree::text(value)))
}
