//! The job queue on SQS: send one or several, long-poll, keep invisible, delete, and say how much waits in it.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use aws_smithy_http_client::{Builder, tls};
use tokio::sync::OnceCell;

use crate::settings::QueueAddress;

/// The most messages that one SendMessageBatch takes.
pub const SENT_TOGETHER_MAX: usize = 10;
/// The longest that SQS holds a ReceiveMessage open.
const LONG_POLL: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// All attempts of one call, with the pauses between them.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// An attempt that gave up before the long poll ends would leave its message invisible and unread.
const POLL_ATTEMPT_TIMEOUT: Duration = LONG_POLL.saturating_add(Duration::from_secs(5));
/// The longest value of a message's attribute. SQS counts all of them into the size of the message.
const ATTRIBUTE_CHARACTERS_MAX: usize = 1024;

pub struct Queue {
    calls: Client,
    polls: Client,
    address: QueueAddress,
    /// Looked up at the first call that works, so that a process may start before its queue does.
    url: OnceCell<String>,
}

/// A message that is in hand until it is deleted or its visibility timeout ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub body: String,
    pub receipt: String,
    /// How often it was received, this time included; SQS counts approximately.
    pub receives: u32,
}

/// One of several messages sent together that the queue did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which one, from 0.
    pub index: usize,
    pub why: String,
}

/// How many messages the queue holds. SQS counts approximately: the numbers settle within a minute of the last send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Waiting for a worker.
    pub visible: u64,
    /// In a worker's hand.
    pub in_flight: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct QueueError {
    doing: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl QueueError {
    pub fn new(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> QueueError {
        QueueError { doing, source: source.into() }
    }
}

/// Region, credentials and endpoint as every AWS tool finds them, AWS_ENDPOINT_URL included.
pub async fn aws_settings() -> SdkConfig {
    let http = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await
}

impl Queue {
    pub fn new(aws: &SdkConfig, address: QueueAddress) -> Queue {
        let client = |timeouts: TimeoutConfig| {
            Client::from_conf(aws_sdk_sqs::config::Builder::from(aws).timeout_config(timeouts).build())
        };
        let timeouts = || TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT);
        Queue {
            calls: client(
                timeouts().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build(),
            ),
            polls: client(
                timeouts()
                    .operation_attempt_timeout(POLL_ATTEMPT_TIMEOUT)
                    .operation_timeout(POLL_ATTEMPT_TIMEOUT)
                    .build(),
            ),
            address,
            url: OnceCell::new(),
        }
    }

    /// Sends up to [`SENT_TOGETHER_MAX`] messages in one call, and answers which of them were not taken.
    pub async fn send_together(&self, bodies: Vec<String>) -> Result<Vec<Refused>, QueueError> {
        const DOING: &str = "sending messages";
        let count = bodies.len();
        let mut request = self.calls.send_message_batch().queue_url(self.url().await?);
        for (index, body) in bodies.into_iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body);
            request = request.entries(entry.build().map_err(|error| QueueError::new(DOING, error))?);
        }
        let answer = request.send().await.map_err(|error| QueueError::new(DOING, error))?;
        let taken = |index: &usize| answer.successful().iter().any(|entry| entry.id() == index.to_string());
        let why = |index: usize| {
            let failed = answer.failed().iter().find(|entry| entry.id() == index.to_string());
            let told = failed.map(|entry| [entry.code(), entry.message().unwrap_or_default()].join(": "));
            told.unwrap_or_else(|| "the answer does not mention it".to_owned())
        };
        let refused = (0..count).filter(|index| !taken(index));
        Ok(refused.map(|index| Refused { index, why: why(index) }).collect())
    }

    /// Sends a message with attributes of type String. Their values are cut to what a reader needs, and what SQS
    /// would refuse in them is replaced; one that is empty is left out.
    pub async fn send_with<'a>(
        &self,
        body: String,
        attributes: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<(), QueueError> {
        let mut request = self.calls.send_message().queue_url(self.url().await?).message_body(body);
        for (name, value) in attributes {
            let value = attribute_text(&value);
            if !value.is_empty() {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
                let value = value.map_err(|error| QueueError::new("sending a message", error))?;
                request = request.message_attributes(name, value);
            }
        }
        request.send().await.map_err(|error| QueueError::new("sending a message", error))?;
        Ok(())
    }

    /// Waits up to 20 s for messages, 1 to 10 at most, and takes them out of other workers' sight for `visibility`.
    pub async fn receive(&self, at_most: u32, visibility: Duration) -> Result<Vec<Message>, QueueError> {
        let received = self
            .polls
            .receive_message()
            .queue_url(self.url().await?)
            .max_number_of_messages(at_most.clamp(1, 10) as i32)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .wait_time_seconds(whole_seconds(LONG_POLL))
            .visibility_timeout(whole_seconds(visibility))
            .send()
            .await
            .map_err(|error| QueueError::new("receiving messages", error))?;
        let message = |message: aws_sdk_sqs::types::Message| {
            let receives = message
                .attributes
                .and_then(|mut all| all.remove(&MessageSystemAttributeName::ApproximateReceiveCount))
                .and_then(|count| count.parse().ok())
                .unwrap_or(1);
            Some(Message { body: message.body?, receipt: message.receipt_handle?, receives })
        };
        Ok(received.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    pub async fn delete(&self, receipt: &str) -> Result<(), QueueError> {
        self.calls
            .delete_message()
            .queue_url(self.url().await?)
            .receipt_handle(receipt)
            .send()
            .await
            .map_err(|error| QueueError::new("deleting a message", error))?;
        Ok(())
    }

    /// Keeps a message out of sight for this long from now; zero hands it to the next worker at once.
    pub async fn hide_for(&self, receipt: &str, visibility: Duration) -> Result<(), QueueError> {
        self.calls
            .change_message_visibility()
            .queue_url(self.url().await?)
            .receipt_handle(receipt)
            .visibility_timeout(whole_seconds(visibility))
            .send()
            .await
            .map_err(|error| QueueError::new("changing a message's visibility", error))?;
        Ok(())
    }

    /// Proves that the queue is there and may be read.
    pub async fn ping(&self) -> Result<(), QueueError> {
        self.calls
            .get_queue_attributes()
            .queue_url(self.url().await?)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .send()
            .await
            .map_err(|error| QueueError::new("asking the queue for a sign of life", error))?;
        Ok(())
    }

    pub async fn depth(&self) -> Result<QueueDepth, QueueError> {
        const DOING: &str = "counting the queue's messages";
        let counted = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let answer = self
            .calls
            .get_queue_attributes()
            .queue_url(self.url().await?)
            .set_attribute_names(Some(counted.to_vec()))
            .send()
            .await
            .map_err(|error| QueueError::new(DOING, error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name: &QueueAttributeName| {
            attributes
                .get(name)
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| QueueError::new(DOING, format!("no number {name} in the answer")))
        };
        Ok(QueueDepth { visible: number(&counted[0])?, in_flight: number(&counted[1])? })
    }

    async fn url(&self) -> Result<&str, QueueError> {
        let name = match &self.address {
            QueueAddress::Url(url) => return Ok(url),
            QueueAddress::Name(name) => name,
        };
        let look_up = || async {
            self.calls
                .get_queue_url()
                .queue_name(name)
                .send()
                .await
                .map_err(|error| QueueError::new("looking up the queue", error))?
                .queue_url
                .ok_or_else(|| QueueError::new("looking up the queue", "no URL in the answer"))
        };
        self.url.get_or_try_init(look_up).await.map(String::as_str)
    }
}

/// SQS takes the characters of XML 1.0 and no others.
fn attribute_text(text: &str) -> String {
    let allowed =
        |character: char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    let replace = |character| if allowed(character) { character } else { '\u{fffd}' };
    text.chars().take(ATTRIBUTE_CHARACTERS_MAX).map(replace).collect()
}

fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use aws_config::Region;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use serde_json::json;
    use simulator::Simulator;
    use simulator::clock::{Clock, Time};
    use simulator::runtime::scripted::Scripted;
    use tokio::net::TcpListener;
    use tokio_util::sync::{CancellationToken, DropGuard};

    use super::*;

    /// A queue whose messages may have 1024 bytes; it is there until the guard is dropped.
    async fn queue() -> (Queue, DropGuard) {
        let containers = Arc::new(Scripted::default());
        let simulator = Simulator::new(Clock::starting_at(Time(0), 1.0), containers.clone());
        let input = json!({"QueueName": "jobs", "Attributes": {"MaximumMessageSize": "1024"}});
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        simulator
            .with_world(|world| {
                world.sqs.endpoint.clone_from(&endpoint);
                simulator::sqs::call(world, containers.as_ref(), "CreateQueue", &input)
            })
            .unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(simulator::serve::serve(simulator, listener, stop.clone()));
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .http_client(Builder::new().build_http())
            .build();
        (Queue::new(&aws, QueueAddress::Name("jobs".to_owned())), stop.drop_guard())
    }

    #[tokio::test]
    async fn of_messages_sent_together_the_queue_says_which_it_did_not_take() {
        let (queue, _guard) = queue().await;
        let bodies: Vec<String> =
            (0..SENT_TOGETHER_MAX).map(|size| size.to_string().repeat(1 + 200 * size)).collect();
        let refused = queue.send_together(bodies.clone()).await.unwrap();
        assert_eq!(refused.iter().map(|refused| refused.index).collect::<Vec<_>>(), [6, 7, 8, 9]);
        assert!(refused[0].why.contains("Message must be shorter than 1024 bytes"), "{refused:?}");
        let received = queue.receive(10, Duration::from_secs(30)).await.unwrap();
        assert_eq!(received.into_iter().map(|message| message.body).collect::<Vec<_>>(), bodies[..6]);
    }

    #[test]
    fn what_sqs_would_refuse_in_an_attribute_is_replaced() {
        assert_eq!(attribute_text("line 7: a\0b\u{ffff}\té"), "line 7: a\u{fffd}b\u{fffd}\té");
        assert_eq!(attribute_text(&"é".repeat(2_000)).chars().count(), 1024);
    }
}
