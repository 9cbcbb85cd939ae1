//! The simulator on its own: one endpoint for all AWS services it speaks.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use simulator::Simulator;
use simulator::balancer::serve_listeners;
use simulator::clock::{Clock, Time};
use simulator::ecs::Pace;
use simulator::images::Images;
use simulator::runtime::Runtime;
use simulator::runtime::process::ProcessRuntime;
use simulator::runtime::scripted::Scripted;
use simulator::serve::serve;

/// How long processes may take to end when the simulator does.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// AWS on one machine, as far as ECS deployments need it.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// Where all services are served; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4566", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// What a container is: a child process, or a script that its image's name chooses.
    #[arg(long, value_enum, default_value_t = Kind::Process)]
    runtime: Kind,

    /// The commands that stand for images, as JSON or YAML; for containers that are processes.
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,

    /// How many times faster than the wall clock the account's time passes.
    #[arg(long, default_value_t = 1.0, value_parser = speed, value_name = "N")]
    speed: f64,

    /// A cluster that exists from the start; may be given more than once.
    #[arg(long = "cluster", value_name = "NAME")]
    clusters: Vec<String>,

    /// Serve load-balancer listeners here, each at its own port.
    #[arg(long, value_name = "IP")]
    load_balancers: Option<IpAddr>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Process,
    Scripted,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("must be a number greater than 0".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    // Asked for first, so that a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate()).context("can't wait for SIGTERM")?;

    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("can't listen on {}", options.listen))?;
    let endpoint = endpoint(listener.local_addr().context("can't tell the port")?);

    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock of this machine is set before 1970")?;
    let clock = Clock::starting_at(Time(since_epoch.as_millis() as u64), options.speed);

    let (runtime, processes) = runtime(&options, &clock, &endpoint)?;
    let simulator = Simulator::new(clock, runtime.clone());
    simulator.with_world(|world| -> anyhow::Result<()> {
        world.serve_at(&endpoint);
        // Somebody watches real processes: what they take is long enough.
        if processes.is_some() {
            world.pace = Pace::immediate();
        }
        for cluster in &options.clusters {
            let input = json!({"clusterName": cluster});
            simulator::ecs::call(world, runtime.as_ref(), "CreateCluster", &input)
                .map_err(|error| anyhow::anyhow!("{}: {}", error.code, error.message))
                .with_context(|| format!("can't create cluster {cluster}"))?;
        }
        Ok(())
    })?;

    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(simulator.clone(), listener, stop.clone()));
    let balancers = options
        .load_balancers
        .map(|address| tokio::spawn(serve_listeners(simulator.clone(), address, stop.clone())));
    announce(&endpoint).context("can't write to standard output")?;

    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("can't wait for ctrl-c")?,
        _ = terminate.recv() => {}
    }
    stop.cancel();
    served.await.context("the server broke down")?;
    if let Some(balancers) = balancers {
        balancers.await.context("a load balancer broke down")?;
    }
    if let Some(processes) = processes {
        processes.shut_down(SHUTDOWN_PATIENCE).await;
    }
    Ok(())
}

/// The runtime, and once more what of it has processes to end.
type Runtimes = (Arc<dyn Runtime>, Option<Arc<ProcessRuntime>>);

fn runtime(options: &Options, clock: &Clock, endpoint: &str) -> anyhow::Result<Runtimes> {
    match options.runtime {
        Kind::Scripted => Ok((Arc::new(Scripted::new()), None)),
        Kind::Process => {
            let images = match &options.images {
                Some(path) => Images::from_file(path)?,
                None => Images::default(),
            };
            let variables = aws_variables(endpoint);
            let runtime = Arc::new(ProcessRuntime::new(clock.clone(), images, variables));
            Ok((runtime.clone(), Some(runtime)))
        }
    }
}

/// What lets an AWS client find this account; any credentials are accepted.
fn aws_variables(endpoint: &str) -> BTreeMap<String, String> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "simulator"),
        ("AWS_SECRET_ACCESS_KEY", "simulator"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Where clients on this machine reach the address that is listened on.
fn endpoint(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

fn announce(endpoint: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "simulator listens on {endpoint}; to use it:")?;
    writeln!(out)?;
    for (name, value) in aws_variables(endpoint) {
        writeln!(out, "export {name}={value}")?;
    }
    out.flush()
}
