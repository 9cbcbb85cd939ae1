//! Step scaling: intervals that meet without a gap, and end on both sides.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html>

use super::{View, elements};
use crate::model::{FieldPath, Json};

const SEE: &str = "see PutScalingPolicy, StepScalingPolicyConfiguration";
const SEE_STEP: &str = "see PutScalingPolicy, StepAdjustment";
const STEPS_MAX: usize = 20;

/// One step, with what it leaves open.
struct Step {
    path: FieldPath,
    from: Option<f64>,
    to: Option<f64>,
}

pub fn check(view: &mut View<'_>, path: &FieldPath, settings: &Json) {
    if settings.is_null() || !view.sound(path) {
        return;
    }
    let kind = settings["AdjustmentType"].as_str();
    if kind.is_none() {
        let label =
            "`AdjustmentType` is required: ChangeInCapacity, PercentChangeInCapacity or ExactCapacity";
        view.error_at_key(path, "a step scaling policy has no `AdjustmentType`", label, &[SEE]);
    }
    magnitude(view, path, settings, kind);
    let list = path.field("StepAdjustments");
    let steps: Vec<Step> = elements(settings, path, "StepAdjustments")
        .map(|(path, step)| Step {
            path,
            from: step["MetricIntervalLowerBound"].as_f64(),
            to: step["MetricIntervalUpperBound"].as_f64(),
        })
        .collect();
    if steps.is_empty() {
        let label = "such as StepAdjustments: [{MetricIntervalLowerBound: 0, ScalingAdjustment: 1}]";
        view.error_at_key(path, "a step scaling policy has no steps", label, &[SEE]);
        return;
    }
    if steps.len() > STEPS_MAX {
        let title = format!("`StepAdjustments` has {} elements", steps.len());
        let label = format!("Application Auto Scaling takes at most {STEPS_MAX}");
        view.error_at_key(&list, title, label, &[SEE]);
    }
    for (path, step) in elements(settings, path, "StepAdjustments") {
        let to = step["ScalingAdjustment"].as_i64();
        if let Some(to) = to.filter(|to| kind == Some("ExactCapacity") && *to < 0) {
            let title = format!("a service can't have {to} tasks");
            view.error(&path.field("ScalingAdjustment"), title, "ExactCapacity is at least 0", &[SEE_STEP]);
        }
    }
    // Without sound bounds, nothing can be said of what lies between.
    if bounds(view, &steps) {
        intervals(view, steps);
    }
}

fn magnitude(view: &mut View<'_>, path: &FieldPath, settings: &Json, kind: Option<&str>) {
    let at = path.field("MinAdjustmentMagnitude");
    match settings["MinAdjustmentMagnitude"].as_i64() {
        Some(_) if kind.is_some_and(|kind| kind != "PercentChangeInCapacity") => {
            let title = "`MinAdjustmentMagnitude` is for AdjustmentType PercentChangeInCapacity";
            view.error_at_key(&at, title, "leave it out", &[SEE]);
        }
        Some(least) if least < 1 => {
            let title = format!("`MinAdjustmentMagnitude` can't be {least}");
            view.error(&at, title, "must be at least 1", &[SEE]);
        }
        Some(_) | None => {}
    }
}

/// Seen: "Both lower and upper bounds of a step adjustment cannot be left unspecified", "Lower bound must be
/// less than upper bound".
fn bounds(view: &mut View<'_>, steps: &[Step]) -> bool {
    let before = view.diagnostics.len();
    for step in steps {
        match (step.from, step.to) {
            (None, None) => {
                let title = "a step has neither a lower nor an upper bound";
                let label = "`MetricIntervalLowerBound: 0` for above the alarm's threshold";
                let note = "`MetricIntervalUpperBound: 0` is for below it";
                view.error(&step.path, title, label, &[note, SEE_STEP]);
            }
            (Some(from), Some(to)) if from >= to => {
                let title = format!("a step from {from} to {to} is empty");
                let label = "must be more than MetricIntervalLowerBound";
                view.error(&step.path.field("MetricIntervalUpperBound"), title, label, &[SEE_STEP]);
            }
            (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => {}
        }
    }
    view.diagnostics.len() == before
}

fn intervals(view: &mut View<'_>, mut steps: Vec<Step>) {
    let low = |step: &Step| step.from.unwrap_or(f64::NEG_INFINITY);
    let high = |step: &Step| step.to.unwrap_or(f64::INFINITY);
    steps.sort_by(|one, other| low(one).total_cmp(&low(other)));
    for pair in steps.windows(2) {
        let [one, next] = pair else { continue };
        let (end, start) = (high(one), low(next));
        if end > start {
            let title = match (end.is_finite(), start.is_finite()) {
                (true, true) => format!("two steps overlap between {start} and {end}"),
                (false, true) => format!("two steps overlap above {start}"),
                _ => format!("two steps overlap below {}", high(one).min(high(next))),
            };
            view.error(&next.path, title, "begin where the other step ends", &[SEE_STEP]);
            view.beside(&one.path, "the other step");
        } else if end < start {
            let title = format!("no step says what to do between {end} and {start}");
            view.error(&next.path, title, format!("begin at {end}, where the other step ends"), &[SEE_STEP]);
            view.beside(&one.path, "the other step");
        }
    }
    // Seen: "There must be a step adjustment with an unspecified lower bound when one step adjustment has a
    // negative lower bound", and the mirror image.
    if let Some(lowest) = steps.first().filter(|step| step.from.is_some_and(|from| from < 0.0)) {
        let title = format!("no step says what to do below {}", lowest.from.unwrap_or_default());
        let label = "leave `MetricIntervalLowerBound` out of the lowest step";
        view.error(&lowest.path.field("MetricIntervalLowerBound"), title, label, &[SEE_STEP]);
    }
    let highest = steps.iter().max_by(|one, other| high(one).total_cmp(&high(other)));
    if let Some(highest) = highest.filter(|step| step.to.is_some_and(|to| to > 0.0)) {
        let title = format!("no step says what to do above {}", highest.to.unwrap_or_default());
        let label = "leave `MetricIntervalUpperBound` out of the highest step";
        view.error(&highest.path.field("MetricIntervalUpperBound"), title, label, &[SEE_STEP]);
    }
}
