//! AWS's structures for `docs/manifest.md`: each in a table of its members.

use std::collections::BTreeSet;

use super::{anchor, one_of, table};
use crate::shape::api::{Api, Pattern, Shape, Type};
use crate::shape::json_schema::page;
use crate::shape::layout::{chosen_by_range, filled_in, written_as_mapping};
use crate::shape::reference::{Reference, Structure, Told, is_refused, words};

/// The parts of a manifest, by the first word of a path in it; with what holds for all of the part.
const PARTS: [(&str, &str, &str); 5] = [
    (
        "taskDefinition",
        "The task definition",
        "Any change registers a new revision, and with it starts a deployment. A field that leaves Git goes back to \
         what the column *left out* says.",
    ),
    (
        "service",
        "The service",
        "What a change does is UpdateService's to say, and holds for everything inside of a field. Without a word on \
         it, a field that leaves Git goes back to what the column *left out* says.",
    ),
    (
        "scaling",
        "Scaling",
        "Changes are made in place: each structure is put as a whole. Policies and scheduled actions that Git does not \
         mention are not Git's.",
    ),
    (
        "schedule",
        "The schedule",
        "Changes are made in place: UpdateSchedule replaces the whole, so a field that leaves Git goes back to what the \
         column *left out* says.",
    ),
    (
        "rollout",
        "Hooks",
        "A hook is compared by the digest of its content: another content is another task to run.",
    ),
];
const SHARED: &str = "\n## In several parts\n\nWhat a change does is said where the structure stands.\n";

pub fn structures(api: &Api) -> String {
    let reference = Reference::of(api);
    let mut text = String::new();
    for (part, title, introduction) in PARTS {
        text.push_str(&format!("\n## {title}\n\n{introduction}\n"));
        let mut of_part: Vec<&Structure<'_>> =
            reference.structures().filter(|structure| parts(structure) == BTreeSet::from([part])).collect();
        // The root first, then by name.
        of_part.sort_by_key(|structure| (structure.root.is_none(), structure.shape.name()));
        of_part.iter().for_each(|structure| text.push_str(&section(&reference, structure)));
    }
    text.push_str(SHARED);
    for structure in reference.structures().filter(|structure| parts(structure).len() > 1) {
        text.push_str(&section(&reference, structure));
    }
    text
}

fn parts<'s>(structure: &'s Structure<'_>) -> BTreeSet<&'s str> {
    let first = |path: &'s str| path.split(['.', '[']).next().unwrap_or_default();
    structure.places.iter().map(|place| first(&place.path)).collect()
}

fn section<'a>(reference: &Reference<'a>, structure: &Structure<'a>) -> String {
    let shape = structure.shape;
    let name = structure.root.map_or(shape.name(), |root| root.operation);
    let Shape::Structure { required, union, .. } = shape.shape() else { return String::new() };
    let supplied = structure.root.map_or(&[][..], |root| root.supplied);
    let mut rows = Vec::new();
    let refused = |name: &str| is_refused(structure.root, name) || filled_in(shape.name(), name).is_some();
    for (member, kind) in shape.members().filter(|(member, _)| !refused(member)) {
        let told = reference.told(shape, member);
        let needed = required.contains(member) && !supplied.contains(&member);
        let left_out = column(&told, |told| told.left_out.clone());
        rows.push([
            format!("`{member}`"),
            kind_of(shape, member, kind),
            if needed { "**required**".to_owned() } else { left_out },
            column(&told, |told| told.compared.clone()),
            column(&told, |told| told.effect.map(|effect| words(effect).to_owned())),
            column(&told, |told| told.cleared.clone()),
        ]);
    }
    let mut text = format!("\n### {}\n\n", heading(shape.service(), name));
    text.push_str(&format!("[{name}]({}) in {}.", page(shape.service(), name), places(structure)));
    if *union {
        text.push_str(" Exactly one of these:");
    }
    let head = ["field", "type", "left out", "compared", "a change", "when it leaves Git"];
    text.push_str(&format!("\n\n{}", table(&head, &rows)));
    text.push_str(&not_for_a_manifest(structure));
    text
}

/// The same cell for all places, or each with the places that it is for.
fn column(told: &[(&str, Option<Told>)], cell: impl Fn(&Told) -> Option<String>) -> String {
    let mut cells: Vec<(String, Vec<&str>)> = Vec::new();
    for (path, told) in told {
        let text = told.as_ref().and_then(&cell).unwrap_or_default();
        match cells.iter_mut().find(|(known, _)| *known == text) {
            Some((_, paths)) => paths.push(path),
            None => cells.push((text, vec![path])),
        }
    }
    if let [(text, _)] = cells.as_slice() {
        return text.clone();
    }
    let said = cells.iter().filter(|(text, _)| !text.is_empty());
    said.map(|(text, paths)| {
        // One part of a manifest is enough to tell the places apart.
        let parts: BTreeSet<&str> =
            paths.iter().map(|path| path.split(['.', '[']).next().unwrap_or("")).collect();
        format!("{text} (in {})", one_of(parts.into_iter()))
    })
    .collect::<Vec<_>>()
    .join("; ")
}

const PLACES_MAX: usize = 3;

fn places(structure: &Structure<'_>) -> String {
    let shown = structure.places.iter().take(PLACES_MAX).map(|place| place.path.as_str());
    match structure.places.len().saturating_sub(PLACES_MAX) {
        0 => one_of(shown),
        more => format!("{} and {more} more", one_of(shown)),
    }
}

fn not_for_a_manifest(structure: &Structure<'_>) -> String {
    let of_root = structure.root.map_or(&[][..], |root| root.refused).iter().copied();
    let name = structure.shape.name();
    let of_members =
        structure.shape.members().filter_map(|(member, _)| Some((member, filled_in(name, member)?)));
    let reasons: Vec<String> =
        of_root.chain(of_members).map(|(member, reason)| format!("`{member}` ({reason})")).collect();
    match reasons.is_empty() {
        true => String::new(),
        false => format!("\nNot for a manifest to set: {}.\n", reasons.join(", ")),
    }
}

/// Names are unique within one service only.
fn heading(service: &str, name: &str) -> String {
    match service {
        "scheduler" => format!("{name} (Scheduler)"),
        _ => name.to_owned(),
    }
}

pub fn link(service: &str, name: &str) -> String {
    format!("[{name}](#{})", anchor(&heading(service, name)))
}

fn kind_of(around: Type<'_>, member: &str, shape: Type<'_>) -> String {
    let kind = kind(shape);
    if chosen_by_range(around.name(), member) {
        return format!(
            "{kind}; or `{{repository, tags}}`, for the newest tag in ECR of a range of versions (`>=1.4 <2`) or \
             a pattern (`YYYY_MM`, `build-#`); with `tag` beside it, that one runs, and newer ones are told"
        );
    }
    match written_as_mapping(around.name(), member) {
        Some(value) => format!("{kind}; or a mapping of `name` to `{value}`"),
        None => kind,
    }
}

fn kind(shape: Type<'_>) -> String {
    let of_element = || shape.element().map(kind).unwrap_or_default();
    match shape.shape() {
        Shape::Structure { .. } => link(shape.service(), shape.name()),
        Shape::List { min, max, .. } => {
            format!("list of {}{}", of_element(), counted(*min, *max, "elements"))
        }
        Shape::Map { min, max, .. } => {
            format!("mapping of text to {}{}", of_element(), counted(*min, *max, "keys"))
        }
        Shape::String { values, .. } if !values.is_empty() => one_of(values.iter().map(String::as_str)),
        Shape::String { min, max, pattern, .. } => {
            let text = format!("text{}", counted(*min, *max, "characters"));
            match pattern.as_deref().and_then(Pattern::recognise) {
                Some(Pattern::Arn(of)) => format!("ARN such as `{}`", of.example()),
                Some(pattern) => format!("{text}: {}", pattern.allowed()),
                None => text,
            }
        }
        Shape::Integer { min, max } | Shape::Long { min, max } => {
            format!("whole number{}", range(*min, *max))
        }
        Shape::Double { min, max } => format!("number{}", range(*min, *max)),
        Shape::Boolean {} => "true or false".to_owned(),
        Shape::Document {} => "any value".to_owned(),
        Shape::Timestamp {} => "time such as `2026-11-21T08:00:00Z`, or seconds since 1970".to_owned(),
    }
}

/// `, 1 to 128 characters`
fn counted(min: Option<u64>, max: Option<u64>, noun: &str) -> String {
    let count = |number: u64| match number {
        1 => format!("1 {}", noun.trim_end_matches('s')),
        number => format!("{number} {noun}"),
    };
    match (min.filter(|min| *min > 0), max) {
        (Some(min), Some(max)) if min == max => format!(", {}", count(min)),
        (Some(min), Some(max)) => format!(", {min} to {}", count(max)),
        (Some(min), None) => format!(", at least {}", count(min)),
        (None, Some(max)) => format!(", at most {}", count(max)),
        (None, None) => String::new(),
    }
}

/// `, 0 to 1000`
pub fn range<T: std::fmt::Display>(min: Option<T>, max: Option<T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        (Some(min), None) => format!(", at least {min}"),
        (None, Some(max)) => format!(", at most {max}"),
        (None, None) => String::new(),
    }
}
