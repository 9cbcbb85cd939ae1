//! `environment` and `secrets` may be written as lists and as mappings, and an overlay need not know which.

use std::collections::BTreeSet;

use super::directive::PATCH;
use super::ground::Ground;
use super::merge::Entry;
use crate::manifest::node::{Key, Node, Scalar, Value};

/// `{LOG_LEVEL: info}` as the list that it is short for.
pub fn as_list(entries: &[Entry], ground: Ground<'_>) -> Value {
    let member = ground.as_mapping().unwrap_or("value");
    let item = |(key, node): &Entry| {
        let field = |text: &str| Key { text: text.to_owned(), span: key.span };
        let name = (field("name"), Node::text(key.text.as_str(), key.span));
        let second = match (key.text.as_str(), node.is_explicit_null()) {
            (PATCH, _) => return Node::new(key.span, Value::Map(vec![(key.clone(), node.clone())])),
            (_, true) => (field(PATCH), Node::text("delete", node.span)),
            (_, false) => (field(member), node.clone()),
        };
        Node::new(key.span, Value::Map(vec![name, second]))
    };
    Value::List(entries.iter().map(item).collect())
}

/// The other way round; `None`: there is more in the list than a mapping can say.
pub fn as_map(items: &[Node], ground: Ground<'_>) -> Option<Vec<Entry>> {
    let member = ground.as_mapping()?;
    let entry = |item: &Node| {
        let Value::Map(entries) = &item.value else { return None };
        let get = |name: &str| entries.iter().find(|(key, _)| key.text == name);
        if let [(key, _)] = &entries[..]
            && key.text == PATCH
        {
            return entries.first().cloned();
        }
        let Some((_, Node { value: Value::Scalar(name), span, .. })) = get("name") else { return None };
        let node = match (&entries[..], get(member), get(PATCH)) {
            ([_, _], Some((_, node)), None) => node.clone(),
            ([_, _], None, Some((key, Node { value: Value::Scalar(word), .. }))) if word.text == "delete" => {
                Node::new(key.span, Value::Scalar(Scalar { text: "null".to_owned(), plain: true }))
            }
            _ => return None,
        };
        (!name.text.contains("${")).then(|| (Key { text: name.text.clone(), span: *span }, node))
    };
    let entries: Vec<Entry> = items.iter().map(entry).collect::<Option<_>>()?;
    let unique: BTreeSet<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
    (unique.len() == entries.len()).then_some(entries)
}
