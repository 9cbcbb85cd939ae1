//! Takes one message from body to settled: load the job, do it, write its end.

use std::time::Duration;

use jobs::job::{Job, JobId, Status};
use jobs::log::chain;
use jobs::message::JobMessage;
use jobs::queue::Message;
use jobs::store::{Begin, Finish, Outcome, StoreError, WorkerId};
use jobs::timestamp::Timestamp;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::intake::Health;
use crate::measures::{self, Ended};
use crate::perform::{Interrupted, Tools, perform};
use crate::renew::while_renewing;

/// How long a job is left alone after something that it needs was away: this, then twice this …
const BACK_OFF_MIN: Duration = Duration::from_secs(5);
/// … and at most this.
const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// How long a job that is done waits for the database to take its end. Done again, it might send its mail again.
const FINISH_TIMEOUT: Duration = Duration::from_secs(120);
const FINISH_PAUSE: Duration = Duration::from_secs(1);
/// The job is free again anyway once its hold lapses.
const RELEASE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// What is to be done with the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The job has its end; the message is of no more use.
    Delete,
    /// Another worker has the job. It comes back after its visibility timeout.
    Leave,
    /// The message is good; it comes back after this long.
    Later(Duration),
    /// It is for another worker, at once: this one has to stop, or is not to begin anything.
    HandBack,
    /// Nobody can do anything with it any more.
    Bury(Epitaph),
}

/// What is written on a message that goes to the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epitaph {
    pub reason: String,
    /// How often the job was begun; of a message that is no job's, how often it was received.
    pub attempts: u32,
    /// None: the message is no job's.
    pub job_id: Option<JobId>,
    /// The job has its end, with the reason; nothing is lost with the message.
    pub job_ended: bool,
}

/// On what terms a job is taken.
#[derive(Clone, Debug)]
pub struct Terms {
    pub worker: WorkerId,
    pub attempts_max: u32,
    /// How long a job counts as in hand without being renewed.
    pub hold: Duration,
}

/// Works on one message. `overdue` ends the work and hands the job to another worker.
pub async fn process(
    tools: &Tools,
    message: &Message,
    terms: &Terms,
    health: &Health,
    overdue: &CancellationToken,
) -> Settled {
    let parsed = match JobMessage::from_body(&message.body) {
        Ok(parsed) => parsed,
        Err(error) => {
            error!(error = chain(&error), "a message is not a job's");
            let reason = format!("the message is not a job's: {error}");
            return Settled::Bury(Epitaph {
                reason,
                attempts: message.receives,
                job_id: None,
                job_ended: false,
            });
        }
    };
    let job_id = parsed.job_id;
    let begin = tools.store.begin(job_id, &terms.worker, terms.attempts_max, terms.hold, Timestamp::now());
    let job = match begin.await {
        Ok(Begin::Begun(job)) => job,
        Ok(begin) => return not_to_begin(tools, message, &parsed, terms, health, begin).await,
        Err(error) => return not_begun(&error, job_id, message, health),
    };
    Attempt { tools, terms, health, overdue, request_id: job.request_id.clone().or(parsed.request_id) }
        .make(&job)
        .await
}

async fn not_to_begin(
    tools: &Tools,
    message: &Message,
    parsed: &JobMessage,
    terms: &Terms,
    health: &Health,
    begin: Begin,
) -> Settled {
    let JobMessage { job_id, request_id } = parsed;
    let buried = |reason: String, attempts| {
        warn!(%job_id, request_id, reason, "given up");
        Settled::Bury(Epitaph { reason, attempts, job_id: Some(*job_id), job_ended: true })
    };
    match begin {
        Begin::InHand => {
            info!(%job_id, request_id, "another worker is at it");
            Settled::Leave
        }
        // The message may be here again because the dead-letter queue did not take it.
        Begin::AlreadyFinal(Status::Failed) if message.receives > 1 => {
            match tools.store.read(*job_id).await {
                Ok(Some(Job { reason: Some(reason), attempts, .. })) if reason.starts_with("given up") => {
                    buried(reason, attempts)
                }
                Ok(_) => Settled::Delete,
                Err(error) => not_begun(&error, *job_id, message, health),
            }
        }
        Begin::AlreadyFinal(status) => {
            info!(%job_id, request_id, %status, "nothing to do");
            Settled::Delete
        }
        Begin::GivenUp { reason } => {
            measures::given_up();
            buried(reason, terms.attempts_max)
        }
        // Perhaps this worker has the wrong database; others may have the right one.
        Begin::Unknown if message.receives < terms.attempts_max => {
            error!(%job_id, request_id, "no such job in this database");
            Settled::Later(back_off(message.receives))
        }
        Begin::Unknown => {
            let reason = format!("there is no job {job_id}");
            Settled::Bury(Epitaph {
                reason,
                attempts: message.receives,
                job_id: Some(*job_id),
                job_ended: false,
            })
        }
        // Handled by the caller.
        Begin::Begun(_) => Settled::Leave,
    }
}

fn not_begun(error: &StoreError, job_id: JobId, message: &Message, health: &Health) -> Settled {
    if error.is_permanent() {
        error!(%job_id, error = chain(error), "the database refuses to begin a job");
    } else {
        error!(%job_id, error = chain(error), "the database does not answer; no messages are taken until it does");
        health.lost();
    }
    Settled::Later(back_off(message.receives))
}

/// 5, 10, 20 … seconds, up to five minutes.
fn back_off(times: u32) -> Duration {
    let doublings = times.saturating_sub(1).min(16);
    (BACK_OFF_MIN * 2_u32.pow(doublings)).min(BACK_OFF_MAX)
}

/// One attempt at one job, from its begin to what became of it.
struct Attempt<'a> {
    tools: &'a Tools,
    terms: &'a Terms,
    health: &'a Health,
    overdue: &'a CancellationToken,
    request_id: Option<String>,
}

impl Attempt<'_> {
    async fn make(&self, job: &Job) -> Settled {
        let Job { id, kind, attempts, .. } = job;
        let request_id = &self.request_id;
        let began = Instant::now();
        info!(job_id = %id, request_id, kind, attempt = attempts, "begun");
        let renewed = while_renewing(self.terms.hold / 3, || self.renew(job), self.work(job));
        let (settled, ended, why) = tokio::select! {
            biased;
            done = renewed => match done {
                Ok((Finish::Written, Outcome::Completed { .. })) => (Settled::Delete, Ended::Completed, None),
                Ok((Finish::Written, Outcome::Failed { reason })) => {
                    (Settled::Delete, Ended::Failed, Some(reason))
                }
                Ok((Finish::Superseded, _)) => (Settled::Delete, Ended::Superseded, None),
                Err(interrupted) => self.interrupted(job, &interrupted).await,
            },
            () = self.overdue.cancelled() => {
                let why = "its worker stops";
                self.release(job, why).await;
                (Settled::HandBack, Ended::Released, Some(why.to_owned()))
            }
        };
        let took = began.elapsed();
        measures::ended(kind, ended, took);
        info!(
            job_id = %id,
            request_id,
            kind,
            attempt = attempts,
            outcome = ended.name(),
            reason = why,
            milliseconds = took.as_millis() as u64,
            "ended"
        );
        settled
    }

    /// Does the job and writes its end. What the database refuses because of the data, it would refuse every time, so
    /// that fails the job; that it does not answer is no fault of the job.
    async fn work(&self, job: &Job) -> Result<(Finish, Outcome), Interrupted> {
        let done = async {
            let outcome = perform(self.tools, job).await?;
            Ok((self.finish(job, &outcome).await?, outcome))
        };
        match done.await {
            Err(Interrupted::Database(error)) if error.is_permanent() => {
                let outcome = Outcome::Failed { reason: chain(&error) };
                Ok((self.finish(job, &outcome).await?, outcome))
            }
            done => done,
        }
    }

    /// Writes the end of a job that is done, and does not give up over a database that is away for a moment.
    async fn finish(&self, job: &Job, outcome: &Outcome) -> Result<Finish, StoreError> {
        let give_up = Instant::now() + FINISH_TIMEOUT;
        loop {
            let (store, worker) = (&self.tools.store, &self.terms.worker);
            match store.finish(job.id, job.attempts, worker, outcome, Timestamp::now()).await {
                Ok(finish) => return Ok(finish),
                Err(error) if !error.is_permanent() && Instant::now() < give_up => {
                    self.health.lost();
                    warn!(job_id = %job.id, error = chain(&error), "the end of a job could not be written; trying again");
                    tokio::time::sleep(FINISH_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn interrupted(&self, job: &Job, why: &Interrupted) -> (Settled, Ended, Option<String>) {
        match why {
            Interrupted::Database(error) if !error.is_permanent() => self.health.lost(),
            Interrupted::Database(_) | Interrupted::Objects(_) | Interrupted::Mail(_) => {}
        }
        let why = why.to_string();
        self.release(job, &why).await;
        (Settled::Later(back_off(job.attempts)), Ended::Released, Some(why))
    }

    async fn release(&self, job: &Job, why: &str) {
        let (store, worker) = (&self.tools.store, &self.terms.worker);
        let release = store.release(job.id, job.attempts, worker, why, Timestamp::now());
        let error = match timeout(RELEASE_TIMEOUT, release).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(late) => late.to_string(),
        };
        warn!(job_id = %job.id, error, "a job could not be released; it is free once its hold lapses");
    }

    async fn renew(&self, job: &Job) {
        let until = Timestamp::now().plus(self.terms.hold);
        if let Err(error) = self.tools.store.hold_until(job.id, job.attempts, until).await {
            warn!(job_id = %job.id, error = chain(&error), "a job could not be held; another worker may take over");
        }
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
