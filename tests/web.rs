//! Pages of the world's web, for gates that ask URLs: no sockets, so paused time stays exact.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use reconciler::aws::Web;

/// What a host answers, whatever it is asked.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    pub body: &'static str,
    pub takes: Duration,
}

impl Page {
    pub const fn of(status: u16, body: &'static str) -> Self {
        Self { status, body, takes: Duration::from_millis(20) }
    }
}

/// Pages by host; a host that is not here answers `200 ok`.
#[derive(Clone, Default)]
pub struct Pages {
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    pub fn set(&self, host: &str, page: Page) {
        self.pages.lock().unwrap().insert(host.to_owned(), page);
    }

    /// How often any was asked since the last look.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    pub fn web(&self) -> Web {
        Web::through(SharedHttpConnector::new(self.clone()))
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pages")
    }
}

impl HttpConnector for Pages {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: http::Uri = request.uri().parse().unwrap();
        let host = uri.host().unwrap_or_default().to_owned();
        let page = self.pages.lock().unwrap().get(&host).cloned();
        let page = page.unwrap_or(Page::of(200, "ok"));
        self.asked.lock().unwrap().push(host);
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(page.takes).await;
            let answer =
                http::Response::builder().status(page.status).body(SdkBody::from(page.body)).unwrap();
            Ok(HttpResponse::try_from(answer).unwrap())
        })
    }
}
