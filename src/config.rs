//! The operator's settings: the command line and the environment, read here and nowhere else.

mod command_line;
mod task;
mod values;

use std::fmt;
#[cfg(feature = "local")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::aws::Budget;
pub use command_line::quoted;
pub use task::{TaskRunSettings, TaskSettings, TaskVerb};
pub use values::duration;
use values::{budget, endpoint, installation, ledger_place, manifest_name, reason};

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

impl Settings {
    /// Reads the command line, and says what of it another verb has to be given to mean the same installation.
    pub fn read() -> Result<(Self, String), clap::Error> {
        Self::of(std::env::args_os())
    }
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
    /// Print manifests as one environment has them, overlays and variables in place.
    Render(RenderSettings),
    /// Show what would change, and why; changes nothing.
    Plan(PlanSettings),
    /// Look whether all that the manifests need is there; changes nothing.
    Verify(VerifySettings),
    /// Make the changes of one commit, and wait until every service is settled.
    Apply(ApplySettings),
    /// Watch a Git repository and reconcile for ever.
    Run(RunSettings),
    /// Show how each service stands.
    Status(StatusSettings),
    /// Leave a service alone, perhaps for a while.
    Suspend(SuspendSettings),
    /// End a suspension.
    Resume(RequestSettings),
    /// Try once more what is held after a failure.
    Retry(OnceSettings),
    /// Go back to an earlier revision, and hold what Git asks for.
    Rollback(RollbackSettings),
    /// Do now what waits for its window or for another try.
    Sync(OnceSettings),
    /// Let a deployment go on that waits for a person at a lifecycle hook.
    Continue(RequestSettings),
    /// Stop a deployment that is under way: ECS takes the service back.
    Abort(RequestSettings),
    /// Run one-off tasks by hand.
    Task(TaskSettings),
    /// Write manifests of what runs in a cluster, or of another tool's files; changes nothing in AWS.
    Import(ImportSettings),
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
    #[arg(value_parser = installation)]
    pub installation: String,
    /// Folder for the ledger and the copy of the repository.
    #[arg(long, env = "RECONCILER_STATE", default_value = ".reconciler", value_name = "FOLDER")]
    pub state: PathBuf,
    /// Where the ledger is: `file`, in the folder of `--state`, or `dynamodb:TABLE`, where several
    /// operators may stand by.
    #[arg(long, env = "RECONCILER_LEDGER", default_value = "file", value_name = "PLACE", value_parser = ledger_place)]
    pub ledger: LedgerPlace,
    /// What this machine is called where the ledger says who holds it.
    #[arg(long, env = "HOSTNAME", hide = true)]
    pub host: Option<String>,
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

/// Where what was attempted is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LedgerPlace {
    /// A file in the state folder.
    #[default]
    File,
    /// A DynamoDB table of the environment's region.
    Table(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Yaml,
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct RenderSettings {
    #[command(flatten)]
    pub source: Source,
    /// Asked only where the value of a variable stands in AWS.
    #[command(flatten)]
    pub account: Account,
    /// Only these services and scheduled tasks, without the Environment.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub service: Vec<String>,
    /// YAML is for a file of manifests, JSON is a list for programs.
    #[arg(short, long, default_value = "yaml")]
    pub output: Format,
    /// Say behind each line which file and line set it.
    #[arg(long)]
    pub origins: bool,
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
pub struct VerifySettings {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub account: Account,
    /// Only these services and scheduled tasks.
    #[arg(short, long = "service", value_name = "NAME", num_args = 1..)]
    pub services: Vec<String>,
    #[arg(short, long, default_value = "text")]
    pub output: Output,
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
    /// Region of a ledger's table, for when Git can't be read, whose Environment says it.
    #[arg(long, env = "AWS_REGION")]
    pub region: Option<String>,
}

/// What a person asks for, or decides, for one service.
#[derive(Clone, Debug, Args)]
pub struct RequestSettings {
    /// The service, by `metadata.name`.
    pub service: String,
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub account: Account,
    #[arg(short, long, default_value = "text")]
    pub output: Output,
}

#[derive(Clone, Debug, Args)]
pub struct SuspendSettings {
    #[command(flatten)]
    pub about: RequestSettings,
    /// Why; `plan` and `status` say so.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// For how long; until `resume` if it is left out.
    #[arg(long = "for", value_parser = duration, value_name = "TIME")]
    pub time: Option<Duration>,
}

/// A request that is heeded once.
#[derive(Clone, Debug, Args)]
pub struct OnceSettings {
    #[command(flatten)]
    pub about: RequestSettings,
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
    /// Wait until the operator has heeded it.
    #[arg(long)]
    pub wait: bool,
}

#[derive(Clone, Debug, Args)]
pub struct RollbackSettings {
    #[command(flatten)]
    pub about: RequestSettings,
    /// Why; `plan` and `status` say so.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// The revision to go to, such as 41 or api:41; left out: the last other one that completed a deployment.
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// Go to a revision that was never seen completing a deployment.
    #[arg(long, requires = "to")]
    pub force: bool,
    /// Wait until the operator has heeded it.
    #[arg(long)]
    pub wait: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ImportSettings {
    /// Cluster whose services are imported: its name or ARN.
    #[arg(long, required_unless_present = "from", value_name = "NAME")]
    pub cluster: Option<String>,
    #[arg(long, env = "AWS_REGION", required_unless_present = "from")]
    pub region: Option<String>,
    /// Only these services.
    #[arg(long, num_args = 1.., value_name = "NAME")]
    pub service: Vec<String>,
    /// Files of other tools instead of a cluster, without asking AWS: of ecspresso, of PipeCD, or what
    /// `aws ecs describe-...` and `aws application-autoscaling describe-...` print.
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with = "service")]
    pub from: Vec<PathBuf>,
    /// Name of the Environment to write; the cluster's if it is left out.
    #[arg(short, long, value_name = "NAME", value_parser = manifest_name)]
    pub environment: Option<String>,
    /// Folder to write the manifests to; without it they go to standard output.
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long, requires = "output")]
    pub force: bool,
    /// How to print the summary.
    #[arg(short = 'o', long, default_value = "text")]
    pub format: Output,
    /// Name of this installation; what another one manages is left out.
    #[arg(long, env = "RECONCILER_INSTALLATION", default_value = "reconciler", value_name = "NAME")]
    #[arg(value_parser = installation)]
    pub installation: String,
    /// Where AWS is; for the simulator and other emulators. AWS_ENDPOINT_URL is honoured as well.
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub endpoint_url: Option<String>,
    #[arg(long, env = "RECONCILER_API_BUDGET", default_value = "half", value_parser = budget, hide = true)]
    pub api_budget: Budget,
}

impl ImportSettings {
    /// How AWS is reached. An import remembers nothing.
    pub fn account(&self) -> Account {
        Account {
            installation: self.installation.clone(),
            state: PathBuf::new(),
            ledger: LedgerPlace::File,
            host: None,
            endpoint_url: self.endpoint_url.clone(),
            api_budget: self.api_budget,
            simulated: false,
        }
    }
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
}
