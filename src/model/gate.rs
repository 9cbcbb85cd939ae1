//! Judges of a deployment beside ECS's own: what Git asks for, and what they have to remember.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Gate, Json, Timestamp};

/// One entry of `rollout.gates`.
#[derive(Clone, Debug, PartialEq)]
pub enum GatePolicy {
    /// All targets of the deployment healthy, without a break.
    TargetHealth {
        minimum_healthy_time: Duration,
    },
    /// All tasks HEALTHY by their containers' own checks, without a break.
    ContainerHealth {
        minimum_healthy_time: Duration,
    },
    Alarms(AlarmsGate),
    Http(HttpGate),
    /// For so long after its completion a deployment goes on being judged.
    BakeTime(Duration),
}

/// No alarm goes into ALARM from the start of a deployment to the end of its judging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmsGate {
    pub names: Vec<String>,
    /// Also one that was in ALARM before counts.
    pub strict: bool,
}

/// A URL that has to answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGate {
    pub url: String,
    pub status: u16,
    /// Text that the body has to contain.
    pub body_contains: Option<String>,
    pub max_latency: Duration,
    /// From one check to the next.
    pub every: Duration,
    /// For so long after completion it is checked, or until the bake time is over.
    pub lasts: Duration,
    /// So many checks that fail one after the other are a failure.
    pub failures: u32,
}

impl GatePolicy {
    pub fn gate(&self) -> Gate {
        match self {
            GatePolicy::TargetHealth { .. } => Gate::TargetHealth,
            GatePolicy::ContainerHealth { .. } => Gate::ContainerHealth,
            GatePolicy::Alarms(_) => Gate::Alarms,
            GatePolicy::Http(_) => Gate::Http,
            GatePolicy::BakeTime(_) => Gate::BakeTime,
        }
    }

    /// What a digest tells it by.
    pub fn canonical(&self) -> Json {
        let time = |name: &str, time: &Duration| json!({"gate": name, "milliseconds": time.as_millis()});
        match self {
            GatePolicy::TargetHealth { minimum_healthy_time } => time("targetHealth", minimum_healthy_time),
            GatePolicy::ContainerHealth { minimum_healthy_time } => {
                time("containerHealth", minimum_healthy_time)
            }
            GatePolicy::BakeTime(bakes) => time("bakeTime", bakes),
            GatePolicy::Alarms(gate) => {
                json!({"gate": "alarms", "names": gate.names, "strict": gate.strict})
            }
            GatePolicy::Http(gate) => json!({
                "gate": "http",
                "url": gate.url,
                "status": gate.status,
                "bodyContains": gate.body_contains,
                "maxLatency": gate.max_latency.as_millis(),
                "every": gate.every.as_millis(),
                "for": gate.lasts.as_millis(),
                "failures": gate.failures,
            }),
        }
    }
}

/// What the gates of a rollout remember from look to look. AWS's own timestamps tell the rest, so that
/// while all is well nothing is written here but when the deployment completed, and that it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Watched {
    /// By ECS's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Until when somebody looked; written down now and then, since it has to outlive the one who looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// How long nobody looked since it completed: what happened to a URL or an alarm then is not known, so
    /// it counts for nothing.
    #[serde(skip_serializing_if = "Duration::is_zero")]
    pub unwatched: Duration,
    /// By the place of the gate in the manifest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<usize, GateNote>,
}

impl Watched {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum GateNote {
    /// Everything is healthy, or not, since then. Without a note: healthy since completion.
    Health { whole: bool, since: Timestamp },
    /// Checks that failed, one after the other.
    Failing { times: u32, last: Timestamp, why: String },
}

/// What was read for the gates of a rollout under way; empty otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveGates {
    /// By name.
    pub alarms: BTreeMap<String, super::Part<LiveAlarm>>,
    /// Running tasks of the service; `None`: not read.
    pub tasks: Option<super::Part<Vec<RunningTask>>>,
    /// Targets of the service's groups; `None`: not read.
    pub targets: Option<super::Part<Vec<LiveTarget>>>,
    /// The newest check of each URL, by the place of the gate in the manifest.
    pub checks: BTreeMap<usize, HttpCheck>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveAlarm {
    pub state: AlarmState,
    pub reason: String,
    /// Since when it is in this state.
    pub since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTask {
    /// `ecs-svc/<number>` of its deployment.
    pub started_by: String,
    pub started_at: Option<Timestamp>,
    /// HEALTHY, UNHEALTHY or UNKNOWN.
    pub health: String,
    /// Addresses of its own network interface; none where it uses its instance's.
    pub addresses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTarget {
    pub target_group: String,
    /// `10.0.0.12:8080`
    pub target: String,
    pub state: String,
    pub reason: String,
    pub description: String,
}

/// One request to the URL of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    pub at: Timestamp,
    pub took: Duration,
    /// Or why there was no answer.
    pub answer: Result<HttpAnswer, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// The first 64 KiB.
    pub body: String,
}
