//! `scaling`: policies, and that each has what its type needs.

use std::collections::BTreeMap;

use super::{View, predictive, scheduled_action, steps, tracking};
use crate::model::{FieldPath, Json};

const SEE: &str = "see PutScalingPolicy";
/// Types of policies, and where each has its settings.
const TYPES: [(&str, &str); 3] = [
    ("TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration"),
    ("StepScaling", "StepScalingPolicyConfiguration"),
    ("PredictiveScaling", "PredictiveScalingPolicyConfiguration"),
];

pub fn check(view: &mut View<'_>) {
    let Some(scaling) = view.scaling else { return };
    let root = FieldPath::root().field("scaling");
    let list = root.field("policies");
    for (name, policy) in &scaling.policies {
        let path = view.places.element(&list, name);
        if !view.sound(&path) {
            continue;
        }
        of_type(view, &path, policy);
        tracking::check(view, &path.field(TYPES[0].1), &policy[TYPES[0].1]);
        steps::check(view, &path.field(TYPES[1].1), &policy[TYPES[1].1]);
        predictive::check(view, &path.field(TYPES[2].1), &policy[TYPES[2].1]);
    }
    same_metric(view, &list);
    for (name, action) in &scaling.scheduled_actions {
        let path = view.places.element(&root.field("scheduledActions"), name);
        scheduled_action::check(view, &path, action);
    }
}

/// Application Auto Scaling refuses a type without its settings, and settings of another type.
fn of_type(view: &mut View<'_>, path: &FieldPath, policy: &Json) {
    let Some(kind) = policy["PolicyType"].as_str() else {
        let label = "`PolicyType` is required: TargetTrackingScaling, StepScaling or PredictiveScaling";
        return view.error(path, "a scaling policy has no `PolicyType`", label, &[SEE]);
    };
    for (of, settings) in TYPES {
        match (of == kind, policy.get(settings).is_some()) {
            (true, false) => {
                let title = format!("a policy of type {kind} has no `{settings}`");
                let label = format!("`{settings}` is required");
                view.error(&path.field("PolicyType"), title, label, &[SEE]);
            }
            (false, true) => {
                let title = format!("`{settings}` is for policies of type {of}");
                let label = format!("leave it out, or write `PolicyType: {of}`");
                view.error_at_key(&path.field(settings), title, label, &[SEE]);
                view.beside(&path.field("PolicyType"), "the policy's type");
            }
            (true, true) | (false, false) => {}
        }
    }
}

/// "Only one TargetTrackingScaling policy for a given metric specification is allowed."
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>
fn same_metric(view: &mut View<'_>, list: &FieldPath) {
    let Some(scaling) = view.scaling else { return };
    let mut seen: BTreeMap<String, FieldPath> = BTreeMap::new();
    for (name, policy) in &scaling.policies {
        let settings = &policy["TargetTrackingScalingPolicyConfiguration"];
        let path = view.places.element(list, name);
        for field in ["PredefinedMetricSpecification", "CustomizedMetricSpecification"] {
            if settings[field].is_null() {
                continue;
            }
            let at = path.field("TargetTrackingScalingPolicyConfiguration").field(field);
            if let Some(first) = seen.insert(settings[field].to_string(), at.clone()) {
                let title = "two target tracking policies follow the same metric";
                view.error_at_key(&at, title, "a metric has one policy: leave one of them out", &[SEE]);
                view.beside_key(&first, "the other policy's");
            }
        }
    }
}
