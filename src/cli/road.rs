//! The stations that several verbs share: source, desired, AWS, ledger, controller.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::{Exit, Surroundings};
use crate::aws::{self, ErrorKind, Reader};
use crate::config::{Account, Source};
use crate::controller::{Controller, Engine, Timing};
use crate::journal::Journal;
use crate::ledger::{Ledger, LedgerView, Place};
use crate::manifest;
use crate::model::{Checkout, Desired, Environment, Live, Part, ServiceKey, ServiceRecord, Timestamp};
use crate::observe::{Departing, Observer, Owner, Want, WantTask};
use crate::plan;
use crate::report::{self, Colour};
use crate::shape::api::Api;
use crate::source::{Credentials, Fetched, GitSettings, GitSource, folder};

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

/// Reads the manifests of the newest commit, or of a plain folder.
pub async fn checkout(source: &Source, state: &Path) -> anyhow::Result<Checkout> {
    let Some(_) = source.repository else {
        return Ok(folder::checkout(Path::new(&source.path))?);
    };
    // Apart from the copy that `run` keeps, which belongs to that process alone.
    let mut git = git(source, state.join("repository-read"))?;
    let fetched = tokio::task::spawn_blocking(move || git.fetch());
    match fetched.await.context("the Git thread ended")?? {
        Fetched::New(checkout) => Ok(checkout),
        Fetched::Unchanged(revision) => bail!("{revision} was read, but not its files"),
    }
}

/// Loads what the newest commit wants.
pub async fn desired(source: &Source, state: &Path) -> anyhow::Result<Desired> {
    let checkout = checkout(source, state).await?;
    Ok(manifest::load(&checkout, source.environment.as_deref(), Api::builtin())?)
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

/// Connects to the environment's region, without the right to change anything.
pub async fn reader(account: &Account, desired: &Desired) -> anyhow::Result<Reader> {
    Ok(connect(account, &desired.environment).await?.reader())
}

async fn connect(account: &Account, environment: &Environment) -> anyhow::Result<aws::Aws> {
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
    Ok(aws)
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
    let left_over = plan::schedules_left(desired, records).next().is_some();
    observer.observe_scheduled_tasks(&tasks, left_over, owner, &mut live).await;
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

fn ledger_path(account: &Account, environment: &Environment) -> PathBuf {
    account.state.join(format!("{}.ledger.json", environment.name))
}

/// What the ledger says, read beside whoever holds it.
pub fn records(account: &Account, desired: &Desired) -> anyhow::Result<BTreeMap<ServiceKey, ServiceRecord>> {
    let environment = &desired.environment;
    let place = Place::of(&account.installation, environment);
    Ok(LedgerView::read(ledger_path(account, environment), &place)?.records().clone())
}

/// The ledger's path, if there is no ledger: what was attempted is then not known here.
pub fn missing_ledger(account: &Account, environment: &Environment) -> Option<PathBuf> {
    let path = ledger_path(account, environment);
    (!path.exists()).then_some(path)
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
    let (terminal, colour) = (surroundings.terminal, surroundings.colour);
    Arc::new(Journal::new(move |event| {
        if terminal {
            line(&report::log::terminal_line(event, colour));
        } else {
            line(&report::log::json_line(event));
        }
    }))
}

/// Takes the lease on the environment: from now on, nobody else acts on it.
pub fn ledger(account: &Account, environment: &Environment) -> anyhow::Result<Arc<Ledger>> {
    let place = Place::of(&account.installation, environment);
    Ok(Arc::new(Ledger::open(ledger_path(account, environment), &place)?))
}

/// Connects to AWS and wires a controller.
pub async fn controller(
    account: &Account,
    environment: &Environment,
    ledger: Arc<Ledger>,
    journal: Arc<Journal>,
    surroundings: &Surroundings,
    timing: Timing,
) -> anyhow::Result<Controller> {
    let aws = connect(account, environment).await?;
    let engine = Engine {
        writer: aws.writer(),
        ledger,
        journal,
        installation: account.installation.clone(),
        now: surroundings.now.clone(),
    };
    let observer = Observer::new(aws.reader(), &environment.cluster);
    Ok(Controller { engine: Arc::new(engine), observer: Arc::new(observer), timing })
}

/// `error: ...`, with the causes that the message does not tell already.
pub fn error_text(error: &anyhow::Error, colour: Colour) -> String {
    if let Some(diagnostics) = error.downcast_ref::<manifest::Diagnostics>() {
        return diagnostics.render(colour == Colour::Ansi);
    }
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    format!("error: {}", causes.join(": "))
}
