//! Values for a member: from its type, and for some from a small table.

use reconciler::shape::api::{Shape, Type};
use reconciler::shape::layout;
use serde_json::{Map, Value, json};

use super::bases::Root;
use super::special;

/// Which of a member's two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    First,
    /// Another one, and not AWS's default.
    Second,
}

/// Values to try in turn: the first one that a manifest may hold is taken.
pub fn candidates(root: Root, path: &str, name: &str, kind: Type<'_>, turn: Turn) -> Vec<Value> {
    if let Some((first, second)) = special::values(root, path) {
        return vec![if turn == Turn::First { first } else { second }];
    }
    match (kind.shape(), turn) {
        (Shape::Structure { .. }, Turn::Second) => {
            let mut others = Vec::new();
            let least = minimal(kind, Turn::First);
            for (name, member) in kind.members() {
                let mut other = least.clone();
                other[name] = sample(name, member, Turn::Second);
                // An empty one says nothing.
                if other != least && other[name] != json!({}) {
                    others.push(other);
                }
            }
            others
        }
        (Shape::List { .. }, Turn::Second) => {
            let element = kind.element().unwrap();
            match element.shape() {
                Shape::Structure { .. } => candidates(root, &format!("{path}[]"), name, element, turn)
                    .into_iter()
                    .map(|element| json!([element]))
                    .collect(),
                _ => vec![sample(name, kind, turn)],
            }
        }
        (Shape::String { values, .. }, Turn::Second) if !values.is_empty() => {
            values.iter().skip(1).chain(values.first()).map(|value| json!(value)).collect()
        }
        (Shape::String { values, .. }, Turn::First) if !values.is_empty() => {
            values.iter().map(|value| json!(value)).collect()
        }
        _ => vec![sample(name, kind, turn)],
    }
}

/// The least that AWS takes for a type.
pub fn minimal(kind: Type<'_>, turn: Turn) -> Value {
    if let Some(known) = special::least(kind.service(), kind.name(), turn) {
        return known;
    }
    let Shape::Structure { required, union, .. } = kind.shape() else {
        return sample(kind.name(), kind, turn);
    };
    let mut structure = Map::new();
    for (name, member) in kind.members() {
        let ours = layout::filled_in(kind.name(), name).is_some();
        if (required.contains(name) && !ours) || (*union && structure.is_empty()) {
            structure.insert(name.to_owned(), sample(name, member, turn));
        }
    }
    Value::Object(structure)
}

/// A value of a type, for a member of this name.
fn sample(name: &str, kind: Type<'_>, turn: Turn) -> Value {
    let second = turn == Turn::Second;
    match kind.shape() {
        Shape::Structure { .. } => minimal(kind, turn),
        Shape::List { min, .. } => {
            let element = kind.element().unwrap();
            let one = sample(name, element, turn);
            // Most lists of text mean a set, so that another order would be no change.
            match min.unwrap_or(0) > 1 {
                true => json!([one, sample(name, element, Turn::First)]),
                false => json!([one]),
            }
        }
        Shape::Map { .. } => {
            let value = sample(name, kind.element().unwrap(), turn);
            json!({"key": value})
        }
        Shape::String { values, min, max, .. } => match values.len() {
            0 => text(name, second, *min, *max),
            1 => json!(values[0]),
            _ => json!(values[usize::from(second)]),
        },
        Shape::Integer { min, max } | Shape::Long { min, max } => {
            let low = min.unwrap_or(1).max(1);
            let high = max.unwrap_or(i64::from(i32::MAX));
            json!((low + if second { 2 } else { 1 }).min(high))
        }
        Shape::Double { .. } => json!(if second { 20.5 } else { 10.5 }),
        Shape::Boolean {} => json!(second),
        Shape::Timestamp {} => {
            json!(if second { "2027-03-02T08:00:00Z" } else { "2027-03-01T08:00:00Z" })
        }
        Shape::Document {} => json!({"key": if second { 2 } else { 1 }, "list": [true, "text"]}),
    }
}

fn text(name: &str, second: bool, min: Option<u64>, max: Option<u64>) -> Value {
    let which = if second { "two" } else { "one" };
    let lower = name.to_ascii_lowercase();
    let arn = |rest: &str| format!("arn:aws:{rest}-{which}");
    let text = match lower.as_str() {
        "rolearn" | "taskrolearn" | "executionrolearn" => arn("iam::123456789012:role/role"),
        "kmskeyid" | "kmskey" | "kmskeyarn" => arn("kms:eu-west-1:123456789012:key/key"),
        "hooktargetarn" => arn("lambda:eu-west-1:123456789012:function:check"),
        "registryarn" => arn("servicediscovery:eu-west-1:123456789012:service/srv"),
        "awspcaauthorityarn" => arn("acm-pca:eu-west-1:123456789012:certificate-authority/ca"),
        "productionlistenerrule" | "testlistenerrule" => {
            arn(&format!("elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/lb/1/2/{lower}"))
        }
        "targetgrouparn" | "alternatetargetgrouparn" => {
            arn(&format!("vpc-lattice:eu-west-1:123456789012:targetgroup/{lower}"))
        }
        "valuefrom" | "credentialsparameter" => arn("secretsmanager:eu-west-1:123456789012:secret:secret"),
        "filesystemarn" => arn("s3files:eu-west-1:123456789012:file-system/fs"),
        "accesspointarn" => arn("s3files:eu-west-1:123456789012:file-system/fs/access-point/ap"),
        _ => format!("{lower}-{which}"),
    };
    let length = text.chars().count() as u64;
    assert!(min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max), "{name}: {text}");
    json!(text)
}
