//! When the agent is asked for what, on a clock that the test moves.

#![allow(clippy::unwrap_used)]

use std::sync::Mutex as Slots;

use tokio::time::sleep;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Notes what it is asked and when, in seconds; answers what it is told to.
struct Noted {
    began: Instant,
    asked: Slots<Vec<(u64, bool)>>,
    answer: Slots<Answer>,
}

impl Protector for &'static Noted {
    async fn set(&self, protected: bool) -> Answer {
        self.asked.lock().unwrap().push((self.began.elapsed().as_secs(), protected));
        self.answer.lock().unwrap().clone()
    }
}

impl Noted {
    fn asked(&self) -> Vec<(u64, bool)> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }
}

struct Scene {
    agent: &'static Noted,
    protection: &'static Protection<&'static Noted>,
    in_hand: watch::Sender<usize>,
}

fn scene() -> Scene {
    let agent: &'static Noted = Box::leak(Box::new(Noted {
        began: Instant::now(),
        asked: Slots::default(),
        answer: Slots::new(Answer::Done),
    }));
    let protection: &'static _ = Box::leak(Box::new(Protection::new(Some(agent))));
    let in_hand = watch::Sender::new(0);
    tokio::spawn(protection.keep(in_hand.subscribe()));
    Scene { agent, protection, in_hand }
}

impl Scene {
    async fn job(&self, takes: Duration) -> Cover {
        self.in_hand.send_modify(|jobs| *jobs += 1);
        let cover = self.protection.cover().await;
        sleep(takes).await;
        self.in_hand.send_modify(|jobs| *jobs -= 1);
        cover
    }

    fn is_open(&self) -> bool {
        *self.protection.open.borrow()
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_that_follow_one_another_share_one_protection() {
    let scene = scene();
    for _ in 0..3 {
        assert_eq!(scene.job(10 * SECOND).await, Cover::Granted);
        sleep(3 * SECOND).await;
    }
    sleep(MINUTE).await;
    let asked = scene.agent.asked();
    assert_eq!(asked[0], (0, true));
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(!asked[1].1 && (41..=43).contains(&asked[1].0), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_job_stays_protected_until_it_ends() {
    let scene = scene();
    scene.job(95 * MINUTE).await;
    sleep(MINUTE).await;
    let asked: Vec<(u64, bool)> =
        scene.agent.asked().iter().map(|(second, protected)| (second / 60, *protected)).collect();
    assert_eq!(asked, [(0, true), (30, true), (60, true), (90, true), (95, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_is_tried_again_long_before_the_protection_ends() {
    let scene = scene();
    let job = scene.job(70 * MINUTE);
    let watched = async {
        sleep(29 * MINUTE).await;
        scene.agent.answer(Answer::Unavailable("refused".into()));
        sleep(3 * MINUTE + 30 * SECOND).await;
        scene.agent.answer(Answer::Done);
    };
    tokio::join!(job, watched);
    let asked: Vec<(u64, bool)> =
        scene.agent.asked().iter().map(|(second, protected)| (second / 60, *protected)).collect();
    assert_eq!(asked, [(0, true), (30, true), (31, true), (32, true), (33, true), (63, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_always_busy_gives_ecs_a_chance_to_replace_it() {
    let scene = scene();
    // Overlapping jobs, as long as jobs are taken.
    let mut taken = 0;
    while scene.is_open() {
        scene.in_hand.send_modify(|jobs| *jobs = 1);
        scene.protection.cover().await;
        sleep(SECOND).await;
        taken += 1;
        assert!(taken < 1_000, "it never stops taking jobs");
    }
    assert!((300..=302).contains(&taken), "{taken}");
    scene.in_hand.send_replace(0);
    let idle = Instant::now();
    scene.protection.opened().await;
    let rested = idle.elapsed();
    assert!((REST..REST + 3 * SECOND).contains(&rested), "{rested:?}");
    let (second, protected) = *scene.agent.asked().last().unwrap();
    assert!(!protected && second <= 304, "unprotected while it rests");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ecs_wants_to_end_begins_nothing_and_asks_again_after_a_rest() {
    let scene = scene();
    scene.agent.answer(Answer::Unwanted("DEPLOYMENT_BLOCKED".into()));
    assert_eq!(scene.job(Duration::ZERO).await, Cover::Refused);
    assert!(!scene.is_open());
    scene.agent.answer(Answer::Done);
    scene.protection.opened().await;
    assert!(scene.agent.began.elapsed() >= REST);
    assert_eq!(scene.job(SECOND).await, Cover::Granted);
}

#[tokio::test(start_paused = true)]
async fn a_protection_that_is_not_renewed_lets_the_jobs_in_hand_end_and_takes_no_others() {
    let scene = scene();
    let job = scene.job(40 * MINUTE);
    let watched = async {
        sleep(MINUTE).await;
        scene.agent.answer(Answer::Unwanted("DEPLOYMENT_BLOCKED".into()));
        sleep(30 * MINUTE).await;
        assert!(!scene.is_open());
    };
    let (cover, ()) = tokio::join!(job, watched);
    assert_eq!(cover, Cover::Granted);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_not_well_does_not_stop_work_and_is_asked_once_a_minute() {
    let scene = scene();
    scene.agent.answer(Answer::Unavailable("refused".into()));
    for _ in 0..60 {
        assert_eq!(scene.job(2 * SECOND).await, Cover::Granted);
    }
    assert_eq!(scene.agent.asked(), [(0, true), (60, true)]);
    assert!(scene.is_open());
}

#[tokio::test(start_paused = true)]
async fn outside_ecs_nobody_is_asked() {
    let protection: Protection<&'static Noted> = Protection::new(None);
    assert_eq!(protection.cover().await, Cover::Granted);
    protection.opened().await;
}
