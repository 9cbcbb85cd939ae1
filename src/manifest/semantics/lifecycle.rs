//! `lifecycleHooks`: what runs, or waits, between the stages of a deployment.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>

use super::{View, elements};
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService, DeploymentLifecycleHook";
/// Stages that run during a roll-back too, which nobody may hold up.
const WITHOUT_PAUSE: [&str; 2] = ["PRODUCTION_TRAFFIC_SHIFT", "TEST_TRAFFIC_SHIFT"];

pub fn check(view: &mut View<'_>) {
    let path = view.service_path("deploymentConfiguration");
    let configuration = &view.service()["deploymentConfiguration"];
    for (path, hook) in elements(configuration, &path, "lifecycleHooks") {
        if hook.is_null() || !view.sound(&path) {
            continue;
        }
        match hook["targetType"].as_str().unwrap_or("AWS_LAMBDA") {
            "PAUSE" => pause(view, &path, hook),
            _ => function(view, &path, hook),
        }
    }
}

fn pause(view: &mut View<'_>, path: &FieldPath, hook: &Json) {
    for field in ["hookTargetArn", "hookDetails"] {
        if hook.get(field).is_some() {
            let title = format!("a PAUSE hook has no `{field}`");
            let label = "leave it out: it calls nothing, and waits for somebody";
            view.error_at_key(&path.field(field), title, label, &[SEE]);
        }
    }
    for (path, stage) in elements(hook, path, "lifecycleStages") {
        if let Some(stage) = stage.as_str().filter(|stage| WITHOUT_PAUSE.contains(stage)) {
            let title = format!("a deployment can't be paused at {stage}");
            let label = format!("pause at POST_{stage}, or before it");
            let label = match stage {
                "TEST_TRAFFIC_SHIFT" => {
                    "pause at POST_SCALE_UP before it, or at POST_TEST_TRAFFIC_SHIFT".to_owned()
                }
                _ => label,
            };
            view.error(&path, title, label, &[SEE]);
        }
    }
}

fn function(view: &mut View<'_>, path: &FieldPath, hook: &Json) {
    let at = path.field("hookTargetArn");
    match hook["hookTargetArn"].as_str() {
        None if view.sound(&at) => {
            let label = "the ARN of a Lambda function, or write `targetType: PAUSE`";
            view.error(path, "a lifecycle hook has no `hookTargetArn`", label, &[SEE]);
        }
        Some(arn) if arn.starts_with("arn:") && !arn.contains(":lambda:") => {
            let title = "a lifecycle hook calls a Lambda function, and this is none";
            let label = "such as arn:aws:lambda:eu-west-1:123456789012:function:my-function";
            view.error(&at, title, label, &[SEE]);
        }
        Some(_) | None => {}
    }
}
