//! One process of the operator: what it sees of Git, what it does until its end, and whose turn it is.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use reconciler::controller::{Outcome, Wish};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::case::Kept;
use super::script::Signals;
use crate::world::{TABLE, World};

/// What `apply` waits for a lease: enough for that of one who is gone.
const PATIENCE: Duration = Duration::from_secs(75);

pub struct Process<'a> {
    pub who: usize,
    pub view: Rc<View>,
    pub stop: CancellationToken,
    /// It stands still until then.
    pub frozen: Option<Instant>,
    work: Pin<Box<dyn Future<Output = Exit> + 'a>>,
}

/// How a process ended by itself.
pub enum Exit {
    /// It was told to, and let go of the lease.
    Stopped,
    Lost(String),
    /// The lease was not to be had.
    Refused(String),
}

/// What a process is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Run,
    /// Gives up after a while.
    Apply,
}

/// What a process takes for Git's newest commit: Git's history only grows.
pub struct View {
    accepted: Rc<[Wish]>,
    newest: Cell<Option<usize>>,
    to: RefCell<Option<mpsc::Sender<Wish>>>,
}

impl View {
    pub fn of(accepted: &Rc<[Wish]>, newest: Option<usize>) -> Self {
        let newest = Cell::new(newest.filter(|it| *it < accepted.len()));
        Self { accepted: accepted.clone(), newest, to: RefCell::default() }
    }

    /// Shows it a commit, which it may know already.
    pub fn show(&self, number: usize) {
        if self.newest.get().is_none_or(|newest| newest < number) {
            self.newest.set(Some(number));
            if let Some(to) = &*self.to.borrow() {
                to.try_send(self.accepted[number].clone()).unwrap();
            }
        }
    }

    /// Who begins to act asks Git for its newest first.
    fn open(&self) -> mpsc::Receiver<Wish> {
        let (to, wishes) = mpsc::channel(8);
        if let Some(newest) = self.newest.get() {
            to.try_send(self.accepted[newest].clone()).unwrap();
        }
        *self.to.borrow_mut() = Some(to);
        wishes
    }
}

impl<'a> Process<'a> {
    pub fn start(world: &'a World, (kept, verb): (Kept, Verb), who: usize, view: View) -> Self {
        let (view, stop) = (Rc::new(view), CancellationToken::new());
        let (sees, stopped) = (view.clone(), stop.clone());
        let work = Box::pin(async move {
            let operator = match kept {
                Kept::File => world.operator().await,
                Kept::Table => {
                    let candidate = world.candidate(&name(who)).await;
                    let ledger = match verb {
                        Verb::Run => candidate.lead().await,
                        Verb::Apply => candidate.lead_within(PATIENCE).await,
                    };
                    match ledger {
                        Ok(ledger) => world.operator_with(ledger).await,
                        Err(error) => return Exit::Refused(error.to_string()),
                    }
                }
            };
            match operator.run(sees.open(), stopped).await {
                Outcome::Lost(why) => Exit::Lost(why),
                Outcome::Ended(_) => {
                    // One who can't say so lets the next one wait for longer.
                    let _ = operator.engine.ledger.release().await;
                    Exit::Stopped
                }
            }
        });
        Self { who, view, stop, frozen: None, work }
    }
}

/// Lets all processes work that do not stand still, until one of them ends.
pub async fn first_exit(processes: &mut [Process<'_>], signals: &Signals) -> (usize, Exit) {
    poll_fn(|context| {
        for process in processes.iter_mut().filter(|it| it.frozen.is_none()) {
            signals.acting.store(process.who, Ordering::Relaxed);
            if let Poll::Ready(exit) = process.work.as_mut().poll(context) {
                return Poll::Ready((process.who, exit));
            }
        }
        Poll::Pending
    })
    .await
}

/// The name and the nonce of a process's claim are made of it.
fn name(who: usize) -> String {
    format!("p{who}")
}

/// Who has the lease, for whoever can't ask the world itself.
pub fn holder(world: &World) -> impl Fn() -> Option<usize> + Send + 'static {
    let (simulator, runtime) = (world.simulator.clone(), world.runtime.clone());
    let key = json!({"pk": {"S": "reconciler/test"}, "sk": {"S": "lease"}});
    let input = json!({"TableName": TABLE, "Key": key, "ConsistentRead": true});
    move || {
        simulator.advance();
        let found = simulator.with_world(|account| {
            simulator::dynamodb::call(account, runtime.as_ref(), "GetItem", &input).unwrap_or_default()
        });
        found["Item"]["nonce"]["S"].as_str()?.strip_prefix("nonce of p")?.parse().ok()
    }
}
