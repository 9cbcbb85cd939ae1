//! The ledger on disk: one JSON file with a line for each service, replaced as a whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::Deserialize;

use super::{Error, Place, Records, beside};
use crate::model::{ServiceKey, ServiceRecord};

/// Version 1 did not say what it was for.
const VERSION: u64 = 2;
/// Some thousand services, each with a failure report.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(rename = "version")]
    _version: u64,
    place: Place,
    services: Records,
}

/// The records as the file holds them: each a line of its own, made once for each change.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<ServiceKey, String>);

impl Lines {
    pub(super) fn of(records: &Records) -> serde_json::Result<Self> {
        let mut lines = Self::default();
        for (service, record) in records {
            lines.set(service, record)?;
        }
        Ok(lines)
    }

    pub(super) fn set(&mut self, service: &ServiceKey, record: &ServiceRecord) -> serde_json::Result<()> {
        let line = format!("{}: {}", serde_json::to_string(service)?, serde_json::to_string(record)?);
        self.0.insert(service.clone(), line);
        Ok(())
    }

    pub(super) fn remove(&mut self, service: &ServiceKey) {
        self.0.remove(service);
    }

    fn text(&self, place: &Place) -> serde_json::Result<String> {
        let place = serde_json::to_string(place)?;
        let mut text = format!("{{\"version\": {VERSION}, \"place\": {place}, \"services\": {{\n");
        for (place, line) in self.0.values().enumerate() {
            text.push_str(if place == 0 { "" } else { ",\n" });
            text.push_str(line);
        }
        text.push_str("\n}}\n");
        Ok(text)
    }
}

/// Reads the records, and the place they are of: `wanted`, with what only the file knows of it. A file
/// that is not there holds none.
pub(super) fn read(path: &Path, wanted: &Place) -> Result<(Place, Records), Error> {
    let bytes = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((wanted.clone(), Records::new()));
        }
        Err(source) => return Err(Error::unreadable(path, source)),
    };
    bounded(path, bytes)?;
    let text = fs::read_to_string(path).map_err(|source| Error::unreadable(path, source))?;
    let malformed = |error: serde_json::Error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        Error::Malformed {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            message: error.to_string().replace(&place, ""),
        }
    };
    // The version first: a later one may not even have `services`.
    let Version { version } = serde_json::from_str(&text).map_err(malformed)?;
    if version != VERSION {
        return Err(Error::Version { path: path.to_owned(), found: version, known: VERSION });
    }
    let stored: Stored = serde_json::from_str(&text).map_err(malformed)?;
    if !stored.place.may_be(wanted) {
        return Err(Error::Elsewhere {
            path: path.to_owned(),
            found: Box::new(stored.place),
            wanted: Box::new(wanted.clone()),
        });
    }
    let account = wanted.account.clone().or(stored.place.account);
    Ok((Place { account, ..wanted.clone() }, stored.services))
}

/// Writes beside the file, then replaces it: a crash leaves the old or the new one, never a mixture.
///
/// Costs two fsyncs, of the file and of its folder: measured on a virtual disk with ext4, 4 ms for
/// 10 kB and 9 ms for 1 MB, once in a hundred 30 ms. The loop waits for it, because updates come at
/// the steps of a rollout and not at each pass.
pub(super) fn write(path: &Path, place: &Place, lines: &Lines) -> Result<(), Error> {
    let unwritable = |source| Error::unwritable(path, source);
    let text = lines.text(place).map_err(|error| unwritable(error.into()))?;
    bounded(path, text.len() as u64)?;
    let new = beside(path, "new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| Error::unwritable(&new, source))?;
    fs::rename(&new, path).map_err(unwritable)?;
    // The new name itself has to reach the disk, too.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
}

fn bounded(path: &Path, bytes: u64) -> Result<(), Error> {
    if bytes > BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), bytes, max: BYTES_MAX });
    }
    Ok(())
}
