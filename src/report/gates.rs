//! What a deployment will be judged by, in words.

use super::paint::{plain, span};
use crate::model::GatePolicy;

/// One gate: `alarms api-5xx and api-latency`, `5 m of bake time`.
pub(super) fn gate_text(gate: &GatePolicy) -> String {
    match gate {
        GatePolicy::TargetHealth { minimum_healthy_time } => {
            format!("targets healthy for {}", span(*minimum_healthy_time))
        }
        GatePolicy::ContainerHealth { minimum_healthy_time } => {
            format!("containers healthy for {}", span(*minimum_healthy_time))
        }
        GatePolicy::Alarms(alarms) => {
            let names: Vec<String> = alarms.names.iter().map(|name| plain(name)).collect();
            let noun = if names.len() == 1 { "alarm" } else { "alarms" };
            let strict = if alarms.strict { ", also if red before" } else { "" };
            format!("{noun} {}{strict}", names.join(" and "))
        }
        GatePolicy::Http(http) => {
            format!("GET {} answers {} for {}", plain(&http.url), http.status, span(http.lasts))
        }
        GatePolicy::BakeTime(bakes) => format!("{} of bake time", span(*bakes)),
    }
}
