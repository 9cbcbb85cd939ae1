//! Steps of a deletion -> calls. A service that left Git has no desired spec, so nothing of this is
//! applied, judged or taken back.

use serde_json::json;

use super::step::Call;
use super::{Clock, Execution, retry_after, scaling};
use crate::aws::{Answer, ErrorKind, Writer, resource_id};
use crate::journal::{Event, Journal, Kind};
use crate::ledger::{self, Ledger};
use crate::model::{Digest, Intent, IntentKind, Leaving, ServiceKey};
use crate::plan::{Action, Step};

/// What can be done now about a service that left Git.
#[derive(Clone, Copy, Debug)]
pub struct Deletion<'a> {
    pub service: &'a ServiceKey,
    /// Of what was applied last.
    pub digest: &'a Digest,
    pub cluster: &'a str,
    /// The Git commit that does without it, in full.
    pub revision: &'a str,
    /// Another is made in its place.
    pub replaces: bool,
    pub steps: &'a [Step],
}

/// Makes the calls in order, up to the first that fails. Before the first, the ledger says that the
/// deletion has begun: whoever finds the service without tasks knows why.
pub async fn delete(
    work: &Deletion<'_>,
    writer: &Writer,
    ledger: &Ledger,
    journal: &Journal,
    clock: &Clock,
) -> Result<Execution, ledger::Error> {
    begin(work, ledger, clock).await?;
    for step in work.steps {
        let Some(call) = call(work, &step.action) else {
            let message = format!("{} deletes nothing", step.action.call());
            return Ok(Execution::Rejected { message, outside: false });
        };
        let turn = writer.turn(call.category()).await;
        let permit = ledger.permit(turn)?;
        let answer = match call.send(writer, permit).await {
            Ok(answer) => answer,
            // What is not there need not go.
            Err(error) if error.kind == ErrorKind::NotFound => {
                Answer { body: json!({}), request_id: error.request_id }
            }
            Err(error) => {
                if !error.is_ambiguous() {
                    ledger.update(work.service, |record| record.intent = None).await?;
                }
                let message = error.to_string();
                let Some(after) = retry_after(error.kind) else {
                    return Ok(Execution::Rejected { message, outside: false });
                };
                let event = event(work, Kind::Retry, message.clone(), clock);
                journal.tell_once(event.request(error.request_id.as_deref()));
                return Ok(Execution::Retry { after, message });
            }
        };
        journal.moved_on(work.service);
        let (kind, sentence) = told(work, &step.action);
        journal.tell(event(work, kind, sentence, clock).request(answer.request_id.as_deref()));
    }
    ledger
        .update(work.service, |record| {
            record.intent = None;
            scaling::let_go(record, work.steps);
        })
        .await?;
    Ok(Execution::Done { started: None })
}

async fn begin(work: &Deletion<'_>, ledger: &Ledger, clock: &Clock) -> Result<(), ledger::Error> {
    let now = clock();
    ledger
        .update(work.service, |record| {
            let revision = work.revision.to_owned();
            record.set_intent_aside(now);
            record.intent = Some(Intent { revision, ..Intent::of(IntentKind::Delete, work.digest, now) });
            // Should it come back, it is a service like any other: nothing of its past stands in its way.
            record.rollout = None;
            record.quarantine = None;
            let leaving = record.leaving.get_or_insert_with(|| Leaving {
                revision: work.revision.to_owned(),
                noticed_at: now,
                began_at: None,
                replaces: work.replaces,
            });
            leaving.began_at.get_or_insert(now);
            leaving.replaces = work.replaces;
        })
        .await
}

fn call(work: &Deletion<'_>, action: &Action) -> Option<Call> {
    match action {
        Action::DeregisterScalableTarget => Some(Call::DeregisterScalableTarget(json!({
            "ServiceNamespace": "ecs",
            "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": resource_id(work.cluster, work.service.name()),
        }))),
        Action::UpdateService { body, .. } => Some(Call::UpdateService(body.clone())),
        Action::DeleteService => Some(Call::DeleteService {
            cluster: work.cluster.to_owned(),
            service: work.service.name().to_owned(),
        }),
        Action::DeleteSchedule { group } => {
            Some(Call::DeleteSchedule { group: group.clone(), name: work.service.name().to_owned() })
        }
        _ => None,
    }
}

fn told(work: &Deletion<'_>, action: &Action) -> (Kind, String) {
    let name = work.service;
    match action {
        Action::DeregisterScalableTarget => {
            (Kind::Scale, format!("{name} no longer scales by Application Auto Scaling"))
        }
        Action::DeleteService => (Kind::Delete, format!("{name} is deleted; its task definitions stay")),
        Action::DeleteSchedule { .. } => {
            let sentence =
                format!("the schedule of {name} is deleted; tasks that it started go on to their end");
            (Kind::Delete, sentence)
        }
        _ => (Kind::Delete, format!("{name} -> 0 tasks; it is deleted when the last has stopped")),
    }
}

fn event(work: &Deletion<'_>, kind: Kind, sentence: String, clock: &Clock) -> Event {
    Event::new(clock(), kind, sentence).of(work.service).digest(work.digest).revision(work.revision)
}
