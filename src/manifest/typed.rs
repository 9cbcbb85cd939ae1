//! A tree of a manifest against AWS's API model: the JSON that AWS takes, and everything wrong with it.

use serde_json::Map;

use super::choice;
use super::diagnostic::Diagnostic;
use super::node::{Key, Node, Span, Value};
use super::places::Places;
use super::scalar::{self, Fault};
use super::suggest::{any_of, nearest};
use crate::model::{FieldPath, Json, Segment};
use crate::shape::api::{Shape, Type};
use crate::shape::layout::{Root, chosen_by_range, filled_in, is_input, written_as_mapping};

/// The member that tells the elements of a list apart, by the elements' shape.
const IDENTITIES: [(&str, &str); 15] = [
    ("CapacityProviderStrategyItem", "capacityProvider"),
    ("ContainerDefinition", "name"),
    ("ContainerDependency", "containerName"),
    ("ContainerOverride", "name"),
    ("HostEntry", "hostname"),
    ("KeyValuePair", "name"),
    ("MountPoint", "containerPath"),
    ("Secret", "name"),
    ("ServiceConnectService", "portName"),
    ("ServiceRegistry", "registryArn"),
    ("ServiceVolumeConfiguration", "name"),
    ("SystemControl", "namespace"),
    ("Tag", "key"),
    ("Ulimit", "name"),
    ("Volume", "name"),
];

/// One walk through one input of AWS's.
pub struct Walk<'a> {
    pub root: Root,
    pub places: &'a mut Places,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

/// Where the walk is.
#[derive(Clone)]
struct At<'a> {
    path: FieldPath,
    /// Where to point at when something is missing in here.
    anchor: Span,
    /// AWS's name of the structure around.
    structure: &'a str,
}

impl Walk<'_> {
    /// Reads the root structure. What was refused is left out of the answer.
    pub fn input(&mut self, node: &Node, path: &FieldPath, anchor: Span, root: Type<'_>) -> Json {
        let at = At { path: path.clone(), anchor, structure: root.name() };
        self.value(node, &at, root, Some(anchor)).unwrap_or_else(|| Json::Object(Map::new()))
    }

    /// Reads one member of a root structure by itself. `None`: it was refused.
    pub fn part(&mut self, node: &Node, path: &FieldPath, key: Span, expected: Type<'_>) -> Option<Json> {
        let at = At { path: path.clone(), anchor: key, structure: expected.name() };
        self.value(node, &at, expected, Some(key))
    }

    fn value(&mut self, node: &Node, at: &At<'_>, expected: Type<'_>, key: Option<Span>) -> Option<Json> {
        self.places.record(&at.path, key, node.anchor());
        self.places.set_by(&at.path, &node.variables);
        if node.value == Value::Refused {
            self.places.refuse(&at.path);
            return None;
        }
        match (expected.shape(), &node.value) {
            (Shape::Structure { .. }, Value::Map(entries)) => {
                Some(self.structure(entries, &At { structure: expected.name(), ..at.clone() }, expected))
            }
            (Shape::List { min, max, .. }, Value::List(items)) => {
                self.list(items, at, expected, (*min, *max), node)
            }
            (Shape::Map { .. }, Value::Map(entries)) => Some(self.map(entries, at, expected)),
            (Shape::Document {}, _) => self.document(node, at),
            (shape, _) => match scalar::read(node, shape) {
                Ok(value) => Some(value),
                Err(fault) => {
                    self.fault(fault, at, node);
                    None
                }
            },
        }
    }

    fn structure(&mut self, entries: &[(Key, Node)], at: &At<'_>, expected: Type<'_>) -> Json {
        let mut object = Map::new();
        let mut meant = Vec::new();
        for (key, node) in entries {
            if let Some(reason) = self.refused(expected.name(), &key.text) {
                let title = format!("`{}` is not for a manifest to set", key.text);
                self.error(Diagnostic::at(key.span, title).label(reason));
                continue;
            }
            let Some(member) = expected.member(&key.text) else {
                meant.extend(self.unknown(key, at, expected));
                continue;
            };
            let inner =
                At { path: at.path.field(key.text.as_str()), anchor: key.span, structure: at.structure };
            if let Some(value) = self.member(node, &inner, expected, member, key) {
                object.insert(key.text.clone(), value);
            }
        }
        self.require(entries, &meant, at, expected);
        Json::Object(object)
    }

    /// Why a manifest must not set a member, if it must not.
    fn refused(&self, structure: &str, member: &str) -> Option<&'static str> {
        let of_root = self.root.refused.iter().find(|(name, _)| is_input(structure) && *name == member);
        of_root.map(|(_, reason)| *reason).or_else(|| filled_in(structure, member))
    }

    fn member(
        &mut self,
        node: &Node,
        at: &At<'_>,
        parent: Type<'_>,
        member: Type<'_>,
        key: &Key,
    ) -> Option<Json> {
        if chosen_by_range(parent.name(), &key.text) && matches!(node.value, Value::Map(_)) {
            self.places.record(&at.path, Some(key.span), node.anchor());
            return choice::read(node, &at.path, key.span, self.places, self.diagnostics).map(Json::from);
        }
        match (written_as_mapping(parent.name(), &key.text), &node.value) {
            (Some(value), Value::Map(entries)) => {
                self.places.record(&at.path, Some(key.span), node.anchor());
                Some(self.written_as_mapping(entries, at, member, value))
            }
            _ => self.value(node, at, member, Some(key.span)),
        }
    }

    /// `{LOG_LEVEL: info}` becomes `[{name: LOG_LEVEL, value: info}]`, sorted by name.
    fn written_as_mapping(
        &mut self,
        entries: &[(Key, Node)],
        at: &At<'_>,
        list: Type<'_>,
        value: &str,
    ) -> Json {
        let Some((element, member)) =
            list.element().and_then(|element| Some((element, element.member(value)?)))
        else {
            return Json::Array(Vec::new());
        };
        let mut sorted: Vec<&(Key, Node)> = entries.iter().collect();
        sorted.sort_by(|(one, _), (other, _)| one.text.cmp(&other.text));
        let mut items = Vec::new();
        for (key, node) in sorted {
            let path = at.path.index(items.len());
            let inner =
                At { path: at.path.field(key.text.as_str()), anchor: key.span, structure: element.name() };
            if let Some(read) = self.value(node, &inner, member, Some(key.span)) {
                self.places.record(&path, Some(key.span), node.anchor());
                self.places.record(&path.field(value), Some(key.span), node.anchor());
                self.places.name(&path, key.text.as_str());
                items.push(serde_json::json!({ "name": key.text, value: read }));
            }
        }
        Json::Array(items)
    }

    fn list(
        &mut self,
        items: &[Node],
        at: &At<'_>,
        expected: Type<'_>,
        (min, max): (Option<u64>, Option<u64>),
        node: &Node,
    ) -> Option<Json> {
        let length = items.len() as u64;
        if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
            let fault = Fault::new(format!("has {}", scalar::counted(length, "element")));
            self.fault(fault.label(scalar::limits(min, max, "element")), at, node);
        }
        let element = expected.element()?;
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = at.path.index(index);
            let inner = At { path: path.clone(), anchor: item.anchor(), structure: at.structure };
            // A refused element keeps its place, so that the others keep theirs.
            let value = self.value(item, &inner, element, None).unwrap_or(Json::Null);
            if let Some(name) = name_of(&value, element.name()) {
                self.places.name(&path, name);
            }
            values.push(value);
        }
        Some(Json::Array(values))
    }

    fn map(&mut self, entries: &[(Key, Node)], at: &At<'_>, expected: Type<'_>) -> Json {
        let mut object = Map::new();
        let Some((key_type, element)) = expected.key().zip(expected.element()) else {
            return Json::Object(object);
        };
        for (key, node) in entries {
            let inner =
                At { path: at.path.field(key.text.as_str()), anchor: key.span, structure: at.structure };
            let as_text = Node::text(key.text.as_str(), key.span);
            if let Err(fault) = scalar::read(&as_text, key_type.shape()) {
                self.fault(fault, &inner, &as_text);
            }
            if let Some(value) = self.value(node, &inner, element, Some(key.span)) {
                object.insert(key.text.clone(), value);
            }
        }
        Json::Object(object)
    }

    /// Free JSON: whatever is written, each scalar as what YAML takes it for.
    fn document(&mut self, node: &Node, at: &At<'_>) -> Option<Json> {
        match &node.value {
            Value::Map(entries) => {
                let member = |(key, node): &(Key, Node)| {
                    let inner = At { path: at.path.field(key.text.as_str()), anchor: key.span, ..at.clone() };
                    Some((key.text.clone(), self.document(node, &inner)?))
                };
                Some(Json::Object(entries.iter().filter_map(member).collect()))
            }
            Value::List(items) => {
                let item =
                    |(index, item)| self.document(item, &At { path: at.path.index(index), ..at.clone() });
                Some(Json::Array(items.iter().enumerate().filter_map(item).collect()))
            }
            Value::Scalar(scalar) => match scalar::free(node, scalar) {
                Ok(value) => Some(value),
                Err(fault) => {
                    self.fault(fault, at, node);
                    None
                }
            },
            Value::Refused => None,
        }
    }

    /// Reports an unknown member, and answers which one was meant.
    fn unknown<'t>(&mut self, key: &Key, at: &At<'_>, expected: Type<'t>) -> Option<&'t str> {
        self.places.refuse(&at.path);
        let names = expected.members().map(|(name, _)| name);
        let names = names.filter(|name| self.refused(expected.name(), name).is_none());
        let title = format!("unknown field `{}` in {}", key.text, self.noun(expected.name()));
        let meant = nearest(&key.text, names);
        let label = match &*key.text {
            "$patch" => "only in an Overlay".to_owned(),
            _ => meant.map_or_else(String::new, |name| format!("did you mean `{name}`?")),
        };
        let diagnostic = Diagnostic::at(key.span, title).label(label);
        self.error(self.see(diagnostic, expected.name()));
        meant
    }

    /// Reports required members that are missing; those that were `meant` were only misspelt.
    fn require(&mut self, entries: &[(Key, Node)], meant: &[&str], at: &At<'_>, expected: Type<'_>) {
        let Shape::Structure { members, required, union } = expected.shape() else { return };
        let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
        for name in required {
            let supplied = is_input(expected.name()) && self.root.supplied.contains(&name.as_str())
                || filled_in(expected.name(), name).is_some();
            if supplied || has(name) || meant.contains(&name.as_str()) {
                continue;
            }
            let path = at.path.field(name.as_str());
            self.places.refuse(&path);
            self.places.miss(self.diagnostics.len(), &path);
            let title = format!("{} has no `{name}`", self.noun(expected.name()));
            let diagnostic = Diagnostic::at(at.anchor, title).label(format!("`{name}` is required"));
            self.error(self.see(diagnostic, expected.name()));
        }
        let chosen = entries.iter().filter(|(key, _)| members.contains_key(&key.text)).count();
        if *union && chosen != 1 {
            let title = format!("{} must have exactly one member", self.noun(expected.name()));
            let names = any_of(members.keys().map(String::as_str));
            let diagnostic = Diagnostic::at(at.anchor, title).label(format!("one of {names}"));
            self.error(self.see(diagnostic, expected.name()));
        }
    }

    fn fault(&mut self, fault: Fault, at: &At<'_>, node: &Node) {
        self.places.refuse(&at.path);
        let title = format!("`{}` {}", last_field(&at.path), fault.wrong);
        let mut diagnostic = Diagnostic::at(node.span, title).label(fault.label);
        diagnostic.notes.extend(fault.note);
        self.error(self.see(diagnostic.set_by(&node.variables), at.structure));
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn see(&self, diagnostic: Diagnostic, structure: &str) -> Diagnostic {
        match is_input(structure) {
            true => diagnostic.note(format!("see {}", self.root.operation)),
            false => diagnostic.note(format!("see {}, {structure}", self.root.operation)),
        }
    }

    fn noun(&self, structure: &str) -> String {
        if is_input(structure) { self.root.noun.to_owned() } else { noun(structure) }
    }
}

/// What the plan calls an element of a list: `worker`, `8080/tcp`, `api:8080`.
fn name_of(element: &Json, structure: &str) -> Option<String> {
    let text = |member: &str| match element.get(member) {
        Some(Json::String(text)) => Some(text.clone()),
        Some(Json::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    match structure {
        "LoadBalancer" => Some(format!("{}:{}", text("containerName")?, text("containerPort")?)),
        "PortMapping" => {
            let protocol = text("protocol").unwrap_or_else(|| "tcp".to_owned());
            Some(format!("{}/{protocol}", text("containerPort").or_else(|| text("containerPortRange"))?))
        }
        _ => text(IDENTITIES.iter().find(|(shape, _)| *shape == structure)?.1),
    }
}

/// `ContainerDefinition` -> `a container definition`
fn noun(structure: &str) -> String {
    let letters: Vec<char> = structure.chars().collect();
    let mut words = vec![String::new()];
    for (place, letter) in letters.iter().enumerate() {
        let after_lower = place > 0 && letters[place - 1].is_lowercase();
        let before_lower = letters.get(place + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && place > 0 && (after_lower || before_lower) {
            words.push(String::new());
        }
        words.iter_mut().last().into_iter().for_each(|word| word.push(*letter));
    }
    // Acronyms stay as they are: `an EFS volume configuration`.
    let spoken = words.iter().map(|word| match word.chars().any(char::is_lowercase) {
        true => word.to_lowercase(),
        false => word.clone(),
    });
    let phrase = spoken.collect::<Vec<_>>().join(" ");
    let article = if phrase.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {phrase}")
}

/// `command[0]`: the last field of a path with the elements after it.
fn last_field(path: &FieldPath) -> String {
    let from = path.0.iter().rposition(|segment| matches!(segment, Segment::Field(_))).unwrap_or(0);
    FieldPath(path.0[from..].to_vec()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_spoken_of_in_words() {
        assert_eq!(noun("ContainerDefinition"), "a container definition");
        assert_eq!(noun("EFSVolumeConfiguration"), "an EFS volume configuration");
        assert_eq!(
            noun("ServiceManagedEBSVolumeConfiguration"),
            "a service managed EBS volume configuration"
        );
        assert_eq!(noun("Ulimit"), "a ulimit");
    }
}
