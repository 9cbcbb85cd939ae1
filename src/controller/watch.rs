//! Watches the source: fetches it at an interval and turns each new commit into a wish.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::journal::{Event, Journal, Kind, Level};
use crate::manifest::{self, Needs};
use crate::model::{
    Answers, Checkout, Desired, ImageAnswer, ImageAnswers, LookedUp, Moved, Revision, Timestamp, shortened,
    without_registry,
};
use crate::report;
use crate::shape::api::Api;
use crate::source::{Change, Fetched, GitSource, Replacement, SourceError, Written};

/// What the source asks for.
pub type Wish = Arc<Desired>;

/// Looks up the variables of a commit that stand in AWS; the error is for people.
pub type LookUp = Arc<
    dyn Fn(Arc<Checkout>, Needs) -> Pin<Box<dyn Future<Output = Result<Answers, String>> + Send>>
        + Send
        + Sync,
>;

/// Looks at the images of a wish that are named by their tags.
pub type LookAtImages = Arc<dyn Fn(Wish) -> Pin<Box<dyn Future<Output = ImageAnswers> + Send>> + Send + Sync>;

/// Lets others ask for a look at the source now, and see that it was taken.
#[derive(Clone, Debug)]
pub struct Looks {
    asked: Arc<Notify>,
    /// Numbers of the looks that were begun last, and that ended well last.
    taken: watch::Sender<(u64, u64)>,
}

impl Default for Looks {
    fn default() -> Self {
        Self { asked: Arc::default(), taken: watch::Sender::new((0, 0)) }
    }
}

impl Looks {
    /// Asks for a look, and waits until one that began later has ended well: what it found was sent then.
    pub async fn fresh(&self) {
        let mut taken = self.taken.subscribe();
        let (before, _) = *taken.borrow();
        self.asked.notify_one();
        // The sender lives as long as this value.
        let _ = taken.wait_for(|(_, ended)| *ended > before).await;
    }

    fn begin(&self) {
        self.taken.send_modify(|(begun, _)| *begun += 1);
    }

    fn end(&self) {
        self.taken.send_modify(|(begun, ended)| *ended = *begun);
    }
}

/// Polls a Git source for ever.
pub struct SourceWatch {
    pub source: GitSource,
    /// Name of the environment; `None` for the only one there is.
    pub environment: Option<String>,
    pub look_up: LookUp,
    pub look_at_images: LookAtImages,
    /// Whether this process is the one who acts: nobody else writes to Git.
    pub leads: Arc<AtomicBool>,
    pub every: Duration,
    pub looks: Looks,
    pub journal: Arc<Journal>,
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl SourceWatch {
    /// Sends a wish for every commit that can be loaded, and again when a variable that is looked up has
    /// another value: both are looked at equally often. A source that can't be read is told once
    /// for each outage, a commit that is refused once, and what was in force stays in force.
    ///
    /// Ends when it is told to or nobody listens any more; with an error when reading has panicked.
    pub async fn watch(
        mut self,
        wishes: mpsc::Sender<Wish>,
        cancel: CancellationToken,
    ) -> Result<(), JoinError> {
        let mut force = Force::default();
        // The outage that was told last, and is not over.
        let mut outage: Option<String> = None;
        loop {
            self.looks.begin();
            let source = self.source;
            let fetched = tokio::task::spawn_blocking(move || {
                let mut source = source;
                let fetched = source.fetch();
                (source, fetched)
            });
            let (source, fetched) = fetched.await?;
            self.source = source;
            if fetched.is_ok() && outage.take().is_some() {
                self.mended("the repository can be read again");
            }
            let read = fetched.is_ok();
            let checkout = match fetched {
                Ok(Fetched::Unchanged(_)) => force.checkout.clone().filter(|_| force.looks_again()),
                Ok(Fetched::New(checkout)) => {
                    force.refused = false;
                    Some(Arc::new(checkout))
                }
                Err(error) => {
                    let sentence = format!("{error}; {}", force.stays());
                    if outage.as_ref() != Some(&sentence) || planted!("outage-told-at-each-poll") {
                        self.journal.tell(self.event(Kind::Source, sentence.clone()));
                        outage = Some(sentence);
                    }
                    None
                }
            };
            let wish = match checkout {
                Some(checkout) => self.load(checkout, &mut force).await,
                None => None,
            };
            if let Some(wish) = wish
                && wishes.send(wish).await.is_err()
            {
                return Ok(());
            }
            if read {
                self.looks.end();
            }
            if let Some(change) = self.newer_tags(&force).filter(|_| read) {
                let source = self.source;
                let writing = tokio::task::spawn_blocking(move || {
                    let mut source = source;
                    let written = source.write(&change);
                    (source, written, change)
                });
                let (source, written, change) = writing.await?;
                self.source = source;
                if self.tell_written(written, &change, &mut force) {
                    // What was written is read at once, like any other commit.
                    continue;
                }
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(()),
                () = self.looks.asked.notified() => {}
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }

    /// Makes a wish of a commit; `None`: it can't be one now, or asks for nothing new.
    async fn load(&self, checkout: Arc<Checkout>, force: &mut Force) -> Option<Wish> {
        let name = self.environment.as_deref();
        force.checkout = Some(checkout.clone());
        let needs = manifest::needs(&checkout, name);
        force.looks_up = needs.is_some();
        let answers = match needs {
            None => Answers::new(),
            Some(needs) => match (self.look_up)(checkout.clone(), needs).await {
                Ok(answers) => answers,
                Err(_) if planted!("variable-that-cannot-be-read-is-as-before") => force.answers.clone(),
                Err(why) => {
                    let sentence = format!("{}\n\n{why}\n", force.stays_instead_of(&checkout.revision));
                    if force.unknown.as_ref() != Some(&sentence) {
                        self.journal.tell(self.event(Kind::Source, sentence.clone()));
                        force.unknown = Some(sentence);
                    }
                    return None;
                }
            },
        };
        if force.unknown.take().is_some() {
            self.mended("the variables can be looked up again");
        }
        let same = force.wish.as_ref().is_some_and(|wish| wish.revision.id == checkout.revision.id);
        let loaded = match (answers == force.answers, same, force.refused) {
            (true, _, true) => return None,
            (true, true, false) => force.wish.clone()?,
            (false, ..) | (true, false, false) => {
                match manifest::load_with(&checkout, name, Api::builtin(), &answers) {
                    Ok(desired) => {
                        force.refused = false;
                        force.answers = answers;
                        Arc::new(desired)
                    }
                    Err(diagnostics) => {
                        force.refused = true;
                        force.answers = answers;
                        let sentence =
                            format!("{}\n\n{diagnostics}\n", force.stays_instead_of(&checkout.revision));
                        let event = self.event(Kind::Refused, sentence);
                        self.journal.tell(event.revision(&checkout.revision.id));
                        return None;
                    }
                }
            }
        };
        self.with_images(loaded, force).await
    }

    /// A wish with what ECR says of its images; `None`: all of it is in force already.
    async fn with_images(&self, loaded: Wish, force: &mut Force) -> Option<Wish> {
        force.has_images = !manifest::images(&loaded).is_empty();
        let images = match force.has_images {
            true => (self.look_at_images)(loaded.clone()).await,
            false => ImageAnswers::new(),
        };
        let before = force.wish.clone();
        let in_force = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &loaded));
        let wish = match loaded.images == images {
            true if in_force => return None,
            true => loaded,
            false => Arc::new(Desired { images, ..Desired::clone(&loaded) }),
        };
        match before.filter(|_| in_force) {
            Some(before) => self.tell_images(&wish, &before),
            None => self.told(&wish, force.wish.as_deref()),
        }
        force.wish = Some(wish.clone());
        Some(wish)
    }

    /// Says what ECR says now of an image, where it said something else. That it can't be asked is nothing to
    /// wake anybody for: what is known stays.
    fn tell_images(&self, wish: &Desired, before: &Desired) {
        for (name, now) in &wish.images {
            let sentence = match (before.images.get(name), now) {
                (Some(was @ ImageAnswer::Found { .. }), now @ ImageAnswer::Found { .. }) => {
                    let (was, now) = (meaning(was), meaning(now));
                    (was != now)
                        .then(|| Moved { name: without_registry(name).to_owned(), was, now }.to_string())
                }
                (Some(ImageAnswer::Found { .. }), ImageAnswer::NoTag { .. }) => {
                    Some(format!("tag {} is gone", without_registry(name)))
                }
                (Some(_), ImageAnswer::Found { digest, .. }) => {
                    Some(format!("tag {} is {} now", without_registry(name), shortened(digest)))
                }
                _ => None,
            };
            if let Some(sentence) = sentence {
                let event = self.event(Kind::Commit, format!("{}: {sentence}", wish.revision));
                self.journal.tell(event.revision(&wish.revision.id));
            }
        }
    }

    /// The newer tags that Git is to have, if there are any.
    fn newer_tags(&self, force: &Force) -> Option<Change> {
        let wish = force.wish.as_ref().filter(|_| self.leads.load(Ordering::Relaxed) && !force.refused)?;
        if wish.services.values().all(|service| service.proposals.is_empty()) {
            return None;
        }
        let resolved = manifest::with_images(wish, &BTreeMap::new());
        let asked = resolved.services.values().filter(|service| service.images.write_back == Some(true));
        let mut replacements: Vec<Replacement> = Vec::new();
        let (mut what, mut why) = (Vec::new(), Vec::new());
        for proposal in asked.flat_map(|service| &service.proposals) {
            let Some(newest) = &proposal.newest else { continue };
            let replacement = Replacement {
                file: proposal.origin.file.to_string(),
                line: proposal.origin.line,
                column: proposal.origin.column,
                before: proposal.tag.clone(),
                after: newest.tag.clone(),
            };
            // Services may share the file that says it.
            if replacements.contains(&replacement) {
                continue;
            }
            replacements.push(replacement);
            let image = without_registry(&proposal.repository);
            let before = newest.runner_up.as_ref().map(|tag| format!(", {tag} the one before"));
            what.push(format!("{image} {}", newest.tag));
            why.push(format!(
                "{image}: {} is the newest of `{}`{}; Git had {}",
                newest.tag,
                proposal.range,
                before.unwrap_or_default(),
                proposal.tag
            ));
        }
        let message =
            format!("Take {} in {}\n\n{}\n", what.join(", "), wish.environment.name, why.join("\n"));
        (!replacements.is_empty()).then(|| Change { message, replacements, at: (self.now)() })
    }

    /// Says what became of it; whether there is a commit now.
    fn tell_written(
        &self,
        written: Result<Written, SourceError>,
        change: &Change,
        force: &mut Force,
    ) -> bool {
        let subject = change.message.lines().next().unwrap_or_default();
        match written {
            Ok(Written::Commit(commit)) => {
                force.unwritten = None;
                let short = commit.get(..7).unwrap_or(&commit).to_owned();
                let event = self.event(Kind::Commit, format!("wrote {short} to Git: {subject}"));
                self.journal.tell(event.revision(&commit));
                true
            }
            Ok(Written::Outdated) => false,
            Err(error) => {
                let sentence = format!("{error}; not written: {subject}");
                if force.unwritten.as_ref() != Some(&sentence) {
                    self.journal.tell(self.event(Kind::Source, sentence.clone()));
                    force.unwritten = Some(sentence);
                }
                false
            }
        }
    }

    fn mended(&self, sentence: &str) {
        let mut event = self.event(Kind::Source, sentence);
        event.level = Level::Info;
        self.journal.tell(event);
    }

    fn told(&self, wish: &Desired, before: Option<&Desired>) {
        let differs =
            wish.keys().filter(|key| before.and_then(|it| it.digest(key)) != wish.digest(key)).count();
        let revision = &wish.revision;
        let what = match before.filter(|before| before.revision.id == revision.id) {
            Some(before) => format!("{revision}: {}", changed_values(wish, before)),
            None => format!("{revision} by {}: {}", revision.author, revision.subject),
        };
        let sentence = format!(
            "{what} · {differs} of {} {}",
            report::counted(wish.keys().filter_map(|key| wish.workload(key))),
            if before.is_none() { "to look at" } else { "asked to change" },
        );
        self.journal.tell(self.event(Kind::Commit, sentence).revision(&revision.id));
    }

    fn event(&self, kind: Kind, sentence: impl Into<String>) -> Event {
        Event::new((self.now)(), kind, sentence)
    }
}

/// As the ledger has it: the digest, and before it the tag that was chosen.
fn meaning(answer: &ImageAnswer) -> String {
    match answer {
        ImageAnswer::Found { digest, choice: Some(choice), .. } => format!("{}@{digest}", choice.tag),
        ImageAnswer::Found { digest, choice: None, .. } => digest.clone(),
        _ => String::new(),
    }
}

/// What was found last, and what it led to.
#[derive(Default)]
struct Force {
    /// The commit that was read last.
    checkout: Option<Arc<Checkout>>,
    /// Whether it has variables that are looked up.
    looks_up: bool,
    /// Whether it has images that are looked at.
    has_images: bool,
    /// It was refused with [`Force::answers`].
    refused: bool,
    answers: Answers,
    wish: Option<Wish>,
    /// What was told of variables that can't be looked up, and is not over.
    unknown: Option<String>,
    /// What was told of a commit that could not be written.
    unwritten: Option<String>,
}

impl Force {
    /// Whether something of it may be another by now, without a commit.
    fn looks_again(&self) -> bool {
        self.looks_up || self.has_images
    }

    /// `main@91aa0c3; main@4c1f9e2 stays in force`
    fn stays_instead_of(&self, refused: &Revision) -> String {
        match self.wish.as_ref().filter(|wish| wish.revision.id == refused.id) {
            Some(_) => format!("{refused} stays in force with the values that were looked up before"),
            None => format!("{refused}; {}", self.stays()),
        }
    }

    fn stays(&self) -> String {
        match &self.wish {
            Some(wish) => format!("{} stays in force", wish.revision),
            None => "nothing is in force yet".to_owned(),
        }
    }
}

/// `image from /jobs/image is version 8 now, after version 7`
fn changed_values(wish: &Desired, before: &Desired) -> String {
    let was = |now: &LookedUp| {
        let mut before = before.environment.looked_up.iter();
        before.find(|it| it.variable == now.variable).map(|it| it.version.clone())
    };
    let changed = wish.environment.looked_up.iter().filter_map(|now| {
        let (variable, source, version) = (&now.variable, &now.source, &now.version);
        match was(now) {
            Some(was) if was == *version => None,
            was => Some(format!(
                "{variable} from {source} is {version} now{}",
                was.map(|was| format!(", after {was}")).unwrap_or_default()
            )),
        }
    });
    let changed: Vec<String> = changed.collect();
    // An export may change its value and stay in its stack.
    if changed.is_empty() { "a variable has another value now".to_owned() } else { changed.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;
    use crate::model::{Choice, Found, LookupValue};
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
        commit_files(path, &[("environment.yaml", ENVIRONMENT), ("web.yaml", SERVICE)]);
    }

    fn commit_files(path: &Path, files: &[(&str, &str)]) {
        let git = git2::Repository::init_bare(path).unwrap();
        let mut root = git.treebuilder(None).unwrap();
        for (name, text) in files {
            root.insert(name, git.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
        }
        let tree = git.find_tree(root.write().unwrap()).unwrap();
        let author = git2::Signature::now("ada", "ada@example.invalid").unwrap();
        git.commit(Some("refs/heads/main"), &author, &author, "Start", &tree, &[]).unwrap();
    }

    fn source(path: &Path, folder: &Path) -> GitSource {
        let settings = GitSettings {
            url: path.display().to_string(),
            branch: "main".to_owned(),
            path: String::new(),
            credentials: None,
            ca_file: None,
            cache_dir: folder.join("cache"),
        };
        GitSource::new(settings).unwrap()
    }

    #[tokio::test]
    async fn every_outage_of_the_repository_is_told_once_and_so_is_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (path, away) = (folder.path().join("jobs.git"), folder.path().join("away"));
        commit(&path);
        let (sink, mut told) = mpsc::unbounded_channel();
        let watch = SourceWatch {
            source: source(&path, folder.path()),
            environment: None,
            look_up: Arc::new(|_, _| Box::pin(async { Err("nothing is looked up here".to_owned()) })),
            look_at_images: Arc::new(|_| Box::pin(async { ImageAnswers::new() })),
            leads: Arc::default(),
            every: Duration::from_millis(1),
            looks: Looks::default(),
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

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_once_however_long_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let (path, away) = (folder.path().join("jobs.git"), folder.path().join("away"));
        commit(&path);
        let journal = Arc::new(Journal::new(|_| ()));
        let watch = SourceWatch {
            source: source(&path, folder.path()),
            environment: None,
            look_up: Arc::new(|_, _| Box::pin(async { Err("nothing is looked up here".to_owned()) })),
            look_at_images: Arc::new(|_| Box::pin(async { ImageAnswers::new() })),
            leads: Arc::default(),
            every: Duration::from_secs(30),
            journal: journal.clone(),
            now: Arc::new(|| Timestamp(0)),
            looks: Looks::default(),
        };
        std::fs::rename(&path, &away).unwrap();
        let (wishes, mut in_force) = mpsc::channel(1);
        let watching = tokio::spawn(watch.watch(wishes, CancellationToken::new()));
        // Twenty polls.
        tokio::time::sleep(Duration::from_secs(600)).await;
        std::fs::rename(&away, &path).unwrap();
        assert!(in_force.recv().await.is_some());
        watching.abort();
        let kinds: Vec<Kind> = journal.events().iter().map(|event| event.event).collect();
        assert_eq!(kinds, [Kind::Source, Kind::Source, Kind::Commit]);
    }

    const LOOKING_UP: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: staging}
spec: {region: eu-west-1, cluster: jobs, variables: {image: {ssm: /jobs/image}}}
";

    #[tokio::test(start_paused = true)]
    async fn a_parameter_that_changes_is_a_new_wish_and_one_that_cannot_be_read_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.git");
        let service = SERVICE.replace("image: web", "image: \"${image}\"");
        commit_files(&path, &[("environment.yaml", LOOKING_UP), ("web.yaml", &service)]);
        // What each look finds, one after the other; the last one stays.
        let found = ["1", "1", "denied", "denied", "a list", "a list", "2", "2"];
        let looks = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = looks.clone();
        let look_up: LookUp = Arc::new(move |_, needs| {
            let look = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let version = found[look.min(found.len() - 1)];
            let answer = match version {
                "denied" => Err("error: access denied for ssm:GetParameters".to_owned()),
                version => {
                    let text = format!("web:{version}");
                    let value = match version {
                        "a list" => LookupValue::List(vec![text]),
                        _ => LookupValue::Text(text),
                    };
                    let found = Found { value, version: format!("version {version}") };
                    Ok(Answers::from([(needs.lookups[0].source.clone(), found)]))
                }
            };
            Box::pin(async move { answer })
        });
        let (sink, mut told) = mpsc::unbounded_channel();
        let watch = SourceWatch {
            source: source(&path, folder.path()),
            environment: None,
            look_up,
            look_at_images: Arc::new(|_| Box::pin(async { ImageAnswers::new() })),
            leads: Arc::default(),
            every: Duration::from_secs(30),
            looks: Looks::default(),
            journal: Arc::new(Journal::new(move |event| drop(sink.send(event.clone())))),
            now: Arc::new(|| Timestamp(0)),
        };
        let (wishes, mut in_force) = mpsc::channel(4);
        let cancel = CancellationToken::new();
        let watching = tokio::spawn(watch.watch(wishes, cancel.clone()));
        let image = |wish: &Wish| {
            let service = wish.services.values().next().unwrap();
            service.task_definition["containerDefinitions"][0]["image"].clone()
        };
        let (first, second) = (in_force.recv().await.unwrap(), in_force.recv().await.unwrap());
        assert_eq!((image(&first), image(&second)), ("web:1".into(), "web:2".into()));
        assert_ne!(first.digest(first.keys().next().unwrap()), second.digest(second.keys().next().unwrap()));
        while looks.load(std::sync::atomic::Ordering::Relaxed) < found.len() + 3 {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        cancel.cancel();
        watching.await.unwrap().unwrap();
        assert!(in_force.recv().await.is_none());
        let mut reasons = Vec::new();
        while let Ok(event) = told.try_recv() {
            reasons.push(event.reason.lines().next().unwrap_or_default().to_owned());
        }
        let commit = first.revision.to_string();
        assert_eq!(
            reasons,
            [
                format!("{commit} by ada: Start · 1 of 1 service to look at"),
                format!("{commit} stays in force with the values that were looked up before"),
                "the variables can be looked up again".to_owned(),
                format!("{commit} stays in force with the values that were looked up before"),
                format!(
                    "{commit}: image from /jobs/image is version 2 now, after version 1 · 1 of 1 service asked to change"
                ),
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_tag_is_written_to_git_by_the_one_who_acts_and_read_like_any_other_commit() {
        const REPOSITORY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.git");
        let environment = ENVIRONMENT.replace("cluster: jobs}", "cluster: jobs, images: {writeBack: true}}");
        let image = format!("image: {{repository: {REPOSITORY}, tags: '>=1.4 <2', tag: 1.4.2}}");
        let service = SERVICE.replace("image: web", &image);
        commit_files(&path, &[("environment.yaml", &environment), ("web.yaml", &service)]);
        let (sink, mut told) = mpsc::unbounded_channel();
        let found = |choice| ImageAnswer::Found {
            digest: format!("sha256:{}", "1".repeat(64)),
            choice,
            scan: None,
            platforms: Vec::new(),
        };
        let newest = Choice { tag: "1.5.0".to_owned(), runner_up: Some("1.4.9".to_owned()) };
        let answers = move |wish: Wish| {
            let names = manifest::images(&wish).into_iter();
            let choice = |name: &str| name.contains("tags(").then(|| newest.clone());
            names.map(|name| (name.clone(), found(choice(&name)))).collect::<ImageAnswers>()
        };
        let leads = Arc::new(AtomicBool::new(false));
        let watch = SourceWatch {
            source: source(&path, folder.path()),
            environment: None,
            look_up: Arc::new(|_, _| Box::pin(async { Err("nothing is looked up here".to_owned()) })),
            look_at_images: Arc::new(move |wish| {
                let answers = answers(wish);
                Box::pin(async move { answers })
            }),
            leads: leads.clone(),
            every: Duration::from_secs(30),
            looks: Looks::default(),
            journal: Arc::new(Journal::new(move |event| drop(sink.send(event.clone())))),
            now: Arc::new(|| Timestamp(1_800_000_000_000)),
        };
        let (wishes, mut in_force) = mpsc::channel(4);
        let cancel = CancellationToken::new();
        let watching = tokio::spawn(watch.watch(wishes, cancel.clone()));
        let image = |wish: &Wish| {
            let service = wish.services.values().next().unwrap();
            service.task_definition["containerDefinitions"][0]["image"].clone()
        };
        let first = in_force.recv().await.unwrap();
        assert_eq!(image(&first), format!("{REPOSITORY}:1.4.2"));
        // Who stands by writes nothing.
        tokio::time::sleep(Duration::from_secs(95)).await;
        assert!(in_force.try_recv().is_err());
        leads.store(true, Ordering::Relaxed);
        let second = in_force.recv().await.unwrap();
        assert_eq!(image(&second), format!("{REPOSITORY}:1.5.0"));
        tokio::time::sleep(Duration::from_secs(95)).await;
        cancel.cancel();
        watching.await.unwrap().unwrap();
        assert!(in_force.recv().await.is_none());
        let git = git2::Repository::open_bare(&path).unwrap();
        let head = git.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
        assert_eq!(
            head.message().unwrap(),
            "Take web 1.5.0 in staging\n\nweb: 1.5.0 is the newest of `>=1.4 <2`, 1.4.9 the one before; Git had \
             1.4.2\n"
        );
        assert_eq!(head.parent_id(0).unwrap().to_string(), first.revision.id);
        let mut reasons = Vec::new();
        while let Ok(event) = told.try_recv() {
            reasons.push(event.reason);
        }
        let id = &second.revision.id[..7];
        assert_eq!(
            reasons,
            [
                format!("{} by ada: Start · 1 of 1 service to look at", first.revision),
                format!("wrote {id} to Git: Take web 1.5.0 in staging"),
                format!(
                    "{} by reconciler: Take web 1.5.0 in staging · 1 of 1 service asked to change",
                    second.revision
                ),
            ]
        );
    }
}
