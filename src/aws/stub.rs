//! AWS as a function from call to answer, for tests of this crate's wire behaviour.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use super::{Aws, Settings, connect};
use crate::model::Json;

/// What the stub does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status 200.
    Json(Json),
    /// AWS's awsJson error.
    Error(u16, &'static str, &'static str),
    /// As it is, with the status.
    Text(u16, &'static str),
    /// No answer, ever.
    Silence,
    Refused,
}

/// One request as it came over the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// The operation's name: the tail of `x-amz-target`; for query services `Action`'s value; for REST
    /// services the method, the path and the query.
    pub(crate) operation: String,
    pub(crate) host: String,
    pub(crate) body: String,
    pub(crate) content_length: Option<String>,
    pub(crate) authorization: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

type Answerer = dyn Fn(&Seen) -> Reply + Send + Sync;

#[derive(Clone)]
pub(crate) struct Stub {
    answer: Arc<Answerer>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stub")
    }
}

impl Stub {
    pub(crate) fn new(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), seen: Arc::default() }
    }

    pub(crate) fn settings(&self) -> Settings {
        let connector = SharedHttpConnector::new(self.clone());
        Settings {
            http_client: Some(http_client_fn(move |_, _| connector.clone())),
            endpoint: Some("http://stub.test".to_owned()),
            ..Settings::new("eu-west-1").with_test_credentials()
        }
    }

    pub(crate) async fn connect(&self) -> Aws {
        connect(self.settings()).await.expect("the stub's settings are valid")
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of the operations so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.operation).collect()
    }
}

impl HttpConnector for Stub {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).map(str::to_owned);
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let query = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next());
        let operation = header("x-amz-target")
            .and_then(|target| target.rsplit('.').next().map(str::to_owned))
            .or(query.map(str::to_owned));
        let uri = request.uri().parse::<http::Uri>().ok();
        let rest = || {
            let place = uri.as_ref().and_then(|uri| uri.path_and_query()).map(ToString::to_string);
            format!("{} {}", request.method(), place.unwrap_or_default())
        };
        let operation = operation.unwrap_or_else(rest);
        let host = uri.as_ref().and_then(|uri| uri.host().map(str::to_owned));
        let seen = Seen {
            operation,
            host: host.unwrap_or_default(),
            content_length: header("content-length"),
            authorization: header("authorization").unwrap_or_default(),
            body,
        };
        let number = {
            let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(seen.clone());
            all.len()
        };
        let respond = move |status: u16, body: String| {
            let status = status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("x-amzn-requestid", format!("request-{number}"));
            Ok(response)
        };
        match (self.answer)(&seen) {
            Reply::Json(body) => HttpConnectorFuture::ready(respond(200, body.to_string())),
            Reply::Error(status, code, message) => {
                let body = serde_json::json!({"__type": code, "message": message});
                HttpConnectorFuture::ready(respond(status, body.to_string()))
            }
            Reply::Text(status, body) => HttpConnectorFuture::ready(respond(status, body.to_owned())),
            Reply::Silence => HttpConnectorFuture::new(std::future::pending()),
            Reply::Refused => HttpConnectorFuture::ready(Err(ConnectorError::io(
                std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
            ))),
        }
    }
}
