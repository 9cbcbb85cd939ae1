//! Only as many messages are taken as can be worked on, and none in vain.

#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::future::pending;

use tokio::time::{Instant, sleep};

use super::*;

fn message(number: u32) -> Message {
    Message { body: number.to_string(), receipt: "r".to_owned(), receives: 1 }
}

struct Scene {
    stop: CancellationToken,
    places: Arc<Semaphore>,
    health: Health,
    began: Instant,
}

fn scene(places: usize) -> Scene {
    Scene {
        stop: CancellationToken::new(),
        places: Arc::new(Semaphore::new(places)),
        health: Health::good(),
        began: Instant::now(),
    }
}

impl Scene {
    fn intake(&self) -> Intake<'_> {
        Intake { stop: &self.stop, places: &self.places, health: &self.health }
    }

    fn milliseconds(&self) -> u128 {
        self.began.elapsed().as_millis()
    }

    /// Runs until the end of what `receive` was asked for, with jobs that take this long.
    async fn run(&self, job: Duration, receive: impl AsyncFn(u32) -> Result<Vec<Message>, QueueError>) {
        let hand_over = |_, place| {
            tokio::spawn(async move {
                sleep(job).await;
                drop(place);
            });
        };
        self.intake().run(async || (), async || true, receive, hand_over).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_is_cut_off_at_once() {
    let scene = scene(1);
    let poll = scene.run(Duration::ZERO, async |_| pending().await);
    let after_a_second = async {
        sleep(Duration::from_secs(1)).await;
        scene.stop.cancel();
    };
    tokio::join!(poll, after_a_second);
    assert_eq!(scene.milliseconds(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn only_as_many_messages_are_asked_for_as_there_are_free_places() {
    let scene = scene(12);
    let asked = RefCell::new(Vec::new());
    let receive = async |places: u32| {
        asked.borrow_mut().push((scene.milliseconds(), places));
        match asked.borrow().len() {
            // A full batch, then fewer than asked for, then the rest.
            1 => Ok((0..places).map(message).collect()),
            2 => Ok(vec![message(0)]),
            3 => Ok(vec![message(0)]),
            _ => {
                scene.stop.cancel();
                Ok(vec![])
            }
        }
    };
    scene.run(Duration::from_millis(700), receive).await;
    assert_eq!(asked.take(), [(0, 10), (0, 2), (0, 1), (700, 10)]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_away_is_asked_less_and_less_often_and_then_used_again() {
    let scene = scene(1);
    let asked = RefCell::new(Vec::new());
    let receive = async |_| {
        asked.borrow_mut().push(scene.milliseconds());
        match asked.borrow().len() {
            ..5 => Err(QueueError::new("receiving", "refused")),
            5 => Ok(vec![message(1)]),
            6 => Err(QueueError::new("receiving", "refused")),
            _ => {
                scene.stop.cancel();
                Ok(vec![])
            }
        }
    };
    scene.run(Duration::ZERO, receive).await;
    assert_eq!(asked.take(), [0, 500, 1_500, 3_500, 7_500, 7_500, 8_000]);
}

#[tokio::test(start_paused = true)]
async fn no_message_is_taken_while_the_database_is_away() {
    let scene = scene(4);
    let (asked, probed) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let receive = async |_| {
        asked.borrow_mut().push(scene.milliseconds());
        if asked.borrow().len() == 2 {
            scene.stop.cancel();
        }
        Ok(vec![message(1)])
    };
    let probe = async || {
        probed.borrow_mut().push(scene.milliseconds());
        probed.borrow().len() == 3
    };
    let hand_over = |_, _| scene.health.lost();
    scene.intake().run(async || (), probe, receive, hand_over).await;
    assert_eq!(probed.take(), [500, 1_500, 3_500]);
    assert_eq!(asked.take(), [0, 3_500]);
}

#[tokio::test(start_paused = true)]
async fn however_long_the_database_was_away_its_return_is_noticed_within_seconds() {
    let scene = scene(1);
    scene.health.lost();
    let back = Duration::from_secs(10 * 60 + 10).as_millis();
    let taken = Cell::new(None);
    let receive = async |_| {
        taken.set(Some(scene.milliseconds()));
        scene.stop.cancel();
        Ok(vec![])
    };
    let probe = async || scene.milliseconds() >= back;
    scene.intake().run(async || (), probe, receive, |_, _| ()).await;
    let late = taken.get().unwrap() - back;
    assert!(late <= 3_000, "{late} ms");
}

#[tokio::test(start_paused = true)]
async fn no_message_is_taken_while_none_is_wanted() {
    let scene = scene(1);
    let asked = Cell::new(None);
    let receive = async |_| {
        asked.set(Some(scene.milliseconds()));
        scene.stop.cancel();
        Ok(vec![])
    };
    let ready = async || sleep(Duration::from_secs(9)).await;
    scene.intake().run(ready, async || true, receive, |_, _| ()).await;
    assert_eq!(asked.get(), Some(9_000));
}
