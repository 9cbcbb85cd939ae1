//! What was written is loaded and planned like any commit: an import that would change something says so.

use std::collections::BTreeMap;

use super::remarks::Remark;
use super::{Home, LeftOut, Reason};
use crate::manifest::document::{self, Node, Span, Value};
use crate::manifest::{self, Diagnostic, Diagnostics};
use crate::model::{Checkout, Desired, FieldPath, Live, LiveService, Revision, ServiceKey, Timestamp};
use crate::plan::{self, Action, Context, Decision, Explain, ServicePlan};
use crate::shape::api::Api;

/// Differences of one service that are named.
const NAMED_MAX: usize = 5;

pub(super) fn load(files: &BTreeMap<String, String>, home: &Home, api: &Api) -> Result<Desired, Diagnostics> {
    let revision = Revision {
        id: "import".to_owned(),
        branch: String::new(),
        author: String::new(),
        subject: String::new(),
        committed_at: Timestamp(0),
    };
    let checkout = Checkout { revision, files: files.clone() };
    manifest::load(&checkout, Some(&home.environment), api)
}

/// The services whose files were refused.
pub(super) fn refused(
    diagnostics: &Diagnostics,
    files: &BTreeMap<String, String>,
    services: &BTreeMap<ServiceKey, String>,
) -> Vec<LeftOut> {
    let mut refused = Vec::new();
    for (key, file) in services {
        let text = files.get(file).map_or("", String::as_str);
        let titles: Vec<String> =
            diagnostics.of_file(file).map(|diagnostic| told(diagnostic, text)).collect();
        if !titles.is_empty() {
            refused.push(LeftOut {
                service: key.name().to_owned(),
                reason: Reason::NotForAManifest,
                why: titles.join("; "),
                way_out: "change that by hand first, then import it".to_owned(),
            });
        }
    }
    refused
}

/// The title, the field and what is said under it: nobody has the file that it was found in.
fn told(diagnostic: &Diagnostic, text: &str) -> String {
    let Diagnostic { title, label, place, .. } = diagnostic;
    let documents = document::parse(text).unwrap_or_default();
    let field = place.and_then(|at| field_at(documents.first()?, at.start, &FieldPath::root()));
    let field = field.map(|field| format!(" at `{field}`")).unwrap_or_default();
    if label.is_empty() { format!("{title}{field}") } else { format!("{title}{field}: {label}") }
}

/// The innermost field around a byte of the text.
fn field_at(node: &Node, at: usize, path: &FieldPath) -> Option<FieldPath> {
    let around = |span: &Span| span.start <= at && at < span.end;
    match &node.value {
        Value::Map(entries) => entries.iter().find_map(|(key, value)| {
            let below = path.field(&key.text);
            field_at(value, at, &below).or_else(|| around(&key.span).then_some(below))
        }),
        Value::List(items) => {
            items.iter().enumerate().find_map(|(index, item)| field_at(item, at, &path.index(index)))
        }
        Value::Scalar(_) | Value::Refused => None,
    }
    .or_else(|| (around(&node.span) && *path != FieldPath::root()).then(|| path.clone()))
}

/// What a plan would do besides adopting the services by their tags.
pub(super) fn differences(
    desired: &Desired,
    services: &BTreeMap<ServiceKey, LiveService>,
    installation: &str,
) -> Vec<Remark> {
    let records = BTreeMap::new();
    let live = Live { services: services.clone(), ..Live::default() };
    let context = Context { installation, records: &records, explain: Explain::Differences };
    let plan = plan::plan(desired, &live, &context);
    plan.services.iter().filter_map(remark).collect()
}

fn remark(plan: &ServicePlan) -> Option<Remark> {
    let differences = match &plan.decision {
        Decision::Unchanged => return None,
        Decision::Change { steps, .. }
            if steps.iter().all(|step| matches!(step.action, Action::TagService { .. })) =>
        {
            return None;
        }
        Decision::Change { differences, .. } | Decision::Held { differences, .. } => differences,
    };
    let mut named: Vec<String> =
        differences.iter().take(NAMED_MAX).map(|one| format!("`{}`", one.path)).collect();
    if differences.len() > NAMED_MAX {
        named.push(format!("{} more", differences.len() - NAMED_MAX));
    }
    let text = format!("a plan of it is not empty: {}", named.join(", "));
    Some(Remark::of(&plan.service, text, "look at `reconciler plan` before you apply it"))
}
