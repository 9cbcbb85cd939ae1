//! Keeps ECS from ending this task while it has a job in hand, and never for longer than a deployment can bear.
//!
//! Protected before the first job, renewed while there is one, let go once idle. A busy worker would never be idle:
//! after [`IN_A_ROW_MAX`] it takes nothing new, finishes, lets go, and gives ECS [`REST`] to end it before it goes on.
//!
//! That leaves places empty while the last of its jobs ends, also when no deployment waits. But neither the agent nor
//! the task's metadata says whether one does, and a longer time in a row would outlast the time that rollouts have. So
//! such a worker does not count as live meanwhile, and target tracking makes up for it; see [`Protection::taking`].

mod agent;

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

pub use agent::{Agent, Answer, Protector};

/// Half of what is asked for each time; see `EXPIRES_IN_MINUTES`.
const RENEW_AFTER: Duration = Duration::from_secs(30 * 60);
/// Short pauses between jobs are not worth two calls.
const IDLE: Duration = Duration::from_secs(5);
/// How long jobs may follow one another under one protection. A deployment waits for it.
const IN_A_ROW_MAX: Duration = Duration::from_secs(5 * 60);
/// How long the worker waits unprotected before it takes jobs again.
const REST: Duration = Duration::from_secs(10);
/// How long an agent that is not well is left alone.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether a job may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    Granted,
    Refused,
}

pub struct Protection<Asked> {
    /// None outside ECS: then nothing is asked, and everything granted.
    protector: Option<Asked>,
    state: Mutex<State>,
    open: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    shield: Option<Shield>,
    idle_since: Option<Instant>,
    /// No new jobs until this one is idle.
    draining: bool,
    closed_until: Option<Instant>,
    unavailable_since: Option<Instant>,
    warned: bool,
}

struct Shield {
    since: Instant,
    renewed: Instant,
}

impl<Asked: Protector> Protection<Asked> {
    pub fn new(protector: Option<Asked>) -> Protection<Asked> {
        Protection { protector, state: Mutex::default(), open: watch::Sender::new(true) }
    }

    /// Asked before each job, after it was counted as in hand.
    pub async fn cover(&self) -> Cover {
        let Some(protector) = &self.protector else {
            return Cover::Granted;
        };
        let mut state = self.state.lock().await;
        if state.shield.is_some() || state.agent_is_left_alone() {
            return Cover::Granted;
        }
        match protector.set(true).await {
            Answer::Done => {
                state.recovered();
                let now = Instant::now();
                state.shield = Some(Shield { since: now, renewed: now });
                Cover::Granted
            }
            Answer::Unwanted(reason) => {
                info!(reason, "ECS does not protect this task; it takes no jobs for a while");
                state.closed_until = Some(Instant::now() + REST);
                self.open.send_replace(false);
                Cover::Refused
            }
            Answer::Unavailable(reason) => {
                state.unavailable(&reason);
                Cover::Granted
            }
        }
    }

    /// Waits until new messages may be taken.
    pub async fn opened(&self) {
        // The sender lives as long as `self`.
        let mut open = self.open.subscribe();
        let _open = open.wait_for(|open| *open).await;
    }

    /// Whether new messages are taken. A worker that takes none does not share in the backlog.
    pub fn taking(&self) -> watch::Receiver<bool> {
        self.open.subscribe()
    }

    /// Renews and lets go, for as long as it is polled.
    pub async fn keep(&self, in_hand: watch::Receiver<usize>) {
        let Some(protector) = &self.protector else {
            return std::future::pending().await;
        };
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let mut state = self.state.lock().await;
            // Read under the lock: a job that is counted later asks for cover later.
            let idle = *in_hand.borrow() == 0;
            if idle {
                let since = *state.idle_since.get_or_insert_with(Instant::now);
                if state.draining || since.elapsed() >= IDLE {
                    state.let_go(protector).await;
                }
            } else {
                state.idle_since = None;
                state.renew(protector).await;
            }
            let closed = state.draining || state.closed_until.is_some_and(|until| Instant::now() < until);
            self.open.send_if_modified(|open| std::mem::replace(open, !closed) == closed);
        }
    }
}

impl State {
    async fn renew(&mut self, protector: &impl Protector) {
        let Some(shield) = &self.shield else {
            return;
        };
        if !self.draining && shield.since.elapsed() >= IN_A_ROW_MAX {
            info!("busy for long; taking no jobs until ECS had a chance to replace this task");
            self.draining = true;
        }
        if shield.renewed.elapsed() < RENEW_AFTER || self.agent_is_left_alone() {
            return;
        }
        match protector.set(true).await {
            Answer::Done => {
                self.recovered();
                self.answered();
            }
            Answer::Unwanted(reason) => {
                info!(reason, "ECS does not protect this task any longer; it takes no more jobs");
                self.draining = true;
                self.answered();
            }
            // Asked again after a while: half of the protection's time is left for that.
            Answer::Unavailable(reason) => self.unavailable(&reason),
        }
    }

    /// The next renewal is due in half of the protection's time.
    fn answered(&mut self) {
        if let Some(shield) = &mut self.shield {
            shield.renewed = Instant::now();
        }
    }

    async fn let_go(&mut self, protector: &impl Protector) {
        if self.shield.take().is_some() {
            // Unanswered, it lapses by itself.
            match protector.set(false).await {
                Answer::Done => self.recovered(),
                Answer::Unwanted(reason) | Answer::Unavailable(reason) => self.unavailable(&reason),
            }
        }
        if std::mem::take(&mut self.draining) {
            self.closed_until = Some(Instant::now() + REST);
        }
    }

    fn agent_is_left_alone(&self) -> bool {
        self.unavailable_since.is_some_and(|since| since.elapsed() < ASK_AGAIN_AFTER)
    }

    /// Said once, until the agent answers again.
    fn unavailable(&mut self, reason: &str) {
        self.unavailable_since = Some(Instant::now());
        if !std::mem::replace(&mut self.warned, true) {
            warn!(error = reason, "the ECS agent can't protect this task; working without");
        }
    }

    fn recovered(&mut self) {
        self.unavailable_since = None;
        self.warned = false;
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
