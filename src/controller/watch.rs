//! Watches the source: fetches it at an interval and turns each new commit into a wish.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::journal::{Event, Journal, Kind};
use crate::manifest;
use crate::model::{Desired, Timestamp};
use crate::shape::api::Api;
use crate::source::{Fetched, GitSource};

/// What the source asks for.
pub type Wish = Arc<Desired>;

/// Polls a Git source for ever.
pub struct SourceWatch {
    pub source: GitSource,
    /// Name of the environment; `None` for the only one there is.
    pub environment: Option<String>,
    pub every: Duration,
    pub journal: Arc<Journal>,
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl SourceWatch {
    /// Sends a wish for every commit that can be loaded. A source that can't be read and a commit
    /// that is refused are told once, and what was in force stays in force.
    pub async fn watch(mut self, wishes: mpsc::Sender<Wish>, cancel: CancellationToken) {
        let mut in_force: Option<Wish> = None;
        loop {
            let source = self.source;
            let fetched = tokio::task::spawn_blocking(move || {
                let mut source = source;
                let fetched = source.fetch();
                (source, fetched)
            });
            let (source, fetched) = match fetched.await {
                Ok(both) => both,
                Err(error) => {
                    tracing::error!("the Git thread ended: {error}");
                    return;
                }
            };
            self.source = source;
            match fetched {
                Ok(Fetched::Unchanged(_)) => {}
                Ok(Fetched::New(checkout)) => {
                    match manifest::load(&checkout, self.environment.as_deref(), Api::builtin()) {
                        Ok(desired) => {
                            let wish = Arc::new(desired);
                            self.told(&wish, in_force.as_deref());
                            in_force = Some(wish.clone());
                            if wishes.send(wish).await.is_err() {
                                return;
                            }
                        }
                        Err(diagnostics) => {
                            let stays = match &in_force {
                                Some(wish) => format!("{} stays in force", wish.revision),
                                None => "nothing is in force yet".to_owned(),
                            };
                            let sentence = format!("{}; {stays}\n\n{diagnostics}\n", checkout.revision);
                            self.journal.tell_once(
                                self.event(Kind::Refused, sentence).revision(&checkout.revision.id),
                            );
                        }
                    }
                }
                Err(error) => {
                    let stays = match &in_force {
                        Some(wish) => format!("{} stays in force", wish.revision),
                        None => "nothing is in force yet".to_owned(),
                    };
                    self.journal.tell_once(self.event(Kind::Source, format!("{error}; {stays}")));
                }
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }

    fn told(&self, wish: &Desired, before: Option<&Desired>) {
        let differs = wish
            .services
            .iter()
            .filter(|(key, service)| {
                before.and_then(|it| it.services.get(key)).is_none_or(|it| it.digest != service.digest)
            })
            .count();
        let revision = &wish.revision;
        let sentence = format!(
            "{revision} by {}: {} · {differs} of {} services {}",
            revision.author,
            revision.subject,
            wish.services.len(),
            if before.is_none() { "to look at" } else { "asked to change" },
        );
        self.journal.tell(self.event(Kind::Commit, sentence).revision(&revision.id));
    }

    fn event(&self, kind: Kind, sentence: impl Into<String>) -> Event {
        Event::new((self.now)(), kind, sentence)
    }
}
