//! Writes all rejected rows of an import into a CSV file among the objects, while the import goes on.
//!
//! Memory holds a few batches, and what the object store takes for an upload. An import that breaks off leaves no file,
//! and one that begins anew writes the same again.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jobs::job::JobId;
use jobs::objects::{Objects, ObjectsError, PutError};
use tokio::sync::mpsc;

use super::sheet::Rejection;
use crate::formula::as_text;

const HEADER: &[u8] = b"line,reason\n";
/// What fits into an object in parts of the size that [`Objects::put`] sends, and some to spare. A file of 5 GiB with
/// nothing but short bad lines has more.
const BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// How many batches wait for the object store before the import does.
const BATCHES_WAITING_MAX: usize = 2;

/// Where the import puts the rows it rejects, in their order. The file is complete once this is dropped.
pub struct Rejections(mpsc::Sender<Bytes>);

/// What was put there, to be stored.
pub struct Rejected(mpsc::Receiver<Bytes>);

/// Why the rejected rows were not stored.
pub enum NotStored {
    TooMany { bytes_max: u64 },
    Objects(ObjectsError),
}

pub fn rejections() -> (Rejections, Rejected) {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    (Rejections(sender), Rejected(receiver))
}

impl Rejections {
    pub async fn add(&self, rejected: &[Rejection]) {
        if rejected.is_empty() {
            return;
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        for Rejection { line, reason } in rejected {
            // Two fields each time, into memory: nothing there can fail.
            let _written = writer.write_record([&*line.to_string(), &*as_text(reason)]);
        }
        if let Ok(batch) = writer.into_inner() {
            // Nobody listens after a failure to store, which ends the import by itself.
            let _unheard = self.0.send(Bytes::from(batch)).await;
        }
    }
}

impl Rejected {
    /// Stores them until the last has come. Where there are none, there is no file.
    pub async fn store(mut self, objects: &Objects, job: JobId) -> Result<(), NotStored> {
        let Some(first) = self.0.recv().await else { return Ok(()) };
        let others = stream::unfold(self.0, async |mut batches| Some((batches.recv().await?, batches)));
        let body = stream::iter([Bytes::from_static(HEADER), first]).chain(others);
        match objects.put(&format!("rejections/{job}.csv"), body.map(Ok::<_, Infallible>), BYTES_MAX).await {
            Ok(_stored) => Ok(()),
            Err(PutError::TooLarge { bytes_max }) => Err(NotStored::TooMany { bytes_max }),
            Err(PutError::Objects(error)) => Err(NotStored::Objects(error)),
            Err(PutError::Body(never)) => match never {},
        }
    }
}
