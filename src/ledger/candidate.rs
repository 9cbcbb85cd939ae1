//! Standing by for a lease: watched by one's own clock, taken when nobody renews it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::item::{self, At, LEASE_KEY, number};
use super::lease::{CALL_TIME_MAX, LEASE, LOOK_EVERY, Lease, MARGIN, Moment, WallClock};
use super::table::Held;
use super::{Error, Ledger, Place, Store};
use crate::aws::{self, Condition, Put, TableWriter};
use crate::journal::{Event, Journal, Kind, Level};
use crate::model::Holder;

/// Who wants a ledger, and which.
#[derive(Clone, Debug)]
pub struct Claim {
    pub place: Place,
    /// Name of the environment.
    pub environment: String,
    /// For people: `run on ip-10-0-3-7, process 1`.
    pub holder: String,
    /// At most 19 letters that no other process has.
    pub nonce: String,
}

/// Somebody who does not hold the lease of a table's ledger, and would like to.
///
/// No clock but its own is trusted: a lease may be taken only after one unchanged version of it has been
/// watched for longer than the lease lasts.
pub struct Candidate {
    table: TableWriter,
    claim: Claim,
    partition: String,
    journal: Arc<Journal>,
    clock: WallClock,
    /// The lease as it was seen first under its version, and when.
    watched: Option<(Lease, Moment)>,
    /// For how long it is tried, where there is an end to it.
    patience: Option<Duration>,
    /// Told to stop: nothing is taken any more.
    stop: CancellationToken,
    /// A write of ours may have taken the lease, and nobody has looked since.
    unsure: bool,
}

/// How a lease was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    First,
    Released,
    /// Nobody renewed it: the one before may still be at a call.
    RanOut,
}

impl Candidate {
    pub fn new(table: TableWriter, claim: Claim, journal: Arc<Journal>, clock: WallClock) -> Self {
        let partition = item::partition(&claim.place, &claim.environment);
        Self {
            table,
            claim,
            partition,
            journal,
            clock,
            watched: None,
            patience: None,
            stop: CancellationToken::new(),
            unsure: false,
        }
    }

    /// Gives up when it is told to, with [`Error::Stopped`]. A lease that was taken by then is let go of, or
    /// handed over, so that nobody has to wait until it has run out.
    pub fn until(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// Waits until the lease is this process's, however long that takes. A table that can't be asked for now
    /// is told once and asked again; what waiting does not mend is an error.
    pub async fn lead(mut self) -> Result<Ledger, Error> {
        let mut outage = false;
        loop {
            match self.look().await {
                Ok(Some(ledger)) => return Ok(ledger),
                Ok(None) => outage = false,
                Err(error) if error.passes() => {
                    if !std::mem::replace(&mut outage, true) {
                        self.tell(Level::Warn, format!("stands by: {error}; tried again until it answers"));
                    }
                }
                Err(error) => return Err(error),
            }
            self.rest().await?;
        }
    }

    /// The same for so long, which suffices to take over from somebody who is gone.
    pub async fn lead_within(mut self, patience: Duration) -> Result<Ledger, Error> {
        self.patience = Some(patience);
        let began = Moment::now(&self.clock);
        loop {
            let looked = self.look().await;
            if let Ok(Some(ledger)) = looked {
                return Ok(ledger);
            }
            if began.elapsed(&self.clock) >= patience || looked.as_ref().is_err_and(|error| !error.passes()) {
                looked?;
                let holder = self.watched.map(|(lease, _)| lease.holder);
                return Err(match holder {
                    Some(holder) => Error::Taken { holder: Box::new(holder), tried: patience },
                    None => Error::Vanished { table: self.table.reader().table().to_owned() },
                });
            }
            self.rest().await?;
        }
    }

    /// Waits for the next look. One who is told to stop looks once more where a lease may be his.
    async fn rest(&self) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => if self.unsure { Ok(()) } else { Err(Error::Stopped) },
            () = tokio::time::sleep(LOOK_EVERY) => Ok(()),
        }
    }

    /// One look at the lease; `None`: it is somebody else's, or was when it was asked for.
    async fn look(&mut self) -> Result<Option<Ledger>, Error> {
        let last = self.stop.is_cancelled();
        // Said before the answer: a look that fails is not made again by one who was told to stop.
        let unsure = std::mem::take(&mut self.unsure);
        let found = tokio::select! {
            biased;
            () = self.stop.cancelled(), if !unsure => return Err(Error::Stopped),
            found = self.table.reader().item(&self.partition, LEASE_KEY) => found,
        };
        let found = found.inspect_err(|_| self.unsure = unsure && !last)?;
        let Some(found) = found else {
            return self.take(None, Came::First).await;
        };
        let at = At { table: self.table.reader().table(), partition: &self.partition };
        let lease = at.lease(&found, &self.claim.place)?;
        if lease.nonce == self.claim.nonce && !planted!("own-lease-is-somebody-elses") {
            // Taken by a write of ours whose answer was lost.
            let came = self.watched.as_ref().map_or(Came::First, |(before, _)| came(before));
            return self.renew_taken(lease, came).await;
        }
        if self.stop.is_cancelled() {
            return Err(Error::Stopped);
        }
        if lease.holder.released {
            return self.take(Some(lease), Came::Released).await;
        }
        let same = self.watched.as_ref().filter(|(before, _)| *before == lease);
        let Some((_, since)) = same else {
            self.told(&lease.holder);
            self.watched = Some((lease, Moment::now(&self.clock)));
            return Ok(None);
        };
        planted!("lease-taken-from-the-living" => return self.take(Some(lease), Came::RanOut).await);
        planted!("lease-by-the-others-clock" => if (self.clock)().since(lease.holder.since) > LEASE { return self.take(Some(lease), Came::RanOut).await; });
        if since.watched() >= LEASE.max(Duration::from_secs(lease.seconds)) + MARGIN {
            return self.take(Some(lease), Came::RanOut).await;
        }
        Ok(None)
    }

    fn told(&self, holder: &Holder) {
        let known = self.watched.as_ref().is_some_and(|(before, _)| before.holder == *holder);
        if !known {
            let tried = self.patience.map(|it| format!("; tried for {} s", it.as_secs())).unwrap_or_default();
            self.tell(Level::Info, format!("stands by: {holder}{tried}"));
        }
    }

    async fn take(&mut self, before: Option<Lease>, came: Came) -> Result<Option<Ledger>, Error> {
        if self.stop.is_cancelled() {
            return Err(Error::Stopped);
        }
        let condition = match &before {
            None => Condition::Absent,
            Some(before) => Condition::Equal(vec![
                ("version", number(before.version)),
                ("epoch", number(before.holder.epoch)),
            ]),
        };
        let lease = Lease {
            holder: Holder {
                name: self.claim.holder.clone(),
                epoch: before.as_ref().map_or(0, |before| before.holder.epoch) + 1,
                since: (self.clock)(),
                released: false,
            },
            nonce: self.claim.nonce.clone(),
            version: before.as_ref().map_or(0, |before| before.version) + 1,
            seconds: LEASE.as_secs(),
        };
        match self.put(lease, came, &condition).await {
            Ok(taken) => Ok(taken),
            Err(error) => {
                // Should that have been made all the same, the next look finds our own nonce.
                if let Some(before) = before {
                    let since =
                        self.watched.as_ref().map_or_else(|| Moment::now(&self.clock), |(_, since)| *since);
                    self.watched = Some((before, since));
                }
                Err(error)
            }
        }
    }

    async fn renew_taken(&mut self, lease: Lease, came: Came) -> Result<Option<Ledger>, Error> {
        let condition = Condition::Equal(vec![("version", number(lease.version))]);
        let lease = Lease { version: lease.version + 1, ..lease };
        self.put(lease, came, &condition).await
    }

    /// Writes the lease as ours, and reads what the one before left.
    async fn put(
        &mut self,
        lease: Lease,
        came: Came,
        condition: &Condition,
    ) -> Result<Option<Ledger>, Error> {
        let began = Moment::now(&self.clock);
        let item = item::of_lease(&lease, &self.claim.place);
        let put: Result<Put, aws::Error> = self.table.put(&self.partition, LEASE_KEY, &item, condition).await;
        self.unsure = put.as_ref().map_or_else(aws::Error::is_ambiguous, |_| false);
        match put? {
            Put::Done => {}
            Put::Unmet(_) => return Ok(None),
        }
        // Until what the one before left has been read, too.
        self.unsure = true;
        if came == Came::RanOut && !planted!("acts-as-soon-as-it-leads") {
            // Whatever the one before asked for last has arrived by then, or never will; what is observed
            // afterwards shows it.
            tokio::time::sleep(CALL_TIME_MAX).await;
        }
        let held = |lease, records| {
            let place = (self.table.clone(), self.partition.clone(), self.claim.place.clone());
            Held::new(place, (self.journal.clone(), self.clock.clone()), (lease, began), records)
        };
        let found = tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                held(lease, BTreeMap::new()).release().await?;
                return Err(Error::Stopped);
            }
            found = item::read(self.table.reader(), &self.partition, &self.claim.place) => found?,
        };
        let epoch = lease.holder.epoch;
        self.tell(
            Level::Info,
            match came {
                Came::First => format!("leads, epoch {epoch}: the first"),
                Came::Released => format!("leads, epoch {epoch}: the one before let go"),
                Came::RanOut => format!("leads, epoch {epoch}: the one before no longer renewed its lease"),
            },
        );
        let store = Store::Table(Box::new(held(lease, found.records)));
        self.unsure = false;
        Ok(Some(Ledger { store }))
    }

    fn tell(&self, level: Level, sentence: String) {
        let mut event = Event::new((self.clock)(), Kind::Lease, sentence);
        event.level = level;
        self.journal.tell(event);
    }
}

fn came(before: &Lease) -> Came {
    if before.holder.released { Came::Released } else { Came::RanOut }
}
