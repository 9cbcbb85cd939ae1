//! What is cleared out when a service has come to rest: old revisions that nothing uses.

use std::collections::BTreeSet;

use super::pass::Engine;
use crate::aws;
use crate::execute::{self, Deregistered, Deregistration};
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{Desired, ServiceKey, TaskDefinitionArn};
use crate::observe::{Clearing, Observer, OldRevisions};
use crate::plan::{self, Gateway, Whose};

impl Engine {
    /// Deregisters a few old revisions, if some are due. It costs nothing where none are, and what can't be
    /// done now is left for the next look.
    pub(super) async fn clear_out(
        &self,
        observer: &Observer,
        desired: &Desired,
        key: &ServiceKey,
        run_by: impl Iterator<Item = TaskDefinitionArn>,
    ) -> Result<(), ledger::Error> {
        let keep = desired.environment.sync.keep_revisions;
        let Some(record) = self.ledger.record(key) else { return Ok(()) };
        let Some(newest) = plan::due(&record, keep) else { return Ok(()) };
        let windows = desired.sync(key).map(|sync| sync.windows(&desired.environment)).unwrap_or_default();
        if matches!(plan::gateway(windows, (self.now)()), Gateway::Closed { .. }) {
            return Ok(());
        }
        let in_use: BTreeSet<TaskDefinitionArn> =
            plan::known_to_the_ledger(&self.ledger.records()).into_iter().chain(run_by).collect();
        let cluster = &desired.environment.cluster;
        let clearing = Clearing {
            whose: Whose { installation: &self.installation, key, cluster },
            families: &desired.families(key),
            keep,
            in_use: &in_use,
        };
        match observer.old_revisions(clearing, (self.now)()).await {
            Ok(found) => self.deregister(key, newest, keep, &found).await,
            Err(error) => {
                self.not_cleared(key, &error);
                Ok(())
            }
        }
    }

    fn not_cleared(&self, key: &ServiceKey, error: &aws::Error) {
        let sentence = format!("old revisions are not looked for now: {error}");
        self.journal.tell_once(Event::new((self.now)(), Kind::Retry, sentence).of(key));
    }

    async fn deregister(
        &self,
        key: &ServiceKey,
        newest: &TaskDefinitionArn,
        keep: u32,
        found: &OldRevisions,
    ) -> Result<(), ledger::Error> {
        let work = Deregistration { service: key, revisions: &found.may_go, keep };
        let (writer, ledger, journal) = (&self.writer, &self.ledger, &self.journal);
        let is_over = match execute::deregister(work, writer, ledger, journal, self.now.as_ref()).await? {
            Deregistered::All => found.complete,
            Deregistered::Later(why) => {
                self.journal.tell_once(Event::new((self.now)(), Kind::Retry, why).of(key));
                false
            }
            // Until the next deployment: what AWS refuses now it would refuse at every look.
            Deregistered::Refused(why) => {
                let sentence = format!("old revisions stay registered: {why}");
                self.journal.tell_once(Event::new((self.now)(), Kind::Held, sentence).of(key));
                true
            }
        };
        if is_over {
            self.ledger
                .update(key, |record| {
                    record.cleared = Some(newest.clone());
                    // The list shows none of them any more, or nobody will be asked to take them off it.
                    record.deregistering.clear();
                })
                .await?;
        }
        Ok(())
    }
}
