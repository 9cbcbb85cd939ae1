//! A whole world under virtual time: the simulator with scripted containers, mounted under the real
//! SDK, and operators that come and go.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reconciler::aws;
use reconciler::controller::{Controller, Engine, Outcome, Standing, Timing, Wish};
use reconciler::journal::Journal;
use reconciler::ledger::{Candidate, Claim, Ledger, LedgerView, Place};
use reconciler::manifest;
use reconciler::model::{Checkout, Desired, Live, Revision, ServiceKey, ServiceRecord, Timestamp};
use reconciler::observe::{Departing, LeftTasks, Observer, Owner, Want, WantTask};
use reconciler::plan::{self, Explain, Plan};
use reconciler::report::{Colour, PlanTextOptions, plan_json_explained, plan_text, status};
use reconciler::shape::api::Api;
use serde_json::{Value, json};
use simulator::Simulator;

use simulator::clock::{Clock, Time};
use simulator::error::Answer;
use simulator::faults::Fault;
use simulator::runtime::Runtime;
use simulator::runtime::scripted::Scripted;
use simulator::world::World as Account;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The table of ledgers, where a world has one.
pub const TABLE: &str = "reconciler";

#[path = "canary.rs"]
pub mod canary;
#[path = "web.rs"]
pub mod web;

use web::Pages;

/// 2027-01-15T08:00:00Z
const EPOCH: u64 = 1_800_000_000_000;

pub const ENVIRONMENT: &str = "
apiVersion: reconciler/v1
kind: Environment
metadata: {name: test}
spec: {account: '123456789012', region: eu-west-1, cluster: jobs}
";

pub struct World {
    pub simulator: Simulator,
    pub runtime: Arc<Scripted>,
    clock: Clock,
    folder: tempfile::TempDir,
    pub journal: Arc<Journal>,
    pub web: Pages,
    region: String,
    cluster: String,
    commits: u64,
    /// More of the Environment's `spec`.
    pub environment: String,
}

impl World {
    /// An account with the cluster `jobs` and nothing in it.
    pub async fn new() -> Self {
        Self::of("eu-west-1", "jobs").await
    }

    /// An account with one cluster and nothing in it.
    pub async fn of(region: &str, cluster: &str) -> Self {
        let clock = Clock::starting_at(Time(EPOCH), 1.0);
        let runtime = Arc::new(Scripted::default());
        let simulator = Simulator::new(clock.clone(), runtime.clone());
        let world = Self {
            simulator,
            runtime,
            clock,
            folder: tempfile::tempdir().unwrap(),
            journal: Arc::new(Journal::new(|event| {
                canary::search("journal", &format!("{event:?}"));
                canary::search(
                    "journal on a terminal",
                    &reconciler::report::log::terminal_line(event, Colour::Plain),
                );
                canary::search("journal as JSON", &reconciler::report::log::json_line(event));
                if std::env::var_os("SHOW_JOURNAL").is_some() {
                    eprintln!("{}", reconciler::report::log::terminal_line(event, Colour::Plain));
                }
            })),
            web: Pages::default(),
            region: region.to_owned(),
            cluster: cluster.to_owned(),
            commits: 0,
            environment: String::new(),
        };
        world.simulator.with_world(|account| account.region = region.to_owned());
        canary::listen();
        let input =
            json!({"Name": "/planted", "Type": "SecureString", "Value": canary::planted("parameter-store")});
        world.set_up(|account, runtime| simulator::ssm::call(account, runtime, "PutParameter", &input));
        world.ecs("CreateCluster", json!({"clusterName": cluster})).await;
        world.simulator.take_calls();
        world
    }

    /// The same, with a table for ledgers.
    pub async fn with_table() -> Self {
        let world = Self::new().await;
        world.set_up(|account, runtime| {
            simulator::dynamodb::call(account, runtime, "CreateTable", &table_input())
        });
        world
    }

    /// Somebody who waits for the lease of this world's table, and says who that is.
    pub async fn candidate(&self, name: &str) -> Candidate {
        self.candidate_of(name, &self.cluster).await
    }

    /// The same for another cluster.
    pub async fn candidate_of(&self, name: &str, cluster: &str) -> Candidate {
        let clock = self.clock.clone();
        let claim = Claim {
            place: Place { cluster: cluster.to_owned(), ..self.place() },
            environment: "test".to_owned(),
            holder: name.to_owned(),
            nonce: format!("nonce of {}", &name[..name.len().min(10)]),
        };
        let now = Arc::new(move || Timestamp(i64::try_from(clock.now().0).unwrap()));
        Candidate::new(self.aws().await.table_writer(TABLE), claim, self.journal.clone(), now)
    }

    /// What the table says to one who only looks.
    pub async fn view(&self) -> LedgerView {
        LedgerView::query(&self.aws().await.table_reader(TABLE), "test", &self.place()).await.unwrap()
    }

    /// An item of that table, by its sort key.
    pub fn item(&self, sort: &str) -> Value {
        let key = json!({"pk": {"S": "reconciler/test"}, "sk": {"S": sort}});
        self.set_up(|account, runtime| {
            let input = json!({"TableName": TABLE, "Key": key, "ConsistentRead": true});
            simulator::dynamodb::call(account, runtime, "GetItem", &input)
        })["Item"]
            .clone()
    }

    /// Puts an item there, as nobody who keeps the rules would.
    pub fn put_item(&self, item: Value) {
        self.set_up(|account, runtime| {
            let input = json!({"TableName": TABLE, "Item": item});
            simulator::dynamodb::call(account, runtime, "PutItem", &input)
        });
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.clock.now().0).unwrap())
    }

    /// Asks AWS something as another client would; the answer of a refused call is its error.
    pub async fn ecs(&self, operation: &str, input: Value) -> Value {
        let request = http::Request::post("/")
            .header("X-Amz-Target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(bytes::Bytes::from(input.to_string()))
            .unwrap();
        let response = self.simulator.call(request).await;
        serde_json::from_slice(response.body()).unwrap()
    }

    /// The same for Application Auto Scaling, of the service `name` in this cluster.
    pub async fn scaling(&self, operation: &str, name: &str, mut input: Value) -> Value {
        input["ServiceNamespace"] = "ecs".into();
        if operation == "DescribeScalableTargets" {
            input["ResourceIds"] = json!([format!("service/jobs/{name}")]);
        } else {
            input["ScalableDimension"] = "ecs:service:DesiredCount".into();
            input["ResourceId"] = format!("service/jobs/{name}").into();
        }
        let request = http::Request::post("/")
            .header("X-Amz-Target", format!("AnyScaleFrontendService.{operation}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(bytes::Bytes::from(input.to_string()))
            .unwrap();
        let response = self.simulator.call(request).await;
        serde_json::from_slice(response.body()).unwrap()
    }

    /// The same for EventBridge Scheduler: REST, so by method and path.
    pub async fn scheduler(&self, method: &str, path: &str, input: Value) -> Value {
        let body = if input.is_null() { String::new() } else { input.to_string() };
        let request =
            http::Request::builder().method(method).uri(path).body(bytes::Bytes::from(body)).unwrap();
        let response = self.simulator.call(request).await;
        serde_json::from_slice(response.body()).unwrap()
    }

    /// A schedule of this installation's group, as GetSchedule answers.
    pub async fn schedule(&self, name: &str) -> Value {
        self.scheduler("GET", &format!("/schedules/{name}?groupName=reconciler-test-jobs"), Value::Null).await
    }

    /// Puts a tag on a service, as a person would.
    pub async fn tag(&self, name: &str, key: &str, value: &str) {
        let arn = self.service(name).await["serviceArn"].clone();
        let tags = json!([{"key": key, "value": value}]);
        let answer = self.ecs("TagResource", json!({"resourceArn": arn, "tags": tags})).await;
        assert_eq!(answer, json!({}));
    }

    pub async fn untag(&self, name: &str, key: &str) {
        let arn = self.service(name).await["serviceArn"].clone();
        self.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": [key]})).await;
    }

    /// The bounds of a service's scalable target, if it has one.
    pub async fn bounds(&self, name: &str) -> Option<(i64, i64)> {
        let answer = self.scaling("DescribeScalableTargets", name, json!({})).await;
        let target = &answer["ScalableTargets"][0];
        Some((target["MinCapacity"].as_i64()?, target["MaxCapacity"].as_i64()?))
    }

    pub fn set_up(&self, answer: impl FnOnce(&mut Account, &dyn Runtime) -> Answer) -> Value {
        self.simulator.with_world(|account| {
            answer(account, self.runtime.as_ref()).unwrap_or_else(|error| panic!("{}", error.message))
        })
    }

    /// A target group behind the listener of a load balancer; its ARN.
    pub fn target_group(&self, name: &str) -> String {
        let elb = |operation: &str, input: Value| {
            self.set_up(|account, runtime| simulator::elb::call(account, runtime, operation, &input))
        };
        let group = elb(
            "CreateTargetGroup",
            json!({
                "Name": name, "Protocol": "HTTP", "Port": "8080", "VpcId": "vpc-1", "TargetType": "ip",
                "HealthCheckIntervalSeconds": "5", "HealthCheckTimeoutSeconds": "2",
                "HealthyThresholdCount": "2", "UnhealthyThresholdCount": "2",
            }),
        )["TargetGroups"][0]["TargetGroupArn"]
            .clone();
        let balancer = elb("CreateLoadBalancer", json!({"Name": name, "Subnets": ["subnet-1", "subnet-2"]}))
            ["LoadBalancers"][0]["LoadBalancerArn"]
            .clone();
        let forward = json!([{"Type": "forward", "TargetGroupArn": group}]);
        elb(
            "CreateListener",
            json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": "80", "DefaultActions": forward}),
        );
        group.as_str().unwrap().to_owned()
    }

    /// An alarm that nobody feeds, in a state that stays until somebody sets another.
    pub fn alarm(&self, name: &str, state: &str) {
        let cloudwatch = |operation: &str, input: Value| {
            self.set_up(|account, runtime| simulator::cloudwatch::call(account, runtime, operation, &input))
        };
        cloudwatch(
            "PutMetricAlarm",
            json!({
                "AlarmName": name, "Namespace": "Api", "MetricName": "Errors", "Statistic": "Sum", "Period": 60,
                "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "ignore",
            }),
        );
        let reason = match state {
            "ALARM" => "Threshold Crossed: 1 datapoint [12.0] was greater than the threshold (5.0).",
            _ => "Threshold Crossed: 1 datapoint [0.0] was not greater than the threshold (5.0).",
        };
        cloudwatch("SetAlarmState", json!({"AlarmName": name, "StateValue": state, "StateReason": reason}));
    }

    /// A secret; its ARN.
    pub fn secret(&self, name: &str) -> String {
        self.secret_with(name, &canary::planted("secrets-manager"))
    }

    pub fn secret_with(&self, name: &str, value: &str) -> String {
        let input = json!({"Name": name, "SecretString": value});
        let made = self
            .set_up(|account, runtime| simulator::secrets::call(account, runtime, "CreateSecret", &input));
        made["ARN"].as_str().unwrap().to_owned()
    }

    /// Registers capacity providers of EC2 instances with the cluster.
    pub async fn capacity_providers(&self, names: &[&str]) {
        for name in names {
            let group = format!(
                "arn:aws:autoscaling:{}:123456789012:autoScalingGroup:1:autoScalingGroupName/{name}",
                self.region
            );
            let provider = json!({"name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": group}});
            self.ecs("CreateCapacityProvider", provider).await;
        }
        let all: Vec<&str> = ["FARGATE", "FARGATE_SPOT"].iter().chain(names).copied().collect();
        let of_cluster =
            json!({"cluster": self.cluster, "capacityProviders": all, "defaultCapacityProviderStrategy": []});
        self.ecs("PutClusterCapacityProviders", of_cluster).await;
        self.simulator.take_calls();
    }

    /// An object of S3, in a bucket that is made for it where it is missing.
    pub fn object(&self, bucket: &str, key: &str, text: &str) {
        let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
        self.simulator.with_world(|account| {
            let now = self.clock.now();
            // Two objects may share a bucket.
            let _ = account.s3.create_bucket(bucket, now);
            account.s3.put(bucket, key, bytes, now).unwrap();
        });
    }

    /// A parameter of SSM Parameter Store.
    pub fn parameter(&self, name: &str, value: &str) {
        let input = json!({"Name": name, "Value": value, "Type": "String"});
        self.set_up(|account, runtime| simulator::ssm::call(account, runtime, "PutParameter", &input));
    }

    /// Pushes an image to the account's own registry; any other registry has every image.
    pub fn push(&self, reference: &str) {
        let Some((repository, tag)) = reference
            .strip_prefix(&format!("123456789012.dkr.ecr.{}.amazonaws.com/", self.region))
            .and_then(|path| path.rsplit_once(':'))
        else {
            return;
        };
        self.simulator.with_world(|account| {
            let runtime = self.runtime.as_ref();
            let repository_input = json!({"repositoryName": repository});
            // Two containers may share a repository.
            let _ = simulator::ecr::call(account, runtime, "CreateRepository", &repository_input);
            let manifest = json!({"schemaVersion": 2, "repository": repository, "tag": tag}).to_string();
            let image = json!({"repositoryName": repository, "imageTag": tag, "imageManifest": manifest});
            let _ = simulator::ecr::call(account, runtime, "PutImage", &image);
        });
    }

    /// The machine of the operator burns down.
    pub fn lose_ledger(&self) {
        std::fs::remove_file(self.ledger_path()).unwrap();
    }

    pub async fn service(&self, name: &str) -> Value {
        let answer = self
            .ecs("DescribeServices", json!({"cluster": "jobs", "services": [name], "include": ["TAGS"]}))
            .await;
        answer["services"][0].clone()
    }

    /// `family:number` that a service points to.
    pub async fn runs(&self, name: &str) -> String {
        let arn = self.service(name).await["taskDefinition"].as_str().unwrap_or_default().to_owned();
        arn.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// The ACTIVE revisions of a family, oldest first.
    pub async fn revisions(&self, family: &str) -> Vec<String> {
        let answer =
            self.ecs("ListTaskDefinitions", json!({"familyPrefix": family, "status": "ACTIVE"})).await;
        let arns = answer["taskDefinitionArns"].as_array().cloned().unwrap_or_default();
        arns.iter().map(|arn| arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    }

    /// The tasks of a service's hooks, oldest first: which hook, and how it ended.
    pub async fn hook_tasks(&self, service: &str) -> Vec<String> {
        let mut arns = Vec::new();
        for status in ["RUNNING", "STOPPED"] {
            let answer = self.ecs("ListTasks", json!({"cluster": "jobs", "desiredStatus": status})).await;
            arns.extend(answer["taskArns"].as_array().cloned().unwrap_or_default());
        }
        if arns.is_empty() {
            return Vec::new();
        }
        let input = json!({"cluster": "jobs", "tasks": arns, "include": ["TAGS"]});
        let mut tasks = self.ecs("DescribeTasks", input).await["tasks"].as_array().cloned().unwrap();
        tasks.retain(|task| task["group"] == format!("reconciler:{service}"));
        tasks.sort_by(|one, other| {
            one["createdAt"].as_f64().unwrap().total_cmp(&other["createdAt"].as_f64().unwrap())
        });
        let told = |task: &Value| {
            let tags = task["tags"].as_array().unwrap();
            let hook = tags.iter().find(|tag| tag["key"] == "reconciler/hook").unwrap();
            let how = match (&task["stopCode"], &task["containers"][0]["exitCode"]) {
                (Value::Null, _) => task["lastStatus"].as_str().unwrap().to_owned(),
                (code, Value::Null) => code.as_str().unwrap().to_owned(),
                (_, exit) => format!("exit {exit}"),
            };
            format!("{} {how}", hook["value"].as_str().unwrap())
        };
        tasks.iter().map(told).collect()
    }

    /// Loads manifests as the next commit.
    pub fn commit(&mut self, manifests: &[String]) -> Wish {
        Arc::new(self.load(manifests).unwrap_or_else(|diagnostics| panic!("{diagnostics}")))
    }

    pub fn load(&mut self, manifests: &[String]) -> Result<Desired, manifest::Diagnostics> {
        let more = match self.environment.is_empty() {
            true => String::new(),
            false => format!(", {}", self.environment),
        };
        let environment = ENVIRONMENT.replace("cluster: jobs", &format!("cluster: jobs{more}"));
        let mut files = BTreeMap::from([("environment.yaml".to_owned(), environment)]);
        for (number, text) in manifests.iter().enumerate() {
            files.insert(format!("service-{number}.yaml"), text.clone());
        }
        self.load_files(files, None)
    }

    /// Loads the files of the next commit for one environment.
    pub fn load_files(
        &mut self,
        files: BTreeMap<String, String>,
        environment: Option<&str>,
    ) -> Result<Desired, manifest::Diagnostics> {
        self.commits += 1;
        let revision = Revision {
            // As recognisable in what people read as a real one.
            id: format!("{:07x}{:033x}", 0x4c1_f9e0 + self.commits, 0),
            branch: "main".to_owned(),
            author: "ada".to_owned(),
            subject: format!("Change {}", self.commits),
            committed_at: self.now(),
        };
        manifest::load(&Checkout { revision, files }, environment, Api::builtin())
    }

    /// What somebody who may only look would see: `plan`, with or without this installation's ledger.
    pub async fn plan(&self, wish: &Wish, memory: Memory) -> Plan {
        let records = match memory {
            Memory::Ledger => LedgerView::read(self.ledger_path(), &self.place()).unwrap().records().clone(),
            Memory::Nothing => BTreeMap::new(),
        };
        let wish = &Arc::new(manifest::with_images(wish, &records).into_owned());
        let live = self.look(wish, &records).await;
        let explain = Explain::QuietFields;
        let context = plan::Context { installation: "reconciler", records: &records, explain };
        let mut plan = plan::plan(wish, &live, &context);
        let observer = Observer::new(self.aws().await.reader(), &self.cluster);
        observer.tell_old_revisions("reconciler", (wish, &live, &records), &mut plan).await;
        searched(plan, wish)
    }

    /// What `status` says.
    pub async fn status(&self, wish: &Wish) -> String {
        let records = LedgerView::read(self.ledger_path(), &self.place()).unwrap().records().clone();
        let wish = &Arc::new(manifest::with_images(wish, &records).into_owned());
        let live = self.look(wish, &records).await;
        let explain = Explain::Differences;
        let context = plan::Context { installation: "reconciler", records: &records, explain };
        let plan = searched(plan::plan(wish, &live, &context), wish);
        let status = status::fold(wish, &live, &records, &plan, self.now(), self.now());
        let options = status::StatusTextOptions { colour: Colour::Plain, show: status::Show::Attention };
        let text = status::status_text(&status, &options);
        canary::search("status", &text);
        canary::search("status -o json", &status::status_json(&status).to_string());
        text
    }

    /// One look at everything the wish names or has left, with an empty memory.
    pub async fn look(&self, wish: &Wish, records: &BTreeMap<ServiceKey, ServiceRecord>) -> Live {
        let observer = Observer::new(self.aws().await.reader(), &self.cluster);
        let wants: Vec<Want<'_>> = wish
            .services
            .values()
            .map(|desired| Want { desired, record: records.get(&desired.key) })
            .collect();
        let departing: Vec<Departing<'_>> = plan::leaving(wish, records)
            .map(|(key, record)| Departing {
                key,
                record: Some(record),
                may_go: plan::is_pruned(record, &wish.environment),
            })
            .collect();
        let tasks: Vec<WantTask<'_>> = wish
            .scheduled_tasks
            .values()
            .map(|desired| WantTask { desired, record: records.get(&desired.key) })
            .collect();
        let mut live = observer.observe_with(&wants, &departing, self.now()).await;
        let owner = Owner { installation: "reconciler", environment: &wish.environment.name };
        let left = LeftTasks::of(wish, records);
        observer.observe_scheduled_tasks(&tasks, &left, owner, &mut live).await;
        live
    }

    /// The same as people read it.
    pub async fn plan_text(&self, wish: &Wish, memory: Memory) -> String {
        let plan = self.plan(wish, memory).await;
        let options = PlanTextOptions {
            colour: Colour::Plain,
            explain: Explain::Differences,
            now: plan.read_at,
            width: None,
        };
        plan_text(&plan, wish, &options)
    }

    /// Whether another process could take the ledger now, while an operator holds it.
    pub fn is_open_for_another(&self) -> bool {
        Ledger::open(self.ledger_path(), &self.place()).is_ok()
    }

    /// Lines of the ledger; the first says what it is for.
    pub fn ledger_lines(&self) -> usize {
        lines_of(&self.ledger_path())
    }

    /// The same, for whoever can't ask the world itself.
    pub fn count_ledger_lines(&self) -> impl Fn() -> usize + Send + 'static {
        let path = self.ledger_path();
        move || lines_of(&path)
    }

    /// Leaves the ledger as it was when it had so many lines: what a crash before the next line does.
    pub fn cut_ledger(&self, lines: usize) {
        let text = std::fs::read_to_string(self.ledger_path()).unwrap();
        let kept: String = text.split_inclusive('\n').take(lines).collect();
        match kept.is_empty() {
            true => std::fs::remove_file(self.ledger_path()).unwrap(),
            false => std::fs::write(self.ledger_path(), kept).unwrap(),
        }
    }

    fn ledger_path(&self) -> PathBuf {
        self.folder.path().join("test.ledger.json")
    }

    pub fn record(&self, service: &str) -> ServiceRecord {
        self.records().remove(&ServiceKey::new(service)).unwrap_or_default()
    }

    pub fn records(&self) -> BTreeMap<ServiceKey, ServiceRecord> {
        LedgerView::read(self.ledger_path(), &self.place()).unwrap().records().clone()
    }

    pub async fn aws(&self) -> aws::Aws {
        let mut settings = aws::Settings::new(&self.region).with_test_credentials();
        settings.http_client = Some(self.simulator.http_client());
        let (key, token) = (canary::planted("a-secret-access-key"), canary::planted("a-session-token"));
        settings.credentials = Some(aws::Credentials::new("test", key, Some(token), None, "test"));
        aws::connect(settings).await.unwrap()
    }

    /// A fresh operator with empty memory and the ledger of this installation.
    pub async fn operator(&self) -> Controller {
        self.operator_with_ledger("test.ledger.json").await
    }

    /// The same, with a ledger of another name.
    pub async fn operator_with_ledger(&self, name: &str) -> Controller {
        let path = self.folder.path().join(name);
        self.operator_with(Ledger::open(path, &self.place()).unwrap()).await
    }

    /// The same, with this ledger.
    pub async fn operator_with(&self, ledger: Ledger) -> Controller {
        let aws = self.aws().await;
        let clock = self.clock.clone();
        let engine = Engine {
            writer: aws.writer(),
            ledger: Arc::new(ledger),
            journal: self.journal.clone(),
            installation: "reconciler".to_owned(),
            now: Arc::new(move || Timestamp(i64::try_from(clock.now().0).unwrap())),
        };
        let observer = Observer::new(aws.reader(), &self.cluster).asking(self.web.web());
        Controller { engine: Arc::new(engine), observer: Arc::new(observer), timing: Timing::default() }
    }

    /// Applies a wish until everything is at rest, within an hour of virtual time.
    pub async fn settle(&self, wish: &Wish) -> Standing {
        let operator = self.operator().await;
        self.settle_with(&operator, wish).await
    }

    pub async fn settle_with(&self, operator: &Controller, wish: &Wish) -> Standing {
        let settled = operator.settle(wish.clone(), CancellationToken::new());
        match tokio::time::timeout(Duration::from_secs(3600), settled).await {
            Ok(Outcome::Ended(standing)) => standing,
            Ok(Outcome::Lost(why)) => panic!("the ledger is lost: {why}"),
            Err(_) => panic!("not at rest after an hour; the journal says:\n{}", self.told()),
        }
    }

    /// Lets an operator work on a wish until its `at`-th call, and kills it there: that call meets the
    /// fault, and none after it reaches AWS.
    pub async fn kill_at(&self, operator: Controller, wish: &Wish, at: usize, fault: Fault) {
        let dead = CancellationToken::new();
        let died = dead.clone();
        let mut number = 0;
        self.simulator.set_fault(Box::new(move |_| {
            let here = number;
            number += 1;
            if here < at {
                return Fault::None;
            }
            died.cancel();
            if here == at { fault.clone() } else { Fault::NeverApply }
        }));
        let work = operator.settle(wish.clone(), CancellationToken::new());
        tokio::select! {
            biased;
            // Dropping the future is the kill: nothing of it runs any further.
            () = dead.cancelled() => {}
            _ = tokio::time::timeout(Duration::from_secs(3600), work) => {}
        }
        drop(operator);
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.simulator.clear_fault();
    }

    /// Lets an operator run on a wish for a while.
    pub async fn run_for(&self, operator: &Controller, wish: &Wish, time: Duration) {
        self.run_through(operator, &[(wish.clone(), time)]).await;
    }

    /// Lets an operator run on one wish after the other, each for a while.
    pub async fn run_through(&self, operator: &Controller, story: &[(Wish, Duration)]) {
        let (sender, wishes) = mpsc::channel(1);
        let telling = async {
            for (wish, time) in story {
                sender.send(wish.clone()).await.unwrap();
                if !time.is_zero() {
                    tokio::time::sleep(*time).await;
                }
            }
        };
        let stop = CancellationToken::new();
        let run = operator.run(wishes, stop.clone());
        tokio::pin!(run);
        tokio::select! {
            biased;
            outcome = &mut run => panic!("it ended by itself: {outcome:?}"),
            () = telling => stop.cancel(),
        }
        run.await;
    }

    /// What the ledger of this world is for.
    fn place(&self) -> Place {
        Place {
            installation: "reconciler".to_owned(),
            account: Some("123456789012".to_owned()),
            region: self.region.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// Lets a call of this name get lost on its way to AWS, to arrive when [`World::arrive`] is called.
    pub fn delay(&self, operation: &'static str) {
        self.simulator.keep_inputs();
        let mut struck = false;
        self.simulator.set_fault(Box::new(move |site| {
            match site.operation == operation && !std::mem::replace(&mut struck, true) {
                true => Fault::NeverApply,
                false => Fault::None,
            }
        }));
    }

    /// What was lost arrives late; AWS's answer, which nobody waits for.
    pub async fn arrive(&self, operation: &str) -> Value {
        let calls = self.simulator.calls();
        let lost = calls.iter().find(|call| call.operation == operation).unwrap();
        let answer = self.ecs(operation, lost.input.clone().unwrap()).await;
        assert!(answer.get("__type").is_none(), "{answer}");
        answer
    }

    /// The operator's calls since the last look, without the tests' own.
    pub fn take_calls(&self) -> Vec<String> {
        self.simulator.take_calls().iter().map(|call| call.operation.clone()).collect()
    }

    /// The journal as people read it.
    pub fn told(&self) -> String {
        let events = self.journal.events();
        events.iter().map(|it| reconciler::report::log::terminal_line(it, Colour::Plain) + "\n").collect()
    }
}

impl World {
    /// The journal from the first line on that mentions `from`.
    pub fn told_since(&self, from: &str) -> String {
        let told = self.told();
        let start = told.find(from).unwrap_or_else(|| panic!("no {from:?} in\n{told}"));
        let start = told[..start].rfind('\n').map_or(0, |place| place + 1);
        told[start..].to_owned()
    }
}

impl Drop for World {
    /// No test ends before it is sure that no secret was told, in whatever it was about.
    fn drop(&mut self) {
        for file in std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let text = std::fs::read(file.path()).unwrap_or_default();
            canary::search("ledger", &String::from_utf8_lossy(&text));
        }
        let items = json!({
            "TableName": TABLE, "KeyConditionExpression": "pk = :ours",
            "ExpressionAttributeValues": {":ours": {"S": "reconciler/test"}},
        });
        let answer = |account: &mut Account| {
            simulator::dynamodb::call(account, self.runtime.as_ref(), "Query", &items)
        };
        // Most worlds have no table.
        if let Ok(items) = self.simulator.with_world(answer) {
            canary::search("ledger in a table", &items.to_string());
        }
        canary::nothing_leaked();
    }
}

/// A plan, in whose every form no secret is told.
fn searched(plan: Plan, wish: &Wish) -> Plan {
    let options = PlanTextOptions {
        colour: Colour::Plain,
        explain: Explain::QuietFields,
        now: plan.read_at,
        width: None,
    };
    canary::search("plan", &plan_text(&plan, wish, &options));
    canary::search("plan -o json", &plan_json_explained(&plan).to_string());
    plan
}

/// CreateTable of a table for ledgers.
pub fn table_input() -> Value {
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let text = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    json!({
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [text("pk"), text("sk")],
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
    })
}

fn lines_of(path: &std::path::Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// What a plan knows of the past.
#[derive(Clone, Copy, Debug)]
pub enum Memory {
    Ledger,
    Nothing,
}

/// `["A", "B", "B"]` -> `["A", "B x2"]`
pub fn compact(calls: &[String]) -> Vec<String> {
    calls
        .chunk_by(|one, other| one == other)
        .map(|run| match run.len() {
            1 => run[0].clone(),
            length => format!("{} x{length}", run[0]),
        })
        .collect()
}

/// A small Fargate service named `name` that runs `image`.
pub fn service(name: &str, image: &str) -> String {
    service_with(name, image, "")
}

/// The same, with more lines in `spec` (indented by two).
pub fn service_with(name: &str, image: &str, more: &str) -> String {
    format!(
        "apiVersion: reconciler/v1
kind: Service
metadata: {{name: {name}}}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    containerDefinitions:
      - name: app
        image: {image}
        environment: {{LOG_LEVEL: info}}
  service:
    desiredCount: 2
    launchType: FARGATE
    networkConfiguration:
      awsvpcConfiguration: {{subnets: [subnet-1], securityGroups: [sg-1]}}
    deploymentConfiguration:
      deploymentCircuitBreaker: {{enable: true, rollback: true}}
{more}"
    )
}

/// A small Fargate task named `name` that runs `image` on a schedule.
pub fn scheduled(name: &str, image: &str, expression: &str) -> String {
    scheduled_with(name, image, expression, "")
}

/// The same, with more lines in `schedule` (indented by four).
pub fn scheduled_with(name: &str, image: &str, expression: &str, more: &str) -> String {
    format!(
        "apiVersion: reconciler/v1
kind: ScheduledTask
metadata: {{name: {name}}}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    containerDefinitions:
      - name: app
        image: {image}
        environment: {{LOG_LEVEL: info}}
  schedule:
    ScheduleExpression: {expression}
    ScheduleExpressionTimezone: Europe/Dublin
    FlexibleTimeWindow: {{Mode: 'OFF'}}
    Target:
      RoleArn: arn:aws:iam::123456789012:role/scheduler
      EcsParameters:
        LaunchType: FARGATE
        NetworkConfiguration:
          awsvpcConfiguration: {{Subnets: [subnet-1], SecurityGroups: [sg-1]}}
{more}"
    )
}

/// The calls that change something.
pub fn mutating(calls: &[String]) -> Vec<String> {
    let reads = ["Describe", "List", "Get"];
    // What is written down is nobody's service.
    let ledger = ["PutItem", "TransactWriteItems", "Query"];
    let changes = |call: &str| !reads.iter().any(|it| call.starts_with(it)) && !ledger.contains(&call);
    calls.iter().filter(|call| changes(call)).cloned().collect()
}
