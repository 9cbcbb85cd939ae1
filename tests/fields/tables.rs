//! Two tables: what a member needs around it, and which values it takes, where no type tells.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::bases::Root;

/// A `*` in `member` stands for any part of a name: `Predefined*` is any that begins so.
struct Row {
    root: Root,
    member: &'static str,
    lines: Vec<Value>,
}

static NEEDS: LazyLock<Vec<Row>> = LazyLock::new(|| read(include_str!("needs.txt"), 1));
static VALUES: LazyLock<Vec<Row>> = LazyLock::new(|| read(include_str!("values.txt"), 2));

/// Puts into a `spec` what a member needs around it, from all rows about it in their order.
pub fn prepare(spec: &mut Value, root: Root, path: &str) {
    for row in NEEDS.iter().filter(|row| row.root == root && matches(row.member, path, true)) {
        for (road, value) in row.lines[0].as_object().unwrap() {
            set(spec, road, value.clone());
        }
    }
}

/// A member's two values.
pub fn values(root: Root, path: &str) -> Option<(Value, Value)> {
    let row = VALUES.iter().find(|row| row.root == root && matches(row.member, path, false))?;
    Some((row.lines[0].clone(), row.lines[1].clone()))
}

#[test]
fn every_row_of_the_tables_is_about_a_member() {
    let cases = super::cases::all();
    for row in NEEDS.iter().chain(VALUES.iter()) {
        let known = cases.iter().any(|it| it.root == row.root && matches(row.member, &it.path, false));
        assert!(known, "{:?} has no {}", row.root, row.member);
    }
    for (root, member) in super::expected::required() {
        let known = cases.iter().any(|it| it.root == root && it.path == member);
        assert!(known, "{root:?} has no {member}");
    }
}

fn read(text: &'static str, more: usize) -> Vec<Row> {
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut rows = Vec::new();
    while let Some(head) = lines.next() {
        let (root, member) = head.split_once(' ').unwrap();
        let root = match root {
            "task" => Root::TaskDefinition,
            "service" => Root::Service,
            "policy" => Root::ScalingPolicy,
            other => panic!("no input is called {other}"),
        };
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        rows.push(Row { root, member, lines: lines.by_ref().take(more).map(parse).collect() });
    }
    rows
}

/// Whether a row is about a member, or about one `around` it.
fn matches(row: &str, path: &str, around: bool) -> bool {
    let (row, path): (Vec<&str>, Vec<&str>) = (row.split('.').collect(), path.split('.').collect());
    if path.len() < row.len() || (!around && path.len() > row.len()) {
        return false;
    }
    row.iter().zip(&path).enumerate().all(|(index, (pattern, name))| {
        let name = match around && index + 1 == row.len() && !pattern.ends_with("[]") {
            true => name.trim_end_matches("[]"),
            false => name,
        };
        match pattern.split_once('*') {
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
            None => name == *pattern,
        }
    })
}

/// Sets what a road leads to, and makes what is missing on it. `null` takes it away.
fn set(spec: &mut Value, road: &str, value: Value) {
    let road = match road.split_at(1) {
        ("t", rest) => format!("taskDefinition{rest}"),
        ("c", rest) => format!("taskDefinition/containerDefinitions/{rest}"),
        ("s", rest) => format!("service{rest}"),
        ("p", rest) => format!("scaling/policies/0{rest}"),
        other => panic!("no road begins like {other:?}"),
    };
    let mut place = spec;
    let (around, last) = road.rsplit_once('/').unwrap();
    for step in around.split('/') {
        place = child(place, step);
    }
    match value {
        Value::Null => drop(place.as_object_mut().unwrap().remove(last)),
        value => *child(place, last) = value,
    }
}

fn child<'v>(place: &'v mut Value, step: &str) -> &'v mut Value {
    if let (Value::Array(list), Ok(index)) = (&mut *place, step.parse::<usize>()) {
        if list.len() <= index {
            list.resize(index + 1, json!({}));
        }
        return &mut place[index];
    }
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    &mut place[step]
}
