//! How a process starts: settings or a refusal, the switch that fails it, its log, and its exit code.

use std::process::ExitCode;

use tracing::error;

use crate::environment::{Environment, InvalidSettings};
use crate::settings::CommonSettings;

/// Reads the settings and runs the process with them. A failure is logged with all of its causes.
pub async fn process<Settings, Failure: std::fmt::Display>(
    read: impl FnOnce(Environment) -> Result<Settings, InvalidSettings>,
    common: impl FnOnce(&Settings) -> &CommonSettings,
    run: impl AsyncFnOnce(Settings) -> Result<(), Failure>,
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
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!(error = format!("{failure:#}"), "failed");
            ExitCode::FAILURE
        }
    }
}
