//! The wire itself: protocols, request ids, long polls, the journal of calls, and faults.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::Account;
use bytes::Bytes;
use serde_json::json;
use simulator::error::ApiError;
use simulator::faults::Fault;
use simulator::runtime::scripted::Scripted;
use tokio::time::Instant;

fn names(account: &Account) -> Vec<(String, Option<String>)> {
    let calls = account.simulator.take_calls();
    calls.into_iter().map(|call| (format!("{}:{}", call.service, call.operation), call.error)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_browser_is_told_what_this_is() {
    let account = Account::new(Scripted::new()).await;
    let request = http::Request::get("/").body(Bytes::new()).unwrap();
    let response = account.simulator.call(request).await;
    assert_eq!(response.status(), 200);
    assert!(String::from_utf8_lossy(response.body()).contains("simulated AWS account"));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_operation_is_the_callers_mistake_in_every_protocol() {
    let account = Account::new(Scripted::new()).await;
    for target in ["AmazonEC2ContainerServiceV20141113.Teleport", "AmazonSQS.Teleport", "Nowhere.Go"] {
        let (status, body) = account.send(target, json!({})).await;
        assert_eq!(status, 400);
        assert_eq!(body["__type"], "UnknownOperationException", "{target}");
    }
    let request =
        http::Request::post("/").body(Bytes::from_static(b"Action=Teleport&Version=2015-12-01")).unwrap();
    let response = account.simulator.call(request).await;
    assert_eq!(response.status(), 400);
    let xml = String::from_utf8_lossy(response.body()).into_owned();
    assert!(xml.starts_with("<ErrorResponse"), "{xml}");
    assert!(response.headers().contains_key("x-amzn-requestid"));
}

#[tokio::test(start_paused = true)]
async fn the_journal_holds_every_call_with_its_outcome() {
    let account = Account::new(Scripted::new()).await;
    account.simulator.take_calls();
    account.ecs("ListClusters", json!({})).await;
    account.refused("ListServices", json!({"cluster": "no"})).await;
    assert_eq!(
        names(&account),
        [
            ("ecs:ListClusters".to_owned(), None),
            ("ecs:ListServices".to_owned(), Some("ClusterNotFoundException".to_owned())),
        ]
    );
    assert!(account.simulator.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn faults_strike_before_or_after_the_call_takes_effect() {
    let account = Account::new(Scripted::new()).await;
    let next = |fault: Fault| account.simulator.set_fault(Box::new(move |_| fault.clone()));
    let create = |name: &str| json!({"clusterName": name});
    let target = "AmazonEC2ContainerServiceV20141113.CreateCluster";
    let error = ApiError::new("ServerException", "later");

    next(Fault::RefuseBefore(error.clone()));
    assert_eq!(account.send(target, create("refused")).await.0, 400);
    next(Fault::FailAfter(error));
    assert_eq!(account.send(target, create("failed")).await.0, 500);
    next(Fault::Throttle);
    let (status, body) = account.send(target, create("throttled")).await;
    assert_eq!((status, &body["__type"]), (400, &json!("ThrottlingException")));
    for (fault, name) in [(Fault::NeverAnswer, "applied"), (Fault::NeverApply, "unapplied")] {
        next(fault);
        let call = account.send(target, create(name));
        assert!(tokio::time::timeout(Duration::from_secs(60), call).await.is_err());
    }
    account.simulator.clear_fault();
    let listed = account.ecs("ListClusters", json!({})).await;
    let arns = listed["clusterArns"].to_string();
    for (name, there) in
        [("refused", false), ("failed", true), ("throttled", false), ("/applied", true), ("unapplied", false)]
    {
        assert_eq!(arns.contains(name), there, "{name} in {arns}");
    }
    assert_eq!(account.simulator.calls().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_fault_script_sees_where_the_call_stands() {
    let account = Account::new(Scripted::new()).await;
    account.simulator.set_fault(Box::new(|site| {
        let strikes = site.operation == "ListServices" && site.index == 2;
        if strikes { Fault::Throttle } else { Fault::None }
    }));
    account.ecs("ListServices", json!({"cluster": "jobs"})).await;
    let (code, _) = account.refused("ListServices", json!({"cluster": "jobs"})).await;
    assert_eq!(code, "ThrottlingException");
    account.ecs("ListServices", json!({"cluster": "jobs"})).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_the_message_or_with_its_time() {
    let account = Account::new(Scripted::new()).await;
    let (status, created) = account.send("AmazonSQS.CreateQueue", json!({"QueueName": "jobs"})).await;
    assert_eq!(status, 200, "{created}");
    let url = &created["QueueUrl"];
    let receive = json!({"QueueUrl": url, "WaitTimeSeconds": 20});

    let before = Instant::now();
    let (_, empty) = account.send("AmazonSQS.ReceiveMessage", receive.clone()).await;
    assert!(empty.get("Messages").is_none(), "{empty}");
    assert_eq!(before.elapsed(), Duration::from_secs(20));

    let before = Instant::now();
    let poll = account.send("AmazonSQS.ReceiveMessage", receive);
    let send = async {
        tokio::time::sleep(Duration::from_millis(4_500)).await;
        let message = json!({"QueueUrl": url, "MessageBody": "hello"});
        account.send("AmazonSQS.SendMessage", message).await
    };
    let ((_, received), _) = tokio::join!(poll, send);
    assert_eq!(received["Messages"][0]["Body"], "hello");
    assert_eq!(before.elapsed(), Duration::from_millis(4_500));
}

#[tokio::test(start_paused = true)]
async fn rate_limits_hold_once_they_are_switched_on() {
    let account = Account::new(Scripted::new()).await;
    account.simulator.set_throttling(true);
    let target = "AmazonEC2ContainerServiceV20141113.DeleteTaskDefinitions";
    let input = json!({"taskDefinitions": ["ghost:1"]});
    for _ in 0..5 {
        assert_eq!(account.send(target, input.clone()).await.0, 200);
    }
    let (status, body) = account.send(target, input.clone()).await;
    assert_eq!((status, &body["message"]), (400, &json!("Rate exceeded")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(account.send(target, input.clone()).await.0, 200);
    account.simulator.set_throttling(false);
    assert_eq!(account.send(target, input).await.0, 200);
}
