//! What goes wrong with each call of a life, and what no call may do whatever went wrong before.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use simulator::error::ApiError;
use simulator::faults::{CallSite, Fault, is_read};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::case::{Extent, Git, Kept, Strike, Trouble};
use super::life::Seen;

/// What is left of a lease when a call begins, at least: its own time, and a margin.
const LEASE_USED_MAX: Duration = Duration::from_secs(45 - 15);

/// What the fault script knows and decides.
pub struct Script {
    pub strikes: Vec<Strike>,
    pub kept: Kept,
    pub refuses: fn(&CallSite) -> bool,
    pub lines: Box<dyn Fn() -> usize + Send>,
    /// Who has the lease.
    pub holder: Box<dyn Fn() -> Option<usize> + Send>,
    pub seen: Vec<Seen>,
    /// Nothing that these processes say reaches AWS any more.
    pub dead: BTreeSet<usize>,
    pub cut_ledger: Option<usize>,
    /// Goes on for so many calls, or until then.
    pub lasting: Option<(Fault, Lasting)>,
    pub table_is_down_until: Option<Instant>,
    /// When each process asked last for its lease to be renewed, and was heard.
    pub renewed: Vec<(usize, Instant)>,
    pub signals: Arc<Signals>,
    pub violations: Vec<String>,
}

#[derive(Clone, Copy)]
pub enum Lasting {
    Calls(usize),
    Until(Instant),
}

/// What the script asks of whoever plays the life.
#[derive(Clone, Copy)]
pub enum Signal {
    Kill(usize),
    /// The process that made the call stands still for so long.
    Freeze(usize, Duration),
    Second(usize, Git),
    /// Whether another process could take the ledger's lock.
    TryLock,
}

#[derive(Default)]
pub struct Signals {
    pub given: Notify,
    pub which: Mutex<Vec<Signal>>,
    /// The process whose turn it is.
    pub acting: AtomicUsize,
}

impl Signals {
    fn give(&self, signal: Signal) {
        self.which.lock().unwrap().push(signal);
        self.given.notify_one();
    }
}

impl Script {
    pub fn decide(&mut self, site: &CallSite) -> Fault {
        let who = self.signals.acting.load(Ordering::Relaxed);
        if self.dead.contains(&who) {
            return Fault::NeverApply;
        }
        let of_the_ledger = site.service == "dynamodb";
        let number = self.seen.len();
        self.seen.push(Seen { operation: site.operation.clone(), of_the_ledger, lines: (self.lines)() });
        if self.kept == Kept::Table && !of_the_ledger && !is_read(&site.operation) {
            self.only_the_holder(who, site);
        }
        let fault = self.fault(site, number, who);
        let is_heard = matches!(fault, Fault::None | Fault::NeverAnswer | Fault::FailAfter(_));
        if of_the_ledger && site.operation == "PutItem" && is_heard {
            self.renewed.retain(|(other, _)| *other != who);
            self.renewed.push((who, Instant::now()));
        }
        fault
    }

    /// I10
    fn only_the_holder(&mut self, who: usize, site: &CallSite) {
        let holder = (self.holder)();
        if holder != Some(who) {
            let sentence = format!("I10: {who} asked for {}, and {holder:?} has the lease", site.operation);
            self.violations.push(sentence);
        }
        let renewed = self.renewed.iter().find(|(other, _)| *other == who).map(|(_, at)| at.elapsed());
        if renewed.is_none_or(|ago| ago > LEASE_USED_MAX) {
            let sentence = format!("I10: {} was asked for {renewed:?} after a renewal", site.operation);
            self.violations.push(sentence);
        }
    }

    fn fault(&mut self, site: &CallSite, number: usize, who: usize) -> Fault {
        if (self.refuses)(site) {
            let message = "User is not authorized to perform this action";
            return Fault::RefuseBefore(ApiError::new("AccessDeniedException", message));
        }
        if let Some(strike) = self.strikes.iter().find(|it| it.at == number).copied() {
            let fault = self.strike(strike.trouble, who);
            if fault != Fault::None {
                return fault;
            }
        }
        if site.service == "dynamodb" && self.table_is_down_until.is_some_and(|end| Instant::now() < end) {
            return Fault::NeverApply;
        }
        match &mut self.lasting {
            Some((fault, Lasting::Calls(left))) if *left > 0 => {
                *left -= 1;
                fault.clone()
            }
            Some((fault, Lasting::Until(until))) if Instant::now() < *until => fault.clone(),
            Some(_) | None => Fault::None,
        }
    }

    fn strike(&mut self, trouble: Trouble, who: usize) -> Fault {
        let failure = || {
            let mut error = ApiError::new("ServerException", "Something went wrong.");
            error.status = 500;
            error
        };
        match trouble {
            Trouble::KillBefore => self.die(Fault::NeverApply, who),
            Trouble::KillAfter => self.die(Fault::NeverAnswer, who),
            Trouble::KillAtLine(line) => {
                self.cut_ledger = Some(line);
                self.die(Fault::NeverApply, who)
            }
            Trouble::Unanswered => Fault::NeverAnswer,
            Trouble::Lost => Fault::NeverApply,
            Trouble::Late(seconds) => Fault::ApplyLate(Duration::from_secs(seconds)),
            Trouble::FailsAfter => Fault::FailAfter(failure()),
            Trouble::Throttled(extent) => self.last(Fault::Throttle, extent),
            Trouble::Fails(extent) => self.last(Fault::RefuseBefore(failure()), extent),
            Trouble::Stale(versions) => Fault::Stale(versions),
            Trouble::Garbled(garbling) => Fault::Garble(garbling),
            Trouble::Locked => {
                self.signals.give(Signal::TryLock);
                Fault::None
            }
            Trouble::Second(git) => {
                self.signals.give(Signal::Second(who, git));
                Fault::None
            }
            Trouble::Frozen(seconds) => {
                self.signals.give(Signal::Freeze(who, Duration::from_secs(seconds)));
                // What is answered meanwhile is not read.
                Fault::NeverAnswer
            }
            Trouble::TableDown(seconds) => {
                self.table_is_down_until = Some(Instant::now() + Duration::from_secs(seconds));
                Fault::None
            }
        }
    }

    fn die(&mut self, fault: Fault, who: usize) -> Fault {
        self.dead.insert(who);
        self.signals.give(Signal::Kill(who));
        fault
    }

    fn last(&mut self, fault: Fault, extent: Extent) -> Fault {
        self.lasting = match extent {
            Extent::Once => None,
            Extent::Calls(calls) => Some((fault.clone(), Lasting::Calls(calls - 1))),
            Extent::Seconds(seconds) => {
                Some((fault.clone(), Lasting::Until(Instant::now() + Duration::from_secs(seconds))))
            }
        };
        fault
    }
}
