//! On which instances tasks may be placed, and how they are spread.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html>

use super::view::is_set;
use super::{View, fargate};
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService, PlacementConstraint";
const SEE_STRATEGY: &str = "see CreateService, PlacementStrategy";
/// Of the task definition and its service together.
const CONSTRAINTS_MAX: usize = 10;
const EXPRESSION_LENGTH_MAX: usize = 2000;

pub fn check(view: &mut View<'_>) {
    let service = view.service();
    for (path, constraint) in view.of_service("placementConstraints") {
        self::constraint(view, &path, constraint, SEE);
    }
    for (path, constraint) in view.of_task("placementConstraints") {
        self::constraint(
            view,
            &path,
            constraint,
            "see RegisterTaskDefinition, TaskDefinitionPlacementConstraint",
        );
    }
    for (path, strategy) in view.of_service("placementStrategy") {
        self::strategy(view, &path, strategy);
    }
    let fargate = fargate::is_fargate(view);
    let daemon = service["schedulingStrategy"] == "DAEMON";
    for (field, refused) in [("placementConstraints", fargate), ("placementStrategy", fargate || daemon)] {
        if refused && is_set(&service[field]) {
            let who = if fargate { "on Fargate" } else { "for a DAEMON service" };
            let label = match fargate {
                true => "leave it out: AWS places the tasks",
                false => "leave it out: there is one task on each instance",
            };
            let title = format!("`{field}` can't be set {who}");
            view.error_at_key(&view.service_path(field), title, label, &["see CreateService"]);
        }
    }
    let own = view.of_service("placementConstraints").count();
    let all = own + view.of_task("placementConstraints").count();
    if all > CONSTRAINTS_MAX && own > 0 && own <= CONSTRAINTS_MAX {
        let title = format!("service and task definition have {all} placementConstraints");
        let label = format!("ECS takes at most {CONSTRAINTS_MAX} of both together");
        view.error_at_key(&view.service_path("placementConstraints"), title, label, &[SEE]);
    }
}

/// Seen: "distinctInstance expression should not be specified".
fn constraint(view: &mut View<'_>, path: &FieldPath, constraint: &Json, see: &str) {
    let at = path.field("expression");
    let expression = constraint["expression"].as_str();
    match (constraint["type"].as_str(), expression) {
        (Some("distinctInstance"), Some(_)) => {
            let title = "a distinctInstance constraint has no `expression`";
            view.error_at_key(&at, title, "leave it out, or write `type: memberOf`", &[see]);
        }
        (Some("memberOf"), None) if view.sound(&at) => {
            let label = "such as `expression: attribute:ecs.instance-type =~ m7i.*`";
            view.error(path, "a memberOf constraint has no `expression`", label, &[see]);
        }
        _ => {}
    }
    let length = expression.map_or(0, |expression| expression.chars().count());
    if length > EXPRESSION_LENGTH_MAX {
        let title = format!("an expression of {length} characters");
        view.error(&at, title, format!("ECS takes at most {EXPRESSION_LENGTH_MAX}"), &[see]);
    }
}

/// Seen: "binpack field '...' is invalid".
fn strategy(view: &mut View<'_>, path: &FieldPath, strategy: &Json) {
    let at = path.field("field");
    match (strategy["type"].as_str(), strategy["field"].as_str()) {
        (Some("binpack"), Some(field)) if !["cpu", "memory"].contains(&field.to_lowercase().as_str()) => {
            let title = format!("tasks can't be packed by `{field}`");
            view.error(&at, title, "must be cpu or memory", &[SEE_STRATEGY]);
        }
        (Some("binpack"), None) if view.sound(&at) => {
            view.error(path, "a binpack strategy has no `field`", "must be cpu or memory", &[SEE_STRATEGY]);
        }
        (Some("random"), Some(_)) => {
            view.error_at_key(&at, "a random strategy has no `field`", "leave it out", &[SEE_STRATEGY]);
        }
        _ => {}
    }
}
