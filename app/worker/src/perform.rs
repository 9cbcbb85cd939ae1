//! Does the work of each kind.

use jobs::job::Job;
use jobs::store::Outcome;
use jobs::work::Work;

/// Never fails otherwise than by outcome. May be called again for the same job.
pub async fn perform(job: &Job) -> Outcome {
    let work = match Work::parse(&job.kind, &job.payload) {
        Ok(work) => work,
        // The API checks as well; but it may be a version ahead of this worker.
        Err(invalid) => {
            return Outcome::Failed { reason: invalid.to_string() };
        }
    };
    match work {
        Work::Sleep { duration, fail_with } => {
            tokio::time::sleep(duration).await;
            match fail_with {
                None => Outcome::Completed { result: None },
                Some(reason) => Outcome::Failed { reason },
            }
        }
        Work::CsvImport { .. } | Work::Email { .. } | Work::Report { .. } => {
            Outcome::Failed { reason: format!("this worker can't do `{}` jobs yet", job.kind) }
        }
    }
}
