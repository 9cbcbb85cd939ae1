//! The ledger on disk: a log that is appended to, and replaced by a short one when it has grown long.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::disk::beside;
use super::lines::{self, Extent, Found};
use super::{Error, Place, Records};
use crate::model::{ServiceKey, ServiceRecord};

/// Some thousand services, each with a failure report.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A log is replaced when it has more lines than this many for each record ...
const CHANGES_PER_RECORD_MAX: usize = 4;
/// ... and this many on top, so that a small one is not replaced all the time.
const CHANGES_BESIDES_MAX: usize = 1_000;

/// Reads without touching the file, which may be in the middle of growing. One that is not there holds
/// no records.
pub(super) fn read(path: &Path, wanted: &Place) -> Result<Found, Error> {
    match bytes_of(path)? {
        Some(bytes) => Found::read(path, &bytes, Some(wanted)),
        None => Ok(Found::nothing(wanted)),
    }
}

/// The same of whatever place the file is; `None`: it is not there.
pub(super) fn read_anywhere(path: &Path) -> Result<Option<Found>, Error> {
    bytes_of(path)?.map(|bytes| Found::read(path, &bytes, None)).transpose()
}

fn bytes_of(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => {
            bounded(path, bytes.len() as u64)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::unreadable(path, source)),
    }
}

/// The file, held for appending.
///
/// Recording a change costs one write of one line and one fdatasync, whatever the number of services:
/// measured on a virtual disk with ext4, 0.2 ms, once in a hundred 0.4 ms. The loop waits for it, because
/// changes come at the steps of a rollout and not at each pass. Once in `CHANGES_BESIDES_MAX` changes or
/// more it also costs a whole file and two fsyncs (no change took longer than 60 ms with a file of 600 kB);
/// a ledger of nearly `BYTES_MAX` pays that for each change.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    place: Place,
    /// `None`: the file has to be replaced before anything can be appended.
    end: Option<End>,
}

#[derive(Debug)]
struct End {
    file: File,
    /// What is known to be on disk.
    extent: Extent,
}

impl Log {
    /// Takes over the file: cuts off what a crash left of its last line, and shortens it if it is long.
    /// A file that is not there, or of the version before, stays so until the first change.
    pub fn open(path: &Path, wanted: &Place) -> Result<(Self, Records), Error> {
        let Found { place, records, log } = read(path, wanted)?;
        let mut opened = Self { path: path.to_owned(), place, end: None };
        if let Some(extent) = log {
            let end = End::take_over(path, extent).map_err(|source| Error::unwritable(path, source))?;
            opened.end = Some(end);
            if is_long(extent, &records) {
                opened.replace(&records)?;
            }
        }
        Ok((opened, records))
    }

    /// Writes down what becomes of one of the `records`, so that a crash right after won't lose it.
    ///
    /// After an error the file still holds `records`, or the next call makes it so before anything
    /// else. Only if cutting off the line failed as well, a reader may see it until then.
    pub fn append(
        &mut self,
        records: &Records,
        service: &ServiceKey,
        record: &ServiceRecord,
    ) -> Result<(), Error> {
        let line = lines::change(service, record).map_err(|error| self.unwritable(error.into()))?;
        if !self.has_room(line.len() as u64, records) {
            self.replace(records)?;
        }
        let Some(end) = &mut self.end else {
            return Err(self.unwritable(io::Error::other("it is not open")));
        };
        bounded(&self.path, end.extent.bytes + line.len() as u64)?;
        end.append(line.as_bytes()).map_err(|source| {
            // Linux may take for written what a failed fsync did not write, so nothing is built on it.
            self.end = None;
            self.unwritable(source)
        })
    }

    /// Whether the file is as it was left, and may grow.
    fn has_room(&self, bytes: u64, records: &Records) -> bool {
        self.end.as_ref().is_some_and(|end| {
            let room = end.extent.bytes + bytes <= BYTES_MAX && !is_long(end.extent, records);
            room && end.is_at(&self.path)
        })
    }

    /// Writes all of it beside the file, then replaces it: a crash leaves the old or the new one, never
    /// a mixture. Both say the same, so that an error in between changes nothing either.
    fn replace(&mut self, records: &Records) -> Result<(), Error> {
        let text = self.text(records).map_err(|error| self.unwritable(error.into()))?;
        bounded(&self.path, text.len() as u64)?;
        let new = beside(&self.path, "new");
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(file)
        });
        let file = written.map_err(|source| {
            // Where the disk is full, it is part of what fills it.
            let _ = fs::remove_file(&new);
            Error::unwritable(&new, source)
        })?;
        self.end = None;
        fs::rename(&new, &self.path).map_err(|source| self.unwritable(source))?;
        // The new name itself has to reach the disk, too.
        let folder =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| self.unwritable(source))?;
        let extent = Extent { bytes: text.len() as u64, changes: records.len() };
        self.end = Some(End { file, extent });
        Ok(())
    }

    #[cfg(test)]
    pub fn hold(&mut self, file: File) {
        if let Some(end) = &mut self.end {
            end.file = file;
        }
    }

    fn text(&self, records: &Records) -> serde_json::Result<String> {
        let mut text = lines::header(&self.place)?;
        for (service, record) in records {
            text.push_str(&lines::change(service, record)?);
        }
        Ok(text)
    }

    fn unwritable(&self, source: io::Error) -> Error {
        Error::unwritable(&self.path, source)
    }
}

impl End {
    fn take_over(path: &Path, extent: Extent) -> io::Result<Self> {
        let file = File::options().write(true).open(path)?;
        let torn = file.metadata()?.len().saturating_sub(extent.bytes);
        if torn > 0 {
            tracing::warn!(path = %path.display(), bytes = torn, "the ledger's last line was cut off by a crash");
            file.set_len(extent.bytes)?;
        }
        // The last line may be of a process that ended before its fdatasync; it is acted upon from now on.
        file.sync_data()?;
        Ok(Self { file, extent })
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(line, self.extent.bytes).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // The first error is the one to tell.
            let _ = self.file.set_len(self.extent.bytes).and_then(|()| self.file.sync_data());
            return written;
        }
        self.extent.bytes += line.len() as u64;
        self.extent.changes += 1;
        Ok(())
    }

    /// Whether the file of that name is this one, and nobody has written to it: a line that is appended
    /// to a file that was moved away would be lost.
    fn is_at(&self, path: &Path) -> bool {
        let both = self.file.metadata().and_then(|ours| Ok((ours, fs::metadata(path)?)));
        both.is_ok_and(|(ours, there)| {
            (ours.ino(), ours.dev()) == (there.ino(), there.dev()) && there.len() == self.extent.bytes
        })
    }
}

fn is_long(extent: Extent, records: &Records) -> bool {
    extent.changes > CHANGES_PER_RECORD_MAX * records.len() + CHANGES_BESIDES_MAX
}

fn bounded(path: &Path, bytes: u64) -> Result<(), Error> {
    if bytes > BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), bytes, max: BYTES_MAX });
    }
    Ok(())
}
