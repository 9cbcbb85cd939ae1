//! `rollout.gates`: what else than ECS judges a deployment, as it was written.

use core::net::IpAddr;
use std::collections::BTreeSet;
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::fields::{Fields, diagnostic, text};
use super::node::{Key, Node, Value};
use super::places::Places;
use super::policy::duration;
use super::scalar;
use super::suggest::{any_of, did_you_mean};
use crate::model::{AddressKind, AlarmsGate, FieldPath, Gate, GatePolicy, HttpGate, Json};
use crate::shape::api::Shape;
use crate::shape::layout::{ALARMS_FIELDS, ALARMS_MAX, GATES, GATES_MAX, HEALTH_FIELDS, HTTP_FIELDS};

const HEALTHY_TIME: Duration = Duration::from_secs(30);
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const LATENCY: Duration = Duration::from_secs(5);
const LATENCY_MAX: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(10);
/// A pass looks no more often.
const EVERY_MIN: Duration = Duration::from_secs(5);
const EVERY_MAX: Duration = Duration::from_secs(5 * 60);
const LASTS: Duration = Duration::from_secs(60);
const FAILURES: u32 = 3;
const FAILURES_MAX: i64 = 100;
const URL_MAX: usize = 2048;
const TEXT_MAX: usize = 1024;
/// The most that CloudWatch takes for the name of an alarm.
const ALARM_NAME_MAX: usize = 255;

/// Reads the gates of a `rollout`.
pub fn read(rollout: &Node, places: &mut Places, diagnostics: &mut Vec<Diagnostic>) -> Vec<GatePolicy> {
    let Value::Map(entries) = &rollout.value else { return Vec::new() };
    let Some((key, node)) = entries.iter().find(|(key, _)| key.text == "gates") else { return Vec::new() };
    let path = FieldPath::root().field("rollout").field("gates");
    places.record(&path, Some(key.span), node.anchor());
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Refused => &[],
        Value::Scalar(_) | Value::Map(_) => {
            diagnostics.push(diagnostic(node, "`gates`", scalar::mismatch("a list of gates", node)));
            &[]
        }
    };
    if items.len() > GATES_MAX {
        let title = format!("`gates` has {} entries", items.len());
        diagnostics.push(Diagnostic::at(key.span, title).label(format!("{GATES_MAX} are allowed")));
    }
    let mut gates: Vec<GatePolicy> = Vec::new();
    for (index, node) in items.iter().enumerate() {
        places.record(&path.index(index), None, node.anchor());
        let Some(gate) = one(node, diagnostics) else { continue };
        let twice = |other: &&GatePolicy| other.gate() == gate.gate() && gate.gate() != Gate::Http;
        if gates.iter().any(|other| twice(&other)) {
            let title = format!("`gates` has `{}` twice", gate.gate().field());
            diagnostics.push(Diagnostic::at(node.anchor(), title).label("the second one"));
        }
        gates.push(gate);
    }
    gates
}

/// What a gate needs of the service that it judges.
pub fn check(
    gates: &[GatePolicy],
    task_definition: &Json,
    service: &Json,
    places: &Places,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let root = FieldPath::root();
    for (index, gate) in gates.iter().enumerate() {
        let path = root.field("rollout").field("gates").index(index);
        let span = places.value(&path);
        match gate {
            GatePolicy::TargetHealth { .. }
                if places.sound(&root.field("service").field("loadBalancers"))
                    && service["loadBalancers"].as_array().is_none_or(Vec::is_empty) =>
            {
                let title = "`targetHealth` of a service without targets";
                let note = "it judges the targets of `service.loadBalancers`; without a load balancer, use \
                            `containerHealth`";
                diagnostics.push(Diagnostic::at(span, title).label("the service has none").note(note));
            }
            GatePolicy::ContainerHealth { .. } if !checks_health(task_definition) => {
                let title = "`containerHealth` of containers that have no `healthCheck`";
                let label = "ECS would never call them HEALTHY";
                let note = "give an essential container of the task definition a `healthCheck`";
                diagnostics.push(Diagnostic::at(span, title).label(label).note(note));
            }
            GatePolicy::TargetHealth { .. }
            | GatePolicy::ContainerHealth { .. }
            | GatePolicy::Alarms(_)
            | GatePolicy::Http(_)
            | GatePolicy::BakeTime(_) => {}
        }
    }
}

/// A task's health is that of its essential containers.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html>
fn checks_health(task_definition: &Json) -> bool {
    let containers = task_definition["containerDefinitions"].as_array().into_iter().flatten();
    containers
        .filter(|container| container["essential"] != false)
        .any(|container| container["healthCheck"].is_object())
}

fn one(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<GatePolicy> {
    let entries = match &node.value {
        Value::Map(entries) => entries.as_slice(),
        Value::Refused => return None,
        Value::Scalar(_) | Value::List(_) => {
            diagnostics.push(diagnostic(node, "a gate", scalar::mismatch("a mapping", node)));
            return None;
        }
    };
    let [(key, inner)] = entries else {
        let title = match entries.is_empty() {
            true => "a gate that judges nothing".to_owned(),
            false => {
                let names: Vec<String> = entries.iter().map(|(key, _)| format!("`{}`", key.text)).collect();
                format!("{} in one gate", names.join(" and "))
            }
        };
        let note = format!("each entry of `gates` is one of {}", any_of(GATES));
        let label = "begin each gate with a hyphen of its own";
        diagnostics.push(Diagnostic::at(node.anchor(), title).label(label).note(note));
        return None;
    };
    match key.text.as_str() {
        "targetHealth" => healthy_time(key, inner, "`targetHealth`", diagnostics)
            .map(|minimum_healthy_time| GatePolicy::TargetHealth { minimum_healthy_time }),
        "containerHealth" => healthy_time(key, inner, "`containerHealth`", diagnostics)
            .map(|minimum_healthy_time| GatePolicy::ContainerHealth { minimum_healthy_time }),
        "alarms" => alarms(key, inner, diagnostics),
        "http" => http(key, inner, diagnostics),
        "bakeTime" => {
            let text = scalar_text(inner, "`bakeTime`", diagnostics)?;
            time(&text, inner, "bakeTime", Duration::from_secs(1), TIME_MAX, diagnostics)
                .map(GatePolicy::BakeTime)
        }
        other => {
            let title = format!("unknown gate `{other}`");
            let note = format!(
                "a gate is one of {}; a one-off task that decides is a hook of `rollout.after`",
                any_of(GATES)
            );
            let label = did_you_mean(other, GATES);
            diagnostics.push(Diagnostic::at(key.span, title).label(label).note(note));
            None
        }
    }
}

fn healthy_time(
    key: &Key,
    node: &Node,
    noun: &'static str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Duration> {
    let fields = Fields::read(node, noun, &HEALTH_FIELDS, key.span, diagnostics)?;
    let name = "minimumHealthyTime";
    match fields.get(name) {
        None => Some(HEALTHY_TIME),
        Some((_, node)) => {
            let text = fields.text(name, diagnostics)?;
            time(&text, node, name, Duration::ZERO, TIME_MAX, diagnostics)
        }
    }
}

fn alarms(key: &Key, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<GatePolicy> {
    let fields = Fields::read(node, "`alarms`", &ALARMS_FIELDS, key.span, diagnostics)?;
    let (names_key, list) = fields.require("names", diagnostics)?;
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    let items = fields.list("names", diagnostics);
    for item in items {
        let Some(name) = scalar_text(item, "an alarm's name", diagnostics) else { continue };
        let refused = match name.as_str() {
            "" => Some("an alarm without a name".to_owned()),
            it if it.starts_with("arn:") => Some("an alarm is named by its name, not by its ARN".to_owned()),
            it if it.chars().count() > ALARM_NAME_MAX => {
                Some(format!("an alarm's name has up to {ALARM_NAME_MAX} characters"))
            }
            it if !seen.insert(it.to_owned()) => Some(format!("alarm `{it}` is named twice")),
            _ => None,
        };
        match refused {
            Some(title) => diagnostics.push(Diagnostic::at(item.span, title).label("here")),
            None => names.push(name),
        }
    }
    if items.is_empty() && matches!(list.value, Value::List(_)) {
        let label = "name one or more alarms of CloudWatch";
        diagnostics.push(Diagnostic::at(names_key.span, "`names` is empty").label(label));
    }
    if items.len() > ALARMS_MAX {
        let title = format!("`names` has {} alarms", items.len());
        let note = "a composite alarm may stand for many";
        let label = format!("{ALARMS_MAX} are allowed");
        diagnostics.push(Diagnostic::at(names_key.span, title).label(label).note(note));
    }
    let strict = fields.scalar("strict", &Shape::Boolean {}, diagnostics).and_then(|it| it.as_bool());
    Some(GatePolicy::Alarms(AlarmsGate { names, strict: strict.unwrap_or(false) }))
}

fn http(key: &Key, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<GatePolicy> {
    let fields = Fields::read(node, "`http`", &HTTP_FIELDS, key.span, diagnostics)?;
    let url = fields.require("url", diagnostics).and_then(|(_, node)| {
        let url = fields.text("url", diagnostics)?;
        match wrong_with(&url) {
            None => Some(url),
            Some((title, label)) => {
                let diagnostic = Diagnostic::at(node.span, title).label(label);
                diagnostics.push(diagnostic.set_by(&node.variables));
                None
            }
        }
    });
    let mut limited = |name: &str, default: Duration, min: Duration, max: Duration| match fields.get(name) {
        None => default,
        Some((_, node)) => fields
            .text(name, diagnostics)
            .and_then(|text| time(&text, node, name, min, max, diagnostics))
            .unwrap_or(default),
    };
    let max_latency = limited("maxLatency", LATENCY, Duration::from_millis(1), LATENCY_MAX);
    let every = limited("every", EVERY, EVERY_MIN, EVERY_MAX);
    let lasts = limited("for", LASTS, Duration::ZERO, TIME_MAX);
    let number = |name, min, max, diagnostics: &mut Vec<Diagnostic>| {
        let shape = Shape::Integer { min: Some(min), max: Some(max) };
        fields.scalar(name, &shape, diagnostics).and_then(|number| number.as_u64())
    };
    let status = number("status", 100, 599, diagnostics).and_then(|it| u16::try_from(it).ok());
    let failures = number("failures", 1, FAILURES_MAX, diagnostics).and_then(|it| u32::try_from(it).ok());
    let body_contains = fields.text("bodyContains", diagnostics);
    if let (Some(text), Some((_, node))) = (&body_contains, fields.get("bodyContains"))
        && (text.is_empty() || text.len() > TEXT_MAX)
    {
        let title = "`bodyContains` can't be this text";
        diagnostics.push(Diagnostic::at(node.span, title).label(format!("1 to {TEXT_MAX} bytes")));
    }
    Some(GatePolicy::Http(HttpGate {
        url: url?,
        status: status.unwrap_or(200),
        body_contains,
        max_latency,
        every,
        lasts,
        failures: failures.unwrap_or(FAILURES),
    }))
}

/// Why a URL is not asked, and what to write instead.
fn wrong_with(url: &str) -> Option<(String, String)> {
    let wrong = |title: &str, label: &str| Some((title.to_owned(), label.to_owned()));
    if url.len() > URL_MAX {
        return Some(("the URL is too long".to_owned(), format!("up to {URL_MAX} bytes")));
    }
    let example = "such as https://api.example.com/health";
    let Ok(parsed) = url.parse::<http::Uri>() else {
        return Some((format!("`{url}` is not a URL"), example.to_owned()));
    };
    let (Some(scheme), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
        return Some((format!("`{url}` is not a whole URL"), example.to_owned()));
    };
    if !matches!(scheme, "http" | "https") {
        return Some((format!("`{scheme}` can't be asked"), "http or https".to_owned()));
    }
    if authority.as_str().contains('@') {
        return wrong(
            "a URL with credentials in it",
            "leave them out: what Git holds is no secret, and a health page needs none",
        );
    }
    if url.contains('#') {
        return wrong("a fragment is never sent", "leave out `#` and what follows");
    }
    let host = authority.host().trim_matches(['[', ']']);
    let kind = host.parse::<IpAddr>().map(AddressKind::of);
    if let Ok(AddressKind::Forbidden(why)) = kind {
        return Some((format!("`{host}` is never asked"), format!("it is {why}")));
    }
    None
}

fn scalar_text(node: &Node, subject: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    match scalar::read(node, &text()) {
        Ok(Json::String(text)) => Some(text),
        Ok(_) => None,
        Err(_) if node.value == Value::Refused => None,
        Err(fault) => {
            diagnostics.push(diagnostic(node, subject, fault));
            None
        }
    }
}

/// A duration within its bounds; milliseconds are for latencies.
fn time(
    text: &str,
    node: &Node,
    name: &str,
    min: Duration,
    max: Duration,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Duration> {
    let milliseconds = || text.strip_suffix("ms").and_then(|digits| digits.parse::<u64>().ok());
    let time = milliseconds().map(Duration::from_millis).or_else(|| duration(text));
    let fits = time.filter(|time| (min..=max).contains(time));
    if fits.is_none() {
        let label = match (name, min) {
            ("maxLatency", _) => "up to 10s, such as 500ms or 2s",
            ("every", _) => "5s to 5m",
            (_, Duration::ZERO) => "a duration up to 24h, such as 0s, 30s or 5m",
            _ => "a duration up to 24h, such as 90s, 10m or 1h30m",
        };
        let title = format!("`{name}` can't be `{text}`");
        diagnostics.push(Diagnostic::at(node.span, title).label(label));
    }
    fits
}
