//! Wires the parts together, turns outcomes into exit codes, and is the only reader of the wall clock.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use reconciler::cli::{self, Surroundings};
use reconciler::config::{Settings, When};
use reconciler::model::Timestamp;
use reconciler::report::Colour;
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// clap's own code for a usage error, 2, would read as "there are changes".
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let (settings, again) = match Settings::read() {
        Ok(read) => read,
        Err(error) => {
            // Nothing is left to do about a terminal that can't be written to.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    log_to_stderr();
    let colour = |is_terminal| match (settings.color, is_terminal) {
        (When::Always, _) | (When::Auto, true) => Colour::Ansi,
        (When::Never, _) | (When::Auto, false) => Colour::Plain,
    };
    let surroundings = Surroundings {
        now: Arc::new(wall_clock),
        terminal: std::io::stdout().is_terminal(),
        terminal_of_errors: std::io::stderr().is_terminal(),
        colour: colour(std::io::stdout().is_terminal()),
        colour_of_errors: colour(std::io::stderr().is_terminal()),
        again,
        stop: CancellationToken::new(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        stop_on_signals(surroundings.stop.clone());
        cli::run(settings, surroundings).await
    });
    // A Git fetch that hangs in its own thread must not keep a stopped process alive.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    code
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What libraries have to say goes to standard error; decisions go through the journal.
///
/// Libraries are capped at WARN whatever RUST_LOG asks for: at trace level the AWS SDK and the HTTP
/// stack print credentials and bodies, and a directive for one of their modules is more specific than
/// any cap that is a directive, too.
fn log_to_stderr() {
    let asked =
        tracing_subscriber::EnvFilter::builder().with_default_directive(Level::WARN.into()).from_env_lossy();
    let _ = tracing_subscriber::registry()
        .with(asked)
        .with(filter_fn(|metadata| may_be_told(metadata.target(), *metadata.level())))
        .with(
            tracing_subscriber::fmt::layer()
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(std::io::stderr),
        )
        .try_init();
}

/// Ours at any level, others from WARN on.
fn may_be_told(target: &str, level: Level) -> bool {
    let root = target.split("::").next().unwrap_or_default();
    matches!(root, "reconciler" | "simulator") || level <= Level::WARN
}

fn stop_on_signals(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals can't be watched: the process ends without a farewell");
        return;
    };
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
        // Who asks twice means it. What is cut off has left its intent in the ledger.
        let number = tokio::select! {
            _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        };
        std::process::exit(128 + number);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_told_below_warnings() {
        let table = [
            ("reconciler::controller::run", Level::TRACE, true),
            ("simulator", Level::DEBUG, true),
            ("aws_smithy_runtime::client", Level::TRACE, false),
            ("hyper", Level::INFO, false),
            ("reconciler_lookalike", Level::DEBUG, false),
            ("aws_config", Level::WARN, true),
        ];
        for (target, level, told) in table {
            assert_eq!(may_be_told(target, level), told, "{target} {level}");
        }
    }
}
