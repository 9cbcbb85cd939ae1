//! What a fleet costs: calls, time and memory of the real binary against the simulator over TCP.
//!
//! `make bench` runs all sizes; `cargo bench --bench fleet -- 10 100` only these.

mod account;
mod manifests;
mod process;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use account::{Account, Arrival};
use anyhow::{Context as _, ensure};
use process::Process;

const SIZES: [usize; 4] = [10, 100, 300, 1_000];
/// The size at which other tools were measured.
const COMPARED_AT: usize = 300;

/// Passes of `run` are this far apart, so that silence between them tells them apart.
const RESYNC: Duration = Duration::from_millis(2_500);
const SILENCE: Duration = Duration::from_secs(1);
/// Policies are read again from the eleventh pass on: the dearest pass is among these.
const PASSES: usize = 12;
const PASSES_WITHIN: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    for size in sizes {
        if let Err(error) = Fleet::deploy(size).and_then(|fleet| fleet.measure()) {
            eprintln!("bench: failed at N={size}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// `size` services in Git and in an account.
struct Fleet {
    size: usize,
    folder: tempfile::TempDir,
    account: Account,
}

impl Fleet {
    /// Measures `validate`, and `apply` to an empty account.
    fn deploy(size: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("can't make a folder")?;
        manifests::commit(&folder.path().join("repository"), size)?;
        let fleet = Self { size, folder, account: Account::open()? };
        let mut validate = fleet.reconciler("validate");
        validate.arg("--path").arg(fleet.repository().join("manifests"));
        let validated = fleet.start("validate", &mut validate)?.end()?;
        fleet.line("validate", 0, validated.wall, validated.peak_mib);
        let applied = fleet.start("apply", &mut fleet.acting("apply"))?.end()?;
        let calls = fleet.account.take_arrivals().len();
        fleet.line("first apply", calls, applied.wall, applied.peak_mib);
        Ok(fleet)
    }

    fn measure(self) -> anyhow::Result<()> {
        let planned = self.plan()?;
        if self.size == COMPARED_AT {
            self.sweep(&planned)?;
        }
        self.run()?;
        self.account.close();
        Ok(())
    }

    fn plan(&self) -> anyhow::Result<Measured> {
        let process = self.start("plan", self.acting("plan").arg("--detailed-exitcode"))?;
        let started = process.started;
        let planned = process.end()?;
        let arrivals = self.account.take_arrivals();
        self.line("no-change plan", arrivals.len(), planned.wall, planned.peak_mib);
        let first = arrivals.iter().position(|it| it.operation == "DescribeServices");
        let first = first.context("plan did not ask for the services")?;
        let to_first = arrivals[first].at - started;
        println!(
            "bench: cold start to DescribeServices N={} calls={} wall_ms={}",
            self.size,
            first + 1,
            to_first.as_millis()
        );
        Ok(Measured { calls: arrivals.len(), wall: planned.wall })
    }

    /// The dearest of several passes; each starts and ends with a call.
    fn run(&self) -> anyhow::Result<()> {
        let mut command = self.reconciler("run");
        self.account_of(&mut command);
        command.arg("--repository").arg(self.repository()).args(["--poll", "600s"]);
        command.arg("--resync").arg(format!("{}ms", RESYNC.as_millis()));
        let mut process = self.start("run", &mut command)?;
        let mut arrivals = Vec::new();
        let deadline = Instant::now() + PASSES_WITHIN;
        let passes = loop {
            std::thread::sleep(SILENCE);
            process.still_runs()?;
            arrivals.extend(self.account.take_arrivals());
            let passes = passes(&arrivals);
            // The first one reads what the others remember; the last one may be under way.
            if passes.len() > PASSES + 1 {
                break passes.into_iter().skip(1).take(PASSES).collect::<Vec<_>>();
            }
            ensure!(Instant::now() < deadline, "run makes no pass of its own: {} calls", arrivals.len());
        };
        let stopped = process.stop()?;
        let calls = passes.iter().map(|pass| pass.calls).max().unwrap_or_default();
        let wall = passes.iter().map(|pass| pass.wall).max().unwrap_or_default();
        self.line("no-change pass of run", calls, wall, stopped.peak_mib);
        Ok(())
    }

    /// A script that reads the same things with boto3, as few calls as they can be had with.
    fn sweep(&self, plan: &Measured) -> anyhow::Result<()> {
        let Some(python) = std::env::var_os("RECONCILER_TEST_PYTHON") else {
            println!("bench: boto3 sweep is skipped: RECONCILER_TEST_PYTHON names no Python with boto3");
            return Ok(());
        };
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/fleet/sweep.py"));
        let swept = self.start("boto3 sweep", with_aws(&mut command, &self.account.endpoint))?.end()?;
        let wall: u64 = swept.output.trim().parse().context("the sweep did not print its time")?;
        let wall = Duration::from_millis(wall);
        let calls = self.account.take_arrivals().len();
        self.line("boto3 sweep", calls, wall, swept.peak_mib);
        let ratio = plan.wall.as_secs_f64() / wall.as_secs_f64();
        println!("bench: plan/sweep N={} calls={}/{calls} wall={ratio:.2}", self.size, plan.calls);
        Ok(())
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn start(&self, what: &str, command: &mut Command) -> anyhow::Result<Process> {
        Process::start(what, command, self.folder.path())
    }

    fn reconciler(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconciler"));
        command.arg(verb);
        command
    }

    /// The verb with the manifests as a plain folder.
    fn acting(&self, verb: &str) -> Command {
        let mut command = self.reconciler(verb);
        command.arg("--path").arg(self.repository().join("manifests"));
        self.account_of(&mut command);
        command
    }

    fn account_of(&self, command: &mut Command) {
        with_aws(command, &self.account.endpoint);
        // Half of AWS's rates would be measured otherwise: a revision every two seconds.
        command.env("RECONCILER_API_BUDGET", "unlimited");
        command.arg("--state").arg(self.folder.path().join("state"));
    }

    fn line(&self, what: &str, calls: usize, wall: Duration, peak_mib: f64) {
        let (size, wall) = (self.size, wall.as_millis());
        println!("bench: {what} N={size} calls={calls} wall_ms={wall} rss_mib={peak_mib:.1}");
    }
}

/// What one measurement says.
struct Measured {
    calls: usize,
    wall: Duration,
}

fn with_aws<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
}

/// Calls without a long silence between them, from the first to the last that arrived.
fn passes(arrivals: &[Arrival]) -> Vec<Measured> {
    let pass =
        |calls: &[Arrival]| Measured { calls: calls.len(), wall: calls[calls.len() - 1].at - calls[0].at };
    arrivals.chunk_by(|before, after| after.at - before.at < SILENCE).map(pass).collect()
}
