//! Begins and ends an override: recorded first, then the tag, then the bounds; and taken back if it can't be completed.
//!
//! The tag comes before the bounds, for the operator would set bounds back that no tag explains.

use std::sync::Arc;

use jobs::log::chain;
use jobs::store::{OverrideId, ScalingOverride, Store, StoreError};
use jobs::timestamp::Timestamp;
use tokio::sync::Mutex;
use tracing::{Instrument, Span, info, warn};

use crate::scaling::account::{Account, AwsError, Live};
use crate::scaling::{Bounds, Override, whole_second};

/// How many recorded overrides are shown.
const RECORDS_SHOWN: u32 = 20;

pub struct Scaling {
    pub account: Account,
    pub store: Store,
    /// What `maximum` may be at most.
    pub maximum_allowed: u32,
    /// Held during a change: two at once could each take back what the other has done.
    one_at_a_time: Mutex<()>,
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
    Busy,
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
    #[error("{0}; the override may have ended or not: look, and try again")]
    Unknown(AwsError),
    #[error("the change ended in a defect of this service")]
    Defect,
}

impl Scaling {
    pub fn new(account: Account, store: Store, maximum_allowed: u32) -> Arc<Scaling> {
        Arc::new(Scaling { account, store, maximum_allowed, one_at_a_time: Mutex::default() })
    }

    /// Puts other bounds in force until `begun.until`.
    pub async fn begin(self: &Arc<Self>, begun: Override, asked: Asked) -> Result<Begun, Failure> {
        let scaling = self.clone();
        to_its_end(async move {
            let _alone = scaling.one_at_a_time.try_lock().map_err(|_| Failure::Busy)?;
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
        to_its_end(async move {
            let _alone = scaling.one_at_a_time.try_lock().map_err(|_| Failure::Busy)?;
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

    async fn take_back(&self, before: &Live, asked: Override, cause: AwsError) -> Failure {
        let put_back = match &before.tag {
            Some(tag) => self.account.tag(&before.arn, tag).await,
            None => self.account.untag(&before.arn).await,
        };
        match put_back {
            Ok(()) => Failure::TakenBack(cause),
            Err(taking_back) => Failure::LeftBehind { cause, taking_back, tag: asked.to_string() },
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

/// Runs a change to its end, also when its client goes away in the middle of it.
async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(change.instrument(Span::current())).await.unwrap_or(Err(Failure::Defect))
}
