//! When two single values mean the same.

use crate::model::Json;
use crate::shape::rules::Equality;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Compares two values that are not walked into.
pub(super) fn same_scalar(equality: Equality, one: &Json, other: &Json) -> bool {
    if one == other || (is_blank(one) && is_blank(other)) {
        return true;
    }
    match equality {
        Equality::Number => match (number(one), number(other)) {
            (Some(one), Some(other)) => one == other,
            // An absent number compares as an empty text.
            _ => false,
        },
        Equality::Percent => near(number(one), number(other), 0.05),
        Equality::UnitCpu => near(units(one, "vcpu"), units(other, "vcpu"), 0.5),
        Equality::UnitMemory => near(units(one, "gb"), units(other, "gb"), 0.5),
        Equality::ArnTail => names_the_arn(one, other) || names_the_arn(other, one),
        Equality::CapacityProvider | Equality::TimeZone => match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => canonical(equality, one) == canonical(equality, other),
            _ => false,
        },
        Equality::SecretReference => match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => {
                secret_parts(one).is_some() && secret_parts(one) == secret_parts(other)
            }
            _ => false,
        },
        Equality::NameUnlessArn => is_arn(one) != is_arn(other),
        Equality::PlacementField => {
            placement_field(one).is_some() && placement_field(one) == placement_field(other)
        }
        Equality::Instant => near(instant(one), instant(other), 0.0005),
        Equality::Document => {
            document(one).zip(document(other)).is_some_and(|(one, other)| same_json(&one, &other))
        }
        Equality::Exact
        | Equality::Members
        | Equality::Map
        | Equality::Ordered
        | Equality::Set
        | Equality::KeyedBy(_)
        | Equality::MapByName(_) => match (one, other) {
            (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
            _ => false,
        },
    }
}

/// `""`, `[]` or `{}`.
pub(super) fn is_blank(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

fn near(one: Option<f64>, other: Option<f64>, tolerance: f64) -> bool {
    one.zip(other).is_some_and(|(one, other)| (one - other).abs() < tolerance)
}

fn number(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// CPU units or MiB; a number with the big unit counts 1,024 of them.
fn units(value: &Json, big: &str) -> Option<f64> {
    let Some(text) = value.as_str() else { return value.as_f64() };
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix(big) {
        Some(count) => Some(count.trim().parse::<f64>().ok()? * 1024.0),
        None => text.parse().ok(),
    }
}

/// An attribute's name is the user's own, and its case counts.
fn placement_field(value: &Json) -> Option<String> {
    let text = value.as_str()?;
    match text.to_ascii_lowercase().as_str() {
        "host" | "instanceid" => Some("instanceid".to_owned()),
        folded @ ("cpu" | "memory") => Some(folded.to_owned()),
        _ => Some(text.to_owned()),
    }
}

/// Whether one is a name and the other the ARN of what has that name. Two ARNs that end alike may be
/// of two accounts or Regions.
fn names_the_arn(name: &Json, arn: &Json) -> bool {
    let (Some(name), Some(arn)) = (name.as_str(), arn.as_str()) else { return false };
    let ends_in_it = || arn.strip_suffix(name).is_some_and(|rest| rest.ends_with(['/', ':']));
    !name.is_empty() && !name.starts_with("arn:") && arn.starts_with("arn:") && ends_in_it()
}

/// A single text that stands for all spellings of a value, where there is one: for keys as well.
pub(super) fn canonical(equality: Equality, text: &str) -> String {
    match equality {
        Equality::CapacityProvider => {
            let name = if text.starts_with("arn:") { text.rsplit('/').next().unwrap_or(text) } else { text };
            // No provider of one's own may have a name that begins like this.
            // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html
            let of_aws = name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("fargate"));
            if of_aws { name.to_ascii_uppercase() } else { name.to_owned() }
        }
        Equality::TimeZone => match text {
            "Etc/UTC" | "Etc/UCT" | "Etc/Universal" | "Etc/Zulu" | "UCT" | "Universal" | "Zulu" => "UTC",
            text => text,
        }
        .to_owned(),
        Equality::Number => {
            text.trim().parse::<f64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
        }
        _ => text.to_owned(),
    }
}

/// `arn:…:secret:NAME[:KEY[:STAGE[:VERSION]]]`: the ARN, key, stage and version. Left out, the key means
/// the whole secret, and stage and version mean AWSCURRENT.
///
/// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html
fn secret_parts(reference: &str) -> Option<[&str; 4]> {
    let name = reference.find(":secret:").filter(|_| reference.starts_with("arn:"))? + ":secret:".len();
    let end = reference[name..].find(':').map_or(reference.len(), |length| name + length);
    let mut parts = reference[end..].split(':').skip(1);
    let mut next = || parts.next().unwrap_or_default();
    let (key, stage, version) = (next(), next(), next());
    let stage = if stage.is_empty() && version.is_empty() { "AWSCURRENT" } else { stage };
    parts.next().is_none().then_some([&reference[..end], key, stage, version])
}

/// Texts as AWS keeps them in its maps: `true` and `"true"` are one.
pub(super) fn same_text(one: &Json, other: &Json) -> bool {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    one == other || (is_blank(one) && is_blank(other)) || text(one) == text(other)
}

pub(super) fn is_arn(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("arn:"))
}

fn instant(value: &Json) -> Option<f64> {
    if let Some(seconds) = number(value) {
        return Some(seconds);
    }
    let text = value.as_str()?;
    // A time without an offset is UTC to Application Auto Scaling and to EventBridge Scheduler.
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()?;
    Some(at.unix_timestamp_nanos() as f64 / 1e9)
}

fn same_json(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_json(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            let same = |(name, value)| other.get(name).is_some_and(|other| same_json(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        (one, other) => one == other || (is_blank(one) && is_blank(other)),
    }
}

fn document(value: &Json) -> Option<Json> {
    match value {
        Json::String(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| value.clone())),
        other => Some(other.clone()),
    }
}
