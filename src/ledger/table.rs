//! A ledger in DynamoDB, held: every write is made on the condition that the lease is still ours.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::item::{self, At, Kept, LEASE_KEY, number, sort_key};
use super::lease::{LEASE, LEFT_MIN, Lease, Moment, RENEW_AGAIN, RENEW_EVERY, WallClock};
use super::{Error, Place, Records};
use crate::aws::{self, Condition, Permit, Put, TableWriter, Turn, Unmet};
use crate::journal::{Event, Journal, Kind, Level};
use crate::model::{Holder, Json, ServiceKey, ServiceRecord};

/// A write that was not answered is asked for again, with the same token.
const ATTEMPTS_MAX: u32 = 3;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// The lease, and what stands beside it.
pub(super) struct Held {
    table: TableWriter,
    partition: String,
    place: Place,
    journal: Arc<Journal>,
    clock: WallClock,
    state: Mutex<State>,
    /// Held while anything is written: two transactions at once that look at the same lease would cancel each
    /// other.
    writing: tokio::sync::Mutex<()>,
    /// Numbers tokens.
    writes: AtomicU64,
    /// A call may be under way that nobody waits for.
    cut_off: AtomicBool,
}

struct State {
    lease: Lease,
    /// When the last renewal that was answered began.
    renewed: Moment,
    records: BTreeMap<ServiceKey, Kept>,
    /// Services with a write whose outcome is not known.
    uncertain: Vec<ServiceKey>,
    /// A write failed, and no renewal has succeeded since.
    troubled: bool,
    /// Nothing may be done any more.
    lost: Option<Arc<Lost>>,
}

#[derive(Debug)]
enum Lost {
    To(Holder),
    Gone,
    Released,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl Held {
    pub(super) fn new(
        (table, partition, place): (TableWriter, String, Place),
        (journal, clock): (Arc<Journal>, WallClock),
        (lease, renewed): (Lease, Moment),
        records: BTreeMap<ServiceKey, Kept>,
    ) -> Self {
        Self {
            table,
            partition,
            place,
            journal,
            clock,
            state: Mutex::new(State {
                lease,
                renewed,
                records,
                uncertain: Vec::new(),
                troubled: false,
                lost: None,
            }),
            writing: tokio::sync::Mutex::default(),
            writes: AtomicU64::new(0),
            cut_off: AtomicBool::new(false),
        }
    }

    pub(super) fn holder(&self) -> Holder {
        self.state().lease.holder.clone()
    }

    pub(super) fn records(&self) -> Records {
        let state = self.state();
        state.records.iter().map(|(key, kept)| (key.clone(), kept.record.clone())).collect()
    }

    pub(super) fn record(&self, service: &ServiceKey) -> Option<ServiceRecord> {
        self.state().records.get(service).map(|kept| kept.record.clone())
    }

    pub(super) fn permit(&self, turn: Turn) -> Result<Permit, Error> {
        self.check()?;
        Ok(Permit::grant(turn))
    }

    pub(super) fn ready(&self) -> Result<(), Error> {
        self.check()?;
        let state = self.state();
        match state.troubled {
            false => Ok(()),
            true => Err(Error::Unrenewed { ago: state.renewed.elapsed(&self.clock), lease: LEASE }),
        }
    }

    /// Whether a call may begin: it has to end before the lease does.
    fn check(&self) -> Result<(), Error> {
        planted!("calls-after-the-lease" => return Ok(()));
        let state = self.state();
        if let Some(lost) = &state.lost {
            return Err(self.error(lost, &state));
        }
        let ago = state.renewed.elapsed(&self.clock);
        match LEASE.checked_sub(ago).is_some_and(|left| left >= LEFT_MIN) {
            true => Ok(()),
            false => Err(Error::Unrenewed { ago, lease: LEASE }),
        }
    }

    pub(super) async fn update(
        &self,
        service: &ServiceKey,
        change: impl FnOnce(&mut ServiceRecord),
    ) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        self.check()?;
        if self.state().uncertain.contains(service) {
            self.read_again(service).await?;
        }
        let before = self.state().records.get(service).cloned();
        let mut after = before.clone().unwrap_or_default();
        change(&mut after.record);
        if before.as_ref().is_some_and(|before| before.record == after.record) {
            return Ok(());
        }
        after.version += 1;
        let item = item::of_record(service, &self.partition, &after)?;
        let condition = match &before {
            Some(before) => Condition::Equal(vec![("version", number(before.version))]),
            None => Condition::Absent,
        };
        match self.put_guarded(&sort_key(service), &item, &condition).await {
            Ok(Put::Done) => {
                self.state().records.insert(service.clone(), after);
                Ok(())
            }
            Ok(Put::Unmet(Unmet::Guard)) => Err(self.deposed().await),
            Ok(Put::Unmet(Unmet::Item)) => {
                self.read_again(service).await?;
                Err(Error::Changed { service: service.clone() })
            }
            Err(error) => {
                planted!("no-answer-is-written" => return Ok(()));
                let mut state = self.state();
                state.troubled = true;
                if error.is_ambiguous() {
                    state.uncertain.push(service.clone());
                }
                Err(error.into())
            }
        }
    }

    async fn put_guarded(&self, sort: &str, item: &Json, condition: &Condition) -> Result<Put, aws::Error> {
        let (guard, token) = {
            let state = self.state();
            let number = self.writes.fetch_add(1, Ordering::Relaxed);
            let mine = if planted!("written-whoever-leads") {
                vec![("format", item::number(1))]
            } else {
                self.mine(&state)
            };
            (Condition::Equal(mine), format!("{}-{number:x}", state.lease.nonce))
        };
        let mut attempt = 1;
        loop {
            let put =
                self.table.put_guarded(&self.partition, (LEASE_KEY, &guard), (sort, item, condition), &token);
            match put.await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS_MAX && self.check().is_ok() => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    /// What only this holder's lease has.
    fn mine(&self, state: &State) -> Vec<(&'static str, Json)> {
        let Lease { holder, nonce, .. } = &state.lease;
        vec![("epoch", number(holder.epoch)), ("nonce", json!({"S": nonce}))]
    }

    /// Takes what is in the table for what is so. A write that was never answered may still land after this;
    /// then the next one finds another version than it expects.
    async fn read_again(&self, service: &ServiceKey) -> Result<(), Error> {
        let key = sort_key(service);
        let found = self.table.reader().item(&self.partition, &key).await?;
        let kept = match &found {
            Some(found) => Some(self.at().record(&key, found)?),
            None => None,
        };
        let mut state = self.state();
        state.uncertain.retain(|it| it != service);
        match kept {
            Some(kept) => state.records.insert(service.clone(), kept),
            None => state.records.remove(service),
        };
        Ok(())
    }

    pub(super) async fn keep(&self) -> Error {
        let mut outage: Option<Moment> = None;
        loop {
            tokio::time::sleep(if outage.is_some() { RENEW_AGAIN } else { RENEW_EVERY }).await;
            match self.renew().await {
                Ok(()) => {
                    if let Some(since) = outage.take() {
                        let seconds = since.elapsed(&self.clock).as_secs();
                        self.tell(Level::Info, format!("the lease is renewed again, after {seconds} s"));
                    }
                }
                Err(error) if error.passes() && planted!("an-outage-keeps-the-lease") => {
                    let now = Moment::now(&self.clock);
                    self.state().renewed = now;
                }
                Err(error) if error.passes() => {
                    if outage.is_none() {
                        outage = Some(Moment::now(&self.clock));
                        let ago = self.state().renewed.elapsed(&self.clock);
                        let left = LEASE.saturating_sub(LEFT_MIN).saturating_sub(ago).as_secs();
                        self.tell(
                            Level::Warn,
                            format!(
                                "the lease can't be renewed: {error}; in {left} s nothing is changed any \
                                 more until it can; running services are untouched"
                            ),
                        );
                    }
                }
                Err(error) => return error,
            }
        }
    }

    /// Writes the lease again, under another version. That an earlier renewal was not answered makes no
    /// difference: epoch and nonce are what has to be ours.
    async fn renew(&self) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        let (lease, mine, began) = {
            let mut state = self.state();
            if let Some(lost) = &state.lost {
                return Err(self.error(lost, &state));
            }
            state.lease.version += 1;
            (state.lease.clone(), Condition::Equal(self.mine(&state)), Moment::now(&self.clock))
        };
        match self.put_lease(&lease, &mine).await? {
            Put::Done => {
                let mut state = self.state();
                (state.renewed, state.troubled) = (began, false);
                Ok(())
            }
            Put::Unmet(_) => Err(self.deposed().await),
        }
    }

    async fn put_lease(&self, lease: &Lease, condition: &Condition) -> Result<Put, aws::Error> {
        let item = item::of_lease(lease, &self.place);
        self.table.put(&self.partition, LEASE_KEY, &item, condition).await
    }

    /// A condition on the lease did not hold: somebody else has it. From here on nothing is permitted; who it
    /// is, is read for people.
    async fn deposed(&self) -> Error {
        let found = self.table.reader().item(&self.partition, LEASE_KEY).await;
        let lost = match found {
            Ok(Some(found)) => match self.at().lease(&found, &self.place) {
                Ok(lease) => {
                    let ours = &self.state().lease;
                    if (lease.holder.epoch, &lease.nonce) == (ours.holder.epoch, &ours.nonce) {
                        // A condition that failed on our own lease is one that is not asked for twice.
                        return Error::Unrenewed { ago: Duration::ZERO, lease: LEASE };
                    }
                    Lost::To(lease.holder)
                }
                Err(error) => return error,
            },
            Ok(None) => Lost::Gone,
            Err(error) => {
                self.state().lost = Some(Arc::new(Lost::Gone));
                return error.into();
            }
        };
        planted!("deposed-and-goes-on" => return Error::Unrenewed { ago: Duration::ZERO, lease: LEASE });
        let mut state = self.state();
        let lost = state.lost.insert(Arc::new(lost)).clone();
        self.error(&lost, &state)
    }

    fn error(&self, lost: &Lost, state: &State) -> Error {
        let ours = state.lease.holder.epoch;
        match lost {
            Lost::To(holder) => Error::Deposed { ours, by: Box::new(holder.clone()) },
            Lost::Gone => Error::Vanished { table: self.table.reader().table().to_owned() },
            Lost::Released => Error::Deposed { ours, by: Box::new(state.lease.holder.clone()) },
        }
    }

    pub(super) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Relaxed);
    }

    pub(super) async fn release(&self) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        let (lease, mine) = {
            let mut state = self.state();
            if state.lost.is_some() || self.cut_off.load(Ordering::Relaxed) {
                return Ok(());
            }
            let mine = Condition::Equal(self.mine(&state));
            state.lease.version += 1;
            state.lease.holder.released = true;
            // A renewal of ours that comes late finds another nonce.
            let lease = Lease { nonce: "released".to_owned(), ..state.lease.clone() };
            state.lost = Some(Arc::new(Lost::Released));
            (lease, mine)
        };
        match self.put_lease(&lease, &mine).await? {
            Put::Done => {
                let epoch = lease.holder.epoch;
                self.tell(Level::Info, format!("lets go of epoch {epoch}: the next one may begin at once"));
            }
            Put::Unmet(_) => {}
        }
        Ok(())
    }

    fn tell(&self, level: Level, sentence: String) {
        let mut event = Event::new((self.clock)(), Kind::Lease, sentence);
        event.level = level;
        self.journal.tell(event);
    }

    fn at(&self) -> At<'_> {
        At { table: self.table.reader().table(), partition: &self.partition }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
