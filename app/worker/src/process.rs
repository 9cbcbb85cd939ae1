//! Takes one message from body to settled: load the job, do it, write its end.

use std::time::Duration;

use jobs::job::Job;
use jobs::log::chain;
use jobs::message::JobMessage;
use jobs::store::{Begin, Finish, Store, StoreError, WorkerId};
use jobs::timestamp::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::perform::perform;
use crate::renew::while_renewing;

/// What is to be done with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The job has its end; the message is of no more use.
    Delete,
    /// It comes back after its visibility timeout, and goes to the dead-letter queue if it keeps doing so.
    Leave,
    /// The database is away. The message is good; taking more of them now would only wear them out.
    PauseAndLeave,
    /// It is for another worker, at once: this one has to stop before the job is done.
    HandBack,
}

/// On what terms a job is taken.
#[derive(Clone, Debug)]
pub struct Terms {
    pub worker: WorkerId,
    pub attempts_max: u32,
    /// How long a job counts as in hand without being renewed.
    pub hold: Duration,
}

pub async fn process(store: &Store, body: &str, terms: &Terms, overdue: &CancellationToken) -> Settled {
    let message = match JobMessage::from_body(body) {
        Ok(message) => message,
        Err(error) => {
            error!(error = chain(&error), "a message is not a job's");
            return Settled::Leave;
        }
    };
    match settle(store, &message, terms, overdue).await {
        Ok(settled) => settled,
        Err(error) => {
            error!(job_id = %message.job_id, error = chain(&error), "a job was not settled");
            Settled::PauseAndLeave
        }
    }
}

async fn settle(
    store: &Store,
    message: &JobMessage,
    terms: &Terms,
    overdue: &CancellationToken,
) -> Result<Settled, StoreError> {
    let job_id = message.job_id;
    let begin = store.begin(job_id, &terms.worker, terms.attempts_max, terms.hold, Timestamp::now()).await?;
    let job = match begin {
        Begin::Begun(job) => job,
        Begin::InHand => {
            info!(%job_id, "another worker is at it");
            return Ok(Settled::Leave);
        }
        Begin::AlreadyFinal(status) => {
            info!(%job_id, %status, "delivered again; nothing to do");
            return Ok(Settled::Delete);
        }
        Begin::GivenUp { reason } => {
            warn!(%job_id, reason, "given up");
            return Ok(Settled::Delete);
        }
        Begin::Unknown => {
            // Perhaps this worker has the wrong database. Deleting the message would lose the job.
            error!(%job_id, "no such job in this database");
            return Ok(Settled::Leave);
        }
    };
    info!(%job_id, kind = job.kind, attempt = job.attempts, "begun");
    let outcome = tokio::select! {
        biased;
        outcome = while_renewing(terms.hold / 3, || renew(store, &job, terms.hold), perform(&job)) => outcome,
        () = overdue.cancelled() => {
            warn!(%job_id, "takes too long to finish before the stop; handing it to another worker");
            store.release(job_id, job.attempts, &terms.worker, Timestamp::now()).await?;
            return Ok(Settled::HandBack);
        }
    };
    let finish = store.finish(job_id, job.attempts, &terms.worker, &outcome, Timestamp::now()).await?;
    match finish {
        Finish::Written => info!(%job_id, ?outcome, "finished"),
        Finish::Superseded => warn!(%job_id, "another worker took over; its result counts"),
    }
    Ok(Settled::Delete)
}

async fn renew(store: &Store, job: &Job, hold: Duration) {
    let until = Timestamp::now().plus(hold);
    if let Err(error) = store.hold_until(job.id, job.attempts, until).await {
        warn!(job_id = %job.id, error = chain(&error), "a job could not be held; another worker may take over");
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
