//! `status -o json`. docs/status.md describes it.

use serde_json::json;

use super::{Condition, LedgerStatus, OverrideStatus, ServiceStatus, Status, Wanted};
use crate::model::{Json, Quarantine, ServiceKey};
use crate::report::failure::{failure_rows, last_words};

/// Rises when a member changes its meaning or goes away; new members don't raise it.
pub const STATUS_VERSION: u32 = 1;

/// The status as one object.
pub fn status_json(status: &Status) -> Json {
    let (revision, seen_at, unknown) = match &status.wanted {
        Wanted::Commit { revision, seen_at } => (Some(revision), Some(seen_at.to_string()), None),
        Wanted::Unknown { why } => (None, None, Some(why)),
    };
    json!({
        "version": STATUS_VERSION,
        "environment": status.environment,
        "region": status.region,
        "cluster": status.cluster,
        "revision": revision.map(|revision| &revision.id),
        "branch": revision.map(|revision| &revision.branch),
        "subject": revision.map(|revision| &revision.subject),
        "seenAt": seen_at,
        "gitUnknown": unknown,
        "at": status.now.to_string(),
        "services": status.services.iter().map(service_json).collect::<Vec<_>>(),
        "schedulesLeftInPlace": status.schedules_left,
        "ledger": ledger_json(&status.ledger),
    })
}

fn ledger_json(ledger: &LedgerStatus) -> Json {
    match ledger {
        LedgerStatus::Untold => Json::Null,
        LedgerStatus::Held(holder) => json!({
            "holder": holder.name,
            "epoch": holder.epoch,
            "since": holder.since.to_string(),
            "released": holder.released,
            "error": null,
        }),
        LedgerStatus::Unreadable(why) => json!({
            "holder": null, "epoch": null, "since": null, "released": null, "error": why,
        }),
    }
}

fn service_json(service: &ServiceStatus) -> Json {
    json!({
        "service": service.service,
        "kind": service.workload.kind(),
        "conditions": service.conditions.iter().map(condition_json).collect::<Vec<_>>(),
        "running": service.running,
        "desired": service.desired,
        "taskDefinition": service.task_definition,
        "schedule": service.schedule.as_ref().map(|schedule| json!({
            "expression": schedule.expression, "enabled": schedule.enabled,
        })),
        "digest": service.digest,
        "quarantine": service.quarantine.as_ref().map(|it| quarantine_json(&service.service, it)),
        "lastGood": service.last_good.as_ref().map(|good| json!({
            "digest": good.digest,
            "taskDefinition": good.task_definition,
            "completedAt": good.completed_at.to_string(),
        })),
        "hook": service.hook.as_ref().map(|open| json!({
            "name": open.name,
            "stage": open.stage,
            "since": open.since.to_string(),
            "try": open.failures + 1,
            "tries": open.attempts,
            "task": open.task,
        })),
        "override": service.overriding.as_ref().map(override_json),
        "leftGit": service.left_git,
    })
}

fn override_json(status: &OverrideStatus) -> Json {
    let asked = status.overriding.in_force();
    json!({
        "honoured": asked.is_some(),
        "minimum": asked.map(|asked| asked.minimum),
        "maximum": asked.map(|asked| asked.maximum),
        "until": asked.map(|asked| asked.until.to_string()),
        "message": status.message,
    })
}

fn condition_json(condition: &Condition) -> Json {
    json!({
        "type": condition.kind.name(),
        "status": condition.truth.name(),
        "reason": condition.reason,
        "message": condition.message,
    })
}

fn quarantine_json(service: &ServiceKey, quarantine: &Quarantine) -> Json {
    let failure = &quarantine.failure;
    let containers = || failure.stopped_tasks.iter().flat_map(|task| &task.containers);
    json!({
        "digest": quarantine.digest,
        "taskDefinition": quarantine.task_definition,
        "revision": quarantine.revision,
        "at": failure.at.to_string(),
        "gate": failure.gate,
        "likelyCause": failure.likely_cause,
        "transient": failure.transient,
        "by": quarantine.by,
        "again": quarantine.again.as_ref().map(|again| json!({
            "at": again.at.to_string(), "attempt": again.attempt, "of": again.of, "by": again.by,
        })),
        "figures": failure.figures,
        "changes": failure.changes.iter().map(|change| json!({
            "path": change.path, "change": change.change, "file": change.file,
        })).collect::<Vec<_>>(),
        "events": failure.events,
        "report": failure_rows(service, quarantine).into_iter().map(|(name, text)| json!({
            "name": name, "text": text,
        })).collect::<Vec<_>>(),
        "exitCode": containers().find_map(|container| container.exit_code.filter(|code| *code != 0)),
        "hook": failure.hook.as_ref().map(|hook| &hook.name),
        "lastWords": failure.hook.as_ref().map(|hook| hook.last_words.as_slice()).unwrap_or_default(),
        "lastLine": last_words(failure).map(|(_, line)| line),
        "stoppedTasks": failure.stopped_tasks.len(),
        "unhealthyTargets": failure.unhealthy_targets.len(),
    })
}
