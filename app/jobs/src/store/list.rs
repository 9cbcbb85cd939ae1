//! Looking at jobs: one, a page of them, how many there are, and what changed since somebody looked last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use sqlx::{AssertSqlSafe, Row};

use super::columns::{job, job_columns, number, parsed, time};
use super::{Store, StoreError, Trouble};
use crate::job::{Job, JobId, Status};
use crate::timestamp::Timestamp;

/// The most jobs of one page.
pub const LIST_MAX: u32 = 500;

/// How far [`Store::changed_since`] looks back for changes whose transaction ended after a later one's: as long
/// as a change may take to be written, and some for clocks that differ.
const LATE: Duration = Duration::from_secs(15);
/// How many changes are looked at in one go.
const CHANGES_BATCH: i64 = 1_000;

/// Which jobs are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListJobs {
    pub status: Option<Status>,
    /// The `next` of the page before.
    pub after: Option<JobId>,
    /// At least 1 and at most [`LIST_MAX`]; a number beyond counts as the nearest of these.
    pub limit: u32,
}

/// Some jobs, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobPage {
    pub jobs: Vec<Job>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<JobId>,
}

/// How far somebody has read what changed. Shown as text it can be handed out and taken back; what lies less than
/// 15 s before it is then told again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeMark {
    at: Timestamp,
    /// What was told already of the last [`LATE`].
    told: BTreeSet<(Timestamp, JobId)>,
}

impl ChangeMark {
    /// Everything that changes from `now` on, and what changed up to 15 s before.
    pub fn starting(now: Timestamp) -> ChangeMark {
        ChangeMark { at: now, told: BTreeSet::new() }
    }

    fn floor(&self) -> Timestamp {
        self.at.minus(LATE)
    }

    fn tell(&mut self, at: Timestamp, id: JobId) {
        self.told.insert((at, id));
        if at > self.at {
            self.at = at;
        }
    }

    fn forget(&mut self) {
        let floor = self.floor();
        self.told.retain(|(at, _)| *at >= floor);
    }

    #[cfg(test)]
    pub(super) fn told(&self) -> usize {
        self.told.len()
    }
}

impl fmt::Display for ChangeMark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.milliseconds().fmt(formatter)
    }
}

impl FromStr for ChangeMark {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<ChangeMark, ParseIntError> {
        text.parse().map(|at| ChangeMark::starting(Timestamp::from_milliseconds(at)))
    }
}

impl Store {
    pub async fn read(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.in_time("reading a job", async {
            let row = sqlx::query(concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1"))
                .bind(id.to_string())
                .fetch_optional(&self.readers)
                .await?;
            row.as_ref().map(job).transpose()
        })
        .await
    }

    /// A page of jobs, the newest first.
    pub async fn list(&self, asked: ListJobs) -> Result<JobPage, StoreError> {
        let limit = asked.limit.clamp(1, LIST_MAX);
        // Sorts behind every id, whatever the locale.
        let after = asked.after.map_or_else(|| "g".to_owned(), |id| id.to_string());
        let mut jobs = self
            .in_time("listing jobs", async {
                let query = match asked.status {
                    None => sqlx::query(concat!(
                        "SELECT ",
                        job_columns!(),
                        " FROM jobs WHERE id < $1 ORDER BY id DESC LIMIT $2"
                    )),
                    Some(_) => sqlx::query(concat!(
                        "SELECT ",
                        job_columns!(),
                        " FROM jobs WHERE id < $1 AND status = $3 ORDER BY id DESC LIMIT $2"
                    )),
                };
                let mut query = query.bind(after).bind(i64::from(limit) + 1);
                if let Some(status) = asked.status {
                    query = query.bind(status.name());
                }
                let rows = query.fetch_all(&self.readers).await?;
                rows.iter().map(job).collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let more = jobs.len() > limit as usize;
        jobs.truncate(limit as usize);
        let next = if more { jobs.last().map(|job| job.id) } else { None };
        Ok(JobPage { jobs, next })
    }

    /// The jobs that changed since `mark`, each as it is now, in the order in which they changed; and the mark to
    /// ask with next. At most `limit` jobs: when that many came, ask again at once.
    ///
    /// Nothing is left out, also when a change becomes visible after a later one. A job may be told twice.
    pub async fn changed_since(
        &self,
        mark: &ChangeMark,
        limit: u32,
    ) -> Result<(Vec<Job>, ChangeMark), StoreError> {
        let limit = limit.clamp(1, LIST_MAX) as usize;
        self.in_time("reading what changed", async {
            let changes = self.untold(mark, limit).await?;
            let jobs = self.read_all(changes.iter().map(|(_, id)| *id)).await?;
            let mut mark = mark.clone();
            for (at, id) in changes {
                mark.tell(at, id);
            }
            for job in &jobs {
                // It may have changed again since its change was read.
                mark.tell(job.updated_at, job.id);
            }
            mark.forget();
            Ok((jobs, mark))
        })
        .await
    }

    /// Up to `limit` changes that the mark has not told, the first first.
    async fn untold(&self, mark: &ChangeMark, limit: usize) -> Result<Vec<(Timestamp, JobId)>, Trouble> {
        let mut untold = Vec::new();
        let mut from = (mark.floor(), String::new());
        loop {
            let rows = sqlx::query(
                "SELECT updated_at, id FROM jobs WHERE (updated_at, id) > ($1, $2)
                 ORDER BY updated_at, id LIMIT $3",
            )
            .bind(from.0.milliseconds())
            .bind(&from.1)
            .bind(CHANGES_BATCH)
            .fetch_all(&self.readers)
            .await?;
            for row in &rows {
                let change = (time(row, "updated_at")?, parsed::<JobId>(row, "id")?);
                if !mark.told.contains(&change) {
                    untold.push(change);
                }
                if untold.len() == limit {
                    return Ok(untold);
                }
                from = (change.0, change.1.to_string());
            }
            if (rows.len() as i64) < CHANGES_BATCH {
                return Ok(untold);
            }
        }
    }

    async fn read_all(&self, ids: impl Iterator<Item = JobId>) -> Result<Vec<Job>, Trouble> {
        let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=ids.len()).map(|number| format!("${number}")).collect();
        let sql = format!(
            concat!("SELECT ", job_columns!(), " FROM jobs WHERE id IN ({}) ORDER BY updated_at, id"),
            places.join(", ")
        );
        // Holds nothing but numbered places.
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for id in ids {
            query = query.bind(id);
        }
        query.fetch_all(&self.readers).await?.iter().map(job).collect()
    }

    /// How many jobs there are of each status, those of which there are none included.
    pub async fn counts(&self) -> Result<BTreeMap<Status, u64>, StoreError> {
        self.in_time("counting jobs", async {
            let rows = sqlx::query("SELECT status, COUNT(*) AS jobs FROM jobs GROUP BY status")
                .fetch_all(&self.readers)
                .await?;
            let mut counts: BTreeMap<Status, u64> =
                Status::ALL.into_iter().map(|status| (status, 0)).collect();
            for row in &rows {
                counts.insert(parsed(row, "status")?, number(row, "jobs")?);
            }
            Ok(counts)
        })
        .await
    }

    /// When the job was submitted that has waited longest for a worker.
    pub async fn oldest_queued(&self) -> Result<Option<Timestamp>, StoreError> {
        self.in_time("looking for the oldest job", async {
            // Ids sort by time, and there is an index.
            let row = sqlx::query(
                "SELECT created_at FROM jobs WHERE status = 'SUBMITTED' ORDER BY status, id LIMIT 1",
            )
            .fetch_optional(&self.readers)
            .await?;
            let time = |row: sqlx::any::AnyRow| row.try_get("created_at").map(Timestamp::from_milliseconds);
            Ok(row.map(time).transpose()?)
        })
        .await
    }
}
