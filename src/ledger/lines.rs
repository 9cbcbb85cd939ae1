//! What a ledger's file says: a header, then a line for each change; a service's last line is in force.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, Place, Records};
use crate::model::{ServiceKey, ServiceRecord};

const VERSION: u64 = 3;
/// One JSON document, which was replaced at each change. Version 1 did not say what it was for.
const VERSION_OF_ONE_DOCUMENT: u64 = 2;

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "version")]
    _version: u64,
    place: Place,
    services: Records,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(rename = "version")]
    _version: u64,
    place: Place,
}

#[derive(Serialize)]
struct HeaderOf<'a> {
    version: u64,
    place: &'a Place,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    service: ServiceKey,
    record: ServiceRecord,
}

#[derive(Serialize)]
struct ChangeOf<'a> {
    service: &'a ServiceKey,
    record: &'a ServiceRecord,
}

/// The first line of a ledger, with its end.
pub(super) fn header(place: &Place) -> serde_json::Result<String> {
    Ok(serde_json::to_string(&HeaderOf { version: VERSION, place })? + "\n")
}

/// The line that says what a record is from now on, with its end.
pub(super) fn change(service: &ServiceKey, record: &ServiceRecord) -> serde_json::Result<String> {
    planted!("quarantine-in-memory-alone" => if record.quarantine.is_some() { return change(service, &ServiceRecord { quarantine: None, ..record.clone() }); });
    Ok(serde_json::to_string(&ChangeOf { service, record })? + "\n")
}

/// What was found in a file.
#[derive(Debug)]
pub(super) struct Found {
    /// The one that was wanted, with what only the file knows of it.
    pub place: Place,
    pub records: Records,
    /// `None`: nothing can be appended, because the file is not there, is of the version before, or
    /// says less of its place than is known by now.
    pub log: Option<Extent>,
}

/// The sound part of a file: all of it, but for what a crash left of its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub bytes: u64,
    /// Without the header.
    pub changes: usize,
}

impl Found {
    pub fn nothing(wanted: &Place) -> Self {
        Self { place: wanted.clone(), records: Records::new(), log: None }
    }

    /// Reads the bytes of the file at `path`; without a wanted place, whatever it is of.
    pub fn read(path: &Path, bytes: &[u8], wanted: Option<&Place>) -> Result<Self, Error> {
        let malformed = |error| malformed(path, error, 0);
        // The version first, and nothing behind the first value: a later one may look like anything.
        let Version { version } =
            Version::deserialize(&mut serde_json::Deserializer::from_slice(bytes)).map_err(malformed)?;
        match version {
            VERSION => Self::read_log(path, bytes, wanted),
            VERSION_OF_ONE_DOCUMENT => {
                let document: Document = serde_json::from_slice(bytes).map_err(malformed)?;
                let place = ours(path, &document.place, wanted)?;
                Ok(Self { place, records: document.services, log: None })
            }
            found => Err(Error::Version { path: path.to_owned(), found, known: VERSION }),
        }
    }

    fn read_log(path: &Path, bytes: &[u8], wanted: Option<&Place>) -> Result<Self, Error> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
        let first = lines.next().map_or(bytes, |(_, line)| line);
        let header: Header = serde_json::from_slice(first).map_err(|error| malformed(path, error, 0))?;
        if !first.ends_with(b"\n") {
            // It never was without: a new file gets its name when all of it is on disk.
            return Err(Error::Malformed {
                path: path.to_owned(),
                line: 1,
                column: first.len(),
                message: "the end of the line is missing".to_owned(),
            });
        }
        let place = ours(path, &header.place, wanted)?;
        let mut records = Records::new();
        let mut extent = Extent { bytes: first.len() as u64, changes: 0 };
        while let Some((above, line)) = lines.next() {
            let last = lines.peek().is_none();
            // Only the last line can be without an end: it was cut off, however much of it is there.
            let Some(change) = line.strip_suffix(b"\n") else { break };
            match serde_json::from_slice::<Change>(change) {
                Ok(change) => records.insert(change.service, change.record),
                Err(_) if last && !is_json(change) => break,
                Err(error) => return Err(malformed(path, error, above)),
            };
            extent.bytes += line.len() as u64;
            extent.changes += 1;
        }
        let log = (header.place == place).then_some(extent);
        Ok(Self { place, records, log })
    }
}

/// What is not even JSON was cut off; what is JSON was written whole, so it is no accident.
fn is_json(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line).is_ok()
}

/// The wanted place, with the account that the environment no longer names.
fn ours(path: &Path, found: &Place, wanted: Option<&Place>) -> Result<Place, Error> {
    planted!("any-ledger-will-do" => return Ok(found.clone()));
    let Some(wanted) = wanted else { return Ok(found.clone()) };
    if !found.may_be(wanted) {
        return Err(Error::Elsewhere {
            path: path.to_owned(),
            found: Box::new(found.clone()),
            wanted: Box::new(wanted.clone()),
        });
    }
    let account = wanted.account.clone().or_else(|| found.account.clone());
    Ok(Place { account, ..wanted.clone() })
}

/// An error in JSON that begins below `above` lines.
fn malformed(path: &Path, error: serde_json::Error, above: usize) -> Error {
    let place = format!(" at line {} column {}", error.line(), error.column());
    Error::Malformed {
        path: path.to_owned(),
        line: above + error.line(),
        column: error.column(),
        message: error.to_string().replace(&place, ""),
    }
}
