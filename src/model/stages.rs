//! A deployment that ECS takes through stages: BLUE_GREEN, LINEAR and CANARY.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EcsService, Json, ServiceDeploymentStatus, Timestamp};

impl EcsService {
    /// Whether a deployment of it shifts traffic from the old tasks, blue, to the new ones, green.
    pub fn shifts_traffic(&self) -> bool {
        let strategy = self.0["deploymentConfiguration"]["strategy"].as_str();
        !matches!(strategy, Some("ROLLING") | None)
    }
}

/// One element of DescribeServiceDeployments `serviceDeployments[]`.
#[derive(Clone, Debug, PartialEq)]
pub struct StagedDeployment {
    pub arn: String,
    pub status: ServiceDeploymentStatus,
    pub status_reason: String,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    /// Such as `BAKE_TIME`; open, because AWS's pages know stages that its API model does not.
    pub stage: String,
    pub green: Share,
    /// Absent for the first deployment of a service.
    pub blue: Option<Share>,
    pub hooks: Vec<LifecycleHook>,
    pub rollback_reason: Option<String>,
    pub alarms_triggered: Vec<String>,
    pub breaker_tripped: bool,
    /// The service's `deploymentConfiguration` when it began.
    pub configuration: Json,
}

/// One side of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Share {
    /// ARN of the service revision; ends in the same number as `ecs-svc/<number>`.
    pub revision: String,
    pub requested: i64,
    pub running: i64,
    /// Percent of the production traffic, and of the test traffic.
    pub production: Option<f64>,
    pub test: Option<f64>,
}

/// A lifecycle hook that was called.
#[derive(Clone, Debug, PartialEq)]
pub struct LifecycleHook {
    pub id: String,
    /// The function that it calls. `None`: it waits for a person.
    pub function: Option<String>,
    pub status: LifecycleHookStatus,
    pub expires_at: Option<Timestamp>,
    /// What happens when nobody answers: the deployment goes on, or back.
    pub continues: bool,
}

/// Open, because AWS adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleHookStatus {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
    Other(String),
}

impl StagedDeployment {
    pub fn from_wire(body: &Json) -> Self {
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let list = |list: &Json| list.as_array().cloned().unwrap_or_default();
        let alarms = list(&body["alarms"]["triggeredAlarmNames"]);
        let sources = list(&body["sourceServiceRevisions"]);
        Self {
            arn: text("serviceDeploymentArn"),
            status: ServiceDeploymentStatus::from_wire(&text("status")),
            status_reason: text("statusReason"),
            created_at: moment(&body["createdAt"]).unwrap_or_default(),
            updated_at: moment(&body["updatedAt"]),
            stage: text("lifecycleStage"),
            green: Share::from_wire(&body["targetServiceRevision"]),
            // While superseded ones are reconciled there may be several: the one with traffic counts.
            blue: sources.iter().map(Share::from_wire).max_by(|one, other| {
                one.production.unwrap_or(0.0).total_cmp(&other.production.unwrap_or(0.0))
            }),
            hooks: list(&body["lifecycleHookDetails"]).iter().map(LifecycleHook::from_wire).collect(),
            rollback_reason: body["rollback"]["reason"].as_str().map(str::to_owned),
            alarms_triggered: alarms.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            breaker_tripped: body["deploymentCircuitBreaker"]["status"] == "TRIGGERED",
            configuration: body["deploymentConfiguration"].clone(),
        }
    }

    /// Whether this is the service deployment of `ecs-svc/<number>`.
    pub fn is_of(&self, deployment_id: &str) -> bool {
        let number = deployment_id.rsplit('/').next().unwrap_or_default();
        !number.is_empty() && self.green.revision.rsplit('/').next() == Some(number)
    }

    /// The hooks that wait for a person.
    pub fn pauses(&self) -> impl Iterator<Item = &LifecycleHook> {
        let under_way =
            matches!(self.status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress);
        self.hooks.iter().filter(move |hook| {
            under_way && hook.function.is_none() && hook.status == LifecycleHookStatus::AwaitingAction
        })
    }

    /// How long ECS was told to watch it with nothing to do: after each step, and at the end.
    pub fn baking(&self) -> Duration {
        let configuration = &self.configuration;
        let minutes = |value: &Json, default: u64| value.as_u64().unwrap_or(default);
        let of_steps = match configuration["strategy"].as_str() {
            Some("CANARY") => minutes(&configuration["canaryConfiguration"]["canaryBakeTimeInMinutes"], 10),
            Some("LINEAR") => {
                let block = &configuration["linearConfiguration"];
                let step = block["stepPercent"].as_f64().unwrap_or(10.0).clamp(1.0, 100.0);
                // None after the last one.
                let waits = ((100.0 / step).ceil() as u64).saturating_sub(1);
                waits * minutes(&block["stepBakeTimeInMinutes"], 6)
            }
            _ => 0,
        };
        Duration::from_secs(60 * (of_steps + minutes(&configuration["bakeTimeInMinutes"], 0)))
    }
}

impl Share {
    /// All the tasks that it is to have run.
    pub fn is_up(&self) -> bool {
        self.requested > 0 && self.running >= self.requested
    }

    fn from_wire(summary: &Json) -> Self {
        let count = |member: &str| summary[member].as_i64().unwrap_or_default();
        Self {
            revision: summary["arn"].as_str().unwrap_or_default().to_owned(),
            requested: count("requestedTaskCount"),
            running: count("runningTaskCount"),
            production: summary["requestedProductionTrafficWeight"].as_f64(),
            test: summary["requestedTestTrafficWeight"].as_f64(),
        }
    }
}

impl LifecycleHook {
    fn from_wire(detail: &Json) -> Self {
        let function = detail["targetArn"].as_str().map(str::to_owned);
        Self {
            id: detail["hookId"].as_str().unwrap_or_default().to_owned(),
            function: function.filter(|_| detail["targetType"] != "PAUSE"),
            status: match detail["status"].as_str().unwrap_or_default() {
                "AWAITING_ACTION" => LifecycleHookStatus::AwaitingAction,
                "IN_PROGRESS" => LifecycleHookStatus::InProgress,
                "SUCCEEDED" => LifecycleHookStatus::Succeeded,
                "FAILED" => LifecycleHookStatus::Failed,
                "TIMED_OUT" => LifecycleHookStatus::TimedOut,
                other => LifecycleHookStatus::Other(other.to_owned()),
            },
            expires_at: moment(&detail["expiresAt"]),
            continues: detail["timeoutAction"] == "CONTINUE",
        }
    }

    /// The last part of the function's ARN.
    pub fn name(&self) -> &str {
        let function = self.function.as_deref().unwrap_or("PAUSE");
        let (_, name) = function.split_once(":function:").unwrap_or(("", function));
        name
    }
}

fn moment(value: &Json) -> Option<Timestamp> {
    value.as_f64().map(Timestamp::from_seconds)
}

/// What was seen of its stages so far: AWS tells neither when a stage began, nor how long a person was
/// waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Course {
    pub stage: String,
    /// Green's share of the production traffic in that stage, in tenths of a percent.
    pub production: i64,
    pub since: Timestamp,
    /// Since when a person is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pausing_since: Option<Timestamp>,
    /// How long persons were waited for before that.
    pub paused: Duration,
}

impl Course {
    /// What is known after another look.
    #[must_use]
    pub fn after(&self, seen: &StagedDeployment, now: Timestamp) -> Self {
        let mut after = self.clone();
        let production = (seen.green.production.unwrap_or(0.0) * 10.0).round() as i64;
        if self.stage != seen.stage || self.production != production {
            // Seen late, ECS's own clock is the better one.
            let changed = seen.updated_at.filter(|at| *at > self.since && *at <= now);
            (after.stage, after.production) = (seen.stage.clone(), production);
            after.since = changed.unwrap_or(now);
        }
        match (self.pausing_since, seen.pauses().next().is_some()) {
            (None, true) => after.pausing_since = Some(now),
            (Some(since), false) => {
                after.pausing_since = None;
                after.paused += now.since(since);
            }
            (None, false) | (Some(_), true) => {}
        }
        after
    }

    /// How long persons were waited for in all.
    pub fn paused_until(&self, now: Timestamp) -> Duration {
        self.paused + self.pausing_since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn staged(body: Json) -> StagedDeployment {
        StagedDeployment::from_wire(&body)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn the_time_that_ecs_bakes_is_known_from_the_strategy() {
        let check = |configuration: Json, minutes: u64| {
            let staged = staged(json!({"deploymentConfiguration": configuration}));
            assert_eq!(staged.baking(), Duration::from_secs(60 * minutes), "{configuration}");
        };
        check(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}), 5);
        check(json!({"strategy": "CANARY", "bakeTimeInMinutes": 5}), 15);
        check(json!({"strategy": "LINEAR"}), 54);
        let linear = json!({"stepPercent": 40.0, "stepBakeTimeInMinutes": 3});
        check(json!({"strategy": "LINEAR", "linearConfiguration": linear, "bakeTimeInMinutes": 1}), 7);
    }

    #[test]
    fn the_time_that_people_take_is_added_up() {
        let paused = staged(json!({
            "status": "IN_PROGRESS", "lifecycleStage": "POST_SCALE_UP",
            "lifecycleHookDetails": [{"hookId": "1", "targetType": "PAUSE", "status": "AWAITING_ACTION"}],
        }));
        let goes_on =
            staged(json!({"status": "IN_PROGRESS", "lifecycleStage": "BAKE_TIME", "updatedAt": 170.0}));
        let course = Course::default().after(&paused, at(100));
        assert_eq!(course.paused_until(at(160)), Duration::from_secs(60));
        let course = course.after(&goes_on, at(175)).after(&goes_on, at(200));
        assert_eq!((course.paused_until(at(300)), course.since), (Duration::from_secs(75), at(170)));
        let again = course.after(&paused, at(400)).after(&goes_on, at(405));
        assert_eq!(again.paused_until(at(500)), Duration::from_secs(80));
    }

    #[test]
    fn a_hook_that_calls_a_function_is_no_pause() {
        let hook = json!({
            "targetType": "AWS_LAMBDA", "targetArn": "arn:aws:lambda:eu-west-1:123456789012:function:smoke",
            "status": "IN_PROGRESS",
        });
        let staged = staged(json!({"status": "IN_PROGRESS", "lifecycleHookDetails": [hook]}));
        assert_eq!((staged.pauses().count(), staged.hooks[0].name()), (0, "smoke"));
    }
}
