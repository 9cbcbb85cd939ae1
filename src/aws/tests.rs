//! The wire: what goes out byte for byte, what is kept of the answer, how often a call is made.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::stub::{Reply, Stub};
use super::*;
use crate::model::TaskDefinitionArn;

fn permit() -> Permit {
    Permit::grant(Turn::has_come())
}

#[tokio::test]
async fn a_body_goes_out_as_it_is_written_and_the_answer_is_kept_whole() {
    let stub = Stub::new(|_| {
        Reply::Json(json!({"taskDefinition": {"taskDefinitionArn": "a:1", "newerThanTheCrate": {"x": 1.5}}}))
    });
    let writer = stub.connect().await.writer();
    // `cpu` is absent and must not become 0; `quantumPlacement` is unknown to the SDK.
    let body = json!({
        "family": "api", "quantumPlacement": "both",
        "containerDefinitions": [{"name": "api", "image": "api:1", "environment": []}],
    });
    let answer = writer.register_task_definition(permit(), &body).await.unwrap();
    let seen = &stub.seen()[0];
    assert_eq!(seen.operation, "RegisterTaskDefinition");
    assert_eq!(
        seen.body,
        r#"{"containerDefinitions":[{"environment":[],"image":"api:1","name":"api"}],"family":"api","quantumPlacement":"both"}"#
    );
    assert_eq!(seen.content_length, Some(seen.body.len().to_string()));
    assert!(seen.authorization.contains("/eu-west-1/ecs/aws4_request"), "{}", seen.authorization);
    assert_eq!(answer.body["taskDefinition"]["newerThanTheCrate"]["x"], 1.5);
    assert_eq!(answer.request_id.as_deref(), Some("request-1"));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_read_is_repeated_with_the_same_bytes() {
    let count = Mutex::new(0);
    let stub = Stub::new(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        if *count < 3 {
            Reply::Error(400, "ThrottlingException", "Rate exceeded")
        } else {
            Reply::Json(json!({"services": [], "failures": []}))
        }
    });
    let aws = stub.connect().await;
    aws.reader().describe_services("jobs", &["api"]).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|it| it.body == seen[0].body));
    assert_eq!(seen[0].json(), json!({"cluster": "jobs", "services": ["api"], "include": ["TAGS"]}));
    assert_eq!(aws.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mutating_call_is_made_once_whatever_the_answer() {
    for reply in [
        Reply::Error(400, "ThrottlingException", "Rate exceeded"),
        Reply::Error(500, "ServerException", "oops"),
        Reply::Text(500, "<html>"),
        Reply::Refused,
        Reply::Silence,
    ] {
        let answer = reply.clone();
        let stub = Stub::new(move |_| answer.clone());
        let writer = stub.connect().await.writer();
        let error = writer.update_service(permit(), &json!({"service": "api"})).await.unwrap_err();
        assert_eq!(stub.seen().len(), 1, "{reply:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_ten_seconds_for_a_write_and_thirty_for_a_read() {
    let stub = Stub::new(|_| Reply::Silence);
    let aws = stub.connect().await;
    let start = Instant::now();
    let error = aws.writer().update_service(permit(), &json!({"service": "api"})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered);
    assert!(error.is_ambiguous());
    assert_eq!(start.elapsed().as_secs(), 10);
    let start = Instant::now();
    let error = aws.reader().describe_services("jobs", &["api"]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered);
    assert!(start.elapsed() <= Duration::from_secs(31), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_was_certainly_not_applied() {
    let stub = Stub::new(|_| Reply::Refused);
    let writer = stub.connect().await.writer();
    let error = writer.create_service(permit(), &json!({"serviceName": "api"})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(!error.is_ambiguous() && error.is_retryable());
    assert_eq!(
        error.to_string(),
        "can't create service `api` in eu-west-1: no connection for ecs:CreateService: connection refused"
    );
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_unreachable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = Settings {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        ..Settings::new("eu-west-1").with_test_credentials()
    };
    let writer = connect(settings).await.unwrap().writer();
    let error = writer.update_service(permit(), &json!({"service": "api"})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_sending_is_ambiguous() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 16];
            let _ = tokio::io::AsyncReadExt::read(&mut socket, &mut buffer).await;
        }
    });
    let settings =
        Settings { endpoint: Some(endpoint), ..Settings::new("eu-west-1").with_test_credentials() };
    let writer = connect(settings).await.unwrap().writer();
    let error = writer.update_service(permit(), &json!({"service": "api"})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_that_make_no_sense_are_the_servers_fault() {
    for reply in [Reply::Text(200, "no json"), Reply::Text(500, "<html>not here</html>")] {
        let answer = reply.clone();
        let stub = Stub::new(move |_| answer.clone());
        let error = stub.connect().await.reader().describe_services("jobs", &["api"]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server, "{reply:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_error_carries_the_code_the_words_and_the_request() {
    let stub = Stub::new(|_| Reply::Error(400, "ClusterNotFoundException", "Cluster not found."));
    let error = stub.connect().await.reader().describe_services("jobs", &["api"]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(error.operation, "ecs:DescribeServices");
    assert_eq!(error.code.as_deref(), Some("ClusterNotFoundException"));
    assert_eq!(error.request_id.as_deref(), Some("request-1"));
}

#[tokio::test]
async fn a_page_token_that_comes_again_ends_the_list_as_incomplete() {
    let stub =
        Stub::new(|_| Reply::Json(json!({"ScalingPolicies": [{"PolicyName": "cpu"}], "NextToken": "again"})));
    let pages = stub.connect().await.reader().describe_scaling_policies("jobs", "api").await.unwrap();
    assert!(!pages.complete);
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn pages_are_followed_to_their_end() {
    let stub = Stub::new(|seen| match seen.json()["NextToken"].as_str() {
        None => Reply::Json(json!({"ScalableTargets": [{"n": 1}], "NextToken": "two"})),
        Some(_) => Reply::Json(json!({"ScalableTargets": [{"n": 2}]})),
    });
    let reader = stub.connect().await.reader();
    let pages = reader.describe_scalable_targets("arn:aws:ecs:r:a:cluster/jobs", &["api"]).await.unwrap();
    assert!(pages.complete);
    assert_eq!(pages.items, [json!({"n": 1}), json!({"n": 2})]);
    assert_eq!(stub.seen()[0].json()["ResourceIds"], json!(["service/jobs/api"]));
}

#[tokio::test]
async fn a_log_line_is_asked_of_the_logs_service_under_its_own_name() {
    let stub = Stub::new(|_| Reply::Json(json!({"events": [{"timestamp": 1, "message": "bye"}]})));
    let lines = stub.connect().await.reader().last_log_lines("/jobs", "api/api/1", 1).await.unwrap();
    assert_eq!(lines, ["bye"]);
    let seen = &stub.seen()[0];
    assert_eq!(seen.operation, "GetLogEvents");
    assert_eq!(seen.json()["logStreamName"], "api/api/1");
    assert!(seen.authorization.contains("/eu-west-1/logs/aws4_request"), "{}", seen.authorization);
}

#[tokio::test]
async fn services_that_speak_xml_are_read_too() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "GetCallerIdentity" => Reply::Text(
            200,
            "<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'>\
             <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ci</Arn>\
             <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        ),
        _ => Reply::Text(
            200,
            "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions><member>\
             <Target><Id>10.0.0.1</Id><Port>80</Port></Target><TargetHealth><State>unhealthy</State>\
             <Reason>Target.Timeout</Reason><Description>Request timed out</Description></TargetHealth>\
             </member></TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>",
        ),
    });
    let reader = stub.connect().await.reader();
    assert_eq!(reader.caller_identity().await.unwrap().account, "123456789012");
    let targets = reader.describe_target_health("arn:group").await.unwrap();
    assert_eq!(
        targets,
        [TargetHealth {
            target: "10.0.0.1:80".to_owned(),
            state: "unhealthy".to_owned(),
            reason: "Target.Timeout".to_owned(),
            description: "Request timed out".to_owned(),
        }]
    );
}

#[tokio::test]
async fn the_hook_hears_of_every_call() {
    let stub = Stub::new(|_| Reply::Error(400, "ClientException", "Unable to describe task definition."));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hook = heard.clone();
    let mut settings = stub.settings();
    settings.on_call = Some(Arc::new(move |end: &CallEnd| hook.lock().unwrap().push(end.clone())));
    let reader = connect(settings).await.unwrap().reader();
    let arn = TaskDefinitionArn("api:1".to_owned());
    assert!(reader.describe_task_definition(&arn).await.is_err());
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].operation, "ecs:DescribeTaskDefinition");
    assert_eq!(heard[0].error, Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn settings_without_region_or_with_a_broken_endpoint_are_refused() {
    assert!(connect(Settings::new("")).await.is_err());
    let settings = Settings { endpoint: Some("not a url".to_owned()), ..Settings::new("eu-west-1") };
    let error = connect(settings).await.unwrap_err();
    assert!(error.to_string().contains("`not a url`"), "{error}");
}

#[tokio::test]
async fn a_rest_service_has_its_names_in_the_url_and_the_rest_of_our_tree_in_the_body() {
    let stub = Stub::new(|_| Reply::Json(json!({"ScheduleArn": "a", "newerThanTheCrate": 1})));
    let aws = stub.connect().await;
    let body =
        json!({"Name": "nightly email", "GroupName": "jobs", "StartDate": 1_800_000_000, "Quantum": 1});
    let answer = aws.writer().update_schedule(permit(), &body).await.unwrap();
    assert_eq!(answer.body["newerThanTheCrate"], 1);
    aws.reader().get_schedule("jobs", "nightly").await.unwrap();
    aws.reader().list_schedule_group_tags("arn:aws:scheduler:eu-west-1:1:schedule-group/jobs").await.unwrap();
    assert_eq!(
        stub.operations(),
        [
            "PUT /schedules/nightly%20email",
            "GET /schedules/nightly?groupName=jobs",
            "GET /tags/arn%3Aaws%3Ascheduler%3Aeu-west-1%3A1%3Aschedule-group%2Fjobs",
        ]
    );
    let seen = stub.seen();
    assert_eq!(seen[0].body, r#"{"GroupName":"jobs","Quantum":1,"StartDate":1800000000}"#);
    assert_eq!((seen[1].body.as_str(), &seen[1].content_length), ("", &None));
    assert!(seen[1].authorization.contains("/eu-west-1/scheduler/aws4_request"), "{}", seen[1].authorization);
}

#[tokio::test]
async fn a_list_of_schedules_that_repeats_its_token_ends_and_is_not_complete() {
    let stub = Stub::new(|_| Reply::Json(json!({"Schedules": [{"Name": "a"}], "NextToken": "again"})));
    let pages = stub.connect().await.reader().list_schedules("jobs").await.unwrap();
    assert_eq!((pages.items.len(), pages.complete), (2, false));
}

#[test]
fn the_lists_of_actions_name_every_call_and_no_other() {
    let reads = [
        include_str!("reader.rs"),
        include_str!("reader/alarms.rs"),
        include_str!("reader/families.rs"),
        include_str!("reader/images.rs"),
        include_str!("reader/logs.rs"),
        include_str!("reader/scaling.rs"),
        include_str!("reader/schedules.rs"),
        include_str!("reader/values.rs"),
        include_str!("anywhere.rs"),
    ];
    let writes = [include_str!("writer.rs")];
    let requests = [include_str!("requester.rs")];
    for (sources, actions) in [
        (&reads[..], &Reader::ACTIONS[..]),
        (&writes[..], &Writer::ACTIONS[..]),
        (&requests[..], &Requester::ACTIONS[..]),
    ] {
        let after_list = sources.iter().map(|source| source.split_once("impl ").unwrap().1);
        let named = after_list.flat_map(|source| source.split('"')).filter(|text| {
            let prefixes = [
                "ecr:",
                "ecs:",
                "sts:",
                "logs:",
                "ssm:",
                "scheduler:",
                "secretsmanager:",
                "cloudformation:",
                "cloudwatch:",
                "application-autoscaling:",
                "elasticloadbalancing:",
            ];
            text.chars().all(|it| it.is_ascii_alphanumeric() || ":-".contains(it))
                && prefixes.iter().any(|prefix| {
                    text.strip_prefix(prefix)
                        .is_some_and(|it| it.starts_with(|it: char| it.is_ascii_uppercase()))
                })
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named, actions);
    }
}
