//! Which workers are alive, and which scaling overrides people asked for.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::columns::{number, parsed, plain, text, time};
use super::{Store, StoreError, Trouble};
use crate::timestamp::Timestamp;

/// A worker that was seen within this time is alive; it beats four times as often.
pub const WORKER_LIVE: Duration = Duration::from_secs(20);
/// How long a worker is remembered that left without saying so.
const WORKER_REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
const OVERRIDES_MAX: u32 = 500;

crate::id::id! {
    /// A scaling override's id.
    OverrideId
}

/// Names one run of one worker process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct WorkerId(String);

impl WorkerId {
    /// A name that tells it from all others, such as one with the ECS task's id in it.
    pub fn new(name: impl AsRef<str>) -> WorkerId {
        WorkerId(plain(name.as_ref()))
    }

    pub fn fresh() -> WorkerId {
        WorkerId(uuid::Uuid::now_v7().to_string())
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A worker's sign of life.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerBeat {
    pub id: WorkerId,
    pub version: String,
    pub started_at: Timestamp,
    /// How many jobs it is at.
    pub in_hand: u32,
}

/// A person's request to scale between other bounds for a while.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScalingOverride {
    pub id: OverrideId,
    pub minimum: u32,
    pub maximum: u32,
    pub until: Timestamp,
    pub reason: String,
    pub requested_by: String,
    pub created_at: Timestamp,
    /// What came of it; none while it is being done, or if the process died over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

impl Store {
    /// Notes that a worker is alive, and forgets those that have not been heard of for a day.
    pub async fn beat(&self, beat: &WorkerBeat, now: Timestamp) -> Result<(), StoreError> {
        self.in_time("noting a worker's sign of life", async {
            sqlx::query(
                "INSERT INTO workers (id, version, started_at, seen_at, in_hand) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (id) DO UPDATE
                 SET version = excluded.version, seen_at = excluded.seen_at, in_hand = excluded.in_hand",
            )
            .bind(beat.id.to_string())
            .bind(plain(&beat.version))
            .bind(beat.started_at.milliseconds())
            .bind(now.milliseconds())
            .bind(i64::from(beat.in_hand))
            .execute(&self.writers)
            .await?;
            sqlx::query("DELETE FROM workers WHERE seen_at < $1")
                .bind(now.minus(WORKER_REMEMBERED).milliseconds())
                .execute(&self.writers)
                .await?;
            Ok(())
        })
        .await
    }

    /// Notes that a worker stops.
    pub async fn leave(&self, id: &WorkerId) -> Result<(), StoreError> {
        self.in_time("noting that a worker stops", async {
            sqlx::query("DELETE FROM workers WHERE id = $1")
                .bind(id.to_string())
                .execute(&self.writers)
                .await?;
            Ok(())
        })
        .await
    }

    /// How many workers were seen within [`WORKER_LIVE`].
    pub async fn live_workers(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.in_time("counting workers", async {
            let row = sqlx::query("SELECT COUNT(*) AS live FROM workers WHERE seen_at > $1")
                .bind(now.minus(WORKER_LIVE).milliseconds())
                .fetch_one(&self.readers)
                .await?;
            number(&row, "live")
        })
        .await
    }

    /// Writes down that an override was asked for, before anything is done about it.
    pub async fn record_override(&self, asked: &ScalingOverride) -> Result<(), StoreError> {
        self.in_time("recording a scaling override", async {
            sqlx::query(
                "INSERT INTO scaling_overrides
                 (id, minimum, maximum, until, reason, requested_by, created_at, outcome)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(asked.id.to_string())
            .bind(i64::from(asked.minimum))
            .bind(i64::from(asked.maximum))
            .bind(asked.until.milliseconds())
            .bind(plain(&asked.reason))
            .bind(plain(&asked.requested_by))
            .bind(asked.created_at.milliseconds())
            .bind(asked.outcome.as_deref().map(plain))
            .execute(&self.writers)
            .await?;
            Ok(())
        })
        .await
    }

    /// Writes down what came of an override.
    pub async fn set_override_outcome(&self, id: OverrideId, outcome: &str) -> Result<(), StoreError> {
        self.in_time("recording the outcome of a scaling override", async {
            sqlx::query("UPDATE scaling_overrides SET outcome = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(plain(outcome))
                .execute(&self.writers)
                .await?;
            Ok(())
        })
        .await
    }

    /// The overrides that were asked for last, the newest first; at most 500.
    pub async fn overrides(&self, limit: u32) -> Result<Vec<ScalingOverride>, StoreError> {
        self.in_time("reading scaling overrides", async {
            let rows = sqlx::query(
                "SELECT id, minimum, maximum, until, reason, requested_by, created_at, outcome
                 FROM scaling_overrides ORDER BY id DESC LIMIT $1",
            )
            .bind(i64::from(limit.min(OVERRIDES_MAX)))
            .fetch_all(&self.readers)
            .await?;
            rows.iter().map(scaling_override).collect()
        })
        .await
    }
}

fn scaling_override(row: &AnyRow) -> Result<ScalingOverride, Trouble> {
    Ok(ScalingOverride {
        id: parsed(row, "id")?,
        minimum: number(row, "minimum")?,
        maximum: number(row, "maximum")?,
        until: time(row, "until")?,
        reason: text(row, "reason")?,
        requested_by: text(row, "requested_by")?,
        created_at: time(row, "created_at")?,
        outcome: row.try_get("outcome")?,
    })
}
