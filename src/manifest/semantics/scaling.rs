//! What Application Auto Scaling would refuse of one policy or one scheduled action.

use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::node::Span;
use crate::manifest::places::Places;
use crate::model::{FieldPath, Json};

/// The configurations by the policy type that needs each.
const TYPES: [(&str, &str); 3] = [
    ("TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration"),
    ("StepScaling", "StepScalingPolicyConfiguration"),
    ("PredictiveScaling", "PredictiveScalingPolicyConfiguration"),
];

/// One element of `scaling`, and where to say what is wrong with it.
pub struct Element<'a> {
    pub input: &'a Json,
    pub path: &'a FieldPath,
    pub places: &'a Places,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Element<'_> {
    pub fn check_policy(&mut self) {
        // Left out, it is the type that the policy has already, or else StepScaling.
        let kind = self.input["PolicyType"].as_str();
        let known = TYPES.iter().find(|(name, _)| Some(*name) == kind);
        if let Some((kind, configuration)) = known {
            self.require(&[], configuration, &format!("a policy of type {kind}"), "PutScalingPolicy");
            for (_, other) in TYPES.iter().filter(|(_, other)| other != configuration) {
                if self.input.get(*other).is_some() {
                    let title = format!("a policy of type {kind} can't have a `{other}`");
                    let span = self.places.key(&self.at(&[other]));
                    self.push(span, title, "leave it out", "PutScalingPolicy");
                }
            }
        }
        self.check_tracking();
        self.check_steps();
    }

    fn check_tracking(&mut self) {
        const CONFIGURATION: &str = "TargetTrackingScalingPolicyConfiguration";
        const METRICS: [&str; 2] = ["PredefinedMetricSpecification", "CustomizedMetricSpecification"];
        let Some(configuration) = self.input.get(CONFIGURATION) else { return };
        let given = METRICS.iter().filter(|name| configuration.get(**name).is_some()).count();
        if given != 1 && self.sound(&[CONFIGURATION]) {
            let title = match given {
                0 => "target tracking follows no metric",
                _ => "target tracking follows two metrics",
            };
            let label = "one of `PredefinedMetricSpecification` and `CustomizedMetricSpecification`";
            self.error(&[CONFIGURATION], title.to_owned(), label, "PutScalingPolicy");
        }
    }

    fn check_steps(&mut self) {
        const CONFIGURATION: &str = "StepScalingPolicyConfiguration";
        let Some(configuration) = self.input.get(CONFIGURATION) else { return };
        let whose = "step scaling";
        self.require(
            &[CONFIGURATION],
            "AdjustmentType",
            whose,
            "PutScalingPolicy, StepScalingPolicyConfiguration",
        );
        let steps = configuration["StepAdjustments"].as_array().map_or(0, Vec::len);
        if steps == 0 && self.sound(&[CONFIGURATION, "StepAdjustments"]) {
            let title = "step scaling has no `StepAdjustments`".to_owned();
            let see = "PutScalingPolicy, StepScalingPolicyConfiguration";
            self.error(&[CONFIGURATION], title, "from 1 to 20 steps", see);
        }
    }

    pub fn check_scheduled_action(&mut self) {
        self.require(&[], "Schedule", "a scheduled action", "PutScheduledAction");
        let action = &self.input["ScalableTargetAction"];
        let sets = ["MinCapacity", "MaxCapacity"].iter().any(|name| action.get(*name).is_some());
        if !sets && self.sound(&["ScalableTargetAction"]) {
            let title = "a scheduled action sets no capacity".to_owned();
            let label = "`ScalableTargetAction` has `MinCapacity`, `MaxCapacity` or both";
            self.error(&["ScalableTargetAction"], title, label, "PutScheduledAction");
        }
    }

    fn require(&mut self, road: &[&str], name: &str, whose: &str, see: &str) {
        let around = road.iter().fold(self.input, |tree, field| &tree[*field]);
        let whole: Vec<&str> = road.iter().copied().chain([name]).collect();
        if around.get(name).is_none() && self.sound(&whole) {
            self.error(road, format!("{whose} has no `{name}`"), &format!("`{name}` is required"), see);
        }
    }

    fn at(&self, road: &[&str]) -> FieldPath {
        road.iter().fold(self.path.clone(), |path, field| path.field(*field))
    }

    /// Whether the value is known, be it that it is known to be absent.
    fn sound(&self, road: &[&str]) -> bool {
        self.places.sound(&self.at(road))
    }

    fn error(&mut self, road: &[&str], title: String, label: &str, see: &str) {
        self.push(self.places.value(&self.at(road)), title, label, see);
    }

    fn push(&mut self, span: Span, title: String, label: &str, see: &str) {
        let diagnostic = Diagnostic::at(span, title).label(label).note(format!("see {see}"));
        self.diagnostics.push(diagnostic);
    }
}
