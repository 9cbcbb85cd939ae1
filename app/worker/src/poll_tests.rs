//! The loop stops at once when it only waits, and never in the middle of a job.

use std::cell::{Cell, RefCell};
use std::future::pending;

use tokio::time::{Instant, sleep};

use super::*;

fn message(body: &str) -> Message {
    Message { body: body.to_owned(), receipt: "r".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_is_cut_off_at_once() {
    let stop = CancellationToken::new();
    let began = Instant::now();
    let poll = poll_until(&stop, async || pending().await, async |_| Next::Now);
    let after_a_second = async {
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    tokio::join!(poll, after_a_second);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_job_in_hand_is_finished_and_no_other_begun() {
    let stop = CancellationToken::new();
    let (received, finished) = (Cell::new(0), Cell::new(0));
    let receive = async || {
        received.set(received.get() + 1);
        Ok(Some(message("job")))
    };
    let handle = async |_| {
        stop.cancel();
        sleep(Duration::from_secs(20)).await;
        finished.set(finished.get() + 1);
        Next::Now
    };
    poll_until(&stop, receive, handle).await;
    assert_eq!((received.get(), finished.get()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_away_is_asked_less_and_less_often_and_then_used_again() {
    let stop = CancellationToken::new();
    let began = Instant::now();
    let asked = RefCell::new(Vec::new());
    let handled = Cell::new(0);
    let receive = async || {
        asked.borrow_mut().push(began.elapsed().as_millis());
        match asked.borrow().len() {
            ..5 => Err(QueueError::new("receiving", "refused")),
            5 => Ok(Some(message("job"))),
            6 => Err(QueueError::new("receiving", "refused")),
            _ => {
                stop.cancel();
                Ok(None)
            }
        }
    };
    let handle = async |_| {
        handled.set(handled.get() + 1);
        Next::Now
    };
    poll_until(&stop, receive, handle).await;
    assert_eq!(asked.take(), [0, 500, 1_500, 3_500, 7_500, 7_500, 8_000]);
    assert_eq!(handled.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn messages_are_not_worn_out_while_the_database_is_away() {
    let stop = CancellationToken::new();
    let began = Instant::now();
    let handled = RefCell::new(Vec::new());
    let handle = async |_| {
        handled.borrow_mut().push(began.elapsed().as_millis());
        if handled.borrow().len() == 4 {
            stop.cancel();
        }
        Next::AfterPause
    };
    poll_until(&stop, async || Ok(Some(message("job"))), handle).await;
    assert_eq!(handled.take(), [0, 500, 1_500, 3_500]);
}
