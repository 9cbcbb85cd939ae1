//! What a person's verb found of a deployment, and what it did about it.

use serde_json::json;

use crate::model::{Json, Part, StagedDeployment, Timestamp};
use crate::rollout::stage_sentence;

/// A person's decision that AWS has taken.
#[derive(Clone, Debug)]
pub struct Decided<'a> {
    pub service: &'a str,
    pub decision: Decision<'a>,
    /// The deployment as the person found it.
    pub before: &'a StagedDeployment,
    /// As AWS shows it since.
    pub after: &'a Part<StagedDeployment>,
    pub shifts_traffic: bool,
    pub now: Timestamp,
}

#[derive(Clone, Debug)]
pub enum Decision<'a> {
    /// With the ids of the hooks that waited.
    Continued {
        hooks: Vec<&'a str>,
    },
    Aborted,
}

/// Of the JSON below.
pub const DECISION_VERSION: u32 = 1;

pub fn text(decided: &Decided<'_>) -> String {
    let Decided { service, before, now, .. } = decided;
    let how_far = match decided.shifts_traffic {
        true => format!(" ({})", stage_sentence(before, None, None, *now)),
        false => String::new(),
    };
    let at = if decided.shifts_traffic { format!(" at {}", before.stage) } else { String::new() };
    match &decided.decision {
        Decision::Continued { .. } => format!("{service} goes on{at}{how_far}"),
        Decision::Aborted => format!(
            "{service} is stopped{at}{how_far}; ECS takes it back, and Git's spec is held until Git changes it"
        ),
    }
}

pub fn json(decided: &Decided<'_>) -> Json {
    let (action, hooks) = match &decided.decision {
        Decision::Continued { hooks } => ("continue", hooks.clone()),
        Decision::Aborted => ("abort", Vec::new()),
    };
    let after = decided.after.present();
    let status = after.map(|after| after.status.name().to_owned());
    json!({
        "version": DECISION_VERSION, "action": action, "service": decided.service,
        "serviceDeployment": decided.before.arn, "stage": decided.before.stage, "hooks": hooks,
        "status": status,
    })
}

/// Where a deployment stands that a person can't help.
pub fn goes_on_by_itself(staged: &StagedDeployment, now: Timestamp) -> String {
    format!(
        "its deployment is at {} ({}), and goes on by itself",
        staged.stage,
        stage_sentence(staged, None, None, now)
    )
}

/// How the newest deployment of a service ended.
pub fn ended(staged: &StagedDeployment, brief: &Json, now: Timestamp) -> String {
    let at = brief["finishedAt"].as_f64().map(Timestamp::from_seconds);
    let at = at.map(|at| format!(" at {}", at.minute_seen_from(now))).unwrap_or_default();
    format!("the last one ended{at} as {}", staged.status.name())
}
