//! AWS on one machine, as far as ECS deployments need it: the wire protocols, deployments that take
//! place over time, and containers that are child processes or follow a script.
//!
//! It is judged by what AWS does, not by what `reconciler` needs, and knows nothing of that crate.

pub mod clock;
pub mod error;
pub mod faults;
pub mod journal;
pub mod mount;
pub mod runtime;
pub mod serve;
pub mod wire;
pub mod world;

pub mod autoscaling;
pub mod balancer;
pub mod cloud_map;
pub mod cloudformation;
pub mod cloudwatch;
pub mod dynamodb;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod iam;
pub mod images;
pub mod logs;
pub mod s3;
pub mod scheduler;
pub mod secrets;
pub mod sqs;
pub mod ssm;
pub mod sts;

mod input;
mod naming;
mod past;
#[cfg(test)]
mod testing;
mod throttle;
mod timetable;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::faults::{CallSite, Fault};
use crate::journal::{CallRecord, Journal};
use crate::runtime::Runtime;
use crate::world::World;

/// One simulated AWS account in one region.
///
/// Cheap to clone; all clones are the same account. [`Simulator::call`] answers any AWS client.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) world: Mutex<World>,
    pub(crate) clock: Clock,
    pub(crate) runtime: Arc<dyn Runtime>,
    /// Woken after every mutation, so that a long poll looks again.
    pub(crate) changed: Notify,
    pub(crate) journal: Mutex<Journal>,
    pub(crate) fault: Mutex<Option<faults::Script>>,
    /// `None`: calls are not limited.
    pub(crate) throttle: Mutex<Option<throttle::Throttle>>,
    /// Calls that are still on their way.
    pub(crate) late: Mutex<Vec<faults::Late>>,
    pub(crate) past: Mutex<past::Past>,
}

impl Simulator {
    /// Makes an empty account whose containers are run by `runtime`.
    pub fn new(clock: Clock, runtime: Arc<dyn Runtime>) -> Self {
        let mut world = World::new("123456789012", "eu-west-1");
        world.now = clock.now();
        let shared = Shared {
            world: Mutex::new(world),
            clock,
            runtime,
            changed: Notify::new(),
            journal: Mutex::default(),
            fault: Mutex::default(),
            throttle: Mutex::default(),
            late: Mutex::default(),
            past: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Answers one HTTP request of an AWS client, whatever its protocol.
    pub async fn call(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        wire::answer(&self.shared, request).await
    }

    /// Brings the world up to the clock's now. Every call does this first; a server also does it
    /// on a timer, so that deployments go on while nobody asks.
    pub fn advance(&self) {
        wire::bring_up_to_date(&self.shared, &mut lock(&self.shared.world));
        self.shared.changed.notify_waiters();
    }

    /// Takes the capacity under all of a provider's tasks away, as Spot does; gives the tasks' ARNs.
    pub fn reclaim(&self, cluster: &str, provider: &str) -> Vec<String> {
        let runtime = self.shared.runtime.as_ref();
        self.with_world(|world| ecs::reclaim(world, runtime, cluster, provider))
    }

    /// Looks into the account or sets it up, without a client.
    pub fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut lock(&self.shared.world))
    }

    /// The newest calls, oldest first; at most [`journal::RECORDS_MAX`] are kept.
    pub fn calls(&self) -> Vec<CallRecord> {
        lock(&self.shared.journal).records()
    }

    /// The same as [`Simulator::calls`], and forgets them.
    pub fn take_calls(&self) -> Vec<CallRecord> {
        lock(&self.shared.journal).take()
    }

    /// From now on the journal holds what each call asked for, too.
    pub fn keep_inputs(&self) {
        lock(&self.shared.journal).keeps_inputs = true;
    }

    /// From now on earlier answers of reads are kept, for [`Fault::Stale`].
    pub fn keep_past(&self) {
        lock(&self.shared.past).keeps = true;
    }

    /// Asks `script` before each call what shall go wrong with it. Replaces the script before it.
    pub fn set_fault(&self, script: Box<dyn FnMut(&CallSite) -> Fault + Send>) {
        *lock(&self.shared.fault) = Some(script);
    }

    /// Switches AWS's published rate limits on, with full buckets, or off, as they are at first.
    pub fn set_throttling(&self, on: bool) {
        *lock(&self.shared.throttle) = on.then(throttle::Throttle::default);
    }

    /// Lets everything go well again.
    pub fn clear_fault(&self) {
        *lock(&self.shared.fault) = None;
    }
}

/// A panic while the lock was held does not make the account unusable for the other clients.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
