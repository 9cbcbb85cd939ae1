//! Does the work of each kind.

use jobs::job::Job;
use jobs::log::chain;
use jobs::objects::{Objects, ObjectsError};
use jobs::store::{Outcome, Store, StoreError, UploadId};
use jobs::timestamp::Timestamp;
use jobs::work::Work;
use serde_json::Value;

use crate::email::{Mailer, NotSent};
use crate::import::import;
use crate::report::report;

/// What the work of all kinds is done with.
pub struct Tools {
    pub store: Store,
    pub objects: Objects,
    pub mailer: Mailer,
}

/// Why a job has no end yet, through no fault of its own: something that it needs is away.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    #[error("{}", chain(.0))]
    Database(#[from] StoreError),
    #[error("{}", chain(.0))]
    Objects(#[from] ObjectsError),
    #[error("{0}")]
    Mail(String),
}

/// May be called again for the same job, also while another worker is at it.
pub async fn perform(tools: &Tools, job: &Job) -> Result<Outcome, Interrupted> {
    let work = match Work::parse(&job.kind, &job.payload) {
        Ok(work) => work,
        // The API checks as well; but it may be a version ahead of this worker.
        Err(invalid) => return Ok(Outcome::Failed { reason: invalid.to_string() }),
    };
    match work {
        Work::Sleep { duration, fail_with } => {
            tokio::time::sleep(duration).await;
            Ok(match fail_with {
                None => Outcome::Completed { result: None },
                Some(reason) => Outcome::Failed { reason },
            })
        }
        Work::CsvImport { upload } => import_upload(tools, job, upload).await,
        Work::Email { to, template, values } => {
            match tools.mailer.send(job.id, &to, template, &values, Timestamp::now()).await {
                Ok(result) => Ok(Outcome::Completed { result: Some(result) }),
                Err(NotSent::Refused(reason)) => Ok(Outcome::Failed { reason }),
                Err(NotSent::Later(reason)) => Err(Interrupted::Mail(reason)),
            }
        }
        Work::Report { import } => report(&tools.store, &tools.objects, job.id, import).await.map(ended),
    }
}

async fn import_upload(tools: &Tools, job: &Job, id: UploadId) -> Result<Outcome, Interrupted> {
    let failed = |reason: String| Ok(Outcome::Failed { reason });
    let Some(upload) = tools.store.upload(&id).await? else {
        return failed(format!("there is no upload {id}"));
    };
    match tools.objects.get(&upload.object).await? {
        Some(content) => import(&tools.store, &tools.objects, job.id, content.body).await.map(ended),
        None => failed(format!("the file of upload {id} is gone: there is no object `{}`", upload.object)),
    }
}

fn ended(result: Result<Value, String>) -> Outcome {
    match result {
        Ok(result) => Outcome::Completed { result: Some(result) },
        Err(reason) => Outcome::Failed { reason },
    }
}
