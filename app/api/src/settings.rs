//! The API's settings, all from the environment; those it shares with the worker are in `jobs::settings`.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `PORT` | where it listens, on all addresses; 0 for any free port | `8080` |
//! | `SHUTDOWN_GRACE_MS` | how long it goes on accepting connections after SIGTERM | `500` |
//! | `SHUTDOWN_TIMEOUT_MS` | how long after SIGTERM it is gone, whatever is unfinished | `10000` |
//! | `CONNECTIONS_MAX` | connections at once; those beyond wait to be accepted | `1000` |
//! | `HEAD_TIMEOUT_MS` | how long a connection may take until the head of its next request is there; longer than a load balancer keeps an idle connection, which is 60 s | `75000` |
//! | `UPLOAD_BYTES_MAX` | the largest file that `/uploads` takes, at most 5 GiB | `104857600` |
//! | `UPLOADS_AT_ONCE` | uploads at once, each holding up to 24 MiB in memory; those beyond are answered 503 | `8` |
//! | `ADMIN_TOKEN` | who sends it may use `/update-scaling`; from 16 to 512 visible characters, out of a secret | |
//! | `SCALING_CLUSTER`, `SCALING_SERVICE` | the worker's ECS service, whose bounds `/update-scaling` changes | |
//! | `SCALING_MAXIMUM` | the most tasks that `/update-scaling` allows | `50` |
//! | `HEALTH` | for demonstrations: `failing` makes `/api/health` answer 500 | `ok` |

use std::time::Duration;

use jobs::environment::{Environment, InvalidSettings};
use jobs::settings::CommonSettings;

use crate::admin::AdminToken;
use crate::body::Patience;
use crate::scaling::account::WorkerService;
use crate::serve::Bounds;
use crate::uploads;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub common: CommonSettings,
    pub port: u16,
    pub shutdown_grace: Duration,
    pub shutdown_timeout: Duration,
    pub bounds: Bounds,
    pub uploads: uploads::Limits,
    pub admin_token: Option<AdminToken>,
    pub worker: Option<WorkerService>,
    pub scaling_maximum: u32,
    pub health: Health,
}

/// What can be set at most: 1,024 parts of 5 MiB, of which S3 takes 10,000.
const UPLOAD_BYTES_LIMIT: u64 = 5 * 1024 * 1024 * 1024;

/// As many tasks as an ECS service may have.
pub const SCALING_MAXIMUM_LIMIT: u32 = 5000;

/// What `/api/health` says of a process that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Ok,
    Failing,
}

impl Settings {
    pub fn read(mut environment: Environment) -> Result<Settings, InvalidSettings> {
        let settings = Settings {
            common: CommonSettings::read(&mut environment, env!("CARGO_PKG_VERSION")),
            port: environment.number("PORT", 8080, 0..=u16::MAX),
            shutdown_grace: environment.milliseconds("SHUTDOWN_GRACE_MS", 500, 60_000),
            shutdown_timeout: environment.milliseconds("SHUTDOWN_TIMEOUT_MS", 10_000, 120_000),
            bounds: Bounds {
                connections_max: environment.number("CONNECTIONS_MAX", 1000, 1..=100_000),
                head_timeout: Duration::from_millis(environment.number(
                    "HEAD_TIMEOUT_MS",
                    75_000,
                    100..=600_000,
                )),
            },
            uploads: uploads::Limits {
                bytes_max: environment.number("UPLOAD_BYTES_MAX", 100 * 1024 * 1024, 1..=UPLOAD_BYTES_LIMIT),
                at_once: environment.number("UPLOADS_AT_ONCE", 8, 1..=1000),
                patience: Patience::default(),
            },
            admin_token: admin_token(&mut environment),
            worker: worker(&mut environment),
            scaling_maximum: environment.number("SCALING_MAXIMUM", 50, 1..=SCALING_MAXIMUM_LIMIT),
            health: health(&mut environment),
        };
        if settings.shutdown_grace >= settings.shutdown_timeout {
            environment.refuse(
                "SHUTDOWN_GRACE_MS must be shorter than SHUTDOWN_TIMEOUT_MS, of which it is a part"
                    .to_owned(),
            );
        }
        environment.accept(settings)
    }
}

fn admin_token(environment: &mut Environment) -> Option<AdminToken> {
    let token = environment.text("ADMIN_TOKEN")?;
    AdminToken::new(&token).map_err(|refusal| environment.refuse(refusal)).ok()
}

fn worker(environment: &mut Environment) -> Option<WorkerService> {
    let (cluster, service) = (environment.text("SCALING_CLUSTER"), environment.text("SCALING_SERVICE"));
    let (Some(cluster), Some(service)) = (&cluster, &service) else {
        if cluster.is_some() || service.is_some() {
            environment
                .refuse("SCALING_CLUSTER and SCALING_SERVICE belong together; one is missing".to_owned());
        }
        return None;
    };
    for (variable, name) in [("SCALING_CLUSTER", cluster), ("SCALING_SERVICE", service)] {
        let plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if name.len() > 255 || !name.chars().all(plain) {
            environment
                .refuse(format!("{variable} must be a name of letters, digits, - and _, not `{name}`"));
        }
    }
    Some(WorkerService { cluster: cluster.clone(), service: service.clone() })
}

fn health(environment: &mut Environment) -> Health {
    match environment.text("HEALTH").as_deref() {
        None | Some("ok") => Health::Ok,
        Some("failing") => Health::Failing,
        Some(other) => {
            environment.refuse(format!("HEALTH must be ok or failing, not `{other}`"));
            Health::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn without_any_variable_it_listens_on_8080_and_is_healthy() {
        let settings = Settings::read(Environment::of([])).unwrap();
        assert_eq!((settings.port, settings.health), (8080, Health::Ok));
        assert_eq!(settings.shutdown_grace, Duration::from_millis(500));
        assert_eq!((settings.uploads.bytes_max, settings.uploads.at_once), (104_857_600, 8));
        assert!(settings.bounds.head_timeout > Duration::from_secs(60), "a load balancer's idle time-out");
    }

    #[test]
    fn a_grace_that_outlasts_the_shutdown_is_refused() {
        let environment = Environment::of([("SHUTDOWN_GRACE_MS", "10000")]);
        let refused = Settings::read(environment).unwrap_err().to_string();
        assert!(refused.contains("SHUTDOWN_GRACE_MS must be shorter"), "{refused}");
    }

    #[test]
    fn an_upload_may_be_5_gib_and_no_larger() {
        let largest = Settings::read(Environment::of([("UPLOAD_BYTES_MAX", "5368709120")])).unwrap();
        assert_eq!(largest.uploads.bytes_max, 5 << 30);
        let refused = Settings::read(Environment::of([("UPLOAD_BYTES_MAX", "5368709121")])).unwrap_err();
        assert!(refused.to_string().contains("from 1 to 5368709120"), "{refused}");
    }

    #[test]
    fn a_misspelt_switch_is_refused_instead_of_ignored() {
        let refused = Settings::read(Environment::of([("HEALTH", "faling")])).unwrap_err();
        assert!(refused.to_string().contains("`faling`"));
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_and_not_shown() {
        let refused = Settings::read(Environment::of([("ADMIN_TOKEN", "hunter2-hunter2")])).unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains("ADMIN_TOKEN must have from 16"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn the_workers_service_is_named_wholly_or_not_at_all() {
        let worker = |environment| Settings::read(environment).map(|settings| settings.worker);
        let named = Environment::of([("SCALING_CLUSTER", "jobs"), ("SCALING_SERVICE", "job-worker")]);
        assert_eq!(worker(named).unwrap().unwrap().service, "job-worker");
        let half = worker(Environment::of([("SCALING_CLUSTER", "jobs")])).unwrap_err().to_string();
        assert!(half.contains("belong together"), "{half}");
        let path = Environment::of([("SCALING_CLUSTER", "jobs"), ("SCALING_SERVICE", "jobs/job-worker")]);
        assert!(worker(path).unwrap_err().to_string().contains("SCALING_SERVICE must be a name"));
    }
}
