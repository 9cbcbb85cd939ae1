//! E-mail: a template filled in, and handed to where the mail goes.

mod folder;
mod mime;
mod ses;
mod template;

use std::path::PathBuf;

use aws_config::SdkConfig;
use jobs::address::Address;
use jobs::job::JobId;
use jobs::timestamp::Timestamp;
use jobs::work::Template;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use mime::Envelope;
use template::{Letter, Values};

/// Where the mail goes and from whom, as the settings say.
#[derive(Clone, Debug, PartialEq)]
pub struct MailSettings {
    pub to: MailTo,
    pub from: Address,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MailTo {
    Folder(PathBuf),
    Ses,
}

/// Sends the mail of all jobs.
pub struct Mailer(Option<(Address, Sink)>);

enum Sink {
    Folder(PathBuf),
    Ses(aws_sdk_sesv2::Client),
}

/// Why a message was not sent.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum NotSent {
    /// It would be the same the next time.
    #[error("{0}")]
    Refused(String),
    /// It may be taken the next time.
    #[error("{0}")]
    Later(String),
}

impl Mailer {
    /// Without settings, e-mail jobs fail and say so.
    pub fn new(settings: Option<MailSettings>, aws: &SdkConfig) -> Mailer {
        Mailer(settings.map(|MailSettings { to, from }| {
            let sink = match to {
                MailTo::Folder(folder) => Sink::Folder(folder),
                MailTo::Ses => Sink::Ses(ses::client(aws)),
            };
            (from, sink)
        }))
    }

    /// Sends one message and says where it went: the result of the job.
    ///
    /// A job that is done again sends again through SES, and writes the same file again in a folder.
    pub async fn send(
        &self,
        job: JobId,
        to: &Address,
        template: Template,
        values: &Values,
        now: Timestamp,
    ) -> Result<Value, NotSent> {
        let letter = Letter::render(template, values).map_err(|error| NotSent::Refused(error.to_string()))?;
        let Some((from, sink)) = &self.0 else {
            return Err(NotSent::Refused(
                "this worker sends no mail: MAIL_URL is not set (file:///folder or ses:)".into(),
            ));
        };
        match sink {
            Sink::Folder(folder) => {
                let id = job.to_string();
                let envelope = Envelope { from, to, date: &date(now), id: &id };
                let name = folder::write(folder, job, &mime::message(&envelope, &letter))
                    .await
                    .map_err(|error| NotSent::Later(format!("writing to {}: {error}", folder.display())))?;
                Ok(json!({"sink": "folder", "message": name}))
            }
            Sink::Ses(client) => {
                let id = ses::send(client, from, to, &letter).await?;
                Ok(json!({"sink": "ses", "message": id}))
            }
        }
    }
}

/// As RFC 5322 writes it.
fn date(now: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp(now.milliseconds().div_euclid(1000))
        .ok()
        .and_then(|moment| moment.format(&Rfc2822).ok())
        // Years that RFC 5322 can't write; the clock is wrong, the mail is not.
        .unwrap_or_else(|| "Thu, 01 Jan 1970 00:00:00 +0000".to_owned())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
