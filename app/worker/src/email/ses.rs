//! The sink of production: Amazon SES, asked once for each attempt of the job.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::Builder;
use aws_sdk_sesv2::error::{BuildError, DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use jobs::address::Address;

use super::NotSent;
use super::template::Letter;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
const CHARSET: &str = "UTF-8";

pub fn client(aws: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(CALL_TIMEOUT);
    let config = Builder::from(aws)
        .timeout_config(timeouts.build())
        // SES has no token that makes a repeated call one message; the job is repeated instead, and seldom.
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// Hands the letter over, and gives the id that SES knows it by.
pub async fn send(client: &Client, from: &Address, to: &Address, letter: &Letter) -> Result<String, NotSent> {
    let message = message(letter).map_err(|error| NotSent::Refused(error.to_string()))?;
    let sent = client
        .send_email()
        .from_email_address(from.to_string())
        .destination(Destination::builder().to_addresses(to.to_string()).build())
        .content(EmailContent::builder().simple(message).build())
        .send()
        .await
        .map_err(|error| {
            let told = match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                _ => DisplayErrorContext(&error).to_string(),
            };
            if error.as_service_error().is_some_and(is_about_this_message) {
                NotSent::Refused(format!("SES refused the message: {told}"))
            } else {
                NotSent::Later(format!("SES did not take the message: {told}"))
            }
        })?;
    Ok(sent.message_id.unwrap_or_default())
}

/// Whether SES would say the same again. Its limits, its own faults, a suspended account and credentials
/// that are not accepted pass, or somebody sees to them.
fn is_about_this_message(error: &SendEmailError) -> bool {
    error.is_message_rejected()
        || error.is_bad_request_exception()
        || error.is_mail_from_domain_not_verified_exception()
        || error.is_not_found_exception()
}

fn message(letter: &Letter) -> Result<Message, BuildError> {
    let content = |text: &str| Content::builder().data(text).charset(CHARSET).build();
    let body = Body::builder().text(content(&letter.text)?).html(content(&letter.html)?).build();
    Ok(Message::builder().subject(content(&letter.subject)?).body(body).build())
}
