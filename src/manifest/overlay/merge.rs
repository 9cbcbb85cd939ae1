//! One overlay put on one spec: mappings member by member, lists with names element by element.

use std::rc::Rc;

use super::directive::{Directive, PATCH, directive, without_directive};
use super::ground::Ground;
use super::spelling::{as_list, as_map};
use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::node::{Key, Node, Span, Value};
use crate::manifest::suggest::did_you_mean;
use crate::manifest::variables::Variables;
use crate::model::FieldPath;

/// Puts one overlay on a spec, and remembers what it did.
pub struct Merge<'a> {
    /// What is patched, in a sentence: `job-worker`.
    pub target: &'a str,
    pub variables: &'a Variables,
    pub diagnostics: &'a mut Vec<Diagnostic>,
    /// Values that the overlay decides as a whole, elements of lists by name.
    pub decided: Vec<(FieldPath, Span)>,
    /// Those of them that it takes away.
    pub removed: Vec<(FieldPath, Span)>,
    /// What is wrong with new elements, by place, unless another overlay gives them what they lack.
    pub lacking: Vec<(Span, Diagnostic)>,
}

pub type Entry = (Key, Node);

impl Merge<'_> {
    /// What stands at `path` after the overlay.
    pub fn value(&mut self, base: &Node, patch: &Node, path: &FieldPath, ground: Ground<'_>) -> Node {
        match (&base.value, &patch.value) {
            (Value::Refused, _) => base.clone(),
            (Value::Map(_) | Value::List(_), Value::List(above))
                if above.is_empty() && ground.merges_lists() =>
            {
                let label = "write `null` to take the field away, or begin it with `- $patch: replace`";
                self.changes_nothing("an empty list", label, patch.span, base.span);
                base.clone()
            }
            (Value::Map(below), Value::Map(above)) => {
                let entries = self.map((below, base.span), (above, patch), path, ground);
                Node::new(base.span, Value::Map(entries))
            }
            (Value::List(below), Value::List(above)) => match ground.keys() {
                Some(keys) => {
                    let items = self.list(below, above, keys, path, ground);
                    Node::new(base.span, items.map_or(Value::Refused, Value::List))
                }
                None => self.fresh(patch, path, ground),
            },
            (Value::Map(_), Value::List(above)) if let Some(entries) = as_map(above, ground) => {
                let map = Node::new(patch.span, Value::Map(entries));
                self.value(base, &map, path, ground)
            }
            (Value::Map(below), Value::List(_)) if ground.as_mapping().is_some() => {
                let list = Node::new(base.span, as_list(below, ground));
                self.value(&list, patch, path, ground)
            }
            (Value::List(_), Value::Map(above)) if ground.as_mapping().is_some() => {
                if above.is_empty() {
                    self.empty_mapping(patch.span, base.span);
                    return base.clone();
                }
                let list = Node::new(patch.span, as_list(above, ground));
                self.value(base, &list, path, ground)
            }
            _ => self.fresh(patch, path, ground),
        }
    }

    pub(super) fn map(
        &mut self,
        (below, base_span): (&[Entry], Span),
        (above, patch): (&[Entry], &Node),
        path: &FieldPath,
        ground: Ground<'_>,
    ) -> Vec<Entry> {
        match directive(above, self.diagnostics) {
            Some((Directive::Replace, span)) => {
                self.decided.push((path.clone(), span));
                return self.entries(&without_directive(above), path, ground, false);
            }
            Some((Directive::Delete, span)) => {
                let title = "`$patch: delete` takes away elements of a list";
                let diagnostic = Diagnostic::at(span, title);
                self.diagnostics.push(diagnostic.label("to take away a field, write `null` for its value"));
                return below.to_vec();
            }
            None => {}
        }
        if above.is_empty() {
            self.empty_mapping(patch.span, base_span);
        }
        let mut merged = below.to_vec();
        for (key, node) in without_directive(above) {
            let path = ground.path_of(path, &key.text);
            let at = merged.iter().position(|(other, _)| other.text == key.text);
            match (node.is_null(), at) {
                (true, _) if !node.is_explicit_null() => self.no_value(&key, &node),
                (true, Some(at)) => {
                    merged.remove(at);
                    self.decided.push((path.clone(), key.span));
                    self.removed.push((path, key.span));
                }
                (true, None) => self.not_there(&key, &merged),
                (false, Some(at)) => {
                    let (_, base) = &merged[at];
                    let merges = matches!(base.value, Value::Map(_) | Value::List(_));
                    let node = self.value(&merged[at].1.clone(), &node, &path, ground.member(&key.text));
                    // What is only added to stays where it was written.
                    let whole = self.decided.last().is_some_and(|(decided, _)| *decided == path);
                    merged[at].1 = node;
                    if !merges || whole {
                        merged[at].0 = key;
                    }
                }
                (false, None) => {
                    let node = self.fresh(&node, &path, ground.member(&key.text));
                    merged.push((key, node));
                }
            }
        }
        merged
    }

    /// A value of which the spec had nothing, or that takes the place of another kind of value.
    pub(super) fn fresh(&mut self, node: &Node, path: &FieldPath, ground: Ground<'_>) -> Node {
        let value = match &node.value {
            Value::Map(entries) => {
                match directive(entries, self.diagnostics) {
                    Some((Directive::Delete, span)) => {
                        let diagnostic = Diagnostic::at(span, "there is nothing to take away here");
                        self.diagnostics.push(diagnostic.label("leave it out"));
                        return Node::new(node.span, Value::Refused);
                    }
                    Some((Directive::Replace, _)) | None => {}
                }
                if entries.is_empty() {
                    self.decided.push((path.clone(), node.span));
                }
                Value::Map(self.entries(&without_directive(entries), path, ground, true))
            }
            Value::List(items) => match ground.keys() {
                Some(keys) => Value::List(self.elements(items.iter(), keys, path, ground, true)),
                None => {
                    self.decided.push((path.clone(), node.span));
                    Value::List(items.iter().map(|item| self.whole(item)).collect())
                }
            },
            Value::Scalar(_) | Value::Refused => {
                self.decided.push((path.clone(), node.span));
                return node.clone();
            }
        };
        Node { span: node.span, value, variables: node.variables.iter().map(Rc::clone).collect() }
    }

    /// The members of a new mapping. `each`: they are decided one by one, not as part of a whole.
    pub(super) fn entries(
        &mut self,
        entries: &[Entry],
        path: &FieldPath,
        ground: Ground<'_>,
        each: bool,
    ) -> Vec<Entry> {
        let mut fresh = Vec::new();
        for (key, node) in entries {
            if node.is_null() {
                match node.is_explicit_null() {
                    true => self.not_there(key, &[]),
                    false => self.no_value(key, node),
                }
                continue;
            }
            let before = self.decided.len();
            let value = self.fresh(node, &ground.path_of(path, &key.text), ground.member(&key.text));
            if !each {
                self.decided.truncate(before);
            }
            fresh.push((key.clone(), value));
        }
        fresh
    }

    /// An element of a list that is one value: nothing in it can be patched.
    fn whole(&mut self, item: &Node) -> Node {
        let Value::Map(entries) = &item.value else { return item.clone() };
        if entries.iter().all(|(key, _)| key.text != PATCH) {
            return item.clone();
        }
        if let Some((directive, span)) = directive(entries, self.diagnostics) {
            let label = match directive {
                Directive::Delete => "write the list that is to stay",
                Directive::Replace => "leave `$patch` out",
            };
            let diagnostic = Diagnostic::at(span, "this list is replaced as a whole in an overlay");
            self.diagnostics.push(diagnostic.label(label));
        }
        Node::new(item.span, Value::Refused)
    }

    fn empty_mapping(&mut self, span: Span, base: Span) {
        let label = "leave it out, or write `null` to take the field away";
        self.changes_nothing("an empty mapping", label, span, base);
    }

    fn changes_nothing(&mut self, what: &str, label: &str, span: Span, base: Span) {
        let diagnostic = Diagnostic::at(span, format!("{what} changes nothing in an overlay"));
        self.diagnostics.push(diagnostic.label(label).related(base, "what is there stays"));
    }

    fn no_value(&mut self, key: &Key, node: &Node) {
        let diagnostic = Diagnostic::at(node.span, format!("`{}` has no value", key.text));
        self.diagnostics.push(diagnostic.label("give it a value, or write `null` to take the field away"));
    }

    fn not_there(&mut self, key: &Key, there: &[Entry]) {
        let title = format!("there is no `{}` to take away in {}", key.text, self.target);
        let hint = did_you_mean(&key.text, there.iter().map(|(key, _)| key.text.as_str()));
        let label = if hint.is_empty() { "leave it out".to_owned() } else { hint };
        self.diagnostics.push(Diagnostic::at(key.span, title).label(label));
    }
}
