//! A simulated account inside of the test, served to operators that are processes: its calls can be
//! counted, and its endpoint can be away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::ecs::Pace;
use simulator::runtime::scripted::Scripted;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::account::Aws;
use super::operator::{Operator, reconciler, with_credentials};
use super::repository::Repository;
use super::wait_until;

/// An account with the cluster `jobs`, whose containers follow a script.
pub struct Served {
    pub simulator: Simulator,
    address: SocketAddr,
    state: State,
    runtime: Runtime,
}

enum State {
    /// The port is ours, and refuses connections.
    Away(TcpSocket),
    There {
        stop: CancellationToken,
        server: JoinHandle<()>,
    },
    Changing,
}

impl Served {
    pub fn start() -> Self {
        let mut served = Self::away();
        served.come();
        served
    }

    /// An account that nobody can reach yet.
    pub fn away() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let clock = Clock::starting_at(Time(u64::try_from(now).unwrap()), 1.0);
        let containers = Arc::new(Scripted::default());
        let simulator = Simulator::new(clock, containers.clone());
        simulator.with_world(|world| {
            world.pace = Pace::immediate();
            let cluster = json!({"clusterName": "jobs"});
            simulator::ecs::call(world, containers.as_ref(), "CreateCluster", &cluster).unwrap();
        });
        let socket = bound(([127, 0, 0, 1], 0).into());
        let address = socket.local_addr().unwrap();
        Self { simulator, address, state: State::Away(socket), runtime }
    }

    pub fn come(&mut self) {
        if let State::Away(socket) = std::mem::replace(&mut self.state, State::Changing) {
            let stop = CancellationToken::new();
            let _inside = self.runtime.enter();
            let listener = socket.listen(128).unwrap();
            let serving = simulator::serve::serve(self.simulator.clone(), listener, stop.clone());
            self.state = State::There { stop, server: self.runtime.spawn(serving) };
        }
    }

    pub fn go_away(&mut self) {
        if let State::There { stop, server } = std::mem::replace(&mut self.state, State::Changing) {
            stop.cancel();
            self.runtime.block_on(server).unwrap();
            self.state = State::Away(bound(self.address));
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn aws(&self) -> Aws {
        Aws { endpoint: self.endpoint() }
    }

    /// The calls of operators so far, by name.
    pub fn calls(&self) -> Vec<String> {
        self.simulator.calls().into_iter().map(|call| call.operation).collect()
    }

    /// Those that change something.
    pub fn mutations(&self) -> Vec<String> {
        crate::world::mutating(&self.calls())
    }

    pub fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| *call == operation).count()
    }

    /// Waits until calls of this name were answered so often.
    pub fn wait_for_count(&self, operation: &str, count: usize) {
        wait_until(&format!("{operation} is called"), || self.count(operation) >= count);
    }
}

/// A port that is taken, but not listened on: connections are refused.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// A repository of one small service whose image is `app:<tag>`, already committed.
pub fn repository_of(tag: &str) -> (Repository, String) {
    let mut repository = Repository::empty();
    repository
        .write("manifests/environment.yaml", crate::world::ENVIRONMENT)
        .write("manifests/web.yaml", &crate::world::service("web", &format!("app:{tag}")));
    let commit = repository.commit("Deploy web");
    (repository, commit)
}

/// One installation of the operator, which outlives its processes.
pub struct Installation {
    pub home: tempfile::TempDir,
    repository: String,
    pub endpoint: String,
}

impl Installation {
    pub fn new(repository: &Repository, served: &Served) -> Self {
        let repository = repository.path().display().to_string();
        Self { home: tempfile::tempdir().unwrap(), repository, endpoint: served.endpoint() }
    }

    /// A verb on the repository and the account, with credentials.
    pub fn verb(&self, verb: &str) -> std::process::Command {
        let mut command = reconciler(self.home.path());
        with_credentials(&mut command).args([verb, "--repository", &self.repository]);
        if !["validate", "render"].contains(&verb) {
            command.args(["--endpoint-url", &self.endpoint]);
        }
        command
    }

    pub fn run(&self) -> Operator {
        Operator::start(self.verb("run").args(["--poll", "200ms", "--resync", "1s"]))
    }
}

/// Waits until `run` tells that the service `web` has settled on a commit.
pub fn wait_until_settled(operator: &Operator, commit: &str) {
    operator.wait_for_event(0, &format!("web settles on {commit}"), |event| {
        event["event"] == "settled" && event["service"] == "web" && event["revision"] == commit
    });
}
