//! Load balancers of a service whose traffic ECS shifts: BLUE_GREEN, LINEAR, CANARY.
//!
//! The refusals that are quoted stand in
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html>.

use super::View;
use super::deployment::strategy;
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService, AdvancedConfiguration";

pub fn check(view: &mut View<'_>) {
    let configured = |(_, balancer): &(FieldPath, &Json)| balancer.get("advancedConfiguration").is_some();
    let rolling = strategy(view) == "ROLLING";
    let first = view.of_service("loadBalancers").find(configured);
    for (path, balancer) in view.of_service("loadBalancers") {
        let at = path.field("advancedConfiguration");
        if balancer.is_null() || !view.sound(&path) {
            continue;
        }
        let advanced = &balancer["advancedConfiguration"];
        match (advanced.is_null(), &first) {
            (true, _) if !rolling => required(view, &path),
            // "Either all or none of the provided loadBalancers must have advancedConfiguration defined".
            (true, Some((first, _))) => {
                let title = "this load balancer has no `advancedConfiguration`, and another has";
                view.error(&path, title, "all of them have one, or none", &[SEE]);
                view.beside_key(&first.field("advancedConfiguration"), "one that has it");
            }
            (true, None) => {}
            (false, _) => configuration(view, &at, advanced, balancer, rolling),
        }
    }
}

/// "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment
/// strategy".
fn required(view: &mut View<'_>, path: &FieldPath) {
    let title = format!("strategy {} needs a second target group to shift traffic to", strategy(view));
    let label = "add `advancedConfiguration` to this load balancer";
    let note = "it has alternateTargetGroupArn, productionListenerRule and roleArn, and testListenerRule if you test";
    view.error(path, title, label, &[note, SEE]);
    view.beside(&view.service_path("deploymentConfiguration").field("strategy"), "the strategy");
}

fn configuration(view: &mut View<'_>, path: &FieldPath, advanced: &Json, balancer: &Json, rolling: bool) {
    if balancer.get("loadBalancerName").is_some() {
        // "advancedConfiguration field is not allowed with ELBv1 loadBalancers".
        let title = "a Classic Load Balancer has no `advancedConfiguration`";
        view.error_at_key(path, title, "leave it out, or name a target group", &[SEE]);
    }
    let needed = ["alternateTargetGroupArn", "productionListenerRule", "roleArn"];
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|field| !rolling && advanced.get(*field).is_none() && view.sound(&path.field(*field)))
        .collect();
    if !missing.is_empty() {
        let all = missing.join("`, `");
        let title = format!("an advanced configuration has no `{all}`");
        view.error_at_key(path, title, "required to shift traffic", &[SEE]);
    }
    if let Some(group) = balancer["targetGroupArn"].as_str()
        && advanced["alternateTargetGroupArn"] == group
    {
        let title = "both target groups are the same one";
        let at = path.field("alternateTargetGroupArn");
        view.error(&at, title, "name another group: traffic is shifted between the two", &[SEE]);
    }
    for field in ["productionListenerRule", "testListenerRule"] {
        rule(view, &path.field(field), &advanced[field]);
    }
    let production = advanced["productionListenerRule"].as_str();
    if production.is_some() && production == advanced["testListenerRule"].as_str() {
        // "The following rules cannot be used as both production and test listener rules".
        let title = "test traffic and production traffic take the same rule";
        view.error(&path.field("testListenerRule"), title, "name another rule, or leave it out", &[SEE]);
        view.beside(&path.field("productionListenerRule"), "the same rule");
    }
}

/// "... has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB".
fn rule(view: &mut View<'_>, path: &FieldPath, arn: &Json) {
    let Some(arn) = arn.as_str() else { return };
    if arn.contains(":listener/app/") {
        let title = "this is a listener, and an Application Load Balancer needs one of its rules";
        let label = "such as arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/...";
        view.error(path, title, label, &[SEE]);
    } else if arn.contains(":listener-rule/net/") {
        let title = "a Network Load Balancer has no rules";
        view.error(path, title, "name its listener: ...:listener/net/...", &[SEE]);
    }
}
