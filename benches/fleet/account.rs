//! A simulated AWS account on a TCP port, which knows when each call arrived.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::faults::Fault;
use simulator::runtime::scripted::Scripted;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// A deployment takes about 16 s of the account's time, so less than two of ours.
const SPEED: f64 = 10.0;
/// 2027-01-15T08:00:00Z
const EPOCH: Time = Time(1_800_000_000_000);

/// One call, as it reached the account.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub operation: String,
    pub at: Instant,
}

/// Lives in a process of its own as far as the operator is concerned: it is the bench's.
pub struct Account {
    runtime: Runtime,
    stop: CancellationToken,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    pub endpoint: String,
}

impl Account {
    /// An account with the cluster `jobs` and nothing in it.
    pub fn open() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let (told, stopped) = (arrivals.clone(), stop.clone());
        let endpoint = runtime.block_on(async move {
            let containers = Arc::new(Scripted::new());
            let simulator = Simulator::new(Clock::starting_at(EPOCH, SPEED), containers.clone());
            simulator.with_world(|world| {
                let input = json!({"clusterName": "jobs"});
                simulator::ecs::call(world, containers.as_ref(), "CreateCluster", &input)
                    .map_err(|error| anyhow::anyhow!("can't create the cluster: {}", error.message))
            })?;
            simulator.set_fault(Box::new(move |site| {
                let arrival = Arrival { operation: site.operation.clone(), at: Instant::now() };
                told.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
                Fault::None
            }));
            let socket = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
            let endpoint = format!("http://{}", socket.local_addr()?);
            tokio::spawn(simulator::serve::serve(simulator, socket, stopped));
            anyhow::Ok(endpoint)
        })?;
        Ok(Self { runtime, stop, arrivals, endpoint })
    }

    /// The calls since the last look, in the order of their arrival.
    pub fn take_arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn close(self) {
        self.stop.cancel();
        self.runtime.shutdown_background();
    }
}
