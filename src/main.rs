//! Wires the parts together, turns outcomes into exit codes, and is the only reader of the wall clock.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use reconciler::cli::{self, Surroundings};
use reconciler::config::{Settings, When};
use reconciler::model::Timestamp;
use reconciler::report::Colour;
use tokio_util::sync::CancellationToken;

/// clap's own code for a usage error, 2, would read as "there are changes".
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
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
        colour: colour(std::io::stdout().is_terminal()),
        colour_of_errors: colour(std::io::stderr().is_terminal()),
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

/// What libraries have to say goes to standard error; decisions go through the journal. The AWS SDK
/// and the HTTP stack are capped: at trace level they print credentials and bodies.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::Level::WARN.into())
        .from_env_lossy();
    let filter =
        ["aws_config", "aws_runtime", "aws_sigv4", "aws_smithy_runtime", "hyper", "h2", "rustls", "ureq"]
            .iter()
            .filter_map(|target| format!("{target}=warn").parse().ok())
            .fold(filter, tracing_subscriber::EnvFilter::add_directive);
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
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
