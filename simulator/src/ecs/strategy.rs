//! What ECS remembers of a deployment that shifts traffic: BLUE_GREEN, LINEAR and CANARY.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Time;

/// How far such a deployment has come. The new revision is green, the one before it blue.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) stage: Stage,
    /// When the stage began.
    pub(super) since: Time,
    /// The stage's hooks have been called, and its traffic has been shifted.
    pub(super) entered: bool,
    /// Percent of the traffic that goes to green.
    pub(super) production: f64,
    pub(super) test: f64,
    /// Of all stages so far, in the order in which they were called.
    pub(super) hooks: Vec<Hook>,
}

impl Course {
    /// `None`: a rolling update has no stages.
    pub(super) fn of(configuration: &Value, now: Time) -> Option<Self> {
        let shifts = !matches!(configuration["strategy"].as_str(), Some("ROLLING") | None);
        shifts.then(|| Self {
            stage: Stage::ReconcileService,
            since: now,
            entered: false,
            production: 0.0,
            test: 0.0,
            hooks: Vec::new(),
        })
    }

    pub(super) fn enter(&mut self, stage: Stage, now: Time) {
        (self.stage, self.since, self.entered) = (stage, now, false);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    const ALL: [(Stage, &str); 11] = [
        (Stage::ReconcileService, "RECONCILE_SERVICE"),
        (Stage::PreScaleUp, "PRE_SCALE_UP"),
        (Stage::ScaleUp, "SCALE_UP"),
        (Stage::PostScaleUp, "POST_SCALE_UP"),
        (Stage::TestTrafficShift, "TEST_TRAFFIC_SHIFT"),
        (Stage::PostTestTrafficShift, "POST_TEST_TRAFFIC_SHIFT"),
        (Stage::PreProductionTrafficShift, "PRE_PRODUCTION_TRAFFIC_SHIFT"),
        (Stage::ProductionTrafficShift, "PRODUCTION_TRAFFIC_SHIFT"),
        (Stage::PostProductionTrafficShift, "POST_PRODUCTION_TRAFFIC_SHIFT"),
        (Stage::BakeTime, "BAKE_TIME"),
        (Stage::CleanUp, "CLEAN_UP"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The one after it, once all of the production traffic has been shifted.
    pub(super) fn next(self) -> Option<Stage> {
        Self::ALL.get(self as usize + 1).map(|(stage, _)| *stage)
    }
}

/// One call of a lifecycle hook.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) id: String,
    /// The function that is called. `None`: the deployment waits for a person.
    pub(super) function: Option<String>,
    pub(super) stage: Stage,
    pub(super) status: HookStatus,
    pub(super) expires_at: Time,
    pub(super) continues: bool,
    /// When the function is asked again.
    pub(super) call_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookStatus {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

impl Hook {
    pub(super) fn shown(&self) -> Value {
        let kind = if self.function.is_some() { "AWS_LAMBDA" } else { "PAUSE" };
        let status = match self.status {
            HookStatus::AwaitingAction => "AWAITING_ACTION",
            HookStatus::InProgress => "IN_PROGRESS",
            HookStatus::Succeeded => "SUCCEEDED",
            HookStatus::Failed => "FAILED",
            HookStatus::TimedOut => "TIMED_OUT",
        };
        let mut shown = json!({
            "hookId": self.id, "targetType": kind, "status": status,
            "expiresAt": self.expires_at.seconds(),
            "timeoutAction": if self.continues { "CONTINUE" } else { "ROLLBACK" },
        });
        if let Some(function) = &self.function {
            shown["targetArn"] = json!(function);
        }
        shown
    }
}

/// What a Lambda function behind a lifecycle hook answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookAnswer {
    Succeeded,
    Failed,
    /// It wants to be asked again.
    InProgress,
}

/// The alarms that a deployment is watched by.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    pub(super) names: Vec<String>,
    pub(super) rollback: bool,
    /// One was in ALARM at the start: ECS then ignores them all.
    pub(super) ignored: bool,
    pub(super) triggered: Vec<String>,
}

impl Alarms {
    pub(super) fn of(configuration: &Value) -> Self {
        let alarms = &configuration["alarms"];
        let names = alarms["alarmNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        match alarms["enable"] == true {
            true => Self {
                names: names.map(str::to_owned).collect(),
                rollback: alarms["rollback"] == true,
                ..Self::default()
            },
            false => Self::default(),
        }
    }

    pub(super) fn shown(&self, ended: bool) -> Value {
        let status = match (self.names.is_empty() || self.ignored, self.triggered.is_empty(), ended) {
            (true, _, _) => "DISABLED",
            (false, false, _) => "TRIGGERED",
            (false, true, true) => "MONITORING_COMPLETE",
            (false, true, false) => "MONITORING",
        };
        json!({"status": status, "alarmNames": self.names, "triggeredAlarmNames": self.triggered})
    }
}

/// Percent of the production traffic that green has after its next step, and how many minutes follow
/// before another one.
pub(super) fn next_shift(configuration: &Value, production: f64) -> (f64, u64) {
    let block = |block: &str, percent: &str, minutes: &str, default: (f64, u64)| {
        let block = &configuration[block];
        (block[percent].as_f64().unwrap_or(default.0), block[minutes].as_u64().unwrap_or(default.1))
    };
    let (step, minutes) = match configuration["strategy"].as_str() {
        Some("LINEAR") => block("linearConfiguration", "stepPercent", "stepBakeTimeInMinutes", (10.0, 6)),
        Some("CANARY") if production == 0.0 => {
            block("canaryConfiguration", "canaryPercent", "canaryBakeTimeInMinutes", (5.0, 10))
        }
        _ => (100.0, 0),
    };
    // Tenths of a percent are as fine as it gets, so that sums stay sums.
    let reached = ((production + step) * 10.0).round() / 10.0;
    if reached >= 100.0 { (100.0, 0) } else { (reached, minutes) }
}

pub(super) fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(configuration: &Value) -> Vec<(f64, u64)> {
        let mut steps: Vec<(f64, u64)> = Vec::new();
        while steps.last().is_none_or(|(percent, _)| *percent < 100.0) {
            let production = steps.last().map_or(0.0, |(percent, _)| *percent);
            steps.push(next_shift(configuration, production));
        }
        steps
    }

    #[test]
    fn each_strategy_has_its_steps() {
        assert_eq!(steps(&json!({"strategy": "BLUE_GREEN"})), [(100.0, 0)]);
        assert_eq!(steps(&json!({"strategy": "CANARY"})), [(5.0, 10), (100.0, 0)]);
        let linear = json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.3}});
        assert_eq!(steps(&linear), [(33.3, 6), (66.6, 6), (99.9, 6), (100.0, 0)]);
    }

    #[test]
    fn stages_have_their_names_in_their_order() {
        for (index, (stage, name)) in Stage::ALL.into_iter().enumerate() {
            assert_eq!((stage as usize, stage.name()), (index, name));
        }
    }
}
