//! The ECS agent's endpoint for task protection, asked over plain HTTP inside the task.
//!
//! `PUT $ECS_AGENT_URI/task-protection/v1/state`; the answer has one of the members `protection`, `failure` (with 200)
//! and `error` (with 4xx or 5xx). The agent asks ECS with the task's role, which needs `ecs:UpdateTaskProtection`.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html>

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::json;

/// How long ECS keeps the task if nobody renews it.
pub const EXPIRES_IN_MINUTES: u32 = 60;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What became of the wish to be protected, or not to be any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// ECS wants this task to end; it is not to begin anything.
    Unwanted(String),
    /// Nobody can say. Work goes on unprotected, as it would outside ECS.
    Unavailable(String),
}

/// Who can protect this task.
pub trait Protector: Send + Sync {
    fn set(&self, protected: bool) -> impl Future<Output = Answer> + Send;
}

pub struct Agent {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
}

impl Agent {
    /// `base` is what ECS puts into `ECS_AGENT_URI`.
    pub fn new(base: &str) -> Result<Agent, http::uri::InvalidUri> {
        let uri = format!("{}/task-protection/v1/state", base.trim_end_matches('/')).parse()?;
        Ok(Agent { client: Client::builder(TokioExecutor::new()).build_http(), uri })
    }

    async fn ask(&self, protected: bool) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let wish = if protected {
            json!({"ProtectionEnabled": true, "ExpiresInMinutes": EXPIRES_IN_MINUTES})
        } else {
            json!({"ProtectionEnabled": false})
        };
        let request = Request::builder()
            .method(Method::PUT)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(wish.to_string()))?;
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(understand(status.as_u16(), &body))
    }
}

impl Protector for Agent {
    async fn set(&self, protected: bool) -> Answer {
        match tokio::time::timeout(ANSWER_TIMEOUT, self.ask(protected)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Unavailable(jobs::log::chain(&*error)),
            Err(_late) => Answer::Unavailable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
        }
    }
}

#[derive(Deserialize)]
struct Told {
    protection: Option<serde::de::IgnoredAny>,
    failure: Option<Failure>,
    error: Option<AgentError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    reason: Option<String>,
    detail: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AgentError {
    code: Option<String>,
    message: Option<String>,
}

fn understand(status: u16, body: &[u8]) -> Answer {
    match serde_json::from_slice(body) {
        Ok(Told { failure: Some(Failure { reason, detail }), .. }) => {
            let reason = reason.unwrap_or_default();
            let told = [&*reason, &*detail.unwrap_or_default()].join(" ").trim_end().to_owned();
            match &*reason {
                // More tasks are protected than the service is to have; and: ECS has done with this task.
                "DEPLOYMENT_BLOCKED" | "MISSING" => Answer::Unwanted(told),
                // Above all TASK_NOT_VALID: a task that belongs to no service can't be protected.
                _ => Answer::Unavailable(told),
            }
        }
        Ok(Told { error: Some(AgentError { code, message }), .. }) => {
            Answer::Unavailable([code, message].into_iter().flatten().collect::<Vec<_>>().join(": "))
        }
        Ok(Told { protection: Some(_), .. }) => Answer::Done,
        Ok(Told { protection: None, failure: None, error: None }) | Err(_) => {
            Answer::Unavailable(format!("an answer that is not understood, with status {status}"))
        }
    }
}

#[cfg(test)]
#[path = "agent_tests.rs"]
mod tests;
