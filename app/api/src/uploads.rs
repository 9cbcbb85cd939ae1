//! Files on their way from a client to the objects: never whole in memory, never half there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jobs::log::chain;
use jobs::objects::{Objects, PutError, StoredObject};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::body::{Arriving, Patience, too_large};
use crate::problem::{Code, Problem};

const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What uploads may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub bytes_max: u64,
    pub at_once: usize,
    pub patience: Patience,
}

/// Takes in uploads. Clones share the places.
#[derive(Clone, Debug)]
pub struct Uploads {
    objects: Objects,
    places: Arc<Semaphore>,
    pub limits: Limits,
    /// From then on no body is read further: the process ends soon, and what is written of it has to go before.
    pub give_up: CancellationToken,
}

impl Uploads {
    pub fn new(objects: Objects, limits: Limits) -> Uploads {
        let places = Arc::new(Semaphore::new(limits.at_once));
        Uploads { objects, places, limits, give_up: CancellationToken::new() }
    }

    /// A place among the uploads at once.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            let detail =
                format!("{} uploads are in progress, the most at once; try again", self.limits.at_once);
            Problem::new(Code::Busy, detail).retry_after(TRY_AGAIN)
        })
    }

    /// Writes a body to an object. After an error nothing of it is left, nor when this is dropped, as
    /// it is when the client goes away.
    pub async fn receive(
        &self,
        _place: OwnedSemaphorePermit,
        mut arriving: Arriving,
        name: String,
    ) -> Result<Unrecorded, Problem> {
        let Some(first) = self.next(&mut arriving).await? else {
            return Err(Problem::new(Code::EmptyUpload, "the file is empty; send its content as the body"));
        };
        let rest = stream::try_unfold((self.clone(), arriving), async |(uploads, mut arriving)| {
            let part = uploads.next(&mut arriving).await?;
            Ok::<_, Problem>(part.map(|part| (part, (uploads, arriving))))
        });
        let body = stream::iter([Ok(first)]).chain(rest);
        // Before it is written: the answer of the object store may be lost, or nobody may wait for it.
        let mut unrecorded = Unrecorded {
            objects: self.objects.clone(),
            name,
            stored: StoredObject { bytes: 0, sha256: String::new() },
            keep: false,
        };
        match self.objects.put(&unrecorded.name, body, self.limits.bytes_max).await {
            Ok(stored) => unrecorded.stored = stored,
            Err(PutError::Body(problem)) => return Err(problem),
            Err(PutError::TooLarge { bytes_max }) => return Err(too_large(bytes_max)),
            Err(PutError::Objects(error)) => return Err(Problem::unavailable("object store", &error)),
        }
        Ok(unrecorded)
    }

    async fn next(&self, arriving: &mut Arriving) -> Result<Option<Bytes>, Problem> {
        tokio::select! {
            part = arriving.next() => part,
            () = self.give_up.cancelled() => {
                let detail = "this process is about to end; send the file again, to another";
                Err(Problem::new(Code::Unavailable, detail).retry_after(Duration::from_secs(1)))
            }
        }
    }
}

/// An object that nobody knows of yet. It is removed again unless it is kept.
#[derive(Debug)]
pub struct Unrecorded {
    objects: Objects,
    pub name: String,
    pub stored: StoredObject,
    keep: bool,
}

impl Unrecorded {
    pub fn keep(mut self) {
        self.keep = true;
    }

    /// Removes it now.
    pub async fn remove(mut self) {
        self.keep = true;
        remove(&self.objects, &self.name).await;
    }
}

impl Drop for Unrecorded {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let (objects, name) = (self.objects.clone(), self.name.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let endings = objects.endings.clone();
            endings.spawn_on(async move { remove(&objects, &name).await }, &runtime);
        }
    }
}

async fn remove(objects: &Objects, name: &str) {
    if let Err(error) = objects.delete(name).await {
        warn!(error = chain(&error), object = name, "an object that nobody knows of could not be removed");
    }
}
