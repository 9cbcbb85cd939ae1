//! A day of the demo's worker under a varying load: its queue, its metric and its policy from `manifests/`,
//! followed by the simulator's target tracking while the operator runs. `make day` prints what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reconciler::controller::Wish;
use reconciler::model::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::world::{World, mutating, service_with};

const TICK: Duration = Duration::from_secs(15);
const HOUR_TICKS: u32 = 240;
const DAY_TICKS: u32 = 24 * HOUR_TICKS;
/// After the day no more jobs come, and what is left is done.
const NIGHT_TICKS: u32 = HOUR_TICKS;
const RESYNC: Duration = Duration::from_secs(300);
/// What one task needs for one job.
const JOB_SECONDS: u64 = 120;
/// A message whose worker is gone is delivered again after so long.
const VISIBILITY_SECONDS: u64 = 300;
/// Of the policy in the manifest.
const TARGET: f64 = 5.0;

/// The demo's worker as it scales there.
fn worker(image: &str, more: &str) -> String {
    let manifest = include_str!("../../manifests/job-worker.yaml");
    let (_, scaling) = manifest.split_once("  scaling:\n").unwrap();
    let (scaling, _) = scaling.split_once("  rollout:\n").unwrap();
    assert!(
        scaling.contains("MetricName: BacklogPerTask") && scaling.contains("TargetValue: 5"),
        "{scaling}"
    );
    service_with("job-worker", image, &format!("  scaling:\n{scaling}{more}"))
}

/// Jobs a minute: work for two tasks at first, and for eight half a day later.
fn jobs_a_minute(tick: u32) -> f64 {
    let of_day = f64::from(tick) / f64::from(DAY_TICKS);
    2.5 - 1.5 * (std::f64::consts::TAU * of_day).cos()
}

struct Busy {
    job: u64,
    receipt: String,
    until: Timestamp,
}

/// Everything around the service: who sends jobs, the tasks that work them off, and what is measured.
struct Plant {
    queue: String,
    /// By the task's ARN; none has it while it is idle.
    tasks: BTreeMap<String, Option<Busy>>,
    random: u64,
    owed: f64,
    sent: u64,
    done: BTreeSet<u64>,
    /// Jobs whose task was stopped in the middle of them.
    cut_off: u64,
    /// Backlog per task, a minute each, while jobs come.
    samples: Vec<f64>,
    /// Each change of the desired count that was seen: when, from and to.
    moves: Vec<(Timestamp, i64, i64)>,
    desired: i64,
}

impl Plant {
    fn new(world: &World) -> Self {
        let made = sqs(world, "CreateQueue", json!({"QueueName": "job-queue"}));
        Self {
            queue: made["QueueUrl"].as_str().unwrap().to_owned(),
            tasks: BTreeMap::new(),
            random: 0x5eed,
            owed: 0.0,
            sent: 0,
            done: BTreeSet::new(),
            cut_off: 0,
            samples: Vec::new(),
            moves: Vec::new(),
            desired: 0,
        }
    }

    async fn tick(&mut self, world: &World, tick: u32) {
        if tick < DAY_TICKS {
            // Between half and one and a half of what is due; and a hundred at once, twice a day.
            self.random =
                self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let jitter = 0.5 + (self.random >> 40) as f64 / (1_u64 << 24) as f64;
            self.owed += jobs_a_minute(tick) / 4.0 * jitter;
            if [3 * HOUR_TICKS, 15 * HOUR_TICKS].contains(&tick) {
                self.owed += 100.0;
            }
            while self.owed >= 1.0 {
                self.owed -= 1.0;
                self.sent += 1;
                let body = json!({"QueueUrl": self.queue, "MessageBody": self.sent.to_string()});
                sqs(world, "SendMessage", body);
            }
        }
        self.see_tasks(world).await;
        self.work(world);
        if tick.is_multiple_of(2) {
            self.measure(world, tick);
        }
    }

    /// Who runs now. Whoever is gone had no time to end what it had in hand: the hardest case.
    async fn see_tasks(&mut self, world: &World) {
        let service = world.service("job-worker").await;
        let desired = service["desiredCount"].as_i64().unwrap();
        if desired != self.desired {
            self.moves.push((world.now(), self.desired, desired));
            self.desired = desired;
        }
        let input = json!({"cluster": "jobs", "serviceName": "job-worker", "desiredStatus": "RUNNING"});
        let listed = world.ecs("ListTasks", input).await;
        let arns = texts(&listed["taskArns"]);
        self.tasks.retain(|arn, busy| {
            let stays = arns.contains(arn);
            self.cut_off += u64::from(!stays && busy.is_some());
            stays
        });
        let new: Vec<&String> = arns.iter().filter(|arn| !self.tasks.contains_key(*arn)).collect();
        if new.is_empty() {
            return;
        }
        let described = world.ecs("DescribeTasks", json!({"cluster": "jobs", "tasks": new})).await;
        for task in described["tasks"].as_array().unwrap() {
            if task["lastStatus"] == "RUNNING" {
                self.tasks.insert(task["taskArn"].as_str().unwrap().to_owned(), None);
            }
        }
    }

    fn work(&mut self, world: &World) {
        let now = world.now();
        for busy in self.tasks.values_mut() {
            if let Some(job) = busy.take_if(|job| job.until <= now) {
                sqs(world, "DeleteMessage", json!({"QueueUrl": self.queue, "ReceiptHandle": job.receipt}));
                self.done.insert(job.job);
            }
            if busy.is_some() {
                continue;
            }
            let ask = json!({"QueueUrl": self.queue, "VisibilityTimeout": VISIBILITY_SECONDS});
            let message = &sqs(world, "ReceiveMessage", ask)["Messages"][0];
            if let (Some(body), Some(receipt)) = (message["Body"].as_str(), message["ReceiptHandle"].as_str())
            {
                let until = now.plus(Duration::from_secs(JOB_SECONDS));
                *busy = Some(Busy { job: body.parse().unwrap(), receipt: receipt.to_owned(), until });
            }
        }
    }

    /// What the workers write into their log, and CloudWatch reads out of it.
    fn measure(&mut self, world: &World, tick: u32) {
        let asked = json!({"QueueUrl": self.queue, "AttributeNames": ["ApproximateNumberOfMessages"]});
        let depth = &sqs(world, "GetQueueAttributes", asked)["Attributes"]["ApproximateNumberOfMessages"];
        let depth: f64 = depth.as_str().unwrap().parse().unwrap();
        let per_task = depth / self.tasks.len().max(1) as f64;
        let datum = json!({"MetricName": "BacklogPerTask", "Value": per_task,
                           "Dimensions": [{"Name": "Service", "Value": "job-worker"}]});
        let input = json!({"Namespace": "JobSystem", "MetricData": [datum]});
        world.set_up(|account, runtime| {
            simulator::cloudwatch::call(account, runtime, "PutMetricData", &input)
        });
        if tick < DAY_TICKS && tick.is_multiple_of(4) {
            self.samples.push(per_task);
        }
    }

    fn report(&self, what: &str) -> Report {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / self.samples.len() as f64;
        let report = Report {
            mean: mean(&mut self.samples.iter().copied()),
            error: mean(&mut self.samples.iter().map(|it| (it - TARGET).abs())),
            ninety_fifth: sorted[sorted.len() * 95 / 100],
            out: self.moves.iter().filter(|(_, from, to)| to > from).count(),
            in_: self.moves.iter().filter(|(_, from, to)| to < from).count(),
            most: self.moves.iter().map(|(_, _, to)| *to).max().unwrap_or_default(),
        };
        println!(
            "{what}: {} jobs, {} lost, {} cut off and begun again; backlog per task {:.1} on average (target {TARGET}), {:.1} off \
             on average, 95th percentile {:.1}; {} moves out and {} in, at most {} tasks",
            self.sent,
            self.sent - self.done.len() as u64,
            self.cut_off,
            report.mean,
            report.error,
            report.ninety_fifth,
            report.out,
            report.in_,
            report.most
        );
        report
    }
}

struct Report {
    mean: f64,
    error: f64,
    ninety_fifth: f64,
    out: usize,
    in_: usize,
    most: i64,
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

fn sqs(world: &World, operation: &str, input: Value) -> Value {
    world.set_up(|account, runtime| simulator::sqs::call(account, runtime, operation, &input))
}

/// What happens at a tick besides load.
enum Happens {
    Commit(Wish),
    /// Somebody calls ECS, or Application Auto Scaling.
    ByHand(&'static str, Value),
}

/// What the operator's calls came to.
#[derive(Default)]
struct Operators {
    /// UpdateService, with the count it sent, if any.
    updates: Vec<Option<i64>>,
    /// RegisterScalableTarget, with its maximum and the count at that time.
    registrations: Vec<(i64, i64)>,
    other: Vec<String>,
}

/// Lets the operator run for a day and its end, with load all day long and with what happens besides.
async fn day(world: &World, first: &Wish, mut events: BTreeMap<u32, Happens>) -> (Plant, Operators) {
    world.settle(first).await;
    let mut plant = Plant::new(world);
    plant.see_tasks(world).await;
    plant.moves.clear();
    world.simulator.keep_inputs();
    world.simulator.take_calls();
    let mut operator = world.operator().await;
    operator.timing.resync = RESYNC;
    let (sender, wishes) = mpsc::channel(1);
    sender.send(first.clone()).await.unwrap();
    let stop = CancellationToken::new();
    let mut operators = Operators::default();
    let driven = async {
        for tick in 0..DAY_TICKS + NIGHT_TICKS {
            tokio::time::sleep(TICK).await;
            operators.take(world, plant.desired);
            plant.tick(world, tick).await;
            match events.remove(&tick) {
                Some(Happens::Commit(wish)) => sender.send(wish).await.unwrap(),
                Some(Happens::ByHand(operation, input)) if operation.contains("Scal") => {
                    drop(world.scaling(operation, "job-worker", input).await);
                }
                Some(Happens::ByHand(operation, input)) => drop(world.ecs(operation, input).await),
                None => {}
            }
            world.simulator.take_calls();
        }
        stop.cancel();
    };
    let run = operator.run(wishes, stop.clone());
    tokio::pin!(run);
    tokio::select! {
        biased;
        outcome = &mut run => panic!("it ended by itself: {outcome:?}"),
        () = driven => {}
    }
    run.await;
    (plant, operators)
}

impl Operators {
    /// The calls since the last tick, in which nobody else made any.
    fn take(&mut self, world: &World, count: i64) {
        let calls = world.simulator.take_calls();
        for call in calls.iter().filter(|call| !mutating(std::slice::from_ref(&call.operation)).is_empty()) {
            let input = call.input.clone().unwrap_or_default();
            match call.operation.as_str() {
                "UpdateService" => self.updates.push(input["desiredCount"].as_i64()),
                "RegisterScalableTarget" => {
                    self.registrations.push((input["MaxCapacity"].as_i64().unwrap(), count));
                }
                other => self.other.push(other.to_owned()),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn over_a_day_of_load_the_backlog_per_task_stays_near_its_target_and_no_job_is_lost() {
    let mut world = World::new().await;
    let wish = world.commit(&[worker("app:1", "")]);
    let (plant, operators) = day(&world, &wish, BTreeMap::new()).await;
    let report = plant.report("a day of load");
    assert_eq!(plant.done.len() as u64, plant.sent);
    assert!(plant.sent > 3_000, "{}", plant.sent);
    assert!((TARGET - report.mean).abs() < 1.5, "{}", report.mean);
    assert!(
        report.error < 2.0 && report.ninety_fifth < 2.0 * TARGET,
        "{} {}",
        report.error,
        report.ninety_fifth
    );
    assert!(report.out + report.in_ < 200 && report.most <= 10, "{:?}", plant.moves);
    // Down again when nothing is left to do; and nothing of it by the operator.
    assert!(plant.desired < report.most, "{:?}", plant.moves);
    assert!(operators.updates.is_empty() && operators.registrations.is_empty() && operators.other.is_empty());
}

#[tokio::test(start_paused = true)]
async fn over_a_day_of_load_commits_and_drift_the_operator_never_lowers_the_running_count() {
    let mut world = World::new().await;
    let first = world.commit(&[worker("app:1", "")]);
    let hour = |hour: u32, minute: u32| hour * HOUR_TICKS + minute * 4;
    let mut commit = |image: &str, more: &str| Happens::Commit(world.commit(&[worker(image, more)]));
    let second = commit("app:2", "");
    let broken = commit("app:crash", "");
    let third = commit("app:3", "");
    let fourth = commit("app:4", "");
    let of_service = |more: Value| {
        let mut input = json!({"cluster": "jobs", "service": "job-worker"});
        more.as_object().unwrap().iter().for_each(|(name, value)| input[name] = value.clone());
        input
    };
    let events = BTreeMap::from([
        (hour(2, 0), second),
        (hour(3, 10), Happens::ByHand("UpdateService", of_service(json!({"enableExecuteCommand": true})))),
        (hour(5, 0), Happens::ByHand("UpdateService", of_service(json!({"desiredCount": 9})))),
        (hour(6, 0), broken),
        (hour(7, 30), third),
        (hour(9, 0), Happens::ByHand("DeleteScalingPolicy", json!({"PolicyName": "backlog-per-task"}))),
        (hour(11, 0), Happens::ByHand("UpdateService", of_service(json!({"forceNewDeployment": true})))),
        (
            hour(13, 0),
            Happens::ByHand("RegisterScalableTarget", json!({"MinCapacity": 0, "MaxCapacity": 20})),
        ),
        (hour(15, 5), fourth),
    ]);
    let by_hand = hour(5, 0);
    let (plant, operators) = day(&world, &first, events).await;
    plant.report("a day of load, commits and drift");
    assert_eq!(plant.done.len() as u64, plant.sent);

    // It did deploy, correct and scale; and sent no count with any of that.
    assert!(operators.updates.len() >= 5, "{:?}", operators.updates);
    assert!(operators.updates.iter().all(Option::is_none), "{:?}", operators.updates);
    assert!(!operators.registrations.is_empty(), "{:?}", operators.registrations);
    for (maximum, count) in &operators.registrations {
        assert!(maximum >= count, "{:?}", operators.registrations);
    }
    // Each fall of the count is Application Auto Scaling's own.
    let told = activities(&world).await;
    let start = Timestamp(plant.moves[0].0.0);
    let falls = plant.moves.iter().filter(|(_, from, to)| to < from);
    for (at, from, to) in falls.clone() {
        let before = at.0 - i64::try_from(TICK.as_millis()).unwrap();
        let own = told.iter().any(|(when, count, cause)| {
            *when >= before
                && *when <= at.0
                && count == to
                && cause.contains("triggered policy backlog-per-task")
        });
        assert!(
            own,
            "{from} -> {to}, {} s after {start} (by hand: {by_hand}): {told:?}",
            at.since(start).as_secs()
        );
    }
    assert!(falls.count() > 5, "{:?}", plant.moves);
}

/// When, to which count, and why.
async fn activities(world: &World) -> Vec<(i64, i64, String)> {
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({});
        if !token.is_null() {
            input["NextToken"] = token;
        }
        let page = world.scaling("DescribeScalingActivities", "job-worker", input).await;
        for activity in page["ScalingActivities"].as_array().unwrap() {
            let description = activity["Description"].as_str().unwrap();
            let count =
                description.strip_prefix("Setting desired count to ").and_then(|it| it.strip_suffix('.'));
            let Some(count) = count.and_then(|count| count.parse().ok()) else { continue };
            let at = (activity["StartTime"].as_f64().unwrap() * 1000.0).round() as i64;
            found.push((at, count, activity["Cause"].as_str().unwrap().to_owned()));
        }
        token = page["NextToken"].clone();
        if token.is_null() {
            return found;
        }
    }
}
