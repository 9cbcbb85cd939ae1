//! Settings of `task run`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Account, Output, Source, duration};

#[derive(Clone, Debug, Args)]
pub struct TaskSettings {
    #[command(subcommand)]
    pub verb: TaskVerb,
}

#[derive(Clone, Debug, Subcommand)]
pub enum TaskVerb {
    /// Run one task of a service or a scheduled task, follow its log, and exit with its exit code.
    Run(Box<TaskRunSettings>),
}

#[derive(Clone, Debug, Args)]
pub struct TaskRunSettings {
    /// Service or scheduled task, by `metadata.name`: what it runs, and where, is what the task gets.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Command of the container instead of its own.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Which task definition: `live` is what runs now, `git` what the commit asks for; or a revision, such
    /// as 41.
    #[arg(long, default_value = "live", value_name = "WHICH")]
    pub revision: String,
    /// The container that COMMAND and --env are for, and whose exit code counts; may be left out where only
    /// one is essential.
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// A variable of the container, besides its own or instead of one; may be given several times.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
    /// CPU units of the task.
    #[arg(long, value_name = "UNITS")]
    pub cpu: Option<String>,
    /// Memory of the task, in MiB.
    #[arg(long, value_name = "MIB")]
    pub memory: Option<String>,
    /// RunTask's `overrides`: JSON, or file://PATH.
    #[arg(long, value_name = "JSON")]
    pub overrides: Option<String>,
    /// Start the task and leave it to itself.
    #[arg(long, conflicts_with_all = ["timeout", "stop_on_interrupt"])]
    pub no_follow: bool,
    /// How long to wait for the end of the task; it goes on all the same, unless it is to be stopped.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub timeout: Option<Duration>,
    /// Stop the task where this command is interrupted or its --timeout is over.
    #[arg(long)]
    pub stop_on_interrupt: bool,
    /// Tells runs apart: with a token that was used within a day, no second task is started.
    #[arg(long, value_name = "TEXT", value_parser = token)]
    pub client_token: Option<String>,
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub account: Account,
    /// With json, the log goes to standard error.
    #[arg(short, long, default_value = "text")]
    pub output: Output,
}

/// Reads `NAME=VALUE`; the value may be empty, and may have another `=` in it.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("a variable is written NAME=VALUE".to_owned()),
    }
}

/// Takes what RunTask takes as `clientToken`.
fn token(text: &str) -> Result<String, String> {
    let allowed = |letter: char| ('!'..='~').contains(&letter);
    match (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("a token has 1 to 64 printable characters without spaces".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::{Settings, Verb};

    #[test]
    fn a_task_by_hand_takes_its_command_behind_two_hyphens() {
        let line = [
            "reconciler",
            "task",
            "run",
            "mail",
            "--env",
            "URL=a=b",
            "--env",
            "EMPTY=",
            "--",
            "send",
            "--env",
            "x",
        ];
        let parsed = Settings::try_parse_from(line).map(|it| it.verb);
        let Ok(Verb::Task(TaskSettings { verb: TaskVerb::Run(run) })) = parsed else { panic!("{parsed:?}") };
        assert_eq!(run.command, ["send", "--env", "x"]);
        let variables =
            [("URL", "a=b"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(run.variables, variables);
        assert!(variable("=x").is_err() && variable("x").is_err());
        assert!(token("").is_err() && token("a b").is_err() && token(&"x".repeat(65)).is_err());
    }
}
