//! Objects: uploaded files and finished reports, by name, in a folder or in an S3 bucket.
//!
//! What is written is there whole or not at all: a folder gets a finished file by renaming, a bucket an upload that
//! was completed. What a killed process leaves half done is invisible: in a folder, files that end in `#` and a
//! number, which whoever opens the folder a day later removes; in a bucket, parts that a lifecycle rule with
//! `AbortIncompleteMultipartUpload` removes.

mod credentials;
mod open;

use std::fmt;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;

pub use open::ObjectsSettings;

/// The size of one part of an upload; S3 wants at least 5 MiB and at most 10 000 parts.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// How many parts are under way at once; with the one that is being filled this bounds an upload's memory.
const PARTS_MAX: usize = 2;

/// Where objects are kept. Clones share its connections.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    shown: String,
    /// What goes on when its caller is gone: uploads being completed, and what is being taken back.
    pub endings: TaskTracker,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// An object that is being read.
pub struct ObjectContent {
    pub bytes: u64,
    pub body: BoxStream<'static, Result<Bytes, ObjectsError>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error("OBJECTS_URL is not valid: {0}")]
    Url(String),
    #[error("`{0}` is no object's name")]
    Name(String),
    #[error("{doing} `{object}` in {place}")]
    Store {
        doing: &'static str,
        object: String,
        place: String,
        #[source]
        source: Box<object_store::Error>,
    },
    #[error("opening {place}")]
    Open {
        place: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why nothing was stored. `Body` is what the sender's stream ended with.
#[derive(Debug, thiserror::Error)]
pub enum PutError<Body> {
    #[error("there are more than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("reading what is to be stored")]
    Body(Body),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

impl Objects {
    fn new(store: Arc<dyn ObjectStore>, shown: String) -> Objects {
        Objects { store, shown, endings: TaskTracker::new() }
    }

    /// Stores a stream of at most `bytes_max` bytes under a name, replacing what was there. Holds about 24 MiB of it
    /// in memory at once. After an error nothing of it is left, nor when the future is dropped; unless all of it had
    /// come already, and only the answer was lost: then it may be there whole.
    pub async fn put<Body>(
        &self,
        name: &str,
        body: impl Stream<Item = Result<Bytes, Body>>,
        bytes_max: u64,
    ) -> Result<StoredObject, PutError<Body>> {
        let path = self.path(name)?;
        let mut body = pin!(body);
        let mut upload = Unfinished::new(self.endings.clone());
        let mut digest = Sha256::new();
        let mut bytes = 0;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(PutError::Body)?;
            bytes += piece.len() as u64;
            if bytes > bytes_max {
                return Err(PutError::TooLarge { bytes_max });
            }
            digest.update(&piece);
            upload.write(&*self.store, &path, &piece).await.map_err(self.while_doing("storing", name))?;
        }
        upload.finish(&*self.store, &path).await.map_err(self.while_doing("storing", name))?;
        let mut sha256 = String::with_capacity(64);
        for byte in digest.finalize() {
            // Writing to a string can't fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Ok(StoredObject { bytes, sha256 })
    }

    /// The content of an object, in pieces; none if there is no such object.
    pub async fn get(&self, name: &str) -> Result<Option<ObjectContent>, ObjectsError> {
        let path = self.path(name)?;
        let found = match self.store.get_opts(&path, GetOptions::default()).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { source, .. }) if !is_missing_bucket(&*source) => {
                return Ok(None);
            }
            Err(error) => return Err(self.while_doing("reading", name)(error)),
        };
        let bytes = found.meta.size;
        let while_reading = self.while_doing("reading", name);
        let body = found.into_stream().map_err(while_reading).boxed();
        Ok(Some(ObjectContent { bytes, body }))
    }

    /// How many bytes an object has; none if there is no such object.
    pub async fn size(&self, name: &str) -> Result<Option<u64>, ObjectsError> {
        match self.store.head(&self.path(name)?).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.while_doing("looking for", name)(error)),
        }
    }

    /// Deletes an object; that it is not there is fine.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectsError> {
        match self.store.delete(&self.path(name)?).await {
            Ok(()) => Ok(()),
            Err(object_store::Error::NotFound { source, .. }) if !is_missing_bucket(&*source) => Ok(()),
            Err(error) => Err(self.while_doing("deleting", name)(error)),
        }
    }

    /// Waits until all that goes on without a caller has ended: a process that ended sooner would leave parts behind.
    pub async fn settled(&self) {
        self.endings.close();
        self.endings.wait().await;
    }

    fn path(&self, name: &str) -> Result<Path, ObjectsError> {
        // Leaving the folder, or an empty part, is refused by `parse`.
        let is_name = !name.is_empty() && !name.starts_with('/') && !name.ends_with('/');
        let path = Path::parse(name).ok().filter(|_| is_name);
        path.ok_or_else(|| ObjectsError::Name(name.chars().take(200).collect()))
    }

    fn while_doing(
        &self,
        doing: &'static str,
        name: &str,
    ) -> impl Fn(object_store::Error) -> ObjectsError + Send + 'static {
        let (object, place) = (name.to_owned(), self.shown.clone());
        move |source| {
            let (object, place) = (object.clone(), place.clone());
            ObjectsError::Store { doing, object, place, source: Box::new(source) }
        }
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Objects").field("place", &self.shown).finish_non_exhaustive()
    }
}

/// A bucket that is not there is as much a 404 as an object, and quite another matter.
fn is_missing_bucket(source: &(dyn std::error::Error + 'static)) -> bool {
    source.to_string().contains("NoSuchBucket")
}

/// An upload that takes itself back unless it is finished.
struct Unfinished {
    /// What fits into one part is sent as a whole in the end.
    small: Vec<u8>,
    parts: Option<WriteMultipart>,
    endings: TaskTracker,
}

impl Unfinished {
    fn new(endings: TaskTracker) -> Unfinished {
        Unfinished { small: Vec::new(), parts: None, endings }
    }

    async fn write(
        &mut self,
        store: &dyn ObjectStore,
        path: &Path,
        piece: &Bytes,
    ) -> object_store::Result<()> {
        if self.parts.is_none() && self.small.len() + piece.len() <= PART_BYTES {
            self.small.extend_from_slice(piece);
            return Ok(());
        }
        if self.parts.is_none() {
            let upload = store.put_multipart(path).await?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            parts.write(&std::mem::take(&mut self.small));
            self.parts = Some(parts);
        }
        if let Some(parts) = &mut self.parts {
            for slice in piece.chunks(PART_BYTES) {
                parts.wait_for_capacity(PARTS_MAX).await?;
                parts.write(slice);
            }
        }
        Ok(())
    }

    async fn finish(mut self, store: &dyn ObjectStore, path: &Path) -> object_store::Result<()> {
        if self.parts.is_none() {
            store.put(path, PutPayload::from(std::mem::take(&mut self.small))).await?;
        }
        if let Some(parts) = self.parts.take() {
            // Takes the upload back itself when it fails. On a task of its own, so that a caller who goes away now
            // leaves a whole object behind rather than parts.
            let finished = self.endings.spawn(parts.finish()).await;
            finished.map_err(|error| object_store::Error::JoinError { source: error })??;
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let abort = async move {
            if let Err(error) = parts.abort().await {
                tracing::warn!(error = crate::log::chain(&error), "a part of an upload may be left");
            }
        };
        self.endings.spawn_on(abort, &runtime);
    }
}

#[cfg(test)]
mod tests;
