//! Asks the URLs of gates, through the SDK's own HTTP client: no second TLS stack is in the program.
//!
//! Whoever may commit a manifest names these URLs, so they must not reach what only this process can: its own
//! machine, and the metadata service with the credentials of its task. A name is resolved here, and what is
//! connected to is exactly what was looked at; a name that answers differently the next time gains nothing.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::time::Instant;

use crate::model::{AddressKind, HttpAnswer};

/// What is read of a body; a health page that says more has said enough.
const BODY_MAX: usize = 64 * 1024;
/// Over all of a request, whatever a gate allows.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Whether this machine's own addresses may be asked. Never for a manifest to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    #[default]
    Refused,
    /// `reconciler local`, where everything runs on one machine.
    Allowed,
}

/// A client that follows no redirects, sends no credentials, and keeps no connection.
#[derive(Clone)]
pub struct Web {
    connector: SharedHttpConnector,
    loopback: Loopback,
}

impl Web {
    /// Over the network.
    pub fn new(loopback: Loopback) -> Self {
        Self::resolving(Guard { resolver: System, loopback })
    }

    /// Through another connector, such as a test's.
    pub fn through(connector: SharedHttpConnector) -> Self {
        Self { connector, loopback: Loopback::Refused }
    }

    fn resolving<R: ResolveDns + Clone + 'static>(guard: Guard<R>) -> Self {
        let loopback = guard.loopback;
        let connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .pool_max_idle_per_host(0)
            .build_with_resolver(guard);
        Self { connector: SharedHttpConnector::new(connector), loopback }
    }

    /// GET of a URL: how long it took to the end of the body, and the answer or why there is none. A time-out
    /// is a little longer than `patience`, so that an answer that is only late is told as late.
    pub async fn get(&self, url: &str, patience: Duration) -> (Duration, Result<HttpAnswer, String>) {
        let start = Instant::now();
        let limit = (patience + Duration::from_millis(100)).min(TIME_MAX);
        let answer = match tokio::time::timeout(limit, self.ask(url)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
        };
        (start.elapsed(), answer)
    }

    async fn ask(&self, url: &str) -> Result<HttpAnswer, String> {
        let uri: http::Uri = url.parse().map_err(|_| "it is not a URL".to_owned())?;
        // A literal address never meets the resolver.
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        if let Ok(address) = host.parse::<IpAddr>() {
            allowed(address, self.loopback)?;
        }
        let request = http::Request::get(uri)
            .header("user-agent", concat!("reconciler/", env!("CARGO_PKG_VERSION")))
            .header("accept", "*/*")
            .body(SdkBody::empty())
            .map_err(|_| "it is not a URL".to_owned())?;
        let request = HttpRequest::try_from(request).map_err(|error| error.to_string())?;
        let response = self.connector.call(request).await.map_err(|error| innermost(&error))?;
        planted!("redirects-are-followed" => if let Some(to) = response.headers().get("location") { return Box::pin(self.ask(to)).await; });
        let status = response.status().as_u16();
        let mut stream = ByteStream::new(response.into_body());
        let mut body = Vec::new();
        let bound = if planted!("pages-of-any-size") { usize::MAX } else { BODY_MAX };
        while body.len() < bound {
            match stream.next().await {
                Some(Ok(bytes)) => body.extend_from_slice(&bytes),
                Some(Err(error)) => return Err(format!("the body broke off: {error}")),
                None => break,
            }
        }
        body.truncate(bound);
        Ok(HttpAnswer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("loopback", &self.loopback).finish_non_exhaustive()
    }
}

fn allowed(address: IpAddr, loopback: Loopback) -> Result<(), String> {
    planted!("metadata-may-be-asked" => return Ok(()));
    match (AddressKind::of(address), loopback) {
        (AddressKind::Fine, _) | (AddressKind::Loopback, Loopback::Allowed) => Ok(()),
        (AddressKind::Loopback, Loopback::Refused) => {
            Err(format!("refused: {address} is this machine's own address"))
        }
        (AddressKind::Forbidden(why), _) => Err(format!("refused: {address} is {why}")),
    }
}

/// What was in the way at last: "connection refused" says more than "io error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Refuses a name if any of its addresses is refused: one that leads to the metadata service beside a harmless
/// address means no good.
#[derive(Clone, Debug)]
struct Guard<R> {
    resolver: R,
    loopback: Loopback,
}

impl<R: ResolveDns> ResolveDns for Guard<R> {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let addresses = self.resolver.resolve_dns(name).await?;
            for address in &addresses {
                allowed(*address, self.loopback).map_err(ResolveDnsError::new)?;
            }
            Ok(addresses)
        })
    }
}

#[derive(Clone, Debug)]
struct System;

impl ResolveDns for System {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Answers each name with the addresses of the next turn.
    #[derive(Clone, Debug)]
    struct Turns(Arc<(AtomicUsize, Vec<&'static str>)>);

    impl ResolveDns for Turns {
        fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
            let turn = self.0.0.fetch_add(1, Ordering::Relaxed);
            let addresses = self.0.1[turn % self.0.1.len()].split(' ');
            DnsFuture::ready(Ok(addresses.map(|it| it.parse().unwrap()).collect()))
        }
    }

    fn web(loopback: Loopback, turns: &[&'static str]) -> Web {
        let resolver = Turns(Arc::new((AtomicUsize::new(0), turns.to_vec())));
        Web::resolving(Guard { resolver, loopback })
    }

    /// A server of one answer; its port, and how many asked.
    async fn server(answer: String) -> (u16, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = socket.read(&mut request).await;
                    let _ = socket.write_all(answer.as_bytes()).await;
                });
            }
        });
        (port, asked)
    }

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_page_is_read_up_to_its_bound_and_a_redirect_is_not_followed() {
        let page = "x".repeat(200_000);
        let (port, _) = server(format!("HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n{page}")).await;
        let local = web(Loopback::Allowed, &["127.0.0.1"]);
        let (_, answer) = local.get(&format!("http://health.example:{port}/"), PATIENCE).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, BODY_MAX));

        let (port, asked) = server(format!(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        let (_, answer) = local.get(&format!("http://127.0.0.1:{port}/"), PATIENCE).await;
        assert_eq!((answer.unwrap().status, asked.load(Ordering::Relaxed)), (302, 1));
    }

    #[tokio::test]
    async fn what_a_name_leads_to_is_looked_at_each_time_it_is_asked() {
        let (port, asked) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()).await;
        let url = format!("http://rebound.example:{port}/");
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1 169.254.170.2"] {
            let (_, answer) = web(Loopback::Refused, &[address]).get(&url, PATIENCE).await;
            assert!(answer.clone().unwrap_err().starts_with("refused: "), "{address}: {answer:?}");
        }
        // Harmless at first, and then not: it is the second answer that would be connected to.
        let rebound = web(Loopback::Allowed, &["127.0.0.1", "169.254.169.254"]);
        assert!(rebound.get(&url, PATIENCE).await.1.is_ok());
        let refused = rebound.get(&url, PATIENCE).await.1.unwrap_err();
        assert!(refused.contains("169.254.169.254 is link-local"), "{refused}");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_literal_address_is_looked_at_as_well() {
        let web = Web::new(Loopback::Refused);
        for url in ["http://127.0.0.1:1/", "http://[::1]:1/", "http://169.254.169.254/latest/meta-data/"] {
            let refused = web.get(url, PATIENCE).await.1.unwrap_err();
            assert!(refused.starts_with("refused: "), "{url}: {refused}");
        }
        // Other spellings of an address go to the resolver, and what it makes of them is looked at.
        for url in ["http://localhost:1/", "http://2130706433:1/", "http://0x7f.1:1/", "http://0177.0.0.1:1/"]
        {
            let refused = web.get(url, PATIENCE).await.1.unwrap_err();
            assert!(!refused.contains("Connection refused"), "{url}: {refused}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_after_the_patience_of_the_gate() {
        let (port, _) = server(String::new()).await;
        let web = web(Loopback::Allowed, &["127.0.0.1"]);
        let (took, answer) = web.get(&format!("http://slow.example:{port}/"), Duration::from_secs(2)).await;
        assert!(answer.is_err() && took <= Duration::from_millis(2_200), "{took:?} {answer:?}");
    }
}
