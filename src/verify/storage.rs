//! What containers read from and write to: log groups, environment files, file systems.

use super::reference::Arn;
use super::{Verdict, View, error, warning};
use crate::model::Subject;

/// The log group of an `awslogs` driver.
#[derive(Clone, Debug)]
pub(super) struct LogGroup {
    pub(super) region: String,
    pub(super) name: String,
    /// `awslogs-create-group`
    pub(super) create: bool,
    /// The name of the role that would create it.
    pub(super) role: Option<String>,
}

impl LogGroup {
    pub(super) fn subject(&self) -> Subject {
        Subject::LogGroup { region: self.region.clone(), name: self.name.clone() }
    }

    pub(super) fn judge(&self, view: &View<'_>) -> Option<Verdict> {
        match view.look(&self.subject(), "log groups") {
            Ok(Some(_)) => None,
            Ok(None) if self.create => {
                let who =
                    self.role.as_ref().map_or("the instance".to_owned(), |role| format!("role `{role}`"));
                Some(warning(
                    format!("there is no log group `{}` in {} yet", self.name, self.region),
                    format!(
                        "create it, or let {who} do it: that takes logs:CreateLogGroup, which AWS's \
                         AmazonECSTaskExecutionRolePolicy does not allow"
                    ),
                ))
            }
            Ok(None) => Some(error(
                format!(
                    "there is no log group `{}` in {}, and a task does not start without",
                    self.name, self.region
                ),
                "create it, or set the option awslogs-create-group: \"true\"",
            )),
            Err(verdict) => Some(verdict),
        }
    }
}

/// The bucket and key of an environment file.
pub(super) fn object(value: &str) -> Option<Subject> {
    let arn = Arn::read(value).filter(|arn| arn.service == "s3")?;
    let (bucket, key) = arn.resource.split_once('/')?;
    Some(Subject::Object { bucket: bucket.to_owned(), key: key.to_owned() })
}

pub(super) fn judge_environment_file(value: &str, view: &View<'_>) -> Option<Verdict> {
    let Some(subject) = object(value) else {
        let advice = "it needs `arn:aws:s3:::BUCKET/KEY.env`";
        return Some(error(format!("`{value}` is not an object in S3"), advice));
    };
    match view.look(&subject, "environment files") {
        Ok(Some(_)) => None,
        Ok(None) => {
            Some(error(format!("there is no environment file `{value}`"), "upload it, or correct its name"))
        }
        Err(verdict) => Some(verdict),
    }
}

pub(super) fn judge_file_system(id: &str, view: &View<'_>) -> Option<Verdict> {
    match view.look(&Subject::FileSystem(id.to_owned()), "EFS file systems") {
        Ok(Some(found)) if found["LifeCycleState"] == "deleting" || found["LifeCycleState"] == "deleted" => {
            Some(error(format!("EFS file system `{id}` is being deleted"), "name another"))
        }
        Ok(Some(_)) => None,
        Ok(None) => {
            let what = format!("there is no EFS file system `{id}` in {}", view.context.region);
            Some(error(what, "create it, or correct its id"))
        }
        Err(verdict) => Some(verdict),
    }
}
