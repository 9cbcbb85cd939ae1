//! `sync.windows`: when changes go out, of a service, a scheduled task or a whole environment.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::diagnostic::Diagnostic;
use super::fields::{Fields, one_of};
use super::node::{Node, Value};
use super::policy::duration;
use super::suggest::did_you_mean;
use crate::model::{Json, WINDOW_MAX, Window, WindowDays, WindowKind};
use crate::shape::layout::{WEEKDAYS, WINDOW_KINDS, WINDOWS_MAX};

pub const WINDOW_FIELDS: [&str; 6] = ["kind", "days", "dates", "from", "duration", "timeZone"];

/// The windows of a `sync`; `None` where it says nothing of them.
pub fn windows(sync: &Fields<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Window>> {
    let (_, node) = sync.get("windows")?;
    if node.value == Value::Refused {
        return None;
    }
    let entries = sync.list("windows", diagnostics);
    if entries.len() > WINDOWS_MAX {
        let title = format!("{} windows are more than {WINDOWS_MAX}", entries.len());
        diagnostics.push(Diagnostic::at(node.span, title).label("one window may name several days"));
    }
    Some(entries.iter().filter_map(|entry| window(entry, diagnostics)).collect())
}

fn window(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Window> {
    let fields = Fields::read(node, "a window", &WINDOW_FIELDS, node.anchor(), diagnostics)?;
    let kind = match fields.require("kind", diagnostics) {
        Some(_) => fields.scalar("kind", &one_of(&WINDOW_KINDS), diagnostics),
        None => None,
    };
    let days = days(&fields, diagnostics);
    let from = fields.require("from", diagnostics).and_then(|(_, node)| from(&fields, node, diagnostics));
    let lasts =
        fields.require("duration", diagnostics).and_then(|(_, node)| lasts(&fields, node, diagnostics));
    let zone = fields.require("timeZone", diagnostics).and_then(|(_, node)| zone(&fields, node, diagnostics));
    Some(Window {
        kind: match kind? {
            Json::String(word) if word == "deny" => WindowKind::Deny,
            _ => WindowKind::Allow,
        },
        days: days?,
        from: from?,
        duration: lasts?,
        time_zone: zone?,
    })
}

fn days(fields: &Fields<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<WindowDays> {
    match (fields.get("days"), fields.get("dates")) {
        (Some(_), Some((key, _))) => {
            let diagnostic = Diagnostic::at(key.span, "a window names both `days` and `dates`");
            diagnostics.push(diagnostic.label("make two windows of it"));
            None
        }
        (None, None) => Some(WindowDays::EveryDay),
        (Some(_), None) => {
            let entries = texts(fields, "days", diagnostics);
            let read = entries.iter().map(|(node, text)| weekday(node, text, diagnostics));
            filled(fields, "days", read.collect::<Option<Vec<u8>>>()?, diagnostics).map(WindowDays::OfTheWeek)
        }
        (None, Some(_)) => {
            let entries = texts(fields, "dates", diagnostics);
            let read = entries.iter().map(|(node, text)| date(node, text, diagnostics));
            filled(fields, "dates", read.collect::<Option<Vec<Date>>>()?, diagnostics).map(WindowDays::Dates)
        }
    }
}

/// An empty list would be a window that never comes, and read like one that always does.
fn filled<T>(
    fields: &Fields<'_>,
    name: &str,
    list: Vec<T>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<T>> {
    if list.is_empty()
        && let Some((_, node)) = fields.get(name)
        && node.value == Value::List(Vec::new())
    {
        let title = format!("`{name}` of a window is empty");
        diagnostics.push(Diagnostic::at(node.anchor(), title).label("leave it out for every day"));
        return None;
    }
    Some(list)
}

fn texts<'a>(fields: &Fields<'a>, name: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<(&'a Node, String)> {
    let entries = fields.list(name, diagnostics).iter();
    entries
        .filter_map(|node| match &node.value {
            Value::Scalar(scalar) => Some((node, scalar.text.clone())),
            Value::Refused => None,
            Value::List(_) | Value::Map(_) => Some((node, String::new())),
        })
        .collect()
}

fn weekday(node: &Node, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<u8> {
    let found = WEEKDAYS.iter().position(|day| *day == text).and_then(|place| u8::try_from(place + 1).ok());
    if found.is_none() {
        let label = match did_you_mean(text, WEEKDAYS) {
            label if label.is_empty() => WEEKDAYS.join(", "),
            label => label,
        };
        diagnostics
            .push(Diagnostic::at(node.anchor(), format!("`{text}` is no day of the week")).label(label));
    }
    found
}

fn date(node: &Node, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Date> {
    // Jiff takes more spellings than people expect of a manifest.
    let found = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    if found.is_none() {
        let diagnostic = Diagnostic::at(node.anchor(), format!("`{text}` is no date"));
        diagnostics.push(diagnostic.label("such as 2026-12-24"));
    }
    found
}

fn from(fields: &Fields<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(u8, u8)> {
    let text = fields.text("from", diagnostics)?;
    let read = || {
        let (hour, minute) = text.split_once(':')?;
        let number = |text: &str, most: u8| {
            let digits = text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit());
            text.parse::<u8>().ok().filter(|number| digits && *number <= most)
        };
        Some((number(hour, 23)?, number(minute, 59)?))
    };
    let from = read();
    if from.is_none() {
        let diagnostic = Diagnostic::at(node.span, format!("`from` can't be `{text}`"));
        diagnostics.push(diagnostic.label("hour and minute of a clock, such as \"08:00\""));
    }
    from
}

fn lasts(fields: &Fields<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    let text = fields.text("duration", diagnostics)?;
    let lasts = duration(&text).filter(|lasts| !lasts.is_zero() && *lasts <= WINDOW_MAX);
    if lasts.is_none() {
        let diagnostic = Diagnostic::at(node.span, format!("`duration` can't be `{text}`"));
        diagnostics.push(diagnostic.label("up to 744h, such as 30m, 10h or 63h30m"));
    }
    lasts
}

fn zone(fields: &Fields<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let text = fields.text("timeZone", diagnostics)?;
    if TimeZone::get(&text).is_ok() {
        return Some(text);
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let label = match did_you_mean(&text, names.iter().map(String::as_str)) {
        label if label.is_empty() => "an IANA name, such as Europe/Paris or UTC".to_owned(),
        label => label,
    };
    diagnostics.push(Diagnostic::at(node.span, format!("`{text}` is no time zone")).label(label));
    None
}
