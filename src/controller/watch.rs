//! Watches the source: fetches it at an interval and turns each new commit into a wish.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::journal::{Event, Journal, Kind, Level};
use crate::manifest;
use crate::model::{Desired, Timestamp};
use crate::report;
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
    /// Sends a wish for every commit that can be loaded. A source that can't be read is told once
    /// for each outage, a commit that is refused once, and what was in force stays in force.
    ///
    /// Ends when it is told to or nobody listens any more; with an error when reading has panicked.
    pub async fn watch(
        mut self,
        wishes: mpsc::Sender<Wish>,
        cancel: CancellationToken,
    ) -> Result<(), JoinError> {
        let mut in_force: Option<Wish> = None;
        // The outage that was told last, and is not over.
        let mut outage: Option<String> = None;
        loop {
            let source = self.source;
            let fetched = tokio::task::spawn_blocking(move || {
                let mut source = source;
                let fetched = source.fetch();
                (source, fetched)
            });
            let (source, fetched) = fetched.await?;
            self.source = source;
            if fetched.is_ok() && outage.take().is_some() {
                let mut event = self.event(Kind::Source, "the repository can be read again");
                event.level = Level::Info;
                self.journal.tell(event);
            }
            match fetched {
                Ok(Fetched::Unchanged(_)) => {}
                Ok(Fetched::New(checkout)) => {
                    match manifest::load(&checkout, self.environment.as_deref(), Api::builtin()) {
                        Ok(desired) => {
                            let wish = Arc::new(desired);
                            self.told(&wish, in_force.as_deref());
                            in_force = Some(wish.clone());
                            if wishes.send(wish).await.is_err() {
                                return Ok(());
                            }
                        }
                        Err(diagnostics) => {
                            let stays = match &in_force {
                                Some(wish) => format!("{} stays in force", wish.revision),
                                None => "nothing is in force yet".to_owned(),
                            };
                            let sentence = format!("{}; {stays}\n\n{diagnostics}\n", checkout.revision);
                            self.journal
                                .tell(self.event(Kind::Refused, sentence).revision(&checkout.revision.id));
                        }
                    }
                }
                Err(error) => {
                    let stays = match &in_force {
                        Some(wish) => format!("{} stays in force", wish.revision),
                        None => "nothing is in force yet".to_owned(),
                    };
                    let sentence = format!("{error}; {stays}");
                    if outage.as_ref() != Some(&sentence) {
                        self.journal.tell(self.event(Kind::Source, sentence.clone()));
                        outage = Some(sentence);
                    }
                }
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }

    fn told(&self, wish: &Desired, before: Option<&Desired>) {
        let differs =
            wish.keys().filter(|key| before.and_then(|it| it.digest(key)) != wish.digest(key)).count();
        let revision = &wish.revision;
        let sentence = format!(
            "{revision} by {}: {} · {differs} of {} {}",
            revision.author,
            revision.subject,
            report::counted(wish.keys().filter_map(|key| wish.workload(key))),
            if before.is_none() { "to look at" } else { "asked to change" },
        );
        self.journal.tell(self.event(Kind::Commit, sentence).revision(&revision.id));
    }

    fn event(&self, kind: Kind, sentence: impl Into<String>) -> Event {
        Event::new((self.now)(), kind, sentence)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;
    use crate::source::GitSettings;

    const ENVIRONMENT: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: staging}
spec: {region: eu-west-1, cluster: jobs}
";
    const SERVICE: &str = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: web}
spec:
  taskDefinition:
    memory: 512
    containerDefinitions: [{name: web, image: web}]
  service: {desiredCount: 1}
";

    fn commit(path: &Path) {
        let git = git2::Repository::init_bare(path).unwrap();
        let mut root = git.treebuilder(None).unwrap();
        for (name, text) in [("environment.yaml", ENVIRONMENT), ("web.yaml", SERVICE)] {
            root.insert(name, git.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
        }
        let tree = git.find_tree(root.write().unwrap()).unwrap();
        let author = git2::Signature::now("ada", "ada@example.invalid").unwrap();
        git.commit(Some("refs/heads/main"), &author, &author, "Start", &tree, &[]).unwrap();
    }

    #[tokio::test]
    async fn every_outage_of_the_repository_is_told_once_and_so_is_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (path, away) = (folder.path().join("jobs.git"), folder.path().join("away"));
        commit(&path);
        let (sink, mut told) = mpsc::unbounded_channel();
        let settings = GitSettings {
            url: path.display().to_string(),
            branch: "main".to_owned(),
            path: String::new(),
            credentials: None,
            ca_file: None,
            cache_dir: folder.path().join("cache"),
        };
        let watch = SourceWatch {
            source: GitSource::new(settings).unwrap(),
            environment: None,
            every: Duration::from_millis(1),
            journal: Arc::new(Journal::new(move |event| drop(sink.send(event.clone())))),
            now: Arc::new(|| Timestamp(0)),
        };
        let (wishes, _in_force) = mpsc::channel(1);
        let watching = tokio::spawn(watch.watch(wishes, CancellationToken::new()));
        let mut next = async || {
            let event = tokio::time::timeout(Duration::from_secs(60), told.recv()).await.unwrap().unwrap();
            (event.event, event.level, event.reason)
        };
        assert_eq!(next().await.0, Kind::Commit);
        let mut outages = Vec::new();
        for _ in 0..2 {
            std::fs::rename(&path, &away).unwrap();
            // A fetch that the move cuts off has words of its own.
            let outage = loop {
                let told = next().await;
                if told.2.contains("no such folder") {
                    break told;
                }
            };
            outages.push(outage);
            std::fs::rename(&away, &path).unwrap();
            let back = (Kind::Source, Level::Info, "the repository can be read again".to_owned());
            assert_eq!(next().await, back);
        }
        assert_eq!((outages[0].0, outages[0].1), (Kind::Source, Level::Warn));
        assert_eq!(outages[0], outages[1]);
        watching.abort();
    }
}
