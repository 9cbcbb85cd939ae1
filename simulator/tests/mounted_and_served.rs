//! The two ways in: under the real SDK without sockets, and behind a TCP port.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::Account;
use aws_credential_types::Credentials;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::{BehaviorVersion, Region};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use serde_json::json;
use simulator::runtime::scripted::Scripted;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

fn sdk(account: &Account) -> Client {
    let config = aws_sdk_ecs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .http_client(account.simulator.http_client())
        .build();
    Client::from_conf(config)
}

#[tokio::test(start_paused = true)]
async fn the_real_sdk_deploys_a_service_without_a_socket() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 1).await;
    account.until_completed("api").await;
    let ecs = sdk(&account);
    let answer = ecs.describe_services().cluster("jobs").services("api").send().await.unwrap();
    let service = &answer.services()[0];
    assert_eq!(service.running_count(), 1);
    assert_eq!(service.deployments()[0].rollout_state().unwrap().as_str(), "COMPLETED");
    let refused = ecs.describe_services().cluster("no").services("api").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ClusterNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn the_real_sdk_retries_what_is_throttled() {
    let account = Account::new(Scripted::new()).await;
    let mut strikes = 2;
    account.simulator.set_fault(Box::new(move |_| {
        strikes -= 1;
        match strikes {
            0.. => simulator::faults::Fault::Throttle,
            _ => simulator::faults::Fault::None,
        }
    }));
    account.simulator.take_calls();
    sdk(&account).list_clusters().send().await.unwrap();
    let errors: Vec<Option<String>> = account.simulator.calls().into_iter().map(|call| call.error).collect();
    let throttled = Some("ThrottlingException".to_owned());
    assert_eq!(errors, [throttled.clone(), throttled, None]);
}

#[tokio::test]
async fn a_tcp_client_is_answered_and_the_server_ends_when_told() {
    let account = Account::new(Scripted::new()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(simulator::serve::serve(account.simulator.clone(), listener, stop.clone()));
    let body = json!({}).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonEC2ContainerServiceV20141113.ListClusters\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let mut bytes = [0; 4096];
    while !answer.contains("cluster/jobs") {
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stop.cancel();
    // The connection above is idle and open: it must not hold the server up.
    tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap();
}
