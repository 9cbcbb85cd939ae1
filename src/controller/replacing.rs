//! One pass over a service that makes room for another of its name: one step nearer to its end.

use super::pass::{Engine, Next, WATCH_EVERY};
use crate::execute::{self, Deletion, Execution};
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{Desired, ServiceKey, ServiceRecord};
use crate::plan::{Replacement, ServicePlan};
use crate::report;

impl Engine {
    /// Does what can be done now. Whatever is cut off is planned anew from what is live: the ledger says
    /// only that the deletion began, and what for.
    pub(super) async fn replace(
        &self,
        desired: &Desired,
        plan: &ServicePlan,
        replacement: &Replacement,
    ) -> Result<Next, ledger::Error> {
        let key = &plan.service;
        let tell = |kind, sentence: String| {
            let event = Event::new((self.now)(), kind, sentence).of(key).digest(&plan.digest);
            self.journal.tell_once(event.revision(&desired.revision.id));
        };
        if replacement.now.is_empty() {
            tell(Kind::Progress, report::draining_sentence(replacement));
            return Ok(Next::Watch(WATCH_EVERY));
        }
        if !replacement.begun {
            tell(Kind::Plan, report::change_sentence(plan));
        }
        let work = Deletion {
            service: key,
            digest: &plan.digest,
            cluster: &desired.environment.cluster,
            revision: &desired.revision.id,
            replaces: true,
            steps: &replacement.now,
        };
        let (writer, ledger, journal) = (&self.writer, &self.ledger, &self.journal);
        match execute::delete(&work, writer, ledger, journal, self.now.as_ref()).await? {
            Execution::Done { .. } => Ok(Next::Watch(WATCH_EVERY)),
            Execution::Retry { after, message } => Ok(Next::Retry { at_least: after, why: message }),
            Execution::Rejected { message, .. } => {
                let why = format!("AWS refuses to delete it, so that another can be made: {message}");
                tell(Kind::Failed, why.clone());
                Ok(Next::Held(why))
            }
        }
    }

    /// The old service is gone, and with it the deployment to go back to: the new one may not even be
    /// able to run the old revision.
    pub(super) async fn forget_the_old_one(
        &self,
        key: &ServiceKey,
        record: &ServiceRecord,
    ) -> Result<(), ledger::Error> {
        let replaced = record.leaving.as_ref().is_some_and(|leaving| leaving.replaces);
        if !replaced || record.last_good.is_none() {
            return Ok(());
        }
        self.ledger.update(key, |record| record.last_good = None).await
    }
}
