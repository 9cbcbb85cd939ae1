//! What is asked of a spec only when all of its overlays are on it: their order means nothing.

use std::collections::BTreeMap;

use super::ground::Ground;
use super::list::identity;
use super::merge::Entry;
use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::node::{Node, Span, Value};
use crate::manifest::variables::Variables;

pub struct Whole<'a> {
    pub variables: &'a Variables,
    pub diagnostics: &'a mut Vec<Diagnostic>,
    /// New elements that lacked something when their overlay was put on, by place.
    pub lacking: BTreeMap<Span, Diagnostic>,
}

impl Whole<'_> {
    /// Looks at `node` beside what stood there without overlays, and takes out what is refused.
    pub fn check(&mut self, base: Option<&Node>, node: &mut Node, ground: Ground<'_>) {
        match &mut node.value {
            Value::Map(entries) => {
                let below = match base.map(|base| &base.value) {
                    Some(Value::Map(below)) => Some(below.as_slice()),
                    Some(Value::List(_) | Value::Scalar(_) | Value::Refused) | None => None,
                };
                for (key, inner) in entries.iter_mut() {
                    let base = below.and_then(|below| below.iter().find(|(other, _)| other.text == key.text));
                    self.check(base.map(|(_, base)| base), inner, ground.member(&key.text));
                }
                if let Some(below) = below {
                    self.one_of(entries, below, ground);
                }
            }
            Value::List(items) => self.list(base, items, ground),
            Value::Scalar(_) | Value::Refused => {}
        }
    }

    fn list(&mut self, base: Option<&Node>, items: &mut Vec<Node>, ground: Ground<'_>) {
        let Some(keys) = ground.keys() else { return };
        let variables = self.variables;
        let name = |item: &Node| identity(variables, item, keys, ground).map(|it| it.name);
        let mut below: BTreeMap<String, &Node> = BTreeMap::new();
        if let Some(Node { value: Value::List(items), .. }) = base {
            below.extend(items.iter().filter_map(|item| Some((name(item)?, item))));
        }
        items.retain_mut(|item| {
            if lacks(item, ground).is_some()
                && let Some(diagnostic) = self.lacking.remove(&item.span)
            {
                self.diagnostics.push(diagnostic);
                return false;
            }
            let base = name(item).and_then(|name| below.get(&name).copied());
            self.check(base, item, ground.element());
            true
        });
    }

    /// Of two members that AWS takes one of, an overlay has to take the other away itself.
    fn one_of(&mut self, merged: &mut Vec<Entry>, below: &[Entry], ground: Ground<'_>) {
        let members = ground.one_of();
        let is_member = |(key, _): &&Entry| members.contains(&key.text.as_str());
        let added =
            merged.iter().filter(is_member).find(|(key, _)| below.iter().all(|it| it.0.text != key.text));
        let Some((new, _)) = added else { return };
        let Some((old, _)) = merged.iter().filter(is_member).find(|(key, _)| key.text != new.text) else {
            return;
        };
        let title = format!("`{}` stands beside `{}`, and AWS takes one of them", new.text, old.text);
        let diagnostic = Diagnostic::at(new.span, title).related(old.span, "the other one");
        self.diagnostics.push(diagnostic.label(format!("write `{}: null` beside it", old.text)));
        let old = old.text.clone();
        merged.retain(|(key, _)| key.text != old);
    }
}

/// A member without which an element of this list can't be meant, if it has it not.
pub fn lacks(item: &Node, list: Ground<'_>) -> Option<&'static str> {
    let Value::Map(entries) = &item.value else { return None };
    let needed = list.element().needed();
    needed.iter().find(|needed| entries.iter().all(|(key, _)| key.text != **needed)).copied()
}
