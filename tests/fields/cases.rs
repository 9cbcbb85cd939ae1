//! The cases: one for each member of each input, found by a walk through the API model.

use std::collections::BTreeSet;

use reconciler::shape::api::{Api, Shape, Type};
use reconciler::shape::layout;
use serde_json::Value;

use super::Member;
use super::bases::{self, Root};
use super::values::{Turn, candidates, minimal};

/// One step from the root of an input to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Name(String),
    /// The first element of a list.
    Element,
}

/// One member of an input, and what is done with it.
#[derive(Clone, Debug)]
pub struct Case {
    pub root: Root,
    /// As in a model: `loadBalancers[].containerPort`.
    pub path: String,
    pub steps: Vec<Step>,
    /// By the API model, in the structure around it.
    pub required: bool,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub enum Act {
    /// It is written, changed and taken away. Values that it may have first, and second.
    Lifecycle { first: Vec<Value>, second: Vec<Value> },
    /// A manifest must not set it.
    Refused(Value),
}

impl Case {
    pub fn title(&self) -> String {
        format!("{} {}", self.root.operations()[0], self.path)
    }

    /// The member in each of its calls, and all that is in it.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        let within = |path: &str| {
            path.strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.root
            .operations()
            .iter()
            .flat_map(|operation| members(operation))
            .filter(move |(_, path)| within(path))
    }

    /// Where the member stands in its input.
    pub fn pointer(&self) -> String {
        pointer(&self.steps)
    }

    /// Where the member stands in a manifest's `spec`.
    pub fn pointer_in_spec(&self) -> String {
        format!("{}{}", self.root.place(), self.pointer_in_manifest())
    }

    fn pointer_in_manifest(&self) -> String {
        let mut steps = self.steps.clone();
        if let (Root::ScalableTarget, Some(Step::Name(name))) = (self.root, steps.first_mut()) {
            // A manifest spells `scaling` as it spells all that is its own.
            name[..1].make_ascii_lowercase();
        }
        pointer(&steps)
    }

    /// The `spec` of a manifest that has the member with this value, and all around it that it needs.
    pub fn with(&self, value: &Value) -> Value {
        let mut spec = bases::spec(self.root, &self.path);
        let place = spec.pointer_mut(self.root.place()).unwrap();
        let input = Api::builtin().input(self.root.operations()[0]).unwrap();
        let mut steps = self.steps.clone();
        if let (Root::ScalableTarget, Some(Step::Name(name))) = (self.root, steps.first_mut()) {
            let kind = input.member(name).unwrap();
            name[..1].make_ascii_lowercase();
            put(&mut place[name.as_str()], kind, &steps[1..], value);
            return spec;
        }
        put(place, input, &steps, value);
        spec
    }

    /// The same without the member.
    pub fn without(&self, value: &Value) -> Value {
        let mut spec = self.with(value);
        let pointer = self.pointer_in_spec();
        let (around, name) = pointer.rsplit_once('/').unwrap();
        spec.pointer_mut(around).unwrap().as_object_mut().unwrap().remove(name);
        spec
    }
}

fn pointer(steps: &[Step]) -> String {
    steps
        .iter()
        .map(|step| match step {
            Step::Name(name) => format!("/{name}"),
            Step::Element => "/0".to_owned(),
        })
        .collect()
}

/// Puts a value where the steps lead, through structures and lists that are made where they are missing.
fn put(place: &mut Value, kind: Type<'_>, steps: &[Step], value: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *place = value.clone();
        return;
    };
    match step {
        Step::Name(name) => {
            if !place.is_object() {
                *place = minimal(kind, Turn::First);
            }
            let member = kind.member(name).unwrap();
            put(&mut place[name.as_str()], member, rest, value);
        }
        Step::Element => {
            let element = kind.element().unwrap();
            if place.as_array().is_none_or(Vec::is_empty) {
                *place = Value::Array(vec![minimal(element, Turn::First)]);
            }
            put(&mut place[0], element, rest, value);
        }
    }
}

/// Every member of an operation's input.
pub fn members(operation: &'static str) -> BTreeSet<Member> {
    let mut found = BTreeSet::new();
    let input = Api::builtin().input(operation).unwrap();
    visit(input, &mut Vec::new(), &mut |steps, _, _| {
        found.insert((operation, path(steps)));
    });
    found
}

/// A case for each member that a manifest can hold, and for each that it must not.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for root in Root::ALL {
        let input = Api::builtin().input(root.operations()[0]).unwrap();
        visit(input, &mut Vec::new(), &mut |steps, around, member| {
            let path = path(steps);
            if is_below_a_refused_one(root, steps) {
                return;
            }
            let Some(Step::Name(name)) = steps.last() else { return };
            let act = match refused(root, around, name, steps) {
                true => Act::Refused(candidates(root, &path, name, member, Turn::First).remove(0)),
                false => Act::Lifecycle {
                    first: candidates(root, &path, name, member, Turn::First),
                    second: candidates(root, &path, name, member, Turn::Second),
                },
            };
            let required = match around.shape() {
                Shape::Structure { required, .. } => required.contains(name),
                _ => false,
            };
            cases.push(Case { root, path, steps: steps.to_vec(), required, act });
        });
    }
    cases
}

fn refused(root: Root, around: Type<'_>, name: &str, steps: &[Step]) -> bool {
    let of_root = steps.len() == 1 && root.layout().refused.iter().any(|(refused, _)| *refused == name);
    of_root || layout::filled_in(around.name(), name).is_some()
}

fn is_below_a_refused_one(root: Root, steps: &[Step]) -> bool {
    let Some(Step::Name(first)) = steps.first() else { return false };
    steps.len() > 1 && root.layout().refused.iter().any(|(refused, _)| refused == first)
}

fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Name(name) if path.is_empty() => path.push_str(name),
            Step::Name(name) => path.push_str(&format!(".{name}")),
            Step::Element => path.push_str("[]"),
        }
    }
    path
}

/// Calls `seen` with each member, the structure around it, and its type.
fn visit(kind: Type<'_>, steps: &mut Vec<Step>, seen: &mut dyn FnMut(&[Step], Type<'_>, Type<'_>)) {
    match kind.shape() {
        Shape::Structure { .. } => {
            for (name, member) in kind.members() {
                steps.push(Step::Name(name.to_owned()));
                seen(steps, kind, member);
                visit(member, steps, seen);
                steps.pop();
            }
        }
        Shape::List { .. } => {
            steps.push(Step::Element);
            if let Some(element) = kind.element() {
                visit(element, steps, seen);
            }
            steps.pop();
        }
        _ => {}
    }
}
