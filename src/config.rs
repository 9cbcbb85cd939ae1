//! The operator's settings: the command line and the environment, read here and nowhere else.

use std::fmt;
#[cfg(feature = "local")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::aws::Budget;

/// GitOps for Amazon ECS in one binary.
#[derive(Debug, Parser)]
#[command(name = "reconciler", version, about, max_term_width = 100)]
pub struct Settings {
    #[command(subcommand)]
    pub verb: Verb,

    /// When to use colour.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    pub color: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check manifests without asking AWS.
    Validate(Source),
    /// Show what would change, and why; changes nothing.
    Plan(PlanSettings),
    /// Make the changes of one commit, and wait until every service is settled.
    Apply(ApplySettings),
    /// Watch a Git repository and reconcile for ever.
    Run(RunSettings),
    /// Show how each service stands.
    Status(StatusSettings),
    /// Run a whole AWS account on this machine, and reconcile a repository against it.
    #[cfg(feature = "local")]
    Local(LocalSettings),
    /// Print the JSON Schema of the manifests, for editors; or their reference, for people.
    Schema(SchemaSettings),
}

#[derive(Clone, Debug, Args)]
pub struct SchemaSettings {
    #[arg(short, long, default_value = "json")]
    pub output: SchemaOutput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOutput {
    /// JSON Schema 2020-12.
    Json,
    Markdown,
}

/// Where the manifests are.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// Git repository: a path, file:// or https://. Without it, --path is a plain folder.
    #[arg(long, env = "RECONCILER_REPOSITORY", value_name = "URL")]
    pub repository: Option<String>,
    #[arg(long, env = "RECONCILER_BRANCH", default_value = "main")]
    pub branch: String,
    /// Folder that holds the manifests.
    #[arg(long, env = "RECONCILER_PATH", default_value = "manifests", value_name = "FOLDER")]
    pub path: String,
    /// Environment to act on; may be left out where there is only one.
    #[arg(short, long, env = "RECONCILER_ENVIRONMENT", value_name = "NAME")]
    pub environment: Option<String>,
    /// User name for the repository.
    #[arg(long, env = "RECONCILER_GIT_USER", default_value = "git", hide = true)]
    pub git_user: String,
    /// Password or token for the repository; only from the environment.
    #[arg(long, env = "RECONCILER_GIT_TOKEN", hide = true, hide_env_values = true)]
    pub git_token: Option<Secret>,
    /// PEM file with the certificate authority of a private Git server.
    #[arg(long, env = "RECONCILER_GIT_CA_FILE", value_name = "FILE")]
    pub git_ca_file: Option<PathBuf>,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// For the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// How AWS is reached and what this installation remembers.
#[derive(Clone, Debug, Args)]
pub struct Account {
    /// Name of this installation; the value of the tag `reconciler/managed-by`.
    #[arg(long, env = "RECONCILER_INSTALLATION", default_value = "reconciler", value_name = "NAME")]
    pub installation: String,
    /// Folder for the ledger and the copy of the repository.
    #[arg(long, env = "RECONCILER_STATE", default_value = ".reconciler", value_name = "FOLDER")]
    pub state: PathBuf,
    /// Where AWS is; for the simulator and other emulators. AWS_ENDPOINT_URL is honoured as well.
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub endpoint_url: Option<String>,
    /// How much of AWS's API rates to use: `half`, or `unlimited` for a simulator.
    #[arg(long, env = "RECONCILER_API_BUDGET", default_value = "half", value_parser = budget, hide = true)]
    pub api_budget: Budget,
    /// Set by `reconciler local`: any credentials will do.
    #[arg(skip)]
    pub simulated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct PlanSettings {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub account: Account,
    #[arg(short, long, default_value = "text")]
    pub output: Output,
    /// Show every field that differs only in how it is written, and the rule that keeps it quiet.
    #[arg(long)]
    pub explain: bool,
    /// Exit with 2 if there are changes, 3 if some of them are held.
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Operate {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub account: Account,
}

#[derive(Clone, Debug, Args)]
pub struct ApplySettings {
    #[command(flatten)]
    pub operate: Operate,
    /// How long to wait until every service is settled or held.
    #[arg(long, default_value = "30m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Clone, Debug, Args)]
pub struct RunSettings {
    #[command(flatten)]
    pub operate: Operate,
    /// How often the repository is asked for new commits.
    #[arg(long, env = "RECONCILER_POLL", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub poll: Duration,
    /// How often a settled service is compared with AWS again.
    #[arg(long, env = "RECONCILER_RESYNC", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub resync: Duration,
}

#[derive(Clone, Debug, Args)]
pub struct StatusSettings {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub account: Account,
    #[arg(short, long, default_value = "text")]
    pub output: Output,
    /// Name every service, not only those that need attention.
    #[arg(long)]
    pub all: bool,
}

#[cfg(feature = "local")]
#[derive(Clone, Debug, Args)]
pub struct LocalSettings {
    #[command(flatten)]
    pub source: Source,
    /// What stands in for the account: images, load balancer, queues, secrets.
    #[arg(long, default_value = "local.yaml", value_name = "FILE")]
    pub file: PathBuf,
    /// Where the simulated AWS listens.
    #[arg(long, default_value = "127.0.0.1:4566", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Where the load balancer listens.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub balancer: SocketAddr,
    /// Folder for the ledger and the copy of the repository.
    #[arg(long, env = "RECONCILER_STATE", default_value = ".reconciler/local", value_name = "FOLDER")]
    pub state: PathBuf,
    /// How often the repository is asked for new commits.
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "TIME")]
    pub poll: Duration,
    /// How often a settled service is compared with AWS again.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub resync: Duration,
}

/// Takes an `http` or `https` URL; without a scheme the AWS SDK would only fail at the first call.
fn endpoint(text: &str) -> Result<String, String> {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        Some(_) | None => Err(format!("`{text}` is not a URL such as http://127.0.0.1:4566")),
    }
}

/// Reads `500ms`, `30s`, `10m` or `2h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a time such as 30s or 10m"))?;
    let seconds = |factor: u64| {
        number.checked_mul(factor).map(Duration::from_secs).ok_or_else(|| format!("`{text}` is too long"))
    };
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => Err(format!("`{text}` needs a unit: ms, s, m or h")),
    }
}

/// Reads `half` or `unlimited`.
fn budget(text: &str) -> Result<Budget, String> {
    match text {
        "half" => Ok(Budget::Half),
        "unlimited" => Ok(Budget::Unlimited),
        _ => Err(format!("`{text}` is neither `half` nor `unlimited`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Settings::command().debug_assert();
    }

    #[cfg(feature = "local")]
    #[test]
    fn a_simulated_account_keeps_its_memory_apart_from_a_real_one() {
        let parsed = Settings::try_parse_from(["reconciler", "local"]);
        let Ok(Settings { verb: Verb::Local(local), .. }) = parsed else { panic!("{parsed:?}") };
        assert_eq!(local.state, PathBuf::from(".reconciler/local"));
    }

    #[test]
    fn the_token_of_the_repository_is_not_shown_with_the_settings() {
        let line = ["reconciler", "plan", "--git-token", "canary-7f3a"];
        let settings = Settings::try_parse_from(line).map(|it| format!("{it:?}"));
        assert!(settings.is_ok_and(|it| it.contains("Secret") && !it.contains("canary")));
    }

    #[test]
    fn a_time_needs_a_number_and_a_unit() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(duration("10").is_err_and(|it| it.contains("unit")));
        assert!(duration("m").is_err());
    }

    #[test]
    fn the_api_budget_is_half_or_unlimited() {
        assert_eq!(budget("half"), Ok(Budget::Half));
        assert_eq!(budget("unlimited"), Ok(Budget::Unlimited));
        assert!(budget("all").is_err());
    }
}
