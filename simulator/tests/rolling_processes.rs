//! Deployments of real processes behind a real load-balancer port, while requests keep coming.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use simulator::Simulator;
use simulator::balancer::serve_balancer;
use simulator::clock::{Clock, Time};
use simulator::images::{Image, Images};
use simulator::runtime::Runtime;
use simulator::runtime::process::ProcessRuntime;
use simulator::serve::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Answers with its version, and finishes what it has begun when it is asked to stop.
const SERVER: &str = r#"
import http.server, os, signal, threading
version = os.environ["VERSION"].encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(version)))
        self.end_headers()
        self.wfile.write(version)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *args): pass
address = ("127.0.0.1", int(os.environ["PORT"]))
server = http.server.ThreadingHTTPServer(address, Handler)
stop = lambda *args: threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
server.serve_forever()
"#;
/// Protects itself while it works, and says how that was answered.
const BUSY: &str = r#"
import json, os, time, urllib.request
state = os.environ["ECS_AGENT_URI"] + "/task-protection/v1/state"
body = json.dumps({"ProtectionEnabled": True, "ExpiresInMinutes": 60}).encode()
request = urllib.request.Request(state, body, {"Content-Type": "application/json"}, method="PUT")
with urllib.request.urlopen(request) as answer:
    print(answer.read().decode(), flush=True)
with urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task") as answer:
    print(json.load(answer)["TaskARN"], flush=True)
time.sleep(3600)
"#;
/// Says how much it has to do, in the Embedded Metric Format.
const TELLING: &str = r#"
import json, time
metrics = [{"Namespace": "Jobs", "Dimensions": [["Service"]], "Metrics": [{"Name": "Backlog", "Unit": "Count"}]}]
print(json.dumps({"_aws": {"CloudWatchMetrics": metrics}, "Service": "worker", "Backlog": 42}), flush=True)
time.sleep(3600)
"#;
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    simulator: Simulator,
    runtime: Arc<ProcessRuntime>,
    target_group: String,
    front: SocketAddr,
    stop: CancellationToken,
}

/// An account five times as fast as the wall clock, with a cluster and a load balancer.
async fn stage() -> Stage {
    let mut images = Images::default();
    let python = |script: &str| Image {
        command: "python3".into(),
        args: vec!["-c".into(), script.into()],
        ..Image::default()
    };
    images.insert("server", python(SERVER));
    images.insert("busy", python(BUSY));
    images.insert("telling", python(TELLING));
    images.insert("crash", python("print('no such table'); raise SystemExit(3)"));
    let clock = Clock::starting_at(Time(1_800_000_000_000), 5.0);
    let runtime = Arc::new(ProcessRuntime::new(clock.clone(), images, BTreeMap::new()));
    let simulator = Simulator::new(clock, runtime.clone());
    let elb = |operation: &str, input: Value| {
        simulator
            .with_world(|world| simulator::elb::call(world, runtime.as_ref(), operation, &input).unwrap())
    };
    let group = json!({"Name": "api", "Protocol": "HTTP", "Port": 8080, "TargetType": "ip",
        "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 4, "HealthyThresholdCount": 2});
    let group = elb("CreateTargetGroup", group);
    let target_group = text(&group["TargetGroups"][0]["TargetGroupArn"]);
    let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]);
    let attributes = json!({"TargetGroupArn": target_group, "Attributes": delay});
    elb("ModifyTargetGroupAttributes", attributes);
    let balancer = elb("CreateLoadBalancer", json!({"Name": "front"}));
    let balancer = text(&balancer["LoadBalancers"][0]["LoadBalancerArn"]);
    let actions = json!([{"Type": "forward", "TargetGroupArn": target_group}]);
    elb("CreateListener", json!({"LoadBalancerArn": balancer, "Port": 80, "DefaultActions": actions}));
    let stop = CancellationToken::new();
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(serve_balancer(simulator.clone(), balancer, front, stop.clone()));
    // Serving moves the account on while nobody asks.
    let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
    simulator.with_world(|world| world.serve_at(&format!("http://{}", endpoint.local_addr().unwrap())));
    tokio::spawn(serve(simulator.clone(), endpoint, stop.clone()));
    let stage = Stage { simulator, runtime, target_group, front: address, stop };
    stage.ecs("CreateCluster", json!({"clusterName": "default"})).await;
    stage
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Stage {
    async fn ecs(&self, operation: &str, input: Value) -> Value {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        let request = http::Request::post("/")
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(Bytes::from(input.to_string()))
            .unwrap();
        let response = self.simulator.call(request).await;
        let status = response.status();
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        assert!(status.is_success(), "{operation}: {answer}");
        answer
    }

    async fn register(&self, image: &str, version: &str) -> String {
        let container = json!({
            "name": "api", "image": image, "memory": 128,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": "VERSION", "value": version}],
        });
        let definition = json!({
            "family": "api", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container],
        });
        let registered = self.ecs("RegisterTaskDefinition", definition).await;
        text(&registered["taskDefinition"]["taskDefinitionArn"])
    }

    async fn create(&self, definition: &str) {
        let subnets = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
        let balancer = json!({"targetGroupArn": self.target_group, "containerName": "api",
                              "containerPort": 8080});
        let service = json!({
            "serviceName": "api", "taskDefinition": definition, "desiredCount": 2,
            "launchType": "FARGATE", "networkConfiguration": subnets,
            "loadBalancers": [balancer], "deploymentConfiguration": breaker,
            "healthCheckGracePeriodSeconds": 60,
        });
        self.ecs("CreateService", service).await;
    }

    async fn update(&self, definition: &str) {
        let update = json!({"service": "api", "taskDefinition": definition});
        self.ecs("UpdateService", update).await;
    }

    /// Waits until one completed deployment of the definition is left.
    async fn until_runs(&self, definition: &str) {
        let mut last = Value::Null;
        let waiting = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            loop {
                looks.tick().await;
                let input = json!({"services": ["api"]});
                let answer = self.ecs("DescribeServices", input).await;
                last = answer["services"][0]["deployments"].clone();
                let deployments = last.as_array().unwrap();
                if let [only] = deployments.as_slice()
                    && only["taskDefinition"] == definition
                    && only["rolloutState"] == "COMPLETED"
                {
                    return;
                }
            }
        };
        let came = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(came.is_ok(), "{definition} does not run: {last}");
    }

    async fn end(self) {
        self.stop.cancel();
        self.runtime.shut_down(Duration::from_secs(5)).await;
    }
}

/// What clients were answered: versions, and everything that was no version.
#[derive(Default)]
struct Heard {
    versions: BTreeSet<String>,
    failures: Vec<String>,
}

/// Asks over and over until told to stop.
async fn client(front: SocketAddr, method: &'static str, stop: CancellationToken) -> Heard {
    let mut heard = Heard::default();
    while !stop.is_cancelled() {
        match ask(front, method).await {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") => {
                let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
                heard.versions.insert(body.to_owned());
            }
            Ok(answer) => heard.failures.push(answer),
            Err(error) => heard.failures.push(error.to_string()),
        }
        // One failure is one too many; more say nothing new.
        if !heard.failures.is_empty() {
            break;
        }
    }
    heard
}

async fn ask(front: SocketAddr, method: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(front).await?;
    let body = if method == "POST" { "x" } else { "" };
    let request = format!(
        "{method} / HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_during_a_rolling_update_and_a_roll_back() {
    let stage = stage().await;
    let first = stage.register("server:1", "one").await;
    stage.create(&first).await;
    stage.until_runs(&first).await;

    let enough = CancellationToken::new();
    let clients: Vec<_> =
        ["GET", "POST"].map(|method| tokio::spawn(client(stage.front, method, enough.clone()))).into();
    let second = stage.register("server:2", "two").await;
    stage.update(&second).await;
    stage.until_runs(&second).await;
    let broken = stage.register("crash:1", "three").await;
    stage.update(&broken).await;
    stage.until_runs(&second).await;
    enough.cancel();

    for client in clients {
        let heard = client.await.unwrap();
        assert_eq!(heard.failures, Vec::<String>::new());
        let versions: Vec<String> = heard.versions.into_iter().collect();
        assert_eq!(versions, ["one", "two"]);
    }
    let stopped = json!({"serviceName": "api", "desiredStatus": "STOPPED"});
    let stopped = stage.ecs("ListTasks", stopped).await;
    let described = json!({"tasks": stopped["taskArns"]});
    let described = stage.ecs("DescribeTasks", described).await;
    let exit_codes: BTreeSet<i64> = described["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["taskDefinitionArn"] == broken)
        .map(|task| task["containers"][0]["exitCode"].as_i64().unwrap())
        .collect();
    assert_eq!(exit_codes, BTreeSet::from([3]));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_protects_its_task_through_its_agent() {
    let stage = stage().await;
    let definition = json!({
        "family": "busy", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"], "taskRoleArn": "arn:aws:iam::123456789012:role/busy",
        "containerDefinitions": [{"name": "busy", "image": "busy:1"}],
    });
    stage.ecs("RegisterTaskDefinition", definition).await;
    let subnets = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let service = json!({"serviceName": "busy", "taskDefinition": "busy", "desiredCount": 1,
                         "launchType": "FARGATE", "networkConfiguration": subnets});
    stage.ecs("CreateService", service).await;
    let waiting = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let tasks = stage.ecs("ListTasks", json!({"serviceName": "busy"})).await["taskArns"].clone();
            let Some(task) = tasks[0].as_str() else { continue };
            let said = stage.runtime.output(task, "busy", 10);
            if let [_, (_, known)] = said.as_slice() {
                return (text(&tasks[0]), said[0].1.clone(), known.clone());
            }
        }
    };
    let (task, answer, known) = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert_eq!(known, task);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["protection"]["TaskArn"], task.as_str());
    let state = stage.ecs("GetTaskProtection", json!({"cluster": "default", "tasks": [task]})).await;
    assert_eq!(state["protectedTasks"][0]["protectionEnabled"], true);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metric_in_a_process_s_output_is_a_metric_in_cloudwatch() {
    let stage = stage().await;
    let log =
        json!({"logDriver": "awslogs", "options": {"awslogs-group": "/jobs", "awslogs-region": "eu-west-1"}});
    let definition = json!({
        "family": "telling", "containerDefinitions": [
            {"name": "telling", "image": "telling:1", "memory": 128, "logConfiguration": log},
        ],
    });
    stage.ecs("RegisterTaskDefinition", definition).await;
    stage.ecs("RunTask", json!({"taskDefinition": "telling"})).await;
    let metric = simulator::cloudwatch::Metric::new("Jobs", "Backlog", &[("Service", "worker")]);
    let waiting = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let found = stage.simulator.with_world(|world| {
                world.cloudwatch.metrics.between(&metric, Time(0), world.now + Duration::from_secs(1))
            });
            if let Some(found) = found {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert_eq!((found.count, found.maximum), (1.0, 42.0));
    stage.end().await;
}
