//! `scaling`: Application Auto Scaling's inputs for one service.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::fields::{Fields, diagnostic};
use super::node::{Key, Node, Value};
use super::places::Places;
use super::scalar;
use super::semantics::scaling::Element;
use super::typed::Walk;
use crate::model::{FieldPath, Json, Scaling};
use crate::shape::api::{Api, Shape};
use crate::shape::layout::{Root, SCALABLE_TARGET, SCALING_POLICY, SCHEDULED_ACTION};

pub const FIELDS: [&str; 5] =
    ["minCapacity", "maxCapacity", "suspendedState", "policies", "scheduledActions"];

/// What every part of `scaling` is read with.
struct Section<'a> {
    path: FieldPath,
    api: &'a Api,
    places: &'a mut Places,
    diagnostics: &'a mut Vec<Diagnostic>,
}

pub fn read(
    (key, node): (&Key, &Node),
    api: &Api,
    places: &mut Places,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Scaling> {
    let path = FieldPath::root().field("scaling");
    places.record(&path, Some(key.span), node.anchor());
    let node = &without_refused(node, diagnostics);
    let fields = Fields::read(node, "`scaling`", &FIELDS, key.span, diagnostics)?;
    fields.require("minCapacity", diagnostics);
    fields.require("maxCapacity", diagnostics);
    let mut section = Section { path, api, places, diagnostics };
    let min_capacity = section.capacity(&fields, "minCapacity");
    let max_capacity = section.capacity(&fields, "maxCapacity");
    let suspended_state = section.suspended_state(&fields);
    let policies = section.named(&fields, "policies", SCALING_POLICY, "PolicyName");
    let scheduled_actions =
        section.named(&fields, "scheduledActions", SCHEDULED_ACTION, "ScheduledActionName");
    let (min_capacity, max_capacity) = (min_capacity?, max_capacity?);
    if min_capacity > max_capacity {
        let span = section.places.value(&section.path.field("minCapacity"));
        let title = format!("minCapacity {min_capacity} is more than maxCapacity {max_capacity}");
        section.diagnostics.push(Diagnostic::at(span, title).note("see RegisterScalableTarget"));
    }
    Some(Scaling { min_capacity, max_capacity, suspended_state, policies, scheduled_actions })
}

/// Members of RegisterScalableTarget that are not a manifest's to set are reported, and left out.
fn without_refused(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let Value::Map(entries) = &node.value else { return node.clone() };
    let reason = |key: &Key| {
        let refused = SCALABLE_TARGET.refused.iter();
        refused.clone().find(|(name, _)| name.eq_ignore_ascii_case(&key.text)).map(|(_, reason)| *reason)
    };
    let (refused, kept): (Vec<_>, Vec<_>) =
        entries.iter().cloned().partition(|(key, _)| reason(key).is_some());
    for (key, _) in &refused {
        let title = format!("`{}` is not for a manifest to set", key.text);
        diagnostics.push(Diagnostic::at(key.span, title).label(reason(key).unwrap_or_default()));
    }
    Node { value: Value::Map(kept), ..node.clone() }
}

impl Section<'_> {
    fn capacity(&mut self, fields: &Fields<'_>, name: &str) -> Option<i64> {
        let (key, node) = fields.get(name)?;
        let path = self.path.field(name);
        self.places.record(&path, Some(key.span), node.anchor());
        self.places.set_by(&path, &node.variables);
        let shape = Shape::Integer { min: Some(0), max: None };
        fields.scalar(name, &shape, self.diagnostics).and_then(|number| number.as_i64())
    }

    fn suspended_state(&mut self, fields: &Fields<'_>) -> Option<Json> {
        let (key, node) = fields.get("suspendedState")?;
        let expected = self.api.input(SCALABLE_TARGET.operation)?.member("SuspendedState")?;
        let path = self.path.field("suspendedState");
        self.places.record(&path, Some(key.span), node.anchor());
        Some(self.walk(SCALABLE_TARGET).input(node, &path, key.span, expected))
    }

    /// A list of inputs, as a map by the member that is their identity.
    fn named(
        &mut self,
        fields: &Fields<'_>,
        list: &'static str,
        root: Root,
        identity: &str,
    ) -> BTreeMap<String, Json> {
        let mut named = BTreeMap::new();
        let Some((key, node)) = fields.get(list) else { return named };
        let path = self.path.field(list);
        self.places.record(&path, Some(key.span), node.anchor());
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Refused => &[],
            Value::Scalar(_) | Value::Map(_) => {
                let fault = scalar::mismatch("a list", node);
                self.diagnostics.push(diagnostic(node, &format!("`{list}`"), fault));
                &[]
            }
        };
        let Some(expected) = self.api.input(root.operation) else { return named };
        for (index, item) in items.iter().enumerate() {
            let path = path.index(index);
            let input = self.walk(root).input(item, &path, item.anchor(), expected);
            let mut element =
                Element { input: &input, path: &path, places: self.places, diagnostics: self.diagnostics };
            match list {
                "policies" => element.check_policy(),
                _ => element.check_scheduled_action(),
            }
            let Some(name) = input.get(identity).and_then(Json::as_str).map(str::to_owned) else { continue };
            self.places.name(&path, name.as_str());
            if named.insert(name.clone(), input).is_some() {
                let span = self.places.value(&path.field(identity));
                let title = format!("{identity} `{name}` is used twice");
                let diagnostic = Diagnostic::at(span, title).label("the second one");
                self.diagnostics.push(diagnostic.note(format!("see {}", root.operation)));
            }
        }
        named
    }

    fn walk(&mut self, root: Root) -> Walk<'_> {
        Walk { root, places: self.places, diagnostics: self.diagnostics }
    }
}
