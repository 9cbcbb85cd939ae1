//! Two hundred jobs of all kinds while both services are replaced and workers are killed: each ends once,
//! with a result or a reason.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::account::Account;
use super::repository::{Repository, WORKER};
use super::wait_until;

const JOBS: usize = 200;
const UPLOADS: usize = 5;
const ROWS: usize = 400;
/// Of the rows, so many are not valid.
const BAD_ROWS: usize = 3;
const KILLS: usize = 6;
/// Of those jobs that fail because they were told to.
const TOLD_TO_FAIL: &str = "as it was told";

#[test]
fn two_hundred_jobs_end_once_each_while_both_services_are_released_and_workers_are_killed() {
    let mut repository = Repository::of_the_job_system();
    repository.edit(WORKER, "minCapacity: 1", "minCapacity: 3");
    let first = repository.commit("Deploy the job system with three workers");
    let account = Account::with_healthy_services(&repository, &first);
    let uploads: Vec<String> = (0..UPLOADS).map(|number| upload(&account, number)).collect();

    let mut random = Random(seed());
    println!("seed {}", random.0);
    let mut submitted = BTreeMap::new();
    let mut kills = 0;
    let mut release = String::new();
    for number in 0..JOBS {
        let (kind, payload) = job(number, &uploads);
        submitted.insert(account.submit(kind, &payload), (kind, payload));
        if number == JOBS / 4 {
            repository.release("job-api", "1.1.0").release("job-worker", "1.1.0");
            release = repository.commit("Release 1.1.0 of both");
        }
        if number > 20 && kills < KILLS && random.below(25) == 0 {
            kills += usize::from(kill_a_worker(&account, &mut random));
        }
        // Spread over the time that the release takes.
        std::thread::sleep(Duration::from_millis(60));
    }
    while kills < KILLS {
        wait_until("there is a worker to kill", || !workers(&account).is_empty());
        kills += usize::from(kill_a_worker(&account, &mut random));
    }

    account.wait_until_settled("job-api", &release);
    account.wait_until_settled("job-worker", &release);
    for (id, (kind, payload)) in &submitted {
        let job = account.wait_for_end(id);
        assert_eq!(job["status"], expected_end(payload), "{kind} {payload}: {job}");
        if job["status"] == "FAILED" {
            assert_eq!(job["reason"], TOLD_TO_FAIL, "{job}");
        }
        ended_once(&account, id);
        done_once(&account, id, kind, &job);
    }
    assert_eq!(account.get("/version")["version"], "1.1.0");
}

/// What the job's own ledger says: one end, after one beginning that was not taken back.
fn ended_once(account: &Account, id: &str) {
    let history = account.get(&format!("/jobs/{id}/history"));
    let events: Vec<&str> =
        history["history"].as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap()).collect();
    let ends = events.iter().filter(|it| ["COMPLETED", "FAILED", "CANCELLED"].contains(it)).count();
    assert_eq!(ends, 1, "{id}: {history}");
    assert_eq!(events.first(), Some(&"SUBMITTED"), "{id}: {history}");
}

/// What the job left in the world.
fn done_once(account: &Account, id: &str, kind: &str, job: &Value) {
    match kind {
        "csv-import" => {
            let result = &job["result"];
            assert_eq!(result["imported"], ROWS - BAD_ROWS, "{job}");
            assert_eq!(result["rejected"], BAD_ROWS, "{job}");
            let report = account.submit("report", &json!({"import": id}));
            account.wait_for_job(&report, "COMPLETED");
            let totals = account.text(&format!("/jobs/{report}/report"));
            let orders: usize = totals
                .lines()
                .skip(1)
                .map(|line| line.split(',').nth(1).unwrap().parse::<usize>().unwrap())
                .sum();
            assert_eq!(orders, ROWS - BAD_ROWS, "rows of {id}, added up:\n{totals}");
        }
        "email" => {
            let letters = std::fs::read_dir(account.state().join("mail")).unwrap();
            let of_this_job =
                letters.filter(|it| it.as_ref().unwrap().file_name().to_string_lossy().contains(id)).count();
            assert_eq!(of_this_job, 1, "letters of {id}");
        }
        _ => {}
    }
}

fn job(number: usize, uploads: &[String]) -> (&'static str, Value) {
    match number % 8 {
        0 => ("sleep", json!({"milliseconds": 400, "fail_with": TOLD_TO_FAIL})),
        1..=3 => ("sleep", json!({"milliseconds": 20 * (number % 40)})),
        4 | 5 => ("csv-import", json!({"upload": uploads[number % uploads.len()]})),
        6 => {
            let values = json!({"name": format!("Reader {number}")});
            (
                "email",
                json!({"to": format!("reader{number}@example.com"), "template": "welcome", "values": values}),
            )
        }
        _ => ("report", json!({})),
    }
}

fn expected_end(payload: &Value) -> &'static str {
    if payload.get("fail_with").is_some() { "FAILED" } else { "COMPLETED" }
}

fn upload(account: &Account, number: usize) -> String {
    let mut csv = "order_id,ordered_on,product,quantity,unit_price\n".to_owned();
    for row in 0..ROWS {
        let quantity = if row < BAD_ROWS { "many".to_owned() } else { (row % 9 + 1).to_string() };
        csv += &format!("{number}-{row},2026-11-{:02},product {},{quantity},9.95\n", row % 28 + 1, row % 7);
    }
    account.upload(&csv)
}

/// Kills one process of the worker as the kernel would; `false` if there was none.
fn kill_a_worker(account: &Account, random: &mut Random) -> bool {
    let workers = workers(account);
    let Some(victim) = workers.get(random.below(workers.len().max(1))) else { return false };
    // It may have ended by itself in between.
    kill_process(*victim, Signal::KILL).is_ok()
}

/// The worker processes of this account's containers, by the kernel's list of processes.
fn workers(account: &Account) -> Vec<Pid> {
    let operator = account.operator.pid().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(number) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        // `pid (name) state parent ...`
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((before, after)) = stat.rsplit_once(") ") else { continue };
        if before.ends_with("(worker") && after.split(' ').nth(1) == Some(operator.as_str()) {
            found.push(number);
        }
    }
    found.sort_unstable();
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// Of the clock, unless a run is to be repeated.
fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    })
}

/// A small linear congruential generator (the constants of Knuth's MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}
