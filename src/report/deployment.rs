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
        Decision::Aborted => {
            let then = match &before.blue {
                None => "it is the first deployment, so there is nothing that ECS could take it back to",
                Some(_) => "ECS takes it back, and Git's spec is held until Git changes it",
            };
            format!("{service} is stopped{at}{how_far}; {then}")
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(status: &str, more: Json) -> StagedDeployment {
        let mut body = json!({
            "serviceDeploymentArn": "arn:d", "status": status, "lifecycleStage": "BAKE_TIME",
            "targetServiceRevision": {
                "requestedTaskCount": 2, "runningTaskCount": 2, "requestedProductionTrafficWeight": 100.0,
            },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        StagedDeployment::from_wire(&body)
    }

    fn decided<'a>(
        decision: Decision<'a>,
        before: &'a StagedDeployment,
        after: &'a Part<StagedDeployment>,
    ) -> Decided<'a> {
        Decided { service: "ix", decision, before, after, shifts_traffic: true, now: Timestamp(0) }
    }

    #[test]
    fn an_abort_says_where_it_was_stopped_and_what_happens_then() {
        let later = staged("IN_PROGRESS", json!({"sourceServiceRevisions": [{"arn": "r"}]}));
        let first = staged("IN_PROGRESS", json!({}));
        let nothing = Part::Absent;
        assert_eq!(
            text(&decided(Decision::Aborted, &later, &nothing)),
            "ix is stopped at BAKE_TIME (green 2 of 2 running · 100 % of production traffic); ECS takes it back, \
             and Git's spec is held until Git changes it"
        );
        assert!(
            text(&decided(Decision::Aborted, &first, &nothing))
                .ends_with("it is the first deployment, so there is nothing that ECS could take it back to")
        );
    }

    #[test]
    fn a_decision_is_told_to_programs_with_what_aws_shows_since() {
        let before = staged("IN_PROGRESS", json!({}));
        let after = Part::Present(staged("ROLLBACK_REQUESTED", json!({})));
        assert_eq!(
            json(&decided(Decision::Continued { hooks: vec!["h1"] }, &before, &after)),
            json!({
                "version": 1, "action": "continue", "service": "ix", "serviceDeployment": "arn:d",
                "stage": "BAKE_TIME", "hooks": ["h1"], "status": "ROLLBACK_REQUESTED",
            })
        );
    }
}
