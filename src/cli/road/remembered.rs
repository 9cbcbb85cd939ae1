//! What this installation did, where no commit says what is wanted of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;

use super::{connect, ledger_path_of, reader_of};
use crate::config::{Account, LedgerPlace, Source};
use crate::ledger::{LedgerView, Place};
use crate::model::{
    Environment, EnvironmentSync, Holder, Live, LiveService, Part, ServiceKey, ServiceRecord, Timestamp,
    Workload,
};
use crate::observe::{Departing, LeftTasks, Observer, Owner};

/// What the ledger says of itself.
pub struct Remembered {
    /// Only where it is, and what it is called.
    pub environment: Environment,
    pub records: BTreeMap<ServiceKey, ServiceRecord>,
    /// Who holds it; `None` for a file.
    pub holder: Option<Holder>,
}

/// Reads the ledger of the environment, or the only one that is there. `None`: there is none.
pub async fn remembered(
    source: &Source,
    account: &Account,
    region: Option<&str>,
) -> anyhow::Result<Option<Remembered>> {
    match &account.ledger {
        LedgerPlace::File => on_disk(source, account),
        LedgerPlace::Table(table) => in_table(table, source, account, region).await,
    }
}

async fn in_table(
    table: &str,
    source: &Source,
    account: &Account,
    region: Option<&str>,
) -> anyhow::Result<Option<Remembered>> {
    let (Some(name), Some(region)) = (&source.environment, region) else {
        bail!(
            "it is in table `{table}`, and Git can't say of which environment and region\n  \
             `--environment` and `--region` do"
        );
    };
    let installation = account.installation.clone();
    let place = Place { installation, account: None, region: region.to_owned(), cluster: String::new() };
    let (aws, _) = connect(account, &environment(name, place)).await?;
    let found = LedgerView::query_anywhere(&aws.table_reader(table), &account.installation, name).await?;
    Ok(found.map(|(place, view)| remember(name, place, view)))
}

fn on_disk(source: &Source, account: &Account) -> anyhow::Result<Option<Remembered>> {
    let names = match &source.environment {
        Some(name) => vec![name.clone()],
        None => names(account),
    };
    let name = match names.as_slice() {
        [] => return Ok(None),
        [name] => name,
        several => bail!("there are ledgers of {}; `--environment` chooses one", several.join(", ")),
    };
    let path = ledger_path_of(account, name);
    let Some((place, view)) = LedgerView::read_anywhere(&path)? else { return Ok(None) };
    if place.installation != account.installation {
        bail!("`{}` is the ledger of {place}", path.display());
    }
    Ok(Some(remember(name, place, view)))
}

fn remember(name: &str, place: Place, view: LedgerView) -> Remembered {
    let holder = view.holder().cloned();
    Remembered { environment: environment(name, place), records: view.into_records(), holder }
}

/// What a ledger knows of its environment.
fn environment(name: &str, place: Place) -> Environment {
    Environment {
        name: name.to_owned(),
        account: place.account,
        region: place.region,
        cluster: place.cluster,
        variables: BTreeMap::new(),
        looked_up: Vec::new(),
        sync: EnvironmentSync::default(),
        images: Default::default(),
    }
}

/// The environments that the state folder has ledgers of.
fn names(account: &Account) -> Vec<String> {
    let files = std::fs::read_dir(&account.state).into_iter().flatten().flatten();
    let paths = files.map(|file| PathBuf::from(file.file_name()));
    let mut names: Vec<String> =
        paths.filter_map(|path| Some(path.to_str()?.strip_suffix(".ledger.json")?.to_owned())).collect();
    names.sort();
    names
}

/// One look at what the ledger has; where AWS can't be asked, each part says why.
pub async fn observe_remembered(account: &Account, known: &Remembered, now: Timestamp) -> Live {
    let there = || known.records.iter().filter(|(_, record)| record.deleted.is_none());
    let is = |record: &ServiceRecord, workload| record.workload == workload;
    let reader = match reader_of(account, &known.environment).await {
        Ok(reader) => reader,
        Err(error) => {
            let why = error.to_string();
            eprintln!("note: {why}");
            // The way out is told once, and not for each service.
            let why = why.lines().next().unwrap_or_default();
            let unreadable =
                || LiveService { service: Part::Unreadable(why.to_owned()), ..LiveService::absent() };
            let services = there().map(|(key, _)| (key.clone(), unreadable())).collect();
            return Live { services, read_at: now, ..Live::default() };
        }
    };
    let services: Vec<Departing<'_>> = there()
        .filter(|(_, record)| is(record, Workload::Service))
        .map(|(key, record)| Departing { key, record: Some(record), may_go: false })
        .collect();
    let observer = Observer::new(reader, &known.environment.cluster);
    let mut live = observer.observe_with(&[], &services, now).await;
    let schedules = there().any(|(_, record)| is(record, Workload::ScheduledTask));
    let owner = Owner { installation: &account.installation, environment: &known.environment.name };
    let left = LeftTasks { any: schedules, going: Vec::new() };
    observer.observe_scheduled_tasks(&[], &left, owner, &mut live).await;
    live
}
