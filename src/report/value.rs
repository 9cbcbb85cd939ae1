//! How a value, and the change of a value, is shown on one line. The plan has masked credentials
//! inside of larger values already; a value that is one as a whole is marked `sensitive`.

use super::paint::{cut, plain};
use crate::model::Json;
use crate::plan::{Cause, Consequence, Difference};

/// Characters of one value.
const VALUE_MAX: usize = 48;
/// Characters of all that changed inside one map or list.
const CHANGE_MAX: usize = 96;
/// `1024 -> 2048`, or what was added to and removed from a map or list.
pub(super) fn change(difference: &Difference) -> String {
    let (live, desired) = (&difference.live, &difference.desired);
    if difference.sensitive {
        return match (live, desired) {
            (None, _) => "(added, not shown)",
            (_, None) => "(removed, not shown)",
            (Some(_), Some(_)) => "(changed, not shown)",
        }
        .to_owned();
    }
    if matches!(difference.cause, Cause::LeftGit | Cause::Foreign) && desired.is_none() {
        // What it was is in Git's history; AWS's own additions to it are nobody's concern.
        return "deleted".to_owned();
    }
    if let (Some(live), Some(desired)) = (live, desired)
        && let Some(members) = members_changed(live, desired)
    {
        return cut(&members, CHANGE_MAX);
    }
    if let (None, Some(desired), Consequence::Creates) = (live, desired, &difference.consequence) {
        return value_text(desired);
    }
    if let (Some(Json::String(live)), Some(Json::String(desired))) = (live, desired)
        && live.chars().count().max(desired.chars().count()) > VALUE_MAX
    {
        let (live, desired) = without_common_beginning(live, desired);
        return format!("{} -> {}", value_text(&Json::String(live)), value_text(&Json::String(desired)));
    }
    let shown = |value: &Option<Json>| value.as_ref().map_or("(absent)".to_owned(), value_text);
    format!("{} -> {}", shown(live), shown(desired))
}

/// What Git and AWS have of a field that is no difference.
pub(super) fn sides(desired: Option<&Json>, live: Option<&Json>) -> String {
    if let (Some(Json::String(desired)), Some(Json::String(live))) = (desired, live)
        && live.chars().count().max(desired.chars().count()) > VALUE_MAX
    {
        let (live, desired) = without_common_beginning(live, desired);
        return format!(
            "Git {}, AWS {}",
            value_text(&Json::String(desired)),
            value_text(&Json::String(live))
        );
    }
    let shown = |value: Option<&Json>| value.map_or("(absent)".to_owned(), value_text);
    format!("Git {}, AWS {}", shown(desired), shown(live))
}

/// Two long texts from the last name before they differ: `…/job-api:1.0.0`, `…/job-api:1.1.0`. Cut at
/// their ends they could look alike.
fn without_common_beginning(live: &str, desired: &str) -> (String, String) {
    let alike: usize = live
        .chars()
        .zip(desired.chars())
        .take_while(|(one, other)| one == other)
        .map(|(one, _)| one.len_utf8())
        .sum();
    let name_at = live[..alike].rfind('/').or_else(|| live[..alike].rfind(':')).unwrap_or(alike);
    if name_at == 0 {
        return (live.to_owned(), desired.to_owned());
    }
    (format!("…{}", &live[name_at..]), format!("…{}", &desired[name_at..]))
}

/// A value on one line, cut when it is long.
pub(super) fn value_text(value: &Json) -> String {
    cut(&plain(&with_short_digests(&compact(value))), VALUE_MAX)
}

/// `api:1.4.2@sha256:4c1f9e2a77d0…`: enough of a digest to tell two apart.
fn with_short_digests(text: &str) -> String {
    const BEGIN: &str = "@sha256:";
    const DIGITS: usize = 64;
    let mut parts = text.split(BEGIN);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        match digits {
            DIGITS => short.push_str(&format!("{BEGIN}{}…{}", &part[..12], &part[DIGITS..])),
            _ => short.push_str(&format!("{BEGIN}{part}")),
        }
    }
    short
}

/// JSON without quotes around the names of members.
fn compact(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            // A named value, as ECS writes environment variables, ulimits and tags.
            if let Some(pair) = named_value(members) {
                return pair;
            }
            let members = members.iter().map(|(name, value)| format!("{name}: {}", compact(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.to_string(),
    }
}

fn named_value(members: &serde_json::Map<String, Json>) -> Option<String> {
    let name = members.get("name").filter(|_| members.len() == 2)?.as_str()?;
    let value = members.get("value").or_else(|| members.get("valueFrom"))?;
    Some(format!("{name}: {}", compact(value)))
}

/// `+BATCH: "20", -OLD, LEVEL: "info" -> "debug"`; `None` where that would not be shorter to read.
fn members_changed(live: &Json, desired: &Json) -> Option<String> {
    let mut parts = Vec::new();
    match (live, desired) {
        (Json::Object(live), Json::Object(desired)) => {
            for (name, value) in desired {
                match live.get(name) {
                    None => parts.push(format!("+{name}: {}", compact(value))),
                    Some(old) if old != value => {
                        parts.push(format!("{name}: {} -> {}", compact(old), compact(value)));
                    }
                    Some(_) => {}
                }
            }
            parts.extend(
                live.keys().filter(|name| !desired.contains_key(*name)).map(|name| format!("-{name}")),
            );
        }
        (Json::Array(live), Json::Array(desired)) => {
            let added = desired.iter().filter(|item| !live.contains(item));
            parts.extend(added.map(|item| format!("+{}", compact(item))));
            let removed = live.iter().filter(|item| !desired.contains(item));
            parts.extend(removed.map(|item| format!("-{}", compact(item))));
            if parts.is_empty() {
                parts.push("the same, in another order or number".to_owned());
            }
        }
        _ => return None,
    }
    (!parts.is_empty()).then(|| plain(&parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldPath;
    use crate::plan::Cause;
    use serde_json::json;

    fn check(live: Json, desired: Json, expected: &str) {
        let some = |value: Json| if value.is_null() { None } else { Some(value) };
        let difference = Difference {
            path: FieldPath::root().field("x"),
            live: some(live),
            desired: some(desired),
            consequence: Consequence::InPlace,
            cause: Cause::Git,
            origin: None,
            since: None,
            sensitive: false,
            why: None,
        };
        assert_eq!(change(&difference), expected);
        let hidden = Difference { sensitive: true, ..difference };
        assert!(change(&hidden).ends_with(", not shown)"));
    }

    #[test]
    fn a_change_reads_as_what_is_different() {
        check(json!(1024), json!(2048), "1024 -> 2048");
        check(json!(null), json!("20"), r#"(absent) -> "20""#);
        check(json!(["sg-1", "sg-2"]), json!(["sg-2", "sg-3"]), r#"+"sg-3", -"sg-1""#);
        check(json!(["a", "b"]), json!(["b", "a"]), "the same, in another order or number");
        check(
            json!({"LEVEL": "info", "OLD": "1"}),
            json!({"BATCH": "20", "LEVEL": "debug"}),
            r#"+BATCH: "20", LEVEL: "info" -> "debug", -OLD"#,
        );
        check(
            json!([{"name": "A", "value": "1"}]),
            json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
            r#"+B: "2""#,
        );
    }

    #[test]
    fn two_long_texts_show_where_they_differ() {
        let image = |tag: &str| json!(format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/job-api:{tag}"));
        check(image("1.0.0"), image("1.1.0"), r#""…/job-api:1.0.0" -> "…/job-api:1.1.0""#);
    }

    #[test]
    fn a_long_value_is_cut() {
        let text = value_text(&json!("x".repeat(500)));
        assert_eq!(text.chars().count(), VALUE_MAX);
        assert!(text.ends_with('…'));
    }
}
