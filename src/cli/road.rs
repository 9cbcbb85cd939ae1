//! The stations that several verbs share: source, desired, AWS, ledger, controller.

mod remembered;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::{Exit, Surroundings};
use crate::aws::{self, CallerIdentity, ErrorKind, Inspector, Loopback, Reader, Requester, TableReader, Web};
use crate::config::{Account, LedgerPlace, Source};
use crate::controller::{Controller, Engine, LookAtImages, LookUp, Timing};
use crate::journal::Journal;
use crate::ledger::{self, Ledger, LedgerView, Place};
use crate::manifest;
use crate::model::{
    Answers, Checkout, Desired, Environment, ImageAnswer, Live, Part, ServiceKey, ServiceRecord, Timestamp,
};
use crate::observe::{Departing, Images, LeftTasks, Observer, Owner, Want, WantTask, look_up};
use crate::plan;
use crate::report::{self, Colour};
use crate::shape::api::Api;
use crate::source::{Credentials, Fetched, GitSettings, GitSource, History, folder};

pub use remembered::{Remembered, observe_remembered, remembered};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Opens the Git repository of the settings.
pub fn git(source: &Source, cache_dir: PathBuf) -> anyhow::Result<GitSource> {
    let Some(url) = &source.repository else {
        bail!("`--repository` is missing: the path or URL of the Git repository to watch");
    };
    Ok(GitSource::new(GitSettings {
        url: url.clone(),
        branch: source.branch.clone(),
        path: source.path.clone(),
        credentials: source.git_token.as_ref().map(|token| Credentials {
            username: source.git_user.clone(),
            password: token.reveal().to_owned(),
        }),
        ca_file: source.git_ca_file.clone(),
        cache_dir,
    })?)
}

/// The manifests of the newest commit, or of a plain folder, and the commits before it.
struct Read {
    checkout: Checkout,
    history: Box<dyn FnOnce() -> History + Send>,
}

/// Reads the manifests of the newest commit, or of a plain folder.
async fn read(source: &Source, state: &Path) -> anyhow::Result<Read> {
    let Some(_) = source.repository else {
        let folder = PathBuf::from(&source.path);
        return Ok(Read {
            checkout: folder::checkout(&folder)?,
            history: Box::new(move || folder::history(&folder)),
        });
    };
    // Apart from the copy that `run` keeps, which belongs to that process alone.
    let mut git = git(source, state.join("repository-read"))?;
    let fetched = tokio::task::spawn_blocking(move || (git.fetch(), git));
    match fetched.await.context("the Git thread ended")? {
        (Ok(Fetched::New(checkout)), git) => Ok(Read { checkout, history: Box::new(move || git.history()) }),
        (Ok(Fetched::Unchanged(revision)), _) => bail!("{revision} was read, but not its files"),
        (Err(error), _) => Err(error.into()),
    }
}

pub async fn checkout(source: &Source, state: &Path) -> anyhow::Result<Checkout> {
    Ok(read(source, state).await?.checkout)
}

/// Loads what the newest commit wants, with the values that stand in AWS.
pub async fn desired(source: &Source, account: &Account) -> anyhow::Result<Desired> {
    loaded(&checkout(source, &account.state).await?, source, account).await
}

/// Loads likewise what a commit wants that was read before.
pub async fn loaded(checkout: &Checkout, source: &Source, account: &Account) -> anyhow::Result<Desired> {
    Ok(load(checkout, source, account).await?.0)
}

async fn load(checkout: &Checkout, source: &Source, account: &Account) -> anyhow::Result<(Desired, Answers)> {
    let name = source.environment.as_deref();
    let answers = answers(checkout, name, account).await?;
    Ok((manifest::load_with(checkout, name, Api::builtin(), &answers)?, answers))
}

/// Looks up what a commit's environment has in AWS. AWS is asked only where there is something to look up.
pub async fn answers(
    checkout: &Checkout,
    environment: Option<&str>,
    account: &Account,
) -> anyhow::Result<Answers> {
    let Some(needs) = manifest::needs(checkout, environment) else { return Ok(Answers::new()) };
    let reader = reader_of(account, &needs.environment).await?;
    let looked_up = look_up(&reader, &needs.sources()).await;
    looked_up.map_err(|missing| manifest::unanswered(checkout, &needs, &missing).into())
}

/// The same for `run`, over and over: the connection is kept.
pub fn lookups(account: &Account) -> LookUp {
    let account = Arc::new(account.clone());
    let reader: Arc<tokio::sync::Mutex<Option<Reader>>> = Arc::default();
    Arc::new(move |checkout, needs| {
        let (account, reader) = (account.clone(), reader.clone());
        Box::pin(async move {
            let mut kept = reader.lock().await;
            let reader = match kept.take().filter(|reader| reader.region() == needs.environment.region) {
                Some(reader) => reader,
                None => match reader_of(&account, &needs.environment).await {
                    Ok(reader) => reader,
                    Err(error) => return Err(error.to_string()),
                },
            };
            let looked_up = look_up(&reader, &needs.sources()).await;
            *kept = Some(reader);
            looked_up.map_err(|missing| manifest::unanswered(&checkout, &needs, &missing).to_string())
        })
    })
}

/// Looks at the images of each wish for `run`: the connection is kept, and what can't change is remembered.
pub fn images(account: &Account) -> LookAtImages {
    let account = Arc::new(account.clone());
    let kept: Arc<tokio::sync::Mutex<(Images, Option<Reader>)>> = Arc::default();
    Arc::new(move |wish| {
        let (account, kept) = (account.clone(), kept.clone());
        Box::pin(async move {
            let mut kept = kept.lock().await;
            let names = manifest::images(&wish);
            let reader = match kept.1.take().filter(|reader| reader.region() == wish.environment.region) {
                Some(reader) => reader,
                None => match reader_of(&account, &wish.environment).await {
                    Ok(reader) => reader,
                    Err(error) => {
                        let why = ImageAnswer::Unreadable(error.to_string());
                        return names.into_iter().map(|name| (name, why.clone())).collect();
                    }
                },
            };
            let answers = kept.0.look(&reader, &names, &manifest::scanned(&wish)).await;
            kept.1 = Some(reader);
            answers
        })
    })
}

/// The same once: what is asked for, with what ECR says of its images.
pub async fn with_answers(desired: Desired, reader: &Reader) -> Desired {
    let names = manifest::images(&desired);
    if names.is_empty() {
        return desired;
    }
    let images = Images::default().look(reader, &names, &manifest::scanned(&desired)).await;
    Desired { images, ..desired }
}

/// What is asked for, with digests in the place of tags: of one who only looks.
pub async fn with_images(
    desired: &Desired,
    reader: &Reader,
    records: &BTreeMap<ServiceKey, ServiceRecord>,
) -> Desired {
    manifest::with_images(&with_answers(desired.clone(), reader).await, records).into_owned()
}

/// What the newest commit wants, and what older ones did, should anybody ask.
pub struct Remembering {
    pub desired: Arc<Desired>,
    answers: Answers,
    history: Box<dyn FnOnce() -> History + Send>,
}

/// Loads what the newest commit wants, with a way to ask what the ones before it did.
pub async fn remembering(source: &Source, account: &Account) -> anyhow::Result<Remembering> {
    let Read { checkout, history } = read(source, &account.state).await?;
    let (desired, answers) = load(&checkout, source, account).await?;
    Ok(Remembering { desired: Arc::new(desired), answers, history })
}

impl Remembering {
    /// Reads what older commits said of some services. The newest comes first, whether it is committed or not.
    ///
    /// `now`: the newest one with what its images are. A tag is taken to have meant the same in all of them.
    pub async fn pasts(
        self,
        now: Arc<Desired>,
        services: BTreeSet<ServiceKey>,
        records: BTreeMap<ServiceKey, ServiceRecord>,
    ) -> anyhow::Result<plan::Pasts> {
        let Self { desired, answers, history } = self;
        tokio::task::spawn_blocking(move || {
            let History { commits, before } = history();
            let name = desired.environment.name.clone();
            let committed = commits.first().is_some_and(|newest| newest.revision.id == desired.revision.id);
            let load = |checkout| {
                // Many commits of many services would fill the memory.
                let past = manifest::load_some(checkout, Some(&name), Api::builtin(), &answers, &services);
                let past = past.ok().map(|past| Desired { images: now.images.clone(), ..past });
                past.map(|past| Arc::new(manifest::with_images(&past, &records).into_owned()))
            };
            let older = commits
                .iter()
                .skip(usize::from(committed))
                .map(|checkout| plan::Past { commit: checkout.revision.id.clone(), desired: load(checkout) });
            let newest = plan::Past { commit: desired.revision.id.clone(), desired: Some(now.clone()) };
            plan::Pasts { commits: std::iter::once(newest).chain(older).collect(), before }
        })
        .await
        .context("the Git thread ended")
    }
}

/// `reconciler validate`.
pub async fn validate(source: &Source, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let checkout = checkout(source, Path::new(".reconciler")).await?;
    let colour = surroundings.colour_of_errors == Colour::Ansi;
    let outcome = super::validate::run(&checkout, source.environment.as_deref(), Api::builtin(), colour);
    if outcome.exit_code == 0 {
        print(&outcome.text);
        return Ok(Exit::Good);
    }
    eprint!("{}", outcome.text);
    Ok(Exit::Error)
}

/// What may be looked at, by one who may change nothing.
pub struct Sight {
    pub reader: Reader,
    /// `None`: the ledger is a file.
    table: Option<TableReader>,
}

/// Connects to the environment's region, without the right to change anything.
pub async fn sight(account: &Account, desired: &Desired) -> anyhow::Result<Sight> {
    Ok(sight_of(account, &connect(account, &desired.environment).await?.0))
}

pub fn sight_of(account: &Account, aws: &aws::Aws) -> Sight {
    let table = match &account.ledger {
        LedgerPlace::File => None,
        LedgerPlace::Table(table) => Some(aws.table_reader(table)),
    };
    Sight { reader: aws.reader(), table }
}

/// Connects likewise, where no commit says what is wanted there.
pub async fn reader_of(account: &Account, environment: &Environment) -> anyhow::Result<Reader> {
    Ok(connect(account, environment).await?.0.reader())
}

/// Connects likewise, for a person who decides something.
pub async fn requester(account: &Account, environment: &Environment) -> anyhow::Result<(Reader, Requester)> {
    let (aws, _) = connect(account, environment).await?;
    Ok((aws.reader(), aws.requester()))
}

/// Connects likewise, to look at what services stand on; and says in which account.
pub async fn inspector(account: &Account, desired: &Desired) -> anyhow::Result<(Inspector, String)> {
    let (aws, identity) = connect(account, &desired.environment).await?;
    Ok((aws.inspector(), identity.account))
}

/// Connects likewise, for a verb that asks something of the operator; and says who asks.
pub async fn connection(account: &Account, desired: &Desired) -> anyhow::Result<(aws::Aws, CallerIdentity)> {
    connect(account, &desired.environment).await
}

async fn connect(account: &Account, environment: &Environment) -> anyhow::Result<(aws::Aws, CallerIdentity)> {
    let mut settings = aws::Settings::new(&environment.region);
    settings.endpoint.clone_from(&account.endpoint_url);
    settings.budget = account.api_budget;
    if account.simulated {
        settings = settings.with_test_credentials();
    }
    let refused = |error| NoAws { error, endpoint: account.endpoint_url.clone() };
    let aws = aws::connect(settings).await.map_err(refused)?;
    // Also where any account will do: without credentials or a way to AWS, every later call would
    // fail on its own, and be held or tried again for ever.
    let identity = aws.reader().caller_identity().await.map_err(refused)?;
    if let Some(wanted) = environment.account.as_ref().filter(|wanted| **wanted != identity.account) {
        bail!(
            "environment `{}` is for account {wanted}, but these credentials are for {}\n  as {}",
            environment.name,
            identity.account,
            identity.arn
        );
    }
    Ok((aws, identity))
}

/// AWS could not be asked for the first time.
#[derive(Debug)]
pub struct NoAws {
    error: aws::Error,
    endpoint: Option<String>,
}

impl NoAws {
    /// Whether AWS may answer later, without anybody doing anything here.
    pub fn may_pass(&self) -> bool {
        match self.error.kind {
            ErrorKind::Throttled
            | ErrorKind::Unanswered
            | ErrorKind::Unreachable
            | ErrorKind::Conflict
            | ErrorKind::Server => true,
            ErrorKind::Credentials | ErrorKind::AccessDenied | ErrorKind::NotFound | ErrorKind::Rejected => {
                false
            }
        }
    }

    fn way_out(&self) -> Option<String> {
        match (self.error.kind, &self.endpoint) {
            (ErrorKind::Credentials, _) => Some(
                "log in and set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
                 on ECS, give the task a task role"
                    .to_owned(),
            ),
            (ErrorKind::Unreachable | ErrorKind::Unanswered, Some(endpoint)) => {
                Some(format!("`--endpoint-url` is {endpoint}"))
            }
            (ErrorKind::Unreachable | ErrorKind::Unanswered, None) => {
                let hint =
                    "is there a way from here to AWS: proxy, NAT gateway, VPC endpoint, AWS_ENDPOINT_URL?";
                Some(hint.to_owned())
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for NoAws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.error)?;
        self.way_out().map_or(Ok(()), |way_out| write!(f, "\n  {way_out}"))
    }
}

impl std::error::Error for NoAws {}

/// One look at every service and scheduled task of the environment, and at services that left it. One
/// that can't be read is held; if none can, there is nothing to tell but why.
pub async fn observe(
    reader: &Reader,
    account: &Account,
    desired: &Desired,
    records: &BTreeMap<ServiceKey, ServiceRecord>,
    now: Timestamp,
) -> anyhow::Result<Live> {
    let observer = Observer::new(reader.clone(), &desired.environment.cluster);
    let wants: Vec<Want<'_>> = desired
        .services
        .values()
        .map(|desired| Want { desired, record: records.get(&desired.key) })
        .collect();
    let departing: Vec<Departing<'_>> = plan::leaving(desired, records)
        .map(|(key, record)| Departing {
            key,
            record: Some(record),
            may_go: plan::is_pruned(record, &desired.environment),
        })
        .collect();
    let tasks: Vec<WantTask<'_>> = desired
        .scheduled_tasks
        .values()
        .map(|desired| WantTask { desired, record: records.get(&desired.key) })
        .collect();
    let mut live = observer.observe_with(&wants, &departing, now).await;
    let owner = Owner { installation: &account.installation, environment: &desired.environment.name };
    let left = LeftTasks::of(desired, records);
    observer.observe_scheduled_tasks(&tasks, &left, owner, &mut live).await;
    let whys: Vec<&String> = live
        .services
        .values()
        .filter_map(|service| unreadable(&service.service))
        .chain(live.scheduled_tasks.values().filter_map(|task| unreadable(&task.schedule)))
        .collect();
    match whys.first() {
        Some(why) if whys.len() == live.services.len() + live.scheduled_tasks.len() => bail!("{why}"),
        Some(_) | None => Ok(live),
    }
}

fn unreadable<T>(part: &Part<T>) -> Option<&String> {
    match part {
        Part::Unreadable(why) => Some(why),
        Part::Present(_) | Part::Absent => None,
    }
}

pub(super) fn ledger_path(account: &Account, environment: &Environment) -> PathBuf {
    ledger_path_of(account, &environment.name)
}

fn ledger_path_of(account: &Account, environment: &str) -> PathBuf {
    account.state.join(format!("{environment}.ledger.json"))
}

/// What the ledger says, read beside whoever holds it.
pub async fn memory(
    account: &Account,
    environment: &Environment,
    sight: &Sight,
) -> Result<LedgerView, ledger::Error> {
    let place = Place::of(&account.installation, environment);
    match &sight.table {
        None => LedgerView::read(ledger_path(account, environment), &place),
        Some(table) => LedgerView::query(table, &environment.name, &place).await,
    }
}

/// Whether there is a ledger where `memory` was read.
pub fn has_ledger(account: &Account, environment: &Environment, memory: &LedgerView) -> bool {
    match &account.ledger {
        LedgerPlace::File => ledger_path(account, environment).exists(),
        LedgerPlace::Table(_) => memory.holder().is_some() || !memory.records().is_empty(),
    }
}

/// Says so where there is no ledger, and what is then not known here; answers whether there is one.
pub fn note_missing_ledger(
    account: &Account,
    environment: &Environment,
    memory: &LedgerView,
    unknown: &str,
) -> bool {
    let exists = has_ledger(account, environment, memory);
    let (place, way_out) = match &account.ledger {
        LedgerPlace::File => (
            format!("at {}", ledger_path(account, environment).display()),
            "`--state` names the folder of the installation that runs",
        ),
        LedgerPlace::Table(table) => (
            format!("of `{}/{}` in table `{table}`", account.installation, environment.name),
            "`--installation` and `--ledger` name what the one that runs goes by",
        ),
    };
    if !exists {
        eprintln!("note: there is no ledger {place}, so {unknown} are not known here\n  {way_out}");
    }
    exists
}

/// Writes to standard output. A reader that went away, as `head` does, must neither end the work nor
/// change the exit code: `print!` would panic.
pub fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Writes a line to standard output, as [`print`] does.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// A journal that writes to standard output: for people on a terminal, as JSON otherwise.
pub fn journal(surroundings: &Surroundings) -> Arc<Journal> {
    let (terminal, colour, again) = (surroundings.terminal, surroundings.colour, surroundings.again.clone());
    Arc::new(Journal::new(move |event| {
        if terminal {
            line(&report::with_options(&report::log::terminal_line(event, colour), &again));
        } else {
            line(&report::log::json_line(event));
        }
    }))
}

/// Connects to AWS, with the right to change what the ledger permits.
pub async fn aws(account: &Account, environment: &Environment) -> anyhow::Result<aws::Aws> {
    Ok(connect(account, environment).await?.0)
}

/// Wires a controller.
pub fn controller(
    aws: &aws::Aws,
    (account, environment): (&Account, &Environment),
    ledger: Arc<Ledger>,
    journal: Arc<Journal>,
    surroundings: &Surroundings,
    timing: Timing,
) -> Controller {
    let engine = Engine {
        writer: aws.writer(),
        ledger,
        journal,
        installation: account.installation.clone(),
        now: surroundings.now.clone(),
    };
    let observer = Observer::new(aws.reader(), &environment.cluster).asking(Web::new(loopback(account)));
    Controller { engine: Arc::new(engine), observer: Arc::new(observer), timing }
}

/// Gates may ask this machine only where AWS itself is on it: with the simulator, never in an account.
fn loopback(account: &Account) -> Loopback {
    let endpoint = account.endpoint_url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
    let host = endpoint.as_ref().and_then(http::Uri::host).map(|host| host.trim_matches(['[', ']']));
    let is_here = |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
    match account.simulated || host.is_some_and(is_here) {
        true => Loopback::Allowed,
        false => Loopback::Refused,
    }
}

/// `error: ...`, with the causes that the message does not tell already.
pub fn error_text(error: &anyhow::Error, colour: Colour) -> String {
    if let Some(diagnostics) = error.downcast_ref::<manifest::Diagnostics>() {
        return diagnostics.render(colour == Colour::Ansi);
    }
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    format!("error: {}", causes.join(": "))
}
