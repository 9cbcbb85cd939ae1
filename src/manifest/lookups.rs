//! Variables whose values stand in AWS: which they are, and what is wrong where one can't be had.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::envelope::{self, Manifest};
use super::fields::{Fields, diagnostic};
use super::files::Files;
use super::node::{Key, Kind, Node, Scalar, Span, Value};
use super::suggest::did_you_mean;
use super::variables::Variables;
use super::{choose, read_documents, scalar};
use crate::model::{Answers, Checkout, Environment, Found, LookedUp, LookupSource, LookupValue, Origin};

/// The one key of a variable that is looked up.
pub const SOURCES: [&str; 2] = ["ssm", "cloudFormationExport"];
/// Variables of one environment that are looked up.
const LOOKUPS_MAX: usize = 100;
/// Parameter Store allows 1,011 characters with the ARN around a name, CloudFormation 255.
const NAME_MAX: usize = 1_100;

/// A variable that has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    pub variable: String,
    pub source: LookupSource,
    pub place: Span,
}

/// What has to be looked up before a commit can be loaded, and where.
#[derive(Clone, Debug)]
pub struct Needs {
    pub environment: Environment,
    pub lookups: Vec<Lookup>,
}

impl Needs {
    /// Each source once.
    pub fn sources(&self) -> Vec<LookupSource> {
        let mut sources: Vec<LookupSource> =
            self.lookups.iter().map(|lookup| lookup.source.clone()).collect();
        sources.sort();
        sources.dedup();
        sources
    }
}

/// Why a source has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    pub source: LookupSource,
    pub title: String,
    pub note: Option<String>,
}

/// What has to be looked up for a commit; `None`: nothing, or loading it says what is wrong with it.
pub fn needs(checkout: &Checkout, environment: Option<&str>) -> Option<Needs> {
    let files = Files::of(checkout);
    // Most commits look nothing up, and need not be read a second time for it.
    if !files.iter().any(|(_, text)| SOURCES.iter().any(|source| text.contains(source))) {
        return None;
    }
    let mut documents = read_documents(checkout, &files);
    let mut diagnostics = std::mem::take(&mut documents.diagnostics);
    let chosen = choose(&documents, environment, None, diagnostics.is_empty(), checkout, &mut diagnostics);
    let (environment, mut variables) = chosen?;
    let mut lookups = std::mem::take(&mut variables.get_mut(&environment.name)?.lookups);
    let named = named_in(&documents.manifests, &environment.name);
    lookups.retain(|lookup| named.contains(&lookup.variable));
    let needed = diagnostics.is_empty() && !lookups.is_empty();
    needed.then_some(Needs { environment, lookups })
}

/// Variables of an environment that would be looked up if any manifest of it used them, and where they
/// stand.
pub fn unused(checkout: &Checkout, environment: &str) -> Vec<(String, Origin)> {
    let files = Files::of(checkout);
    let documents = read_documents(checkout, &files);
    let chosen = choose(&documents, Some(environment), None, true, checkout, &mut Vec::new());
    let Some((_, mut variables)) = chosen else { return Vec::new() };
    let named = named_in(&documents.manifests, environment);
    let lookups = variables.remove(environment).map(|own| own.lookups).unwrap_or_default();
    let unused = lookups.into_iter().filter(|lookup| !named.contains(&lookup.variable));
    unused.map(|lookup| (lookup.variable, origin(lookup.place, &files))).collect()
}

/// The variables that manifests and overlays of an environment name. What an overlay replaces is counted:
/// whether it does may depend on a value.
pub(super) fn named_in(manifests: &[Manifest], environment: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open: Vec<&Node> = manifests
        .iter()
        .filter(|manifest| manifest.kind != envelope::Kind::Environment && manifest.is_for(environment))
        .map(|manifest| &manifest.spec)
        .collect();
    while let Some(node) = open.pop() {
        match &node.value {
            Value::Scalar(scalar) => names.extend(Variables::named_in(&scalar.text).map(str::to_owned)),
            Value::List(items) => open.extend(items),
            Value::Map(entries) => open.extend(entries.iter().map(|(_, node)| node)),
            Value::Refused => {}
        }
    }
    names
}

fn origin(place: Span, files: &Files<'_>) -> Origin {
    Origin { file: files.path(place.file), line: place.line, column: place.column }
}

/// Why a commit can't be loaded now: each variable whose value could not be had, where it is written.
pub fn unanswered(checkout: &Checkout, needs: &Needs, missing: &[NotFound]) -> Diagnostics {
    let list = missing.iter().flat_map(|missing| {
        let asked = needs.lookups.iter().filter(|lookup| lookup.source == missing.source);
        asked.map(|lookup| {
            let diagnostic = Diagnostic::at(lookup.place, missing.title.as_str());
            let diagnostic = diagnostic.label(format!("the value of `{}`", lookup.variable));
            missing.note.iter().fold(diagnostic, |it, note| it.note(note.as_str()))
        })
    });
    Diagnostics::new(list.collect(), &Files::of(checkout))
}

/// Reads `{ssm: NAME}` or `{cloudFormationExport: NAME}`. What is wrong with it is reported.
pub(super) fn read(
    variable: &str,
    node: &Node,
    entries: &[(Key, Node)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Lookup> {
    let [(key, _)] = entries else {
        let title = format!("variable `{variable}` is neither a value nor one place to look it up");
        let label = "write the value, `{ssm: NAME}` or `{cloudFormationExport: NAME}`";
        diagnostics.push(Diagnostic::at(node.anchor(), title).label(label));
        return None;
    };
    if !SOURCES.contains(&key.text.as_str()) {
        let title = format!("variable `{variable}` can't be looked up in `{}`", key.text);
        let hint = did_you_mean(&key.text, SOURCES);
        let label = if hint.is_empty() { "`ssm` or `cloudFormationExport`".to_owned() } else { hint };
        diagnostics.push(Diagnostic::at(key.span, title).label(label));
        return None;
    }
    let fields = Fields::read(node, "a looked-up variable", &SOURCES, node.span, diagnostics)?;
    let name = fields.text(&key.text, diagnostics)?;
    let (_, value) = fields.get(&key.text)?;
    let letters =
        name.chars().all(|letter| letter.is_ascii_graphic() || (letter == ' ' && key.text != "ssm"));
    if name.is_empty() || name.len() > NAME_MAX || !letters || name.contains("${") {
        let fault = scalar::Fault::new(format!("can't be `{name}`"));
        let fault =
            fault.label("a name as AWS has it, without variables, such as /jobs/image or /jobs/image:7");
        diagnostics.push(diagnostic(value, &format!("`{}`", key.text), fault));
        return None;
    }
    let source = match key.text.as_str() {
        "ssm" => LookupSource::Parameter(name),
        _ => LookupSource::Export(name),
    };
    Some(Lookup { variable: variable.to_owned(), source, place: value.span })
}

/// Says so where an environment asks for more than is allowed.
pub(super) fn check_number(lookups: &[Lookup], diagnostics: &mut Vec<Diagnostic>) {
    if let Some(first) = lookups.get(LOOKUPS_MAX) {
        let title = format!("{} variables are looked up; {LOOKUPS_MAX} are allowed", lookups.len());
        diagnostics.push(Diagnostic::at(first.place, title).label("the limit is passed here"));
    }
}

/// A value that was found, as if it had been written in the place of the lookup.
pub(super) fn node(found: &Found, place: Span) -> Node {
    // As if written without quotes: `3` is a number where one is wanted.
    let scalar = |text: &str| {
        let plain = Scalar { text: text.to_owned(), plain: true };
        let plain = Scalar { plain: plain.kind() != Kind::Null, ..plain };
        Node::new(place, Value::Scalar(plain))
    };
    match &found.value {
        LookupValue::Text(text) => scalar(text),
        LookupValue::List(items) => {
            Node::new(place, Value::List(items.iter().map(|item| scalar(item)).collect()))
        }
    }
}

/// What was looked up for an environment. Reports what should have been and was not. `named`: the
/// variables that anything uses.
pub(super) fn used(
    lookups: &[Lookup],
    named: &BTreeSet<String>,
    answers: &Answers,
    files: &Files<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<LookedUp> {
    let mut used = Vec::new();
    for lookup in lookups.iter().filter(|lookup| named.contains(&lookup.variable)) {
        let Lookup { variable, source, place } = lookup;
        match answers.get(source) {
            Some(found) => used.push(LookedUp {
                variable: variable.clone(),
                source: source.clone(),
                version: found.version.clone(),
                origin: origin(*place, files),
            }),
            None => {
                let title = format!("variable `{variable}` was not looked up");
                diagnostics.push(Diagnostic::at(*place, title).label("its value is not known here"));
            }
        }
    }
    used
}

/// How the variables that were looked up read beside a diagnostic: `, /jobs/image version 7`.
pub(super) fn notes(lookups: &[Lookup], answers: Option<&Answers>) -> BTreeMap<String, String> {
    let note = |lookup: &Lookup| {
        let found = answers?.get(&lookup.source)?;
        Some((lookup.variable.clone(), format!(", {} {}", lookup.source, found.version)))
    };
    lookups.iter().filter_map(note).collect()
}
