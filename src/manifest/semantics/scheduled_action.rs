//! Scheduled actions of scaling: when, in which time zone, and what they set.

use super::View;
use super::schedule_expression::{fault_of_expression, fault_of_time_zone};
use crate::model::{FieldPath, Json, Timestamp};

const SEE: &str = "see PutScheduledAction";
/// No clock is further from UTC.
const OFFSET_MAX_SECONDS: f64 = 14.0 * 3600.0;
const SEE_ACTION: &str = "see PutScheduledAction, ScalableTargetAction";

pub fn check(view: &mut View<'_>, path: &FieldPath, action: &Json) {
    if !view.sound(path) {
        return;
    }
    when(view, path, action);
    let (from, to) = (action["StartTime"].as_f64(), action["EndTime"].as_f64());
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        let title = "the action ends before it starts";
        view.error(&path.field("EndTime"), title, "must be after `StartTime`", &[SEE]);
        view.beside(&path.field("StartTime"), "the start");
    }
    only_moment(view, path, action, (from, to));
    what(view, path, action);
}

/// One that comes when the action is not in force, whatever its time zone, never comes.
fn only_moment(view: &mut View<'_>, path: &FieldPath, action: &Json, (from, to): (Option<f64>, Option<f64>)) {
    let written = as_scheduler_writes(action["Schedule"].as_str().unwrap_or_default());
    let inside = written.strip_prefix("at(").and_then(|text| text.strip_suffix(')'));
    let Some(moment) = inside.and_then(|text| Timestamp::parse(&format!("{text}Z"))) else { return };
    let seconds = moment.0 as f64 / 1000.0;
    let (other, title) = match (from, to) {
        (Some(from), _) if seconds + OFFSET_MAX_SECONDS < from => ("StartTime", "before it starts"),
        (_, Some(to)) if seconds - OFFSET_MAX_SECONDS > to => ("EndTime", "after it ends"),
        _ => return,
    };
    let title = format!("the action's only moment is {title}");
    view.error(&path.field("Schedule"), title, "it never comes", &[SEE]);
    view.beside(&path.field(other), if other == "StartTime" { "the start" } else { "the end" });
}

fn when(view: &mut View<'_>, path: &FieldPath, action: &Json) {
    let at = path.field("Schedule");
    match action["Schedule"].as_str() {
        None => {
            let label = "`Schedule` is required, such as cron(0 8 * * ? *)";
            view.error(path, "a scheduled action has no `Schedule`", label, &[SEE]);
        }
        Some(text) => {
            if let Some((title, label)) = fault_of_expression(&as_scheduler_writes(text)) {
                view.error(&at, title, label, &[SEE]);
            }
        }
    }
    if let Some(zone) = action["Timezone"].as_str()
        && let Some((title, label)) = fault_of_zone(zone)
    {
        view.error(&path.field("Timezone"), title, label, &[SEE]);
    }
}

/// Application Auto Scaling takes any case, a rate without a blank, and a moment without seconds.
fn as_scheduler_writes(text: &str) -> String {
    let Some((kind, rest)) = text.trim().split_once('(') else { return text.to_owned() };
    let kind = kind.to_lowercase();
    let inside = rest.strip_suffix(')').map(str::trim);
    match (kind.as_str(), inside) {
        ("rate", Some(rate)) => {
            let digits = rate.trim_end_matches(|letter: char| !letter.is_ascii_digit());
            format!("rate({digits} {})", rate[digits.len()..].trim().to_lowercase())
        }
        ("at", Some(moment)) if moment.len() == "2026-11-21T08:00".len() => format!("at({moment}:00)"),
        ("at" | "cron", Some(inside)) => format!("{kind}({inside})"),
        _ => text.to_owned(),
    }
}

/// Old names without an area, such as Singapore, are for AWS to judge; offsets are not names.
fn fault_of_zone(zone: &str) -> Option<(String, String)> {
    let old = !zone.contains(['/', ':', '+', '-']) || zone.starts_with("US/");
    let signed = ["GB-Eire", "NZ-CHAT", "W-SU", "GMT+0", "GMT-0"].contains(&zone);
    if old || signed { None } else { fault_of_time_zone(zone) }
}

/// Seen: "At least one of minimum capacity and maximum capacity should be provided".
fn what(view: &mut View<'_>, path: &FieldPath, action: &Json) {
    let (bounds, at) = (&action["ScalableTargetAction"], path.field("ScalableTargetAction"));
    let (minimum, maximum) = (bounds["MinCapacity"].as_i64(), bounds["MaxCapacity"].as_i64());
    if minimum.is_none() && maximum.is_none() {
        let title = "a scheduled action changes nothing";
        let label = "set `MinCapacity` or `MaxCapacity` in `ScalableTargetAction`";
        view.error_at_key(&at, title, label, &[SEE_ACTION]);
    }
    for (field, value) in [("MinCapacity", minimum), ("MaxCapacity", maximum)] {
        if let Some(value) = value.filter(|value| *value < 0) {
            let title = format!("`{field}` can't be {value}");
            view.error(&at.field(field), title, "must be at least 0", &[SEE_ACTION]);
        }
    }
    if let (Some(minimum), Some(maximum)) = (minimum, maximum)
        && minimum > maximum
    {
        let title = format!("MinCapacity {minimum} is more than MaxCapacity {maximum}");
        view.error(&at.field("MinCapacity"), title, "at most MaxCapacity", &[SEE_ACTION]);
        view.beside(&at.field("MaxCapacity"), "the maximum");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_auto_scaling_is_less_strict_than_eventbridge() {
        for text in ["rate(5minutes)", "RATE(1 Hour)", "at(2026-11-21T08:00)", "Cron(0 8 * * ? *)"] {
            assert_eq!(fault_of_expression(&as_scheduler_writes(text)), None, "{text}");
        }
        for text in ["5 minutes", "rate(5 weeks)", "cron(0 8 * * *)", "at(tomorrow)", "rate()", "rate("] {
            assert!(fault_of_expression(&as_scheduler_writes(text)).is_some(), "{text}");
        }
    }

    #[test]
    fn an_offset_is_not_a_time_zone() {
        for zone in ["UTC", "Europe/Dublin", "US/Pacific", "Singapore", "Etc/GMT+9", "GB-Eire", "EST5EDT"] {
            assert_eq!(fault_of_zone(zone), None, "{zone}");
        }
        for zone in ["+02:00", "GMT+9", "Europ/Dublin", "UTC+1"] {
            assert!(fault_of_zone(zone).is_some(), "{zone}");
        }
    }
}
