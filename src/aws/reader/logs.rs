//! Log streams of CloudWatch Logs, which speaks awsJson as ECS does.

use serde_json::json;

use super::{Reader, list};
use crate::aws::Error;
use crate::aws::budget::Category;
use crate::aws::call::Call;
use crate::aws::exchange::Exchange;
use crate::model::Json;

/// Some lines of a log stream, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    pub lines: Vec<String>,
    /// Where the next page begins. The same as before: there is nothing more for now.
    pub next: Option<String>,
}

impl Reader {
    /// The newest lines of a log stream, oldest first, at most `max`.
    pub async fn last_log_lines(&self, group: &str, stream: &str, max: usize) -> Result<Vec<String>, Error> {
        let call = Call::new("logs:GetLogEvents", Category::Other, format!("read log stream `{stream}`"));
        let body = json!({
            "logGroupName": group, "logStreamName": stream, "limit": max, "startFromHead": false,
        });
        Ok(self.log_events(&call, &body).await?.lines)
    }

    /// The lines of a log stream from a token on, or from its first line; as many as AWS puts on a page.
    pub async fn log_lines_from(
        &self,
        group: &str,
        stream: &str,
        token: Option<&str>,
    ) -> Result<LogPage, Error> {
        let call = Call::new("logs:GetLogEvents", Category::Other, format!("read log stream `{stream}`"));
        let mut body = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        self.log_events(&call, &body).await
    }

    async fn log_events(&self, call: &Call, body: &Json) -> Result<LogPage, Error> {
        let exchange = Exchange::with_target(body, "Logs_20140328.GetLogEvents");
        let request = self.clients.logs.list_clusters().customize().interceptor(exchange.clone());
        let mut answer = self.line.exchange(call, exchange, request.send()).await?;
        let events = list(&mut answer.body["events"]);
        Ok(LogPage {
            lines: events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned).collect(),
            next: answer.body["nextForwardToken"].as_str().map(str::to_owned),
        })
    }
}
