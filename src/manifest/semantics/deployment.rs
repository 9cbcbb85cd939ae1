//! `deploymentConfiguration`: how many tasks there may be meanwhile, and what belongs to which strategy.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>

use super::View;
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService, DeploymentConfiguration";
/// A day.
const BAKE_MINUTES_MAX: i64 = 1440;

pub fn check(view: &mut View<'_>) {
    let path = view.service_path("deploymentConfiguration");
    let configuration = &view.service()["deploymentConfiguration"];
    if configuration.is_null() {
        return;
    }
    // Seen: "minimumHealthyPercent must be at most 100", "maximumPercent must be at least 100".
    view.range(configuration, &path, "minimumHealthyPercent", 0..=100, SEE);
    if let Some(percent) = configuration["maximumPercent"].as_i64().filter(|percent| *percent < 100) {
        let title = format!("`maximumPercent` can't be {percent}");
        view.error(&path.field("maximumPercent"), title, "must be at least 100", &[SEE]);
    }
    view.range(configuration, &path, "bakeTimeInMinutes", 0..=BAKE_MINUTES_MAX, SEE);
    room(view, configuration, &path);
    of_strategy(view, configuration, &path);
    steps(view, configuration, &path);
    early_success(view, configuration, &path);
}

pub fn strategy<'a>(view: &View<'a>) -> &'a str {
    view.service()["deploymentConfiguration"]["strategy"].as_str().unwrap_or("ROLLING")
}

/// A rolling deployment has to start a task more or to stop one, or it never ends. Seen: "Both
/// maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments"; with other
/// figures ECS takes it, and hangs.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>
fn room(view: &mut View<'_>, configuration: &Json, path: &FieldPath) {
    if view.service()["schedulingStrategy"] == "DAEMON" || strategy(view) != "ROLLING" || !view.sound(path) {
        return;
    }
    let minimum = configuration["minimumHealthyPercent"].as_i64().unwrap_or(100);
    let maximum = configuration["maximumPercent"].as_i64().unwrap_or(200);
    if !(0..=100).contains(&minimum) || maximum < 100 {
        return;
    }
    let counts = match view.scaling {
        Some(scaling) => {
            Some((scaling.min_capacity, FieldPath::root().field("scaling").field("minCapacity")))
        }
        None => {
            view.service()["desiredCount"].as_i64().map(|count| (count, view.service_path("desiredCount")))
        }
    };
    let written = if configuration.get("maximumPercent").is_some() { "maximumPercent" } else { "strategy" };
    let at = match configuration.get(written) {
        Some(_) => path.field(written),
        None => path.field("minimumHealthyPercent"),
    };
    if (minimum, maximum) == (100, 100) {
        let title = "a deployment can neither start a task nor stop one";
        let label = "raise it above 100, or lower minimumHealthyPercent, which is 100";
        view.error(&at, title, label, &[SEE]);
        return;
    }
    let Some((count, count_path)) = counts.filter(|(count, _)| (1..=100_000).contains(count)) else { return };
    let most = count * maximum.min(100_000) / 100;
    let least = (count * minimum + 99) / 100;
    if most <= count && least >= count {
        let tasks = if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") };
        let title = format!("with {tasks}, a deployment can neither start one nor stop one");
        let label = "raise maximumPercent, or lower minimumHealthyPercent";
        let note = format!(
            "{maximum} % of {count} are at most {most}, rounded down; {minimum} % are at least {least}, rounded up"
        );
        view.error_at_key(&at, title, label, &[&note, SEE]);
        view.beside(&count_path, "how many tasks there are");
    }
}

/// What only one strategy has.
fn of_strategy(view: &mut View<'_>, configuration: &Json, path: &FieldPath) {
    if !view.sound(&path.field("strategy")) {
        return;
    }
    let strategy = strategy(view);
    for (field, of) in [
        ("linearConfiguration", "LINEAR"),
        ("canaryConfiguration", "CANARY"),
        ("earlySuccessCriteria", "ROLLING"),
    ] {
        let switched_off = configuration[field]["enable"] == false;
        if configuration.get(field).is_some() && strategy != of && !switched_off {
            let title = format!("`{field}` is for strategy {of}");
            let label = format!("leave it out, or write `strategy: {of}`");
            view.error_at_key(&path.field(field), title, label, &[SEE]);
            if configuration.get("strategy").is_some() {
                view.beside(&path.field("strategy"), "the strategy");
            }
        }
    }
    if strategy == "BLUE_GREEN" {
        let noun = "strategy BLUE_GREEN";
        if configuration.get("bakeTimeInMinutes").is_none() && view.sound(&path.field("bakeTimeInMinutes")) {
            let title = format!("{noun} has no `bakeTimeInMinutes`");
            let label = "`bakeTimeInMinutes` is required: how long blue stays beside green";
            view.error(&path.field("strategy"), title, label, &[SEE]);
        }
    }
}

/// Percentages in tenths, and times up to a day.
fn steps(view: &mut View<'_>, configuration: &Json, path: &FieldPath) {
    for (field, percent, from, minutes) in [
        ("linearConfiguration", "stepPercent", 3.0, "stepBakeTimeInMinutes"),
        ("canaryConfiguration", "canaryPercent", 0.1, "canaryBakeTimeInMinutes"),
    ] {
        let (part, path) = (&configuration[field], path.field(field));
        let see = match field {
            "linearConfiguration" => "see CreateService, LinearConfiguration",
            _ => "see CreateService, CanaryConfiguration",
        };
        view.range(part, &path, minutes, 0..=BAKE_MINUTES_MAX, see);
        let Some(share) = part[percent].as_f64() else { continue };
        let tenths = share * 10.0;
        if !(from..=100.0).contains(&share) || (tenths - tenths.round()).abs() > 1e-6 {
            let label = format!("from {from:.1} to 100.0 in steps of 0.1");
            view.error(&path.field(percent), format!("`{percent}` can't be {share}"), label, &[see]);
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentEarlySuccessCriteria.html>
fn early_success(view: &mut View<'_>, configuration: &Json, path: &FieldPath) {
    let (early, path) = (&configuration["earlySuccessCriteria"], path.field("earlySuccessCriteria"));
    if early["enable"] != true {
        return;
    }
    let see = "see CreateService, DeploymentEarlySuccessCriteria";
    for field in ["healthyPercent", "sourceServiceRevisionCleanup"] {
        if early.get(field).is_none() && view.sound(&path.field(field)) {
            let title = format!("early success criteria have no `{field}`");
            view.error_at_key(&path, title, format!("`{field}` is required"), &[see]);
        }
    }
    let minimum = configuration["minimumHealthyPercent"].as_i64().unwrap_or(100);
    if let Some(percent) = early["healthyPercent"].as_i64().filter(|percent| *percent < minimum) {
        let title = format!("healthyPercent {percent} is less than minimumHealthyPercent {minimum}");
        let label = "raise it, or lower minimumHealthyPercent, which is 100 if left out";
        view.error(&path.field("healthyPercent"), title, label, &[see]);
    }
}
