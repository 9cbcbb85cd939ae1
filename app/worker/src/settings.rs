//! The worker's settings, all from the environment; those it shares with the API are in `jobs::settings`.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `VISIBILITY_SECONDS` | how long a message stays hidden unless the worker renews it | `30` |
//! | `ATTEMPTS_MAX` | how often a job is begun before it is given up | `5` |
//! | `SHUTDOWN_TIMEOUT_MS` | how long the job in hand may go on after SIGTERM | `25000` |

use std::time::Duration;

use jobs::environment::{Environment, InvalidSettings};
use jobs::settings::CommonSettings;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub common: CommonSettings,
    pub visibility: Duration,
    pub attempts_max: u32,
    /// Below ECS's default `stopTimeout` of 30 s, after which the process would be killed.
    pub shutdown_timeout: Duration,
}

impl Settings {
    pub fn read(mut environment: Environment) -> Result<Settings, InvalidSettings> {
        let settings = Settings {
            common: CommonSettings::read(&mut environment, env!("CARGO_PKG_VERSION")),
            // 12 hours is the longest that SQS hides a message.
            visibility: Duration::from_secs(environment.number("VISIBILITY_SECONDS", 30, 3..=43_200)),
            attempts_max: environment.number("ATTEMPTS_MAX", 5, 1..=100),
            shutdown_timeout: environment.milliseconds("SHUTDOWN_TIMEOUT_MS", 25_000, 120_000),
        };
        environment.accept(settings)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn without_any_variable_it_stops_before_ecs_kills_it() {
        let settings = Settings::read(Environment::of([])).unwrap();
        assert!(settings.shutdown_timeout < Duration::from_secs(30));
    }

    #[test]
    fn a_visibility_that_sqs_would_refuse_is_refused() {
        let environment = Environment::of([("VISIBILITY_SECONDS", "43201")]);
        assert!(Settings::read(environment).is_err());
    }
}
