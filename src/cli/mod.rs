//! One file per verb; this one only chooses.

mod abort;
mod apply;
mod carry_on;
mod import;
mod in_flight;
#[cfg(feature = "local")]
pub mod local;
mod plan;
mod render;
mod request;
mod resume;
mod retry;
mod road;
mod rollback;
mod run;
pub mod schema;
mod seat;
mod status;
mod suspend;
mod sync;
mod task;
pub mod validate;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{Settings, TaskSettings, TaskVerb, Verb};
use crate::model::Timestamp;
use crate::report::{self, Colour};
use crate::shape::api::Api;

pub use road::Clock;

/// What `main.rs` tells about the process.
#[derive(Clone)]
pub struct Surroundings {
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether a person reads standard output.
    pub terminal: bool,
    /// Whether a person reads standard error.
    pub terminal_of_errors: bool,
    pub colour: Colour,
    pub colour_of_errors: Colour,
    /// What a command that is told to be typed has to be given, as this one was: ` --environment test`.
    pub again: String,
    /// Cancelled on SIGTERM and SIGINT.
    pub stop: CancellationToken,
}

/// How a verb ended; `main` exits with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; or no change.
    Good,
    Error,
    /// `plan --detailed-exitcode`: there are changes.
    Changes,
    /// There are changes, but some are held.
    Held,
    /// What a task that was run by hand ended with, or one of `task.rs`'s own.
    Task(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Good => 0,
            Exit::Error => 1,
            Exit::Changes => 2,
            Exit::Held => 3,
            Exit::Task(code) => code,
        })
    }
}

/// Runs one verb.
pub async fn run(settings: Settings, surroundings: Surroundings) -> ExitCode {
    let (colour_of_errors, again) = (surroundings.colour_of_errors, surroundings.again.clone());
    let stop = &surroundings.stop;
    let ended = match settings.verb {
        Verb::Validate(source) => unless_stopped(stop, road::validate(&source, &surroundings)).await,
        Verb::Render(settings) => unless_stopped(stop, render::run(&settings, &surroundings)).await,
        Verb::Plan(settings) => unless_stopped(stop, plan::run(&settings, &surroundings)).await,
        Verb::Verify(settings) => unless_stopped(stop, verify::run(&settings, &surroundings)).await,
        Verb::Apply(settings) => apply::run(&settings, &surroundings).await,
        Verb::Run(settings) => run::run(&settings, &surroundings).await,
        Verb::Status(settings) => unless_stopped(stop, status::run(&settings, &surroundings)).await,
        Verb::Continue(settings) => unless_stopped(stop, carry_on::run(&settings, &surroundings)).await,
        Verb::Abort(settings) => unless_stopped(stop, abort::run(&settings, &surroundings)).await,
        Verb::Task(TaskSettings { verb: TaskVerb::Run(settings) }) => {
            Ok(task::run(&settings, &surroundings).await)
        }
        Verb::Import(settings) => unless_stopped(stop, import::run(&settings, &surroundings)).await,
        Verb::Suspend(settings) => unless_stopped(stop, suspend::run(&settings, &surroundings)).await,
        Verb::Resume(settings) => unless_stopped(stop, resume::run(&settings, &surroundings)).await,
        Verb::Retry(settings) => unless_stopped(stop, retry::run(&settings, &surroundings)).await,
        Verb::Rollback(settings) => unless_stopped(stop, rollback::run(&settings, &surroundings)).await,
        Verb::Sync(settings) => unless_stopped(stop, sync::run(&settings, &surroundings)).await,
        #[cfg(feature = "local")]
        Verb::Local(settings) => local::run(&settings, &surroundings).await,
        Verb::Schema(settings) => {
            road::print(&schema::run(&settings, Api::builtin()));
            Ok(Exit::Good)
        }
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            let text = road::error_text(&error, colour_of_errors);
            eprintln!("{}", report::with_options(&text, &again));
            Exit::Error.into()
        }
    }
}

/// Does work that may be cut off anywhere, because it only looks, or makes one call.
async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => anyhow::bail!("stopped"),
        ended = work => ended,
    }
}
