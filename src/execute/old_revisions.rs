//! Old revisions are deregistered: noted before the call, so that none of them is used again meanwhile.

use super::Clock;
use crate::aws::{Category, ErrorKind, Writer};
use crate::journal::{Event, Journal, Kind};
use crate::ledger::{self, Ledger};
use crate::model::{ServiceKey, TaskDefinitionArn};

/// What may go of one service's families.
#[derive(Clone, Copy, Debug)]
pub struct Deregistration<'a> {
    pub service: &'a ServiceKey,
    pub revisions: &'a [TaskDefinitionArn],
    /// How many stay.
    pub keep: u32,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deregistered {
    All,
    /// Not now.
    Later(String),
    /// AWS will not do it, however often it is asked.
    Refused(String),
}

/// Makes the calls in order, up to the first that fails.
pub async fn deregister(
    work: Deregistration<'_>,
    writer: &Writer,
    ledger: &Ledger,
    journal: &Journal,
    clock: &Clock,
) -> Result<Deregistered, ledger::Error> {
    let Deregistration { service, revisions, keep } = work;
    for arn in revisions {
        let turn = writer.turn(Category::TaskDefinitionModify).await;
        ledger
            .update(service, |record| {
                if !record.deregistering.contains(arn) {
                    record.deregistering.push(arn.clone());
                }
            })
            .await?;
        let permit = ledger.permit(turn)?;
        let failed = writer.deregister_task_definition(permit, arn).await.err();
        // What is not there, or not ACTIVE, need not go.
        let gone = failed.as_ref().is_none_or(|error| error.kind == ErrorKind::NotFound);
        let known = gone || failed.as_ref().is_some_and(|error| !error.is_ambiguous());
        if known {
            ledger.update(service, |record| record.deregistering.retain(|one| one != arn)).await?;
        }
        match failed.filter(|_| !gone) {
            None => {
                let sentence = format!("{arn} is deregistered: nothing uses it, and {keep} newer ones stay");
                journal.tell(Event::new(clock(), Kind::Delete, sentence).of(service));
            }
            Some(error) if error.is_retryable() => return Ok(Deregistered::Later(error.to_string())),
            Some(error) => return Ok(Deregistered::Refused(error.to_string())),
        }
    }
    Ok(Deregistered::All)
}
