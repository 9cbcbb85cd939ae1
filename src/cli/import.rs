//! `reconciler import`: what runs, or another tool's files, as manifests. Changes nothing in AWS, and no
//! file that is there already.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use super::{Exit, Surroundings, road};
use crate::config::{ImportSettings, Output};
use crate::import::{self, Asked, Existing, Found, FromFiles, Home, Import, Reason};
use crate::model::{EcsService, Environment, EnvironmentSync, Live, Part, ServiceKey};
use crate::observe::{Observer, Scope};
use crate::report::{Written, import_json, import_text};
use crate::shape::api::Api;

/// Bytes of a file of another tool.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Writes manifests, and tells what was written.
pub async fn run(settings: &ImportSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let (mut found, home, calls) = match settings.from.is_empty() {
        true => from_cluster(settings, surroundings).await?,
        false => from_files(settings)?,
    };
    let environment = format!("environments/{}.yaml", home.environment);
    found.existing =
        settings.output.as_deref().map(|it| existing(&it.join(&environment), &home)).transpose()?.flatten();
    let import = import::import(&found, &home, &settings.installation, Api::builtin())
        .context("what was written is not what could be loaded; please report it with these lines")?;
    let folder = settings.output.as_deref().map(Path::to_string_lossy);
    let written = folder.as_deref().map_or(Written::Printed, Written::Folder);
    match &settings.output {
        Some(folder) => {
            let gains = found.existing.is_some().then_some(environment.as_str());
            write(&import, folder, settings.force, gains)?;
        }
        None if settings.format == Output::Text => road::print(&documents(&import)),
        None => {}
    }
    match (settings.format, &settings.output) {
        (Output::Json, _) => road::line(&format!("{:#}", import_json(&import, &home, written, calls))),
        (Output::Text, Some(_)) => {
            road::print(&import_text(&import, &home, written, calls, surroundings.colour));
        }
        // Standard output is for the manifests.
        (Output::Text, None) => {
            eprint!("{}", import_text(&import, &home, written, calls, surroundings.colour_of_errors));
        }
    }
    let unreadable = import.left_out.iter().any(|one| one.reason == Reason::Unreadable);
    Ok(if unreadable { Exit::Error } else { Exit::Good })
}

async fn from_cluster(
    settings: &ImportSettings,
    surroundings: &Surroundings,
) -> anyhow::Result<(Found, Home, Option<u32>)> {
    let cluster = name_of_cluster(settings.cluster.as_deref().unwrap_or_default());
    let region = settings.region.clone().unwrap_or_default();
    let place = Environment {
        name: settings.environment.clone().unwrap_or_else(|| cluster.clone()),
        account: None,
        region: region.clone(),
        cluster: cluster.clone(),
        variables: BTreeMap::new(),
        looked_up: Vec::new(),
        sync: EnvironmentSync::default(),
        images: Default::default(),
    };
    let reader = road::reader_of(&settings.account(), &place).await?;
    let asked: BTreeSet<ServiceKey> = settings.service.iter().map(ServiceKey::new).collect();
    let asked: Vec<ServiceKey> = asked.into_iter().collect();
    let scope = if asked.is_empty() { Scope::All } else { Scope::Named(&asked) };
    let live = Observer::new(reader, &cluster)
        .survey(scope, (surroundings.now)())
        .await
        .map_err(anyhow::Error::msg)?;
    let absent: Vec<&str> =
        asked.iter().map(ServiceKey::name).filter(|name| is_absent(&live, name)).collect();
    if !absent.is_empty() {
        bail!("no service {} in cluster `{cluster}` of {region}", absent.join(", "));
    }
    let calls = live.calls;
    let account = live.services.values().find_map(|it| it.service.present()).and_then(account_of);
    let home = Home { environment: place.name, account, region, cluster };
    Ok((Found { services: live.services, ..Found::default() }, home, Some(calls)))
}

fn is_absent(live: &Live, name: &str) -> bool {
    live.services.get(&ServiceKey::new(name)).is_none_or(|it| it.service == Part::Absent)
}

/// The name, also where the whole ARN was given.
fn name_of_cluster(text: &str) -> String {
    text.rsplit('/').next().unwrap_or(text).to_owned()
}

/// `arn:aws:ecs:REGION:ACCOUNT:service/...`
fn account_of(service: &EcsService) -> Option<String> {
    service.arn().split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned)
}

/// Reads the files, and those that they name.
fn from_files(settings: &ImportSettings) -> anyhow::Result<(Found, Home, Option<u32>)> {
    let given: Vec<String> = settings.from.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut texts = BTreeMap::new();
    for path in &given {
        let text = text_of(path)?;
        for other in import::referred(path, &text)? {
            let of_other = text_of(&other).with_context(|| format!("{path} refers to another file"))?;
            texts.insert(other, of_other);
        }
        texts.insert(path.clone(), text);
    }
    let asked = Asked {
        environment: settings.environment.clone(),
        region: settings.region.clone(),
        cluster: settings.cluster.clone(),
    };
    let FromFiles { found, home } = import::read_files(&given, &texts, &asked)?;
    Ok((found, home, None))
}

fn text_of(path: &str) -> anyhow::Result<String> {
    let length = std::fs::metadata(path).with_context(|| format!("can't read {path}"))?.len();
    if length > FILE_BYTES_MAX {
        bail!("{path} has {} MiB; {} MiB are allowed", length >> 20, FILE_BYTES_MAX >> 20);
    }
    std::fs::read_to_string(path).with_context(|| format!("can't read {path}"))
}

/// All manifests as one stream, the Environment first.
fn documents(import: &Import) -> String {
    let mut text = String::new();
    let services = |path: &&String| import.services.values().any(|file| file == *path);
    let ordered = import.files.keys().filter(|path| !services(path)).chain(import.services.values());
    for (number, path) in ordered.enumerate() {
        let separator = if number > 0 { "---\n" } else { "" };
        let _ = write!(text, "{separator}# {path}\n{}", import.files[path]);
    }
    text
}

/// The Environment of an earlier import. Services that it wrote refer to its variables.
fn existing(path: &Path, home: &Home) -> anyhow::Result<Option<Existing>> {
    if !path.exists() {
        return Ok(None);
    }
    let shown = path.display().to_string();
    match Existing::read(&text_of(&shown)?, home) {
        Ok(existing) => Ok(Some(existing)),
        Err(why) => bail!(
            "{shown} is there already, and {why}; nothing was written\n  to write elsewhere: another `--output`"
        ),
    }
}

/// Writes all files, or none if one of them is there already; the one that only `gains` variables may be.
fn write(import: &Import, folder: &Path, force: bool, gains: Option<&str>) -> anyhow::Result<()> {
    let there: Vec<String> = import
        .files
        .keys()
        .filter(|path| gains != Some(path.as_str()))
        .map(|path| folder.join(path))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() && !force {
        bail!(
            "{} there already; nothing was written\n  to replace: `--force`; to write elsewhere: another `--output`",
            match there.as_slice() {
                [one] => format!("{one} is"),
                several => format!("{} are", several.join(", ")),
            }
        );
    }
    for (path, text) in &import.files {
        let path = folder.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}
