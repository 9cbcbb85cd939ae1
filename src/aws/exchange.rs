//! Our body on the wire, and the answer as it came: an SDK interceptor.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;

use crate::model::Json;

/// What AWS answered, field for field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub body: Json,
    pub request_id: Option<String>,
}

/// One logical call: what goes out, and what the last attempt brought back.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// `None`: the request has none, and all that it asks for stands in its URL.
    body: Option<String>,
    /// Replaces `x-amz-target`, where the call is not one of the client's own service.
    target: Option<&'static str>,
    /// Replaces `content-type`, likewise.
    content_type: Option<&'static str>,
    received: Arc<Mutex<Received>>,
}

#[derive(Debug, Default)]
struct Received {
    body: Vec<u8>,
    request_id: Option<String>,
}

impl Exchange {
    pub(super) fn new(body: &Json) -> Self {
        Self { body: Some(body.to_string()), target: None, content_type: None, received: Arc::default() }
    }

    /// Leaves the request as it is, and keeps the answer.
    pub(super) fn without_body() -> Self {
        Self { body: None, target: None, content_type: None, received: Arc::default() }
    }

    pub(super) fn with_target(body: &Json, target: &'static str) -> Self {
        Self { target: Some(target), ..Self::new(body) }
    }

    /// The same in awsJson 1.0, where the client's own service speaks 1.1.
    pub(super) fn with_target_of_json_1_0(body: &Json, target: &'static str) -> Self {
        Self { content_type: Some("application/x-amz-json-1.0"), ..Self::with_target(body, target) }
    }

    /// A form for a service that speaks the query protocol.
    pub(super) fn with_form(form: String) -> Self {
        Self { body: Some(form), target: None, content_type: None, received: Arc::default() }
    }

    /// The answer's body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received().body).into_owned()
    }

    pub(super) fn request_id(&self) -> Option<String> {
        self.received().request_id.clone()
    }

    /// The answer's body; `None` if it was not JSON.
    pub(super) fn answer(&self) -> Option<Answer> {
        let received = self.received();
        let body = match received.body.as_slice() {
            // An operation without output may answer nothing at all.
            [] => Json::Object(serde_json::Map::new()),
            bytes => serde_json::from_slice(bytes).ok()?,
        };
        Some(Answer { body, request_id: received.request_id.clone() })
    }

    fn received(&self) -> std::sync::MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    /// Before signing, once for all attempts: a retried call carries the very same bytes.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if let Some(body) = &self.body {
            *request.body_mut() = SdkBody::from(body.as_str());
            request.headers_mut().insert("content-length", body.len().to_string());
        }
        if let Some(target) = self.target {
            request.headers_mut().insert("x-amz-target", target);
        }
        if let Some(content_type) = self.content_type {
            request.headers_mut().insert("content-type", content_type);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let mut received = self.received();
        received.body = response.body().bytes().unwrap_or_default().to_vec();
        received.request_id = response
            .headers()
            .get("x-amzn-requestid")
            .or(response.headers().get("x-amz-request-id"))
            .map(str::to_owned);
        Ok(())
    }
}
