//! Structured logs: one JSON object a line on standard output.

use std::error::Error;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// Starts logging. Libraries stay at `warn` whatever the level: the AWS SDK logs whole requests below it.
pub fn start(level: LevelFilter) {
    let mut filter = EnvFilter::default().add_directive(LevelFilter::WARN.into());
    let own = ["api", "job_migrate", "jobs", "worker"].map(|own| format!("{own}={level}"));
    // Missing credentials come back as the error of the call, which is logged once, by the caller.
    for directive in own.iter().map(String::as_str).chain(["aws_config=error"]) {
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false);
    let started = lines.with_env_filter(filter).try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// An error and all that caused it, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
