//! Lists whose elements have names: what an overlay does to each of them.

use super::directive::{Directive, PATCH, directive, without_directive};
use super::ground::Ground;
use super::merge::{Entry, Merge};
use super::whole::lacks;
use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::node::{Node, Value};
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::manifest::variables::Variables;
use crate::model::FieldPath;

/// What tells an element from its siblings: `worker`, `8080/tcp`, `api:8080`.
pub struct Identity {
    pub name: String,
    /// Not if a variable is in it whose value is still to be looked up.
    pub known: bool,
}

impl Merge<'_> {
    /// What becomes of a list; `None`: that can't be told before all of its names are known.
    pub(super) fn list(
        &mut self,
        below: &[Node],
        above: &[Node],
        keys: &[&str],
        path: &FieldPath,
        ground: Ground<'_>,
    ) -> Option<Vec<Node>> {
        let lone = |item: &Node| match &item.value {
            Value::Map(entries) => matches!(&entries[..], [(key, _)] if key.text == PATCH),
            Value::List(_) | Value::Scalar(_) | Value::Refused => false,
        };
        if let Some(Node { value: Value::Map(entries), .. }) = above.iter().find(|item| lone(item))
            && let Some((directive, span)) = directive(entries, self.diagnostics)
        {
            if directive == Directive::Delete {
                let title = format!("an element to take away has no {}", quoted(keys, "or"));
                let diagnostic = Diagnostic::at(span, title);
                self.diagnostics.push(diagnostic.label("name it, or write `null` for the whole list"));
                return Some(below.to_vec());
            }
            self.decided.push((path.clone(), span));
            let rest = above.iter().filter(|item| !lone(item));
            return Some(self.elements(rest, keys, path, ground, false));
        }
        let mut merged = below.to_vec();
        let mut named: Vec<String> = Vec::new();
        let mut unclear = false;
        for item in above {
            let Some(Identity { name, known }) = self.identity(item, keys, ground) else {
                self.nameless(item, keys);
                continue;
            };
            if named.contains(&name) {
                let title = format!("the overlay has `{name}` twice");
                self.diagnostics.push(Diagnostic::at(item.anchor(), title).label("the second one"));
                continue;
            }
            let same: Vec<usize> = (0..merged.len())
                .filter(|at| self.identity(&merged[*at], keys, ground).is_some_and(|it| it.name == name))
                .collect();
            named.push(name.clone());
            match same[..] {
                [] => {
                    let there: Vec<Identity> =
                        merged.iter().filter_map(|item| self.identity(item, keys, ground)).collect();
                    if !known || there.iter().any(|other| !other.known) {
                        unclear = true;
                        continue;
                    }
                    let there: Vec<String> = there.into_iter().map(|other| other.name).collect();
                    merged.extend(self.added(item, &name, &there, path, ground));
                }
                [at] => match self.element(&merged[at].clone(), item, &name, keys, path, ground) {
                    Some(node) => merged[at] = node,
                    None => {
                        merged.remove(at);
                    }
                },
                [_, second, ..] => {
                    let title = format!("`{name}` is there more than once");
                    let label = "replace the whole list: begin it with `- $patch: replace`";
                    let diagnostic = Diagnostic::at(item.anchor(), title).label(label);
                    self.diagnostics.push(diagnostic.related(merged[second].anchor(), "the second one"));
                }
            }
        }
        (!unclear).then_some(merged)
    }

    /// What becomes of an element that is there; `None`: it is taken away.
    fn element(
        &mut self,
        base: &Node,
        patch: &Node,
        name: &str,
        keys: &[&str],
        path: &FieldPath,
        ground: Ground<'_>,
    ) -> Option<Node> {
        let path = path.key(name);
        let Value::Map(entries) = &patch.value else { return Some(base.clone()) };
        match directive(entries, self.diagnostics) {
            Some((Directive::Delete, span)) => {
                let more =
                    entries.iter().find(|(key, _)| key.text != PATCH && !keys.contains(&key.text.as_str()));
                if let Some((key, _)) = more {
                    let title = format!("`{}` of an element that is taken away", key.text);
                    self.diagnostics.push(Diagnostic::at(key.span, title).label("leave it out"));
                }
                self.decided.push((path.clone(), span));
                self.removed.push((path, span));
                None
            }
            Some((Directive::Replace, span)) => {
                self.decided.push((path.clone(), span));
                let entries = self.entries(&without_directive(entries), &path, ground.element(), false);
                Some(Node::new(patch.span, Value::Map(entries)))
            }
            None => {
                // The name is what finds the element; it sets nothing.
                let patched = entries.iter().filter(|(key, _)| !keys.contains(&key.text.as_str()));
                let patched: Vec<Entry> = patched.cloned().collect();
                let Value::Map(below) = &base.value else { return Some(base.clone()) };
                if patched.is_empty() {
                    let title = format!("nothing is said of `{name}`");
                    let label = "say what changes, or write `$patch: delete` beside it";
                    self.diagnostics.push(Diagnostic::at(patch.anchor(), title).label(label));
                    return Some(base.clone());
                }
                let merged = self.map((below, base.span), (&patched, patch), &path, ground.element());
                Some(Node::new(base.span, Value::Map(merged)))
            }
        }
    }

    /// An element that was not there.
    fn added(
        &mut self,
        item: &Node,
        name: &str,
        there: &[String],
        path: &FieldPath,
        ground: Ground<'_>,
    ) -> Option<Node> {
        let Value::Map(entries) = &item.value else { return None };
        let lacks = lacks(item, ground);
        let marked = directive(entries, self.diagnostics);
        if marked.is_none() && lacks.is_none() {
            return Some(self.fresh(item, &path.key(name), ground.element()));
        }
        let list = path.0.last().map(|last| FieldPath(vec![last.clone()]).to_string()).unwrap_or_default();
        let title = format!("no `{name}` in `{list}` of {}", self.target);
        let names = || there.iter().map(String::as_str);
        let mut diagnostic = Diagnostic::at(item.anchor(), title).label(did_you_mean(name, names()));
        if !there.is_empty() {
            diagnostic = diagnostic.note(format!("there is {}", any_of(names()).replace(" or ", " and ")));
        }
        if let (None, Some(lacks)) = (marked, lacks) {
            diagnostic = diagnostic.note(format!("a new one would need `{lacks}`"));
        }
        if marked.is_some() {
            self.diagnostics.push(diagnostic);
            return None;
        }
        self.lacking.push((item.span, diagnostic));
        Some(self.fresh(item, &path.key(name), ground.element()))
    }

    pub(super) fn elements<'n>(
        &mut self,
        items: impl Iterator<Item = &'n Node>,
        keys: &[&str],
        path: &FieldPath,
        ground: Ground<'_>,
        each: bool,
    ) -> Vec<Node> {
        let mut fresh = Vec::new();
        for item in items {
            let lone = matches!(&item.value, Value::Map(entries) if entries.len() == 1 && entries[0].0.text == PATCH);
            if lone {
                continue;
            }
            let before = self.decided.len();
            let path = self.identity(item, keys, ground).map_or_else(|| path.clone(), |it| path.key(it.name));
            fresh.push(self.fresh(item, &path, ground.element()));
            if !each {
                self.decided.truncate(before);
            }
        }
        fresh
    }

    fn identity(&self, item: &Node, keys: &[&str], ground: Ground<'_>) -> Option<Identity> {
        identity(self.variables, item, keys, ground)
    }

    fn nameless(&mut self, item: &Node, keys: &[&str]) {
        if item.value == Value::Refused {
            return;
        }
        let title = match &item.value {
            Value::Map(_) => format!("an element without {}", quoted(keys, "and")),
            Value::List(_) | Value::Scalar(_) | Value::Refused => {
                format!("an element must be a mapping, not {}", item.description())
            }
        };
        let label = format!("an overlay finds elements of this list by {}", quoted(keys, "and"));
        self.diagnostics.push(Diagnostic::at(item.anchor(), title).label(label));
    }
}

/// `name`; `containerName` and `containerPort`
fn quoted(keys: &[&str], word: &str) -> String {
    let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    any_of(names.iter().map(String::as_str)).replace(" or ", &format!(" {word} "))
}

/// What an element goes by; `None`: it says nothing of it.
pub fn identity(variables: &Variables, item: &Node, keys: &[&str], ground: Ground<'_>) -> Option<Identity> {
    let Value::Map(entries) = &item.value else { return None };
    let scalar = |name: &str| {
        let (_, node) = entries.iter().find(|(key, _)| key.text == name)?;
        match &node.value {
            Value::Scalar(scalar) => Some(scalar.text.as_str()),
            Value::List(_) | Value::Map(_) | Value::Refused => None,
        }
    };
    keys.iter().find_map(|key| scalar(key))?;
    let written =
        |name: &str| scalar(name).map(|text| variables.peek(text).unwrap_or_else(|| text.to_owned()));
    let separator = if keys.contains(&"protocol") { "/" } else { ":" };
    let parts = keys.iter().filter_map(|key| {
        written(key).or_else(|| ground.key_default(key).map(str::to_owned)).filter(|text| !text.is_empty())
    });
    let name = parts.collect::<Vec<_>>().join(separator);
    let known = keys.iter().filter_map(|key| scalar(key)).all(|text| variables.knows(text));
    Some(Identity { name, known })
}
