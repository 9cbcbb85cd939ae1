//! The worker's settings, all from the environment; those it shares with the API are in `jobs::settings`.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `JOBS_AT_ONCE` | how many jobs are in hand at most | `4` |
//! | `VISIBILITY_SECONDS` | how long a message stays hidden unless the worker renews it | `30` |
//! | `ATTEMPTS_MAX` | how often a job is begun before it is given up; an attempt that was released does not count | `5` |
//! | `SHUTDOWN_TIMEOUT_MS` | from SIGTERM to the end of the process; stay below the container's `stopTimeout` | `25000` |
//! | `DEAD_LETTER_QUEUE_URL` | where messages go that can't be worked on, with the reason as attributes | |
//! | `DEAD_LETTER_QUEUE_NAME` | the same by name, when there is no URL; without both they stay in their queue | |
//! | `MAIL_URL` | where e-mail goes: `file:///folder` or `ses:`; without it e-mail jobs fail | |
//! | `MAIL_FROM` | the sender; SES has to know it, and there is no default for it | `jobs@example.com` in a folder |
//! | `SERVICE_NAME` | the dimension `Service` of the backlog's metrics | `job-worker` |
//! | `BACKLOG_EVERY_SECONDS` | how often the backlog is written for CloudWatch; 0 for never | `30` |
//! | `METRICS_PORT` | where Prometheus finds `/metrics`; 0 for nowhere | `0` |
//! | `ECS_AGENT_URI` | set by ECS: the agent that protects the task while it has jobs in hand | |
//!
//! A queue's own redrive policy should allow many more receives than `ATTEMPTS_MAX`: the worker moves messages to
//! the dead-letter queue itself, with the reason.

use std::path::PathBuf;
use std::time::Duration;

use jobs::environment::{Environment, InvalidSettings};
use jobs::settings::{CommonSettings, QueueAddress};

use crate::email::{MailSettings, MailTo};

/// Stands for nobody; a folder is not particular about the sender.
const FOLDER_FROM: &str = "jobs@example.com";

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub common: CommonSettings,
    pub jobs_at_once: u32,
    pub visibility: Duration,
    pub attempts_max: u32,
    /// Below ECS's default `stopTimeout` of 30 s, after which the process would be killed.
    pub shutdown_timeout: Duration,
    pub dead_letters: Option<QueueAddress>,
    /// None: mail goes nowhere.
    pub mail: Option<MailSettings>,
    pub service_name: String,
    /// None: the backlog is not written.
    pub backlog_every: Option<Duration>,
    /// None: there is no port for metrics.
    pub metrics_port: Option<u16>,
    pub ecs_agent_uri: Option<String>,
}

impl Settings {
    pub fn read(mut environment: Environment) -> Result<Settings, InvalidSettings> {
        let backlog_seconds = environment.number("BACKLOG_EVERY_SECONDS", 30, 0..=3_600);
        let metrics_port = environment.number("METRICS_PORT", 0, 0..=u16::MAX);
        let settings = Settings {
            common: CommonSettings::read(&mut environment, env!("CARGO_PKG_VERSION")),
            jobs_at_once: environment.number("JOBS_AT_ONCE", 4, 1..=64),
            // 12 hours is the longest that SQS hides a message.
            visibility: Duration::from_secs(environment.number("VISIBILITY_SECONDS", 30, 3..=43_200)),
            attempts_max: environment.number("ATTEMPTS_MAX", 5, 1..=100),
            shutdown_timeout: environment.milliseconds("SHUTDOWN_TIMEOUT_MS", 25_000, 120_000),
            dead_letters: environment
                .text("DEAD_LETTER_QUEUE_URL")
                .map(QueueAddress::Url)
                .or_else(|| environment.text("DEAD_LETTER_QUEUE_NAME").map(QueueAddress::Name)),
            mail: mail(&mut environment),
            service_name: environment.text("SERVICE_NAME").unwrap_or_else(|| "job-worker".to_owned()),
            backlog_every: (backlog_seconds > 0).then(|| Duration::from_secs(backlog_seconds)),
            metrics_port: (metrics_port > 0).then_some(metrics_port),
            ecs_agent_uri: environment.text("ECS_AGENT_URI"),
        };
        environment.accept(settings)
    }
}

fn mail(environment: &mut Environment) -> Option<MailSettings> {
    let url = environment.text("MAIL_URL")?;
    let Some(to) = mail_to(&url) else {
        environment.refuse(format!("MAIL_URL must be file:///folder or ses:, not `{url}`"));
        return None;
    };
    let from = match (environment.text("MAIL_FROM"), &to) {
        (Some(from), _) => from,
        (None, MailTo::Folder(_)) => FOLDER_FROM.to_owned(),
        (None, MailTo::Ses) => {
            environment.refuse("MAIL_FROM must be set, to an address that SES may send from".to_owned());
            return None;
        }
    };
    match from.parse() {
        Ok(from) => Some(MailSettings { to, from }),
        Err(invalid) => {
            environment.refuse(format!("MAIL_FROM: {invalid}"));
            None
        }
    }
}

fn mail_to(url: &str) -> Option<MailTo> {
    match url {
        "ses:" | "ses://" => Some(MailTo::Ses),
        _ => url
            .strip_prefix("file://")
            .filter(|path| path.starts_with('/'))
            .map(|path| MailTo::Folder(PathBuf::from(path))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal<const N: usize>(pairs: [(&str, &str); N]) -> String {
        Settings::read(Environment::of(pairs)).unwrap_err().to_string()
    }

    #[test]
    fn without_any_variable_it_stops_before_ecs_kills_it() {
        let settings = Settings::read(Environment::of([])).unwrap();
        assert!(settings.shutdown_timeout < Duration::from_secs(30));
        assert_eq!(settings.mail, None);
    }

    #[test]
    fn a_number_out_of_its_bounds_is_refused() {
        // Among them a visibility that SQS would refuse.
        for (name, number) in [("VISIBILITY_SECONDS", "43201"), ("JOBS_AT_ONCE", "0"), ("JOBS_AT_ONCE", "65")]
        {
            assert!(refusal([(name, number)]).contains(name), "{name}={number}");
        }
    }

    #[test]
    fn mail_goes_to_a_folder_or_to_ses() {
        let read = |url, from| {
            let environment = Environment::of([("MAIL_URL", url), ("MAIL_FROM", from)]);
            let mail = Settings::read(environment).unwrap().mail.unwrap();
            (mail.to, mail.from.to_string())
        };
        let folder = MailTo::Folder("/var/mail".into());
        assert_eq!(read("file:///var/mail", ""), (folder, "jobs@example.com".into()));
        for url in ["ses:", "ses://"] {
            assert_eq!(read(url, "jobs@example.org"), (MailTo::Ses, "jobs@example.org".into()));
        }
    }

    #[test]
    fn mail_that_could_not_be_sent_is_refused_at_the_start() {
        assert_eq!(
            refusal([("MAIL_URL", "smtp://mail")]),
            "invalid settings: MAIL_URL must be file:///folder or ses:, not `smtp://mail`"
        );
        assert!(refusal([("MAIL_URL", "file://relative")]).contains("not `file://relative`"));
        assert!(refusal([("MAIL_URL", "ses:")]).contains("MAIL_FROM must be set"));
        let refused = refusal([("MAIL_URL", "ses:"), ("MAIL_FROM", "Jobs <jobs@example.org>")]);
        assert!(
            refused.contains("MAIL_FROM: `Jobs <jobs@example.org>` is not an e-mail address"),
            "{refused}"
        );
    }
}
