//! The agent's answers, as ECS documents them, and an agent that is not well.

#![allow(clippy::unwrap_used)]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:task/jobs/0193";

#[test]
fn each_answer_of_the_agent_is_understood() {
    for (status, body, expected) in [
        (
            200,
            json!({"protection": {"ProtectionEnabled": true, "ExpirationDate": "2026-11-21T10:00:00Z", "TaskArn": ARN}}),
            Answer::Done,
        ),
        (200, json!({"protection": {"ProtectionEnabled": false, "TaskArn": ARN}}), Answer::Done),
        (
            200,
            json!({"failure": {"Arn": ARN, "Detail": null, "Reason": "DEPLOYMENT_BLOCKED"}}),
            Answer::Unwanted("DEPLOYMENT_BLOCKED".into()),
        ),
        (200, json!({"failure": {"Arn": ARN, "Reason": "MISSING"}}), Answer::Unwanted("MISSING".into())),
        (
            200,
            json!({"failure": {"Arn": ARN, "Reason": "TASK_NOT_VALID", "Detail": "not of a service"}}),
            Answer::Unavailable("TASK_NOT_VALID not of a service".into()),
        ),
        (
            400,
            json!({"requestID": "1", "error": {"Arn": ARN, "Code": "AccessDeniedException", "Message": "not authorized"}}),
            Answer::Unavailable("AccessDeniedException: not authorized".into()),
        ),
        (200, json!({}), Answer::Unavailable("an answer that is not understood, with status 200".into())),
        (502, json!("oops"), Answer::Unavailable("an answer that is not understood, with status 502".into())),
    ] {
        assert_eq!(understand(status, body.to_string().as_bytes()), expected, "{body}");
    }
}

/// An agent that answers one request like this, and what it was asked.
async fn asked(protected: bool, answer: &'static str) -> (Answer, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = Agent::new(&format!("http://{}/api/0193/", listener.local_addr().unwrap())).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            stream.read_buf(&mut asked).await.unwrap();
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    };
    tokio::join!(agent.set(protected), serve)
}

#[tokio::test]
async fn the_agent_is_asked_as_ecs_documents_it() {
    let (answer, asked_for) = asked(true, r#"{"protection":{"ProtectionEnabled":true}}"#).await;
    assert_eq!(answer, Answer::Done);
    assert!(asked_for.starts_with("PUT /api/0193/task-protection/v1/state HTTP/1.1\r\n"), "{asked_for}");
    assert!(asked_for.to_lowercase().contains("content-type: application/json\r\n"), "{asked_for}");
    assert!(
        asked_for.ends_with("\r\n\r\n{\"ExpiresInMinutes\":60,\"ProtectionEnabled\":true}"),
        "{asked_for}"
    );
    let (_, asked_for) = asked(false, r#"{"protection":{"ProtectionEnabled":false}}"#).await;
    assert!(asked_for.ends_with("\r\n\r\n{\"ProtectionEnabled\":false}"), "{asked_for}");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = Agent::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert!(matches!(agent.set(true).await, Answer::Unavailable(_)));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = Agent::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    assert_eq!(agent.set(true).await, Answer::Unavailable("no answer within 2 s".into()));
}
