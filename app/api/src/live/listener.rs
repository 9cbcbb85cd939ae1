//! One listener's stream: where it left off or a snapshot, then everything as it happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use jobs::store::{ChangeMark, ListJobs, Store, StoreError};
use jobs::timestamp::Timestamp;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::live::frame::{HEARTBEAT, frame};
use crate::live::line::line;
use crate::live::{Feed, Seat, Told};
use crate::routes::jobs::path_after;

/// Load balancers take a connection for dead that says nothing for a minute.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// How many of the newest jobs a snapshot has.
const SNAPSHOT_JOBS: u32 = 25;
/// Who has missed more than this is given a snapshot instead.
const MISSED_MAX: u32 = 200;
/// How long a client waits before it comes back.
const RETRY: &str = "retry: 1000\n\n";

pub struct Listener {
    seat: Seat,
    feed: Arc<Feed>,
    store: Store,
    version: Arc<str>,
    draining: CancellationToken,
    /// What is to be sent before anything that is heard.
    first: Option<Bytes>,
}

impl Listener {
    /// Begins to listen, where `left_off` says or else with a snapshot.
    pub async fn begin(
        seat: Seat,
        feed: Arc<Feed>,
        store: Store,
        version: Arc<str>,
        draining: CancellationToken,
        left_off: Option<ChangeMark>,
    ) -> Result<Listener, StoreError> {
        let mut listener = Listener { seat, feed, store, version, draining, first: None };
        let missed = match left_off {
            Some(mark) => listener.missed(&mark).await?,
            None => None,
        };
        let beginning = match missed {
            Some(missed) => missed,
            None => listener.snapshot().await?,
        };
        listener.first = Some([RETRY.as_bytes(), &beginning].concat().into());
        Ok(listener)
    }

    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        unfold(self, async |mut listener| listener.next().await.map(|bytes| (Ok(bytes), listener)))
    }

    /// What goes over the wire next; `None` ends the stream, and the client comes back.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let told = tokio::select! {
            biased;
            // A stream would hold up the end of the process for as long as it may.
            () = self.draining.cancelled() => return None,
            told = self.seat.told.recv() => told,
            () = tokio::time::sleep(HEARTBEAT_EVERY) => return Some(HEARTBEAT),
        };
        match told {
            Ok(Told::Frame(bytes)) => Some(bytes),
            Ok(Told::StartOver) | Err(RecvError::Lagged(_)) => self.start_over().await,
            Err(RecvError::Closed) => None,
        }
    }

    /// What was not heard is not kept for anybody: the snapshot has it all.
    async fn start_over(&mut self) -> Option<Bytes> {
        self.seat.told = self.seat.told.resubscribe();
        let snapshot = self.snapshot().await.ok()?;
        Some([&frame("resync", None, &json!({})), &snapshot].map(|part| &part[..]).concat().into())
    }

    async fn snapshot(&self) -> Result<Bytes, StoreError> {
        // Taken before the list is read: what changes meanwhile is told twice rather than not at all.
        let mark = ChangeMark::starting(Timestamp::now());
        let page = self.store.list(ListJobs { status: None, after: None, limit: SNAPSHOT_JOBS }).await?;
        let snapshot = json!({
            "version": &*self.version,
            "jobs": page.jobs.iter().map(line).collect::<Vec<_>>(),
            "next": page.next.map(|last| path_after(last, SNAPSHOT_JOBS, None)),
            "counts": self.feed.counts(),
            "pulses": self.feed.pulses(),
        });
        Ok(frame("snapshot", Some(&mark.to_string()), &snapshot))
    }

    /// The changes since `mark`, unless there are too many.
    async fn missed(&self, mark: &ChangeMark) -> Result<Option<Bytes>, StoreError> {
        let (jobs, mark) = self.store.changed_since(mark, MISSED_MAX).await?;
        if jobs.len() >= MISSED_MAX as usize {
            return Ok(None);
        }
        let resumed = json!({
            "version": &*self.version,
            "jobs": jobs.iter().map(line).collect::<Vec<_>>(),
            "counts": self.feed.counts(),
            "pulses": self.feed.pulses(),
        });
        Ok(Some(frame("resumed", Some(&mark.to_string()), &resumed)))
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
