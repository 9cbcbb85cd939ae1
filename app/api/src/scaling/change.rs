//! Begins and ends an override: recorded first, then the tag, then the bounds; and taken back if it can't be completed.
//!
//! The tag comes before the bounds, for the operator would set bounds back that no tag explains.

use std::sync::Arc;
use std::time::Duration;

use jobs::log::chain;
use jobs::store::{OverrideId, ScalingOverride, Store, StoreError};
use jobs::timestamp::Timestamp;
use tracing::{Instrument, Span, info, warn};

use crate::scaling::account::{Account, AwsError, Live};
use crate::scaling::{Bounds, Override, whole_second};

/// How many recorded overrides are shown.
const RECORDS_SHOWN: u32 = 20;

/// Held during a change, by one process on the database: two at once could each take back what the other has done.
const LEASE: &str = "update-scaling";
/// Longer than a change takes, of which each call has its limit; whoever dies over one keeps others out for so long.
const LEASE_LASTS: Duration = Duration::from_secs(120);

pub struct Scaling {
    pub account: Account,
    pub store: Store,
    /// What `maximum` may be at most.
    pub maximum_allowed: u32,
}

/// Who asks for a change, when, and why.
#[derive(Clone, Debug)]
pub struct Asked {
    pub by: String,
    pub reason: String,
    pub at: Timestamp,
}

/// An override that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    pub begun: Override,
    pub previous: Bounds,
}

/// How the worker's scaling is now, and what was asked for lately.
#[derive(Debug)]
pub struct Look {
    pub live: Live,
    pub records: Vec<ScalingOverride>,
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("another change of the bounds is being made; try again when it is done")]
    UnderWay,
    #[error("the worker's service does not scale: give it `scaling` in its manifest first")]
    NotScaled,
    #[error("there is no override to end")]
    NoOverride,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}; nothing was changed")]
    Unchanged(AwsError),
    #[error("{0}; the tag was put back as it was")]
    TakenBack(AwsError),
    #[error(
        "{cause}; the tag could not be put back ({taking_back}): it says `{tag}`, and DELETE ends it sooner"
    )]
    LeftBehind { cause: AwsError, taking_back: AwsError, tag: String },
    #[error("{0}; the tag has been changed by somebody else since, and stays as they left it")]
    Superseded(AwsError),
    #[error("{0}; the override may have ended or not: look, and try again")]
    Unknown(AwsError),
    #[error("the change ended in a defect of this service")]
    Defect,
}

impl Scaling {
    pub fn new(account: Account, store: Store, maximum_allowed: u32) -> Arc<Scaling> {
        Arc::new(Scaling { account, store, maximum_allowed })
    }

    /// Puts other bounds in force until `begun.until`.
    pub async fn begin(self: &Arc<Self>, begun: Override, asked: Asked) -> Result<Begun, Failure> {
        let scaling = self.clone();
        self.alone(async move {
            let id = scaling.record(begun, asked).await?;
            let applied = scaling.apply(begun).await;
            scaling.record_outcome(id, "applied", &applied).await;
            let previous = applied?;
            let Bounds { minimum, maximum } = begun.bounds;
            info!(minimum, maximum, until = %begun.until, "the worker's scaling is overridden");
            Ok(Begun { begun, previous })
        })
        .await
    }

    /// Lets the override in force end now; the operator puts Git's bounds back and removes the tag.
    pub async fn end(self: &Arc<Self>, asked: Asked) -> Result<Override, Failure> {
        let scaling = self.clone();
        self.alone(async move {
            let live = scaling.account.live().await.map_err(Failure::Unchanged)?;
            let tag = live.tag.as_deref().ok_or(Failure::NoOverride)?;
            let bounds = match tag.parse::<Override>() {
                Ok(current) if current.until <= asked.at => return Ok(current),
                Ok(current) => current.bounds,
                // Nobody can tell when such a tag ends; what holds now stands in for what it says.
                Err(_) => live.bounds.ok_or(Failure::NotScaled)?,
            };
            let ended = Override { bounds, until: whole_second(asked.at) };
            let id = scaling.record(ended, asked).await?;
            let tagged = scaling.account.tag(&live.arn, &ended.to_string()).await.map_err(|error| {
                if error.is_ambiguous() { Failure::Unknown(error) } else { Failure::Unchanged(error) }
            });
            scaling.record_outcome(id, "ended", &tagged).await;
            tagged?;
            info!(until = %ended.until, "the override of the worker's scaling has ended");
            Ok(ended)
        })
        .await
    }

    pub async fn look(&self) -> Result<Look, Failure> {
        let live = self.account.live().await.map_err(Failure::Unchanged)?;
        Ok(Look { live, records: self.store.overrides(RECORDS_SHOWN).await? })
    }

    /// Runs a change while nobody else makes one; to its end, also when its client goes away in the middle of it.
    async fn alone<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let store = self.store.clone();
        let change = async move {
            let lease =
                store.take_lease(LEASE, LEASE_LASTS, Timestamp::now()).await?.ok_or(Failure::UnderWay)?;
            let changed = change.await;
            if let Err(error) = store.return_lease(LEASE, lease).await {
                warn!(
                    error = chain(&error),
                    "the next change has to wait until this one's lease has run out"
                );
            }
            changed
        };
        tokio::spawn(change.instrument(Span::current())).await.unwrap_or(Err(Failure::Defect))
    }

    async fn apply(&self, asked: Override) -> Result<Bounds, Failure> {
        let live = self.account.live().await.map_err(Failure::Unchanged)?;
        let previous = live.bounds.ok_or(Failure::NotScaled)?;
        if let Err(error) = self.account.tag(&live.arn, &asked.to_string()).await {
            return Err(match error.is_ambiguous() {
                true => self.take_back(&live, asked, error).await,
                false => Failure::Unchanged(error),
            });
        }
        match self.account.register(asked.bounds).await {
            Ok(()) => Ok(previous),
            Err(error) if error.is_ambiguous() && self.are_in_force(asked.bounds).await => Ok(previous),
            Err(error) => Err(self.take_back(&live, asked, error).await),
        }
    }

    /// After a call without an answer: did it take effect?
    async fn are_in_force(&self, bounds: Bounds) -> bool {
        matches!(self.account.bounds().await, Ok(Some(live)) if live == bounds)
    }

    /// Puts the tag back, unless it says by now what neither this change nor the state before it said.
    async fn take_back(&self, before: &Live, asked: Override, cause: AwsError) -> Failure {
        let left_behind =
            |cause, taking_back| Failure::LeftBehind { cause, taking_back, tag: asked.to_string() };
        let now = match self.account.current_tag().await {
            Ok(now) => now,
            Err(taking_back) => return left_behind(cause, taking_back),
        };
        // As it was before it may be read once more after it was changed.
        if now != before.tag && now != Some(asked.to_string()) {
            return Failure::Superseded(cause);
        }
        let put_back = match &before.tag {
            Some(tag) => self.account.tag(&before.arn, tag).await,
            None => self.account.untag(&before.arn).await,
        };
        match put_back {
            Ok(()) => Failure::TakenBack(cause),
            Err(taking_back) => left_behind(cause, taking_back),
        }
    }

    async fn record(&self, asked: Override, by: Asked) -> Result<OverrideId, StoreError> {
        let record = ScalingOverride {
            id: OverrideId::fresh(),
            minimum: asked.bounds.minimum,
            maximum: asked.bounds.maximum,
            until: asked.until,
            reason: by.reason,
            requested_by: by.by,
            created_at: by.at,
            outcome: Some("requested".to_owned()),
        };
        self.store.record_override(&record).await?;
        Ok(record.id)
    }

    /// What was done is done, whether or not it can be recorded.
    async fn record_outcome<T>(&self, id: OverrideId, done: &str, result: &Result<T, Failure>) {
        let outcome = match result {
            Ok(_) => done.to_owned(),
            Err(failure) => format!("failed: {failure}"),
        };
        if let Err(error) = self.store.set_override_outcome(id, &outcome).await {
            warn!(outcome, error = chain(&error), "what came of an override could not be recorded");
        }
    }
}
