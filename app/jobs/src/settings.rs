//! Settings that the API and the worker have in common; each binary's own are in its `settings.rs`.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `DATABASE_URL` | `sqlite:<path>` or `postgres://<user>:<password>@<host>/<database>`, with `?sslmode=verify-full` for TLS | `sqlite:jobs.db` |
//! | `DATABASE_POOL_MAX` | connections to PostgreSQL that are open at once | `10` |
//! | `OBJECTS_URL` | `file:///absolute/folder` or `s3://bucket/prefix`, where uploads and reports are | the folder `objects` |
//! | `QUEUE_URL` | the queue | |
//! | `QUEUE_NAME` | the queue by name, when there is no `QUEUE_URL` | `jobs` |
//! | `APP_VERSION` | the version that is shown and logged | the crate's |
//! | `LOG_LEVEL` | `error`, `warn`, `info`, `debug` or `trace` | `info` |
//! | `FAIL_AT_START` | for demonstrations: print this and exit 1 | |
//!
//! Region, credentials and `AWS_ENDPOINT_URL` are read by the AWS SDK itself; `AWS_ENDPOINT_URL_S3` counts for objects.

use tracing::level_filters::LevelFilter;

use crate::environment::Environment;
use crate::objects::ObjectsSettings;
use crate::store::Limits;

#[derive(Clone, Debug, PartialEq)]
pub struct CommonSettings {
    pub database_url: String,
    pub database_limits: Limits,
    pub objects: ObjectsSettings,
    pub queue: QueueAddress,
    pub version: String,
    pub log_level: LevelFilter,
    pub fail_at_start: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum QueueAddress {
    Url(String),
    Name(String),
}

impl CommonSettings {
    pub fn read(environment: &mut Environment, own_version: &str) -> CommonSettings {
        let or = |name, default: &str| environment.text(name).unwrap_or_else(|| default.to_owned());
        let queue = match environment.text("QUEUE_URL") {
            Some(url) => QueueAddress::Url(url),
            None => QueueAddress::Name(or("QUEUE_NAME", "jobs")),
        };
        let database_url = or("DATABASE_URL", "sqlite:jobs.db");
        let version = or("APP_VERSION", own_version);
        let database_limits = Limits {
            connections_max: environment.number(
                "DATABASE_POOL_MAX",
                Limits::default().connections_max,
                1..=500,
            ),
            ..Limits::default()
        };
        CommonSettings {
            database_url,
            database_limits,
            objects: ObjectsSettings::read(environment),
            queue,
            version,
            log_level: log_level(environment),
            fail_at_start: environment.text("FAIL_AT_START"),
        }
    }
}

fn log_level(environment: &mut Environment) -> LevelFilter {
    let Some(text) = environment.text("LOG_LEVEL") else {
        return LevelFilter::INFO;
    };
    text.parse().unwrap_or_else(|_| {
        environment.refuse(format!("LOG_LEVEL must be error, warn, info, debug or trace, not `{text}`"));
        LevelFilter::INFO
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_queue_url_wins_over_a_queue_name() {
        let read = |mut environment: Environment| CommonSettings::read(&mut environment, "0.1.0").queue;
        assert_eq!(
            read(Environment::of([("QUEUE_URL", "http://q"), ("QUEUE_NAME", "n")])),
            QueueAddress::Url("http://q".into())
        );
        assert_eq!(read(Environment::of([])), QueueAddress::Name("jobs".into()));
    }

    #[test]
    fn an_unknown_log_level_is_refused() {
        let mut environment = Environment::of([("LOG_LEVEL", "loud")]);
        CommonSettings::read(&mut environment, "0.1.0");
        assert!(environment.accept(()).unwrap_err().to_string().contains("`loud`"));
    }
}
