//! One call, whichever it is: wait for the budget (reads), send, count, tell the hook, name the error.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::budget::{Buckets, Category};
use super::error::{Failure, classify};
use super::exchange::Exchange;
use super::{Answer, Budget, Error, ErrorKind};

/// Told of every call once it has ended.
pub type OnCall = Arc<dyn Fn(&CallEnd) + Send + Sync>;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnd {
    pub operation: &'static str,
    /// `None`: it succeeded.
    pub error: Option<ErrorKind>,
    pub request_id: Option<String>,
}

/// What is called, and why.
pub(super) struct Call {
    pub(super) operation: &'static str,
    /// What has to be waited for; `None`: a permit says that it was.
    wait: Option<Category>,
    /// `` read cluster `jobs` ``
    pub(super) attempt: String,
}

impl Call {
    pub(super) fn new(operation: &'static str, category: Category, attempt: impl Into<String>) -> Self {
        Self { operation, wait: Some(category), attempt: attempt.into() }
    }

    /// A mutating call, whose turn came before its permit.
    pub(super) fn permitted(operation: &'static str, attempt: impl Into<String>) -> Self {
        Self { operation, wait: None, attempt: attempt.into() }
    }
}

/// What all calls of one connection share.
pub(super) struct Line {
    region: Arc<str>,
    buckets: Buckets,
    calls: AtomicU64,
    on_call: Option<OnCall>,
}

impl Line {
    pub(super) fn new(region: &str, budget: Budget, on_call: Option<OnCall>) -> Self {
        Self { region: region.into(), buckets: Buckets::new(budget), calls: AtomicU64::new(0), on_call }
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Makes a call whose answer is JSON.
    pub(super) async fn exchange<T, E>(
        &self,
        call: &Call,
        exchange: Exchange,
        send: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<Answer, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.begin(call).await;
        let result = match send.await {
            Ok(_) => exchange.answer().ok_or_else(|| Failure {
                kind: ErrorKind::Server,
                code: None,
                message: "an answer that is not JSON".to_owned(),
                request_id: exchange.request_id(),
            }),
            Err(error) => Err(classify(call.operation, &error)),
        };
        let request_id = result.as_ref().map_or(None, |answer| answer.request_id.clone());
        self.end(call, result, request_id)
    }

    /// Makes a call whose answer the SDK reads: the ones that speak XML.
    pub(super) async fn typed<T, E>(
        &self,
        call: &Call,
        send: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.begin(call).await;
        let result = send.await.map_err(|error| classify(call.operation, &error));
        self.end(call, result, None)
    }

    /// Makes a call of another service than the client's, whose answer the SDK can't read: as text.
    pub(super) async fn text<T, E>(
        &self,
        call: &Call,
        exchange: Exchange,
        send: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<String, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.begin(call).await;
        let result = match send.await {
            Ok(_) => Ok(exchange.text()),
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().is_success()) => {
                Ok(exchange.text())
            }
            Err(error) => Err(classify(call.operation, &error)),
        };
        self.end(call, result, exchange.request_id())
    }

    pub(super) async fn turn(&self, category: Category) {
        self.buckets.wait(category).await;
    }

    async fn begin(&self, call: &Call) {
        if let Some(category) = call.wait {
            self.turn(category).await;
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    fn end<T>(
        &self,
        call: &Call,
        result: Result<T, Failure>,
        request_id: Option<String>,
    ) -> Result<T, Error> {
        if let Some(on_call) = &self.on_call {
            let failure = result.as_ref().err();
            on_call(&CallEnd {
                operation: call.operation,
                error: failure.map(|failure| failure.kind),
                request_id: failure.map_or(request_id, |failure| failure.request_id.clone()),
            });
        }
        result.map_err(|failure| Error {
            operation: call.operation,
            kind: failure.kind,
            code: failure.code,
            message: failure.message,
            request_id: failure.request_id,
            region: self.region.clone(),
            attempt: call.attempt.as_str().into(),
        })
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("region", &self.region)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}
