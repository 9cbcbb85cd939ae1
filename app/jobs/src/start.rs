//! How a process starts: settings or a refusal, the switch that fails it, its log, and its exit code.

use std::process::{ExitCode, Termination};

use tracing::error;

use crate::environment::{Environment, InvalidSettings};
use crate::settings::CommonSettings;
use crate::store::{Store, StoreError};

/// Reads the settings and runs the process with them. A failure is logged with all of its causes.
pub async fn process<Settings, End: Termination, Failure: std::fmt::Display>(
    read: impl FnOnce(Environment) -> Result<Settings, InvalidSettings>,
    common: impl FnOnce(&Settings) -> &CommonSettings,
    run: impl AsyncFnOnce(Settings) -> Result<End, Failure>,
) -> ExitCode {
    let settings = match read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(invalid) => {
            eprintln!("error: {invalid}");
            return ExitCode::FAILURE;
        }
    };
    let shared = common(&settings);
    if let Some(message) = &shared.fail_at_start {
        println!("{message}");
        return ExitCode::FAILURE;
    }
    crate::log::start(shared.log_level);
    match run(settings).await {
        Ok(end) => end.report(),
        Err(failure) => {
            error!(error = format!("{failure:#}"), "failed");
            ExitCode::FAILURE
        }
    }
}

/// Opens the database of a service, whose schema `job-migrate` has brought up.
pub async fn store(settings: &CommonSettings) -> Result<Store, StoreError> {
    let store = Store::open_with(&settings.database_url, settings.database_limits).await?;
    store.expect_schema().await?;
    Ok(store)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::on_each_database;

    #[tokio::test]
    async fn a_service_does_not_start_before_its_schema_is_there_and_says_who_brings_it() {
        on_each_database(async |database| {
            let mut environment = Environment::of([("DATABASE_URL", &*database.url)]);
            let settings = CommonSettings::read(&mut environment, "1.0.0");
            let refused = store(&settings).await.unwrap_err();
            assert!(refused.to_string().contains("run `job-migrate` first"), "{refused}");
            Store::open(&database.url).await.unwrap().migrate().await.unwrap();
            store(&settings).await.unwrap().ping().await.unwrap();
        })
        .await;
    }
}
