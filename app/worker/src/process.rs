//! Takes one message from body to settled: load the job, do it, write its end.

use jobs::log::chain;
use jobs::message::JobMessage;
use jobs::store::{Begin, Finish, Store, StoreError};
use jobs::timestamp::Timestamp;
use tracing::{error, info, warn};

use crate::perform::perform;

/// What is to be done with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The job has its end; the message is of no more use.
    Delete,
    /// It comes back after its visibility timeout, and goes to the dead-letter queue if it keeps doing so.
    Leave,
    /// The database is away. The message is good; taking more of them now would only wear them out.
    PauseAndLeave,
}

pub async fn process(store: &Store, body: &str, attempts_max: u32) -> Settled {
    let message = match JobMessage::from_body(body) {
        Ok(message) => message,
        Err(error) => {
            error!(error = chain(&error), "a message is not a job's");
            return Settled::Leave;
        }
    };
    match settle(store, &message, attempts_max).await {
        Ok(settled) => settled,
        Err(error) => {
            error!(job_id = %message.job_id, error = chain(&error), "a job was not settled");
            Settled::PauseAndLeave
        }
    }
}

async fn settle(store: &Store, message: &JobMessage, attempts_max: u32) -> Result<Settled, StoreError> {
    let job_id = message.job_id;
    let job = match store.begin(job_id, attempts_max, Timestamp::now()).await? {
        Begin::Begun(job) => job,
        Begin::AlreadyFinal(status) => {
            info!(%job_id, %status, "delivered again; nothing to do");
            return Ok(Settled::Delete);
        }
        Begin::GivenUp => {
            warn!(%job_id, attempts_max, "given up");
            return Ok(Settled::Delete);
        }
        Begin::Unknown => {
            // Perhaps this worker has the wrong database. Deleting the message would lose the job.
            error!(%job_id, "no such job in this database");
            return Ok(Settled::Leave);
        }
    };
    info!(%job_id, kind = job.kind, attempt = job.attempts, "begun");
    let outcome = perform(&job).await;
    let finish = store.finish(job_id, job.attempts, &outcome, Timestamp::now()).await?;
    match finish {
        Finish::Written => info!(%job_id, ?outcome, "finished"),
        Finish::Superseded => warn!(%job_id, "another worker took over; its result counts"),
    }
    Ok(Settled::Delete)
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
