//! Files on their way from a client to the objects: never whole in memory, never half there.

use std::sync::Arc;
use std::time::Duration;

use jobs::log::chain;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, warn};

use crate::body::{Arriving, Patience};
use crate::problem::{Code, Problem};

/// The size of the parts in which an object is written: the least that S3 takes. An upload holds two in memory.
const PART_BYTES: usize = 5 * 1024 * 1024;
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What uploads may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub bytes_max: u64,
    pub at_once: usize,
    pub patience: Patience,
}

/// The uploads in progress. Clones share them.
#[derive(Clone, Debug)]
pub struct Uploads {
    objects: Arc<dyn ObjectStore>,
    places: Arc<Semaphore>,
    in_progress: TaskTracker,
    pub limits: Limits,
}

/// What is known of a file once it is complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    pub bytes: u64,
    pub sha256: String,
}

impl Uploads {
    pub fn new(objects: Arc<dyn ObjectStore>, limits: Limits) -> Uploads {
        let places = Arc::new(Semaphore::new(limits.at_once));
        Uploads { objects, places, in_progress: TaskTracker::new(), limits }
    }

    /// A place among the uploads at once.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            let detail =
                format!("{} uploads are in progress, the most at once; try again", self.limits.at_once);
            Problem::new(Code::Busy, detail).retry_after(TRY_AGAIN)
        })
    }

    /// Writes a body to an object. Unless it is answered with success there is no object, also when
    /// nobody waits for the answer any more: then the client is gone.
    pub async fn receive(
        &self,
        place: OwnedSemaphorePermit,
        arriving: Arriving,
        object: Path,
    ) -> Result<Received, Problem> {
        // Dropped with this future, when the connection is gone. The task outlives it and cleans up.
        let gone = CancellationToken::new();
        let _waits = gone.clone().drop_guard();
        let objects = self.objects.clone();
        let task = async move {
            let _place = place;
            receive(objects, arriving, object, gone).await
        };
        let received = self.in_progress.spawn(task.in_current_span()).await;
        received.unwrap_or_else(|_| {
            Err(Problem::new(Code::Internal, "this upload met a defect; nothing was kept"))
        })
    }

    /// Removes an object again that could not be recorded.
    pub async fn remove(&self, object: &Path) {
        remove(&self.objects, object).await;
    }

    /// Waits for uploads whose client is gone to clean up behind them.
    pub async fn finish(&self) {
        self.in_progress.close();
        self.in_progress.wait().await;
    }
}

async fn receive(
    objects: Arc<dyn ObjectStore>,
    mut arriving: Arriving,
    object: Path,
    gone: CancellationToken,
) -> Result<Received, Problem> {
    let mut writer =
        BufWriter::with_capacity(objects.clone(), object.clone(), PART_BYTES).with_max_concurrency(1);
    let received = match copy(&mut arriving, &mut writer, &gone).await {
        Ok(received) => received,
        Err(problem) => {
            if let Err(error) = writer.abort().await {
                warn!(error = chain(&error), %object, "the parts of an upload could not be removed");
            }
            return Err(problem);
        }
    };
    if let Err(error) = writer.shutdown().await {
        // It may have been written all the same, with only the answer lost.
        remove(&objects, &object).await;
        return Err(Problem::unavailable("object store", &error));
    }
    if gone.is_cancelled() {
        remove(&objects, &object).await;
    }
    Ok(received)
}

async fn copy(
    arriving: &mut Arriving,
    writer: &mut BufWriter,
    gone: &CancellationToken,
) -> Result<Received, Problem> {
    let mut hash = Sha256::new();
    loop {
        let part = arriving.next().await?;
        // When the server drops a connection its body seems to end. This comes before that.
        if gone.is_cancelled() {
            return Err(Problem::new(Code::BodyInterrupted, "the client went away"));
        }
        let Some(part) = part else { break };
        hash.update(&part);
        // Copies, so that a part of one byte does not keep the network's buffer alive.
        writer.write_all(&part).await.map_err(|error| Problem::unavailable("object store", &error))?;
    }
    if arriving.received() == 0 {
        return Err(Problem::new(Code::EmptyUpload, "the file is empty; send its content as the body"));
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Received { bytes: arriving.received(), sha256 })
}

async fn remove(objects: &Arc<dyn ObjectStore>, object: &Path) {
    match objects.delete(object).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => {
            warn!(error = chain(&error), %object, "an object that nobody knows of could not be removed")
        }
    }
}
