//! The administrator's override, against an account that answers as AWS does.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider};
use axum::body::Body;
use axum::http::Method;
use jobs::store::Store;
use jobs::timestamp::Timestamp;
use serde_json::{Value, json};
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::error::ApiError;
use simulator::faults::Fault;
use simulator::runtime::scripted::Scripted;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::admin::AdminToken;
use crate::routes::router;
use crate::scaling::account::{Account, WorkerService};
use crate::scaling::change::Scaling;
use crate::scaling::{Bounds, Override, TAG};
use crate::serve::{Bounds as ServeBounds, Drain, serve};
use crate::settings::Settings;
use crate::testing::{Answer, World, request};

pub const TOKEN: &str = "correct-horse-battery-staple";
const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:service/jobs/job-worker";

/// An API whose worker is a service of a simulated account, scaling from 1 to 10.
pub struct Installation {
    pub world: World,
    pub simulator: Simulator,
}

impl Installation {
    pub async fn new() -> Installation {
        let installation = Installation::without_target().await;
        installation.aws("RegisterScalableTarget", json!({"MinCapacity": 1, "MaxCapacity": 10}));
        installation
    }

    async fn without_target() -> Installation {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let clock = Clock::starting_at(Time(u64::try_from(now).unwrap()), 1.0);
        let simulator = Simulator::new(clock, Arc::new(Scripted::default()));
        let installation = Installation { world: World::new().await, simulator };
        installation.aws("CreateCluster", json!({"clusterName": "jobs"}));
        let container = json!({"name": "worker", "image": "job-worker:1", "memory": 128});
        installation.aws(
            "RegisterTaskDefinition",
            json!({"family": "job-worker", "containerDefinitions": [container]}),
        );
        let service = json!({"cluster": "jobs", "serviceName": "job-worker", "taskDefinition": "job-worker", "desiredCount": 2});
        installation.aws("CreateService", service);
        installation.with_the_simulator()
    }

    /// Another process for the same account, on this database.
    pub async fn process(&self, store: Store) -> Installation {
        let mut process = Installation { world: World::new().await, simulator: self.simulator.clone() };
        process.world.api.store = store;
        process.with_the_simulator()
    }

    fn with_the_simulator(self) -> Installation {
        let aws = settings_of_aws().to_builder().http_client(self.simulator.http_client()).build();
        self.with(&aws)
    }

    fn with(mut self, aws: &SdkConfig) -> Installation {
        let worker = WorkerService { cluster: "jobs".to_owned(), service: "job-worker".to_owned() };
        let store = self.world.api.store.clone();
        self.world.api.admin.token = Some(AdminToken::new(TOKEN).unwrap());
        self.world.api.admin.scaling = Some(Scaling::new(Account::new(aws, worker), store, 50));
        self
    }

    /// Acts on the account behind the API's back.
    fn aws(&self, operation: &str, mut input: Value) -> Value {
        self.simulator.with_world(|world| {
            let runtime = Scripted::default();
            let answer = if operation.contains("ScalableTarget") {
                input["ServiceNamespace"] = "ecs".into();
                if operation.starts_with("Register") {
                    input["ResourceId"] = "service/jobs/job-worker".into();
                    input["ScalableDimension"] = "ecs:service:DesiredCount".into();
                }
                simulator::autoscaling::call(world, &runtime, operation, &input)
            } else {
                simulator::ecs::call(world, &runtime, operation, &input)
            };
            answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
        })
    }

    pub fn tag(&self) -> Option<String> {
        let tags = self.aws("ListTagsForResource", json!({"resourceArn": ARN}));
        let tags = tags["tags"].as_array().unwrap().clone();
        let tag = tags.iter().find(|tag| tag["key"] == TAG)?;
        Some(tag["value"].as_str().unwrap().to_owned())
    }

    pub fn put_tag(&self, value: &str) {
        let tags = json!([{"key": TAG, "value": value}]);
        self.aws("TagResource", json!({"resourceArn": ARN, "tags": tags}));
    }

    pub fn bounds(&self) -> (Value, Value) {
        let target = self.aws("DescribeScalableTargets", json!({}))["ScalableTargets"][0].clone();
        (target["MinCapacity"].clone(), target["MaxCapacity"].clone())
    }

    /// Lets the n-th call of each name go wrong in this way, from 1.
    pub fn fail(&self, plan: &'static [(&'static str, usize, Fault)]) {
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        self.simulator.set_fault(Box::new(move |site| {
            let count = seen.entry(site.operation.clone()).or_default();
            *count += 1;
            let planned = plan.iter().find(|(name, nth, _)| *name == site.operation && nth == count);
            planned.map_or(Fault::None, |(_, _, fault)| fault.clone())
        }));
    }

    fn changes(&self) -> Vec<String> {
        let calls = self.simulator.calls().into_iter().map(|call| call.operation);
        calls.filter(|call| !call.starts_with("Describe")).collect()
    }

    pub async fn ask(&self, method: Method, token: Option<&str>, body: Value) -> Answer {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json"), ("x-request-id", "r-1")];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let body = if method == Method::POST { Body::from(body.to_string()) } else { Body::empty() };
        self.world.ask(request(method, "/update-scaling", &headers, body)).await
    }

    pub async fn update(&self, body: Value) -> Answer {
        self.ask(Method::POST, Some(TOKEN), body).await
    }

    async fn look(&self) -> Value {
        let answer = self.ask(Method::GET, Some(TOKEN), Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn outcomes(&self) -> Vec<String> {
        let records = self.world.api.store.overrides(10).await.unwrap();
        records.into_iter().map(|record| record.outcome.unwrap()).collect()
    }
}

fn settings_of_aws() -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .build()
}

fn denied() -> ApiError {
    ApiError::new("AccessDeniedException", "not authorized to perform this")
}

#[tokio::test]
async fn an_override_is_tagged_then_put_in_force_and_recorded() {
    let installation = Installation::new().await;
    let before = Timestamp::now();
    let answer =
        installation.update(json!({"minimum": 2, "maximum": 8, "minutes": 30, "reason": "catalogue"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["previous"], json!({"minimum": 1, "maximum": 10}));
    assert_eq!((&body["minimum"], &body["maximum"]), (&json!(2), &json!(8)));
    let until: Timestamp = body["until"].as_str().unwrap().parse().unwrap();
    let minutes = Duration::from_secs(30 * 60);
    assert!(
        (before.plus(minutes).minus(Duration::from_secs(1))..=Timestamp::now().plus(minutes))
            .contains(&until)
    );

    let tag = installation.tag().unwrap();
    assert_eq!(tag.parse(), Ok(Override { bounds: Bounds { minimum: 2, maximum: 8 }, until }));
    assert_eq!(installation.bounds(), (json!(2), json!(8)));
    assert_eq!(installation.changes(), ["TagResource", "RegisterScalableTarget"]);
    let record = installation.world.api.store.overrides(1).await.unwrap().remove(0);
    assert_eq!(record.outcome.as_deref(), Some("applied"));
    assert_eq!(
        (record.reason.as_str(), record.requested_by.as_str()),
        ("catalogue", "administrator, request r-1")
    );
}

#[tokio::test]
async fn the_override_in_force_and_what_was_asked_for_are_shown() {
    let installation = Installation::new().await;
    assert_eq!(installation.look().await["override"], Value::Null);
    let until = installation.update(json!({"minimum": 2, "maximum": 8})).await.json()["until"].clone();
    let look = installation.look().await;
    assert_eq!(look["target"], json!({"minimum": 2, "maximum": 8}));
    assert_eq!(look["override"], json!({"minimum": 2, "maximum": 8, "until": until, "ended": false}));
    assert_eq!(look["records"][0]["outcome"], "applied");
    installation.put_tag("min=2 max=8 until=2026-01-01T00:00:00Z");
    assert_eq!(installation.look().await["override"]["ended"], true);
    installation.put_tag("whatever");
    assert_eq!(installation.look().await["override"], Value::Null);
}

#[tokio::test]
async fn ending_an_override_lets_its_tag_end_now_and_leaves_the_bounds_to_the_operator() {
    let installation = Installation::new().await;
    let none = installation.ask(Method::DELETE, Some(TOKEN), Value::Null).await;
    none.refused(404, "no_override");
    installation.update(json!({"minimum": 2, "maximum": 8})).await;
    let ended = installation.ask(Method::DELETE, Some(TOKEN), Value::Null).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    let tag: Override = installation.tag().unwrap().parse().unwrap();
    assert!(tag.until <= Timestamp::now(), "{tag}");
    assert_eq!(tag.bounds, Bounds { minimum: 2, maximum: 8 });
    assert_eq!(installation.bounds(), (json!(2), json!(8)));
    assert_eq!(installation.outcomes().await, ["ended", "applied"]);

    let changes = installation.changes();
    let again = installation.ask(Method::DELETE, Some(TOKEN), Value::Null).await;
    assert_eq!((again.status, again.json()), (200, ended.json()));
    assert_eq!(installation.changes(), changes);
}

#[tokio::test]
async fn a_tag_that_nobody_can_read_is_ended_as_well() {
    let installation = Installation::new().await;
    installation.put_tag("min=two");
    assert_eq!(installation.ask(Method::DELETE, Some(TOKEN), Value::Null).await.status, 200);
    let tag: Override = installation.tag().unwrap().parse().unwrap();
    assert_eq!(tag.bounds, Bounds { minimum: 1, maximum: 10 });
}

#[tokio::test]
async fn without_the_token_nothing_is_done_or_told() {
    let installation = Installation::new().await;
    let body = json!({"minimum": 2, "maximum": 8});
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let missing = installation.ask(method.clone(), None, body.clone()).await;
        missing.refused(401, "unauthorized");
        assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"job-api\""));
        let wrong = installation.ask(method, Some("correct-horse-battery-stapler"), body.clone()).await;
        wrong.refused(403, "forbidden");
    }
    assert!(installation.simulator.calls().is_empty());
    assert!(installation.outcomes().await.is_empty());
}

#[tokio::test]
async fn whoever_has_no_token_is_not_told_what_is_wrong_with_the_body() {
    let installation = Installation::new().await;
    installation.ask(Method::POST, None, json!({"minimum": -1})).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn what_is_beyond_the_bounds_is_refused_with_the_bound_and_changes_nothing() {
    let installation = Installation::new().await;
    for (body, bound) in [
        (json!({"minimum": 9, "maximum": 8}), "minimum must not be above maximum; 9 is above 8"),
        (json!({"minimum": 2, "maximum": 51}), "maximum must be at most 50 (SCALING_MAXIMUM), not 51"),
        (json!({"minimum": -1, "maximum": 8}), "minimum must be at least 0, not -1"),
        (json!({"minimum": 2, "maximum": 8, "minutes": 1441}), "minutes must be from 1 to 1440, not 1441"),
    ] {
        let refused = installation.update(body.clone()).await;
        assert_eq!(refused.refused(422, "invalid_scaling"), bound, "{body}");
    }
    for body in [json!({"minimum": 2}), json!({"minimum": 2.5, "maximum": 8}), json!({"min": 2, "max": 8})] {
        installation.update(body).await.refused(422, "invalid_body");
    }
    assert!(installation.changes().is_empty());
    assert!(installation.outcomes().await.is_empty());
}

#[tokio::test]
async fn an_installation_that_is_not_set_up_for_it_says_what_is_missing() {
    let mut installation = Installation::new().await;
    installation.world.api.admin.scaling = None;
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    assert!(refused.refused(501, "not_configured").contains("SCALING_SERVICE"));
    installation.world.api.admin.token = None;
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    assert!(refused.refused(501, "not_configured").contains("ADMIN_TOKEN"));
}

#[tokio::test]
async fn a_service_that_does_not_scale_is_not_made_to() {
    let installation = Installation::without_target().await;
    installation.update(json!({"minimum": 2, "maximum": 8})).await.refused(409, "not_scaled");
    assert!(installation.changes().is_empty());
    assert!(installation.outcomes().await[0].starts_with("failed: "));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let installation = Installation::new().await;
    installation.aws("DeleteService", json!({"cluster": "jobs", "service": "job-worker", "force": true}));
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    assert!(refused.refused(502, "aws_refused").contains("no active service `job-worker` in cluster `jobs`"));
}

#[tokio::test]
async fn when_aws_refuses_the_tag_the_bounds_are_not_touched() {
    let installation = Installation::new().await;
    installation.simulator.set_fault(Box::new(|site| match site.operation.as_str() {
        "TagResource" => Fault::RefuseBefore(denied()),
        _ => Fault::None,
    }));
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    let detail = refused.refused(502, "aws_refused");
    assert!(detail.contains("ecs:TagResource: AccessDeniedException"), "{detail}");
    installation.simulator.clear_fault();
    assert_eq!((installation.tag(), installation.bounds()), (None, (json!(1), json!(10))));
    let outcomes = installation.outcomes().await;
    assert!(
        outcomes[0].starts_with("failed: ") && outcomes[0].ends_with("nothing was changed"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn when_aws_refuses_the_bounds_the_tag_is_put_back_as_it_was() {
    for before in [None, Some("min=3 max=4 until=2026-01-01T00:00:00Z")] {
        let installation = Installation::new().await;
        before.inspect(|tag| installation.put_tag(tag));
        installation.simulator.set_fault(Box::new(|site| match site.operation.as_str() {
            "RegisterScalableTarget" => Fault::RefuseBefore(denied()),
            _ => Fault::None,
        }));
        let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
        let detail = refused.refused(502, "aws_refused");
        assert!(detail.contains("application-autoscaling:RegisterScalableTarget"), "{detail}");
        assert_eq!(installation.tag().as_deref(), before);
        assert_eq!(installation.bounds(), (json!(1), json!(10)));
        assert!(installation.outcomes().await[0].ends_with("the tag was put back as it was"));
    }
}

#[tokio::test]
async fn a_call_that_took_effect_without_saying_so_counts_as_done() {
    let installation = Installation::new().await;
    installation.simulator.set_fault(Box::new(|site| match site.operation.as_str() {
        "RegisterScalableTarget" => Fault::FailAfter(ApiError::new("InternalServiceException", "oh")),
        _ => Fault::None,
    }));
    assert_eq!(installation.update(json!({"minimum": 2, "maximum": 8})).await.status, 200);
    assert_eq!(installation.bounds(), (json!(2), json!(8)));
    let registered = installation.changes().iter().filter(|call| *call == "RegisterScalableTarget").count();
    assert_eq!(registered, 1, "a change is not sent twice");
}

#[tokio::test]
async fn a_call_that_is_never_answered_is_given_up_and_taken_back() {
    const NEVER: &[(&str, usize, Fault)] = &[("RegisterScalableTarget", 1, Fault::NeverApply)];
    let installation = Installation::new().await;
    installation.fail(NEVER);
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    refused.refused(503, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!((installation.tag(), installation.bounds()), (None, (json!(1), json!(10))));
}

#[tokio::test]
async fn what_could_not_be_taken_back_is_said_with_the_way_out() {
    let installation = Installation::new().await;
    installation.simulator.set_fault(Box::new(|site| match site.operation.as_str() {
        "RegisterScalableTarget" | "UntagResource" => Fault::RefuseBefore(denied()),
        _ => Fault::None,
    }));
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    let detail = refused.refused(502, "aws_refused");
    let tag = installation.tag().unwrap();
    assert!(detail.contains(&tag) && detail.contains("DELETE ends it"), "{detail}");
}

#[tokio::test]
async fn throttling_is_503_with_a_time_to_come_back() {
    const THROTTLED: &[(&str, usize, Fault)] = &[("TagResource", 1, Fault::Throttle)];
    let installation = Installation::new().await;
    installation.fail(THROTTLED);
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    refused.refused(503, "unavailable");
    assert_eq!(installation.tag(), None);
}

#[tokio::test]
async fn with_aws_down_it_is_503_and_recorded() {
    // A port that refuses: bound, and not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let http = aws_smithy_http_client::Builder::new().build_http();
    let aws = settings_of_aws().to_builder().endpoint_url(endpoint).http_client(http).build();
    let installation = Installation::new().await.with(&aws);
    let refused = installation.update(json!({"minimum": 2, "maximum": 8})).await;
    let detail = refused.refused(503, "unavailable");
    assert!(detail.contains("did not answer") && detail.contains("nothing was changed"), "{detail}");
    assert!(installation.outcomes().await[0].starts_with("failed: AWS did not answer"));
}

#[tokio::test]
async fn with_the_database_down_nothing_is_changed_in_aws() {
    let installation = Installation::new().await;
    installation.world.api.store.close().await;
    installation.update(json!({"minimum": 2, "maximum": 8})).await.refused(503, "unavailable");
    assert!(installation.simulator.calls().is_empty());
}

/// Everything that is logged while a test runs.
#[derive(Clone, Default)]
pub(super) struct Log(pub(super) Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_in_any_log_answer_or_debug_output_even_at_trace_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Everything of this test runs on this thread.
    let _logging = tracing::subscriber::set_default(subscriber);
    let installation = Installation::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let draining = installation.world.api.draining.clone();
    let bounds = ServeBounds { connections_max: 10, head_timeout: Duration::from_secs(5) };
    let drain = Drain { grace: Duration::ZERO, limit: Duration::from_secs(5) };
    let router = router(installation.world.api.clone());
    let server = tokio::spawn(serve(listener, router, bounds, draining.clone(), drain));

    let wrong = "another-horse-battery-staple";
    let mut answers = String::new();
    for (method, token) in [("POST", TOKEN), ("POST", wrong), ("GET", TOKEN), ("DELETE", TOKEN)] {
        let body = if method == "POST" { r#"{"minimum":2,"maximum":8}"# } else { "" };
        let text = format!(
            "{method} /update-scaling HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(text.as_bytes()).await.unwrap();
        connection.read_to_string(&mut answers).await.unwrap();
    }
    draining.cancel();
    server.await.unwrap();

    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 403").count(), 1, "{answers}");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("wrong administrator token") && logged.contains("TRACE"), "{logged}");
    let records = format!("{:?}", installation.world.api.store.overrides(10).await.unwrap());
    let environment = jobs::environment::Environment::of([("ADMIN_TOKEN", TOKEN)]);
    let settings = format!("{:?}", Settings::read(environment).unwrap());
    let metrics = installation.world.read("/metrics").await.text;
    for shown in [logged, answers, records, settings, metrics] {
        assert!(!shown.contains(TOKEN) && !shown.contains(wrong), "{shown}");
    }
}
