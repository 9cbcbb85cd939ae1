//! One process of the API, with a queue that the bench plays and a database of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::runtime::scripted::Scripted;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const READY_WITHIN: Duration = Duration::from_secs(30);

pub enum Database {
    Sqlite,
    Postgres {
        /// A server where databases may be made.
        server: String,
    },
}

impl Database {
    pub fn name(&self) -> &'static str {
        match self {
            Database::Sqlite => "sqlite",
            Database::Postgres { .. } => "postgresql",
        }
    }

    fn url(&self, folder: &Path) -> String {
        match self {
            Database::Sqlite => format!("sqlite:{}", folder.join("jobs.db").display()),
            Database::Postgres { server } => server.clone(),
        }
    }
}

pub struct Api {
    pub address: SocketAddr,
    process: Child,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Api {
    pub fn start(runtime: &Runtime, database: &Database) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("objects"))?;
        let (queue, stop) = runtime.block_on(queue())?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let environment = [
            ("DATABASE_URL", database.url(folder.path())),
            ("OBJECTS_URL", format!("file://{}", folder.path().join("objects").display())),
            ("QUEUE_NAME", "job-queue".to_owned()),
            ("PORT", port.to_string()),
            ("UPLOAD_BYTES_MAX", (2_u64 << 30).to_string()),
            ("LOG_LEVEL", "warn".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{queue}")),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let migrated =
            Command::new(binary("job-migrate")?).envs(environment.clone()).stdout(Stdio::null()).status()?;
        ensure!(migrated.success(), "job-migrate ended with {migrated}");
        let process = Command::new(binary("api")?).envs(environment).stdout(Stdio::null()).spawn()?;
        let mut api = Self { address: ([127, 0, 0, 1], port).into(), process, stop, _folder: folder };
        api.wait_until_ready()?;
        Ok(api)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        let url = format!("http://{}/api/ready", self.address);
        while ureq::get(&url).call().is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("the API ended by itself: {status}");
            }
            ensure!(Instant::now() < deadline, "the API is not ready after {} s", READY_WITHIN.as_secs());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The kernel's high-water mark of its memory.
    pub fn peak_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    pub fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let status = self.process.wait()?;
        self.stop.cancel();
        ensure!(status.success(), "the API ended with {status}");
        Ok(())
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // Only where something failed is there still a process to end.
        let _ = self.process.kill();
        self.stop.cancel();
    }
}

/// The simulator's SQS on a port of its own.
async fn queue() -> anyhow::Result<(SocketAddr, CancellationToken)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let clock = Clock::starting_at(Time(u64::try_from(now)?), 1.0);
    let containers = Arc::new(Scripted::default());
    let simulator = Simulator::new(clock, containers.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    simulator
        .with_world(|world| {
            world.sqs.endpoint = format!("http://{address}");
            simulator::sqs::call(
                world,
                containers.as_ref(),
                "CreateQueue",
                &json!({"QueueName": "job-queue"}),
            )
        })
        .map_err(|error| anyhow::anyhow!("{}", error.message))?;
    let stop = CancellationToken::new();
    tokio::spawn(simulator::serve::serve(simulator, listener, stop.clone()));
    Ok((address, stop))
}

/// A binary of this workspace, built beside this bench: `target/release/deps/jobs-…` -> `target/release/api`.
fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let bench = std::env::current_exe()?;
    let folder = bench.ancestors().nth(2).context("the bench lies outside of target")?;
    let binary = folder.join(name);
    ensure!(binary.exists(), "{} is not built; `make bench` builds it", binary.display());
    Ok(binary)
}
