//! One batch of services: observed together, then each passed over on its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::leaving::Circumstances;
use super::pass::{Engine, Next, stop};
use super::state::Finished;
use crate::model::{
    Desired, DesiredScheduledTask, DesiredService, Live, Schedule, ServiceKey, TaskDefinitionArn,
};
use crate::observe::{Departing, LeftTasks, Observer, Owner, Want, WantTask};
use crate::plan::{self, Wave};

/// The part of a sweep that is about services which left Git.
pub(super) struct Leave {
    pub(super) keys: Vec<ServiceKey>,
    pub(super) around: Circumstances,
    /// The wish that this is about, and the one in force: nothing is deleted for an old one.
    pub(super) commit: u64,
    pub(super) commits: Arc<AtomicU64>,
}

impl Leave {
    fn is_outdated(&self) -> bool {
        self.commits.load(Ordering::Relaxed) != self.commit && !planted!("deletes-for-an-old-commit")
    }
}

/// One batch: observed together, then each service passed over on its own.
pub(super) struct Sweep {
    pub(super) engine: Arc<Engine>,
    pub(super) observer: Arc<Observer>,
    pub(super) desired: Arc<Desired>,
    pub(super) waiting: BTreeMap<ServiceKey, BTreeMap<ServiceKey, Wave>>,
    pub(super) departure: Option<Leave>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) results: mpsc::UnboundedSender<Finished>,
    pub(super) stop: CancellationToken,
}

impl Sweep {
    pub(super) async fn go(self) {
        let services: Vec<_> = self.waiting.keys().filter_map(|key| self.desired.services.get(key)).collect();
        let records: Vec<_> = services.iter().map(|it| self.engine.ledger.record(&it.key)).collect();
        let wants: Vec<Want<'_>> = services
            .iter()
            .zip(&records)
            .map(|(desired, record)| Want { desired, record: record.as_ref() })
            .collect();
        let left: Vec<&ServiceKey> = self.departure.iter().flat_map(|it| &it.keys).collect();
        let of_schedules =
            |key: &&ServiceKey| self.engine.ledger.record(key).is_some_and(|it| it.is_of_a_schedule());
        let (left_schedules, left): (Vec<&ServiceKey>, Vec<&ServiceKey>) =
            left.into_iter().partition(of_schedules);
        let left_records: Vec<_> = left.iter().map(|key| self.engine.ledger.record(key)).collect();
        let departing: Vec<Departing<'_>> = left
            .iter()
            .zip(&left_records)
            .map(|(key, record)| Departing {
                key,
                record: record.as_ref(),
                may_go: record.as_ref().is_some_and(|it| plan::is_pruned(it, &self.desired.environment)),
            })
            .collect();
        let tasks: Vec<_> =
            self.waiting.keys().filter_map(|key| self.desired.scheduled_tasks.get(key)).collect();
        let task_records: Vec<_> = tasks.iter().map(|it| self.engine.ledger.record(&it.key)).collect();
        let wanted_tasks: Vec<WantTask<'_>> = tasks
            .iter()
            .zip(&task_records)
            .map(|(desired, record)| WantTask { desired, record: record.as_ref() })
            .collect();
        let environment = &self.desired.environment.name;
        let owner = Owner { installation: &self.engine.installation, environment };
        let mut live = self.observer.observe_with(&wants, &departing, (self.engine.now)()).await;
        let left_tasks = LeftTasks { any: false, going: left_schedules.clone() };
        self.observer.observe_scheduled_tasks(&wanted_tasks, &left_tasks, owner, &mut live).await;
        let passes = services.into_iter().map(|service| self.pass(service, &live));
        let schedules = tasks.into_iter().map(|task| self.schedule(task, &live));
        let departures = left.into_iter().chain(left_schedules).map(|key| self.leave(key, &live));
        tokio::join!(
            futures_util::future::join_all(passes),
            futures_util::future::join_all(schedules),
            futures_util::future::join_all(departures)
        );
    }

    async fn pass(&self, service: &DesiredService, live: &Live) {
        // The semaphore is never closed; without a permit the pass is simply not bounded.
        let _permit = self.permits.acquire().await.ok();
        if self.stop.is_cancelled() {
            return;
        }
        let none = BTreeMap::new();
        let waiting_for = self.waiting.get(&service.key).unwrap_or(&none);
        let live = live.services.get(&service.key).filter(|_| self.is_ready());
        let next = match live {
            // A pass in the making is large, and there are as many of these as services: on the heap, it is made
            // only when its turn comes.
            Some(live) => Box::pin(self.engine.pass(&self.desired, service, live, waiting_for)).await,
            None => self.not_now(),
        };
        let next = match (next, live.and_then(|live| live.service.present())) {
            (Next::Settled, Some(ecs)) if ecs.suspended((self.engine.now)()).is_none() => {
                self.clear_out(&service.key, plan::run_by(ecs)).await
            }
            (next, _) => next,
        };
        let environment = &self.desired.environment;
        let ends_after = live.and_then(|live| self.engine.changes_after(service, live, environment, &next));
        self.tell(Finished {
            key: service.key.clone(),
            digest: Some(service.digest.clone()),
            next,
            ends_after,
        });
    }

    /// Comes after everything else, and changes nothing about when the service is looked at again.
    async fn clear_out(&self, key: &ServiceKey, run_by: impl Iterator<Item = TaskDefinitionArn>) -> Next {
        let cleared = self.engine.clear_out(&self.observer, &self.desired, key, run_by).await;
        cleared.map_or_else(stop, |()| Next::Settled)
    }

    async fn schedule(&self, task: &DesiredScheduledTask, live: &Live) {
        let _permit = self.permits.acquire().await.ok();
        if self.stop.is_cancelled() {
            return;
        }
        let none = BTreeMap::new();
        let waiting_for = self.waiting.get(&task.key).unwrap_or(&none);
        let next = match live.scheduled_tasks.get(&task.key).filter(|_| self.is_ready()) {
            Some(live) => {
                Box::pin(self.engine.pass_scheduled_task(&self.desired, task, live, waiting_for)).await
            }
            None => self.not_now(),
        };
        let schedule = live.scheduled_tasks.get(&task.key).and_then(|live| live.schedule.present());
        let next = match next {
            Next::Settled => {
                let runs = schedule.and_then(Schedule::task_definition);
                self.clear_out(&task.key, runs.into_iter()).await
            }
            next => next,
        };
        let (key, digest) = (task.key.clone(), Some(task.digest.clone()));
        self.tell(Finished { key, digest, next, ends_after: None });
    }

    async fn leave(&self, key: &ServiceKey, live: &Live) {
        let _permit = self.permits.acquire().await.ok();
        if self.stop.is_cancelled() {
            return;
        }
        let service = live.services.get(key).filter(|_| self.is_ready());
        let schedule = live.scheduled_tasks.get(key).filter(|_| self.is_ready());
        let next = match (&self.departure, service, schedule) {
            // It may be wanted again, or another guard may stand.
            (Some(departure), ..) if departure.is_outdated() => Next::Watch(Duration::ZERO),
            (Some(departure), Some(live), _) => {
                Box::pin(self.engine.leave(&self.desired, key, live, &departure.around)).await
            }
            (Some(departure), None, Some(live)) => {
                Box::pin(self.engine.leave_schedule(&self.desired, key, live, &departure.around)).await
            }
            (None, ..) | (_, None, None) => self.not_now(),
        };
        self.tell(Finished { key: key.clone(), digest: None, next, ends_after: None });
    }

    /// Nothing is begun that could not be written down: who has to say so, says it once.
    fn is_ready(&self) -> bool {
        self.engine.ledger.ready().is_ok()
    }

    fn not_now(&self) -> Next {
        match self.engine.ledger.ready() {
            Err(error) => stop(error),
            Ok(()) => Next::Retry { at_least: Duration::from_secs(5), why: "not observed".to_owned() },
        }
    }

    fn tell(&self, pass: Finished) {
        // Nobody listens any more only when the loop has ended.
        let _ = self.results.send(pass);
    }
}
