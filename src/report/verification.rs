//! What `verify` found, for people and as JSON.

use serde_json::json;

use super::paint::{Colour, Tone, count, plain};
use crate::model::{Environment, Json, Revision};
use crate::verify::{Finding, Level, Place, Verification};

/// Of the JSON; grows when a member changes its meaning or goes.
pub const VERIFICATION_VERSION: u32 = 1;

/// Places of one finding that are named; more are counted.
const PLACES_SHOWN_MAX: usize = 5;

/// A verification, and what it is of.
#[derive(Clone, Copy, Debug)]
pub struct VerificationOf<'a> {
    pub environment: &'a Environment,
    pub revision: &'a Revision,
    pub verification: &'a Verification,
    /// AWS calls that it cost.
    pub calls: u64,
}

/// The text; its first line answers.
pub fn verification_text(of: &VerificationOf<'_>, colour: Colour) -> String {
    let mut text = format!("{}\n", colour.paint(Tone::Strong, &headline(of)));
    for finding in &of.verification.findings {
        text.push('\n');
        text.push_str(&finding_text(finding, colour));
    }
    text
}

/// `production: 2 errors, 1 warning, 31 checks   main@4c1f9e2 · 14 calls`
fn headline(of: &VerificationOf<'_>) -> String {
    let Verification { checks, .. } = of.verification;
    let of_level = |level: Level, noun: &str| {
        let number = of.verification.count(level);
        (number > 0)
            .then(|| if noun.is_empty() { format!("{number} not checked") } else { count(number, noun) })
    };
    let found = [
        of_level(Level::Error, "error"),
        of_level(Level::Warning, "warning"),
        of_level(Level::NotChecked, ""),
        Some(count(*checks, "check")),
    ];
    let found: Vec<String> = found.into_iter().flatten().collect();
    let found = if of.verification.findings.is_empty() {
        format!("all is there, {}", found.join(", "))
    } else {
        found.join(", ")
    };
    format!(
        "{}: {found}   {} · {}",
        of.environment.name,
        of.revision,
        count(usize::try_from(of.calls).unwrap_or(usize::MAX), "call")
    )
}

fn finding_text(finding: &Finding, colour: Colour) -> String {
    let (level, tone) = match finding.level {
        Level::Error => ("error", Tone::Bad),
        Level::Warning => ("warning", Tone::Warning),
        Level::NotChecked => ("not checked", Tone::Quiet),
    };
    let mut text = format!("{}: {}\n", colour.paint(tone, level), plain(&finding.what));
    for place in finding.places.iter().take(PLACES_SHOWN_MAX) {
        let path = if place.path.0.is_empty() { String::new() } else { format!(" {}", place.path) };
        text.push_str(&format!("  --> {}  {}{path}\n", spot(place), place.service));
    }
    if finding.places.len() > PLACES_SHOWN_MAX {
        text.push_str(&format!("  and {} more\n", count(finding.places.len() - PLACES_SHOWN_MAX, "place")));
    }
    if !finding.advice.is_empty() {
        text.push_str(&format!("  = {}\n", plain(&finding.advice)));
    }
    text
}

/// `manifests/api.yaml:12:7`
fn spot(place: &Place) -> String {
    place
        .origin
        .as_ref()
        .map_or_else(String::new, |origin| format!("{}:{}:{}", origin.file, origin.line, origin.column))
}

/// The same for programs; docs/verify.md describes it.
pub fn verification_json(of: &VerificationOf<'_>) -> Json {
    let findings: Vec<Json> = of.verification.findings.iter().map(finding_json).collect();
    let number = |level: Level| of.verification.count(level);
    json!({
        "version": VERIFICATION_VERSION,
        "environment": of.environment.name,
        "region": of.environment.region,
        "cluster": of.environment.cluster,
        "revision": of.revision.id,
        "branch": of.revision.branch,
        "errors": number(Level::Error),
        "warnings": number(Level::Warning),
        "notChecked": number(Level::NotChecked),
        "checks": of.verification.checks,
        "calls": of.calls,
        "findings": findings,
    })
}

fn finding_json(finding: &Finding) -> Json {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::NotChecked => "notChecked",
    };
    let places: Vec<Json> = finding
        .places
        .iter()
        .map(|place| {
            json!({
                "service": place.service,
                "path": place.path,
                "file": place.origin.as_ref().map(|origin| origin.file.to_string()),
                "line": place.origin.as_ref().map(|origin| origin.line),
                "column": place.origin.as_ref().map(|origin| origin.column),
            })
        })
        .collect();
    json!({"level": level, "what": finding.what, "advice": finding.advice, "places": places})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EnvironmentSync, FieldPath, Origin, ServiceKey, Timestamp};

    fn environment() -> Environment {
        Environment {
            name: "production".to_owned(),
            account: None,
            region: "eu-west-1".to_owned(),
            cluster: "jobs".to_owned(),
            variables: [].into(),
            looked_up: Vec::new(),
            sync: EnvironmentSync::default(),
            images: Default::default(),
        }
    }

    fn revision() -> Revision {
        Revision {
            id: "4c1f9e2000000000000000000000000000000000".to_owned(),
            branch: "main".to_owned(),
            author: "ada".to_owned(),
            subject: "Verify".to_owned(),
            committed_at: Timestamp(0),
        }
    }

    fn finding(level: Level, places: usize) -> Finding {
        let place = |number: usize| Place {
            origin: Some(Origin { file: "manifests/api.yaml".into(), line: number + 3, column: 5 }),
            service: ServiceKey::new("api"),
            path: FieldPath::root().field("taskDefinition").field("taskRoleArn"),
        };
        Finding {
            level,
            what: "there is no role `api`\x1b[2J".to_owned(),
            advice: "create it".to_owned(),
            places: (0..places).map(place).collect(),
        }
    }

    #[test]
    fn the_first_line_answers_and_many_places_are_counted() {
        let (environment, revision) = (environment(), revision());
        let findings =
            vec![finding(Level::Error, 1), finding(Level::Error, 7), finding(Level::NotChecked, 1)];
        let verification = Verification { findings, checks: 31 };
        let of = VerificationOf {
            environment: &environment,
            revision: &revision,
            verification: &verification,
            calls: 14,
        };
        insta::assert_snapshot!(verification_text(&of, Colour::Plain), @r"
        production: 2 errors, 1 not checked, 31 checks   main@4c1f9e2 · 14 calls

        error: there is no role `api` [2J
          --> manifests/api.yaml:3:5  api taskDefinition.taskRoleArn
          = create it

        error: there is no role `api` [2J
          --> manifests/api.yaml:3:5  api taskDefinition.taskRoleArn
          --> manifests/api.yaml:4:5  api taskDefinition.taskRoleArn
          --> manifests/api.yaml:5:5  api taskDefinition.taskRoleArn
          --> manifests/api.yaml:6:5  api taskDefinition.taskRoleArn
          --> manifests/api.yaml:7:5  api taskDefinition.taskRoleArn
          and 2 places more
          = create it

        not checked: there is no role `api` [2J
          --> manifests/api.yaml:3:5  api taskDefinition.taskRoleArn
          = create it
        ");
    }

    #[test]
    fn every_member_is_documented() {
        let document = include_str!("../../docs/verify.md");
        let (environment, revision) = (environment(), revision());
        let verification = Verification { findings: vec![finding(Level::Error, 1)], checks: 1 };
        let of = VerificationOf {
            environment: &environment,
            revision: &revision,
            verification: &verification,
            calls: 1,
        };
        let mut open = vec![verification_json(&of)];
        while let Some(value) = open.pop() {
            match value {
                Json::Object(members) => {
                    for (name, value) in members {
                        assert!(document.contains(&format!("`{name}`")), "{name} is not in docs/verify.md");
                        open.push(value);
                    }
                }
                Json::Array(items) => open.extend(items),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
    }
}
