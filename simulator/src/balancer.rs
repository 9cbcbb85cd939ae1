//! The load balancer's own port: real HTTP in front of the targets that ECS registered.
//!
//! Every request gets a connection of its own to its target. Load balancers keep such connections
//! open and reuse them; a simulator gains nothing from it, and loses the race in which a stopping
//! process closes a connection just when the next request is written to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Simulator;
use crate::elb::{Route, Target};

/// A target that does not answer for this long is given up, as by the default idle timeout.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests in flight may take when the balancer itself is told to stop.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

type Error = Box<dyn std::error::Error + Send + Sync>;
type Stream = BoxBody<Bytes, hyper::Error>;
type Answer = Response<Stream>;

/// Serves the listener with this ARN, or that of the load balancer with this ARN, until `stop`.
///
/// The listener may be created, changed and deleted meanwhile; without it, every answer is a 503.
pub async fn serve_balancer(
    simulator: Simulator,
    arn: String,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let balancer = Arc::new(Balancer { simulator, arn, port: listener.local_addr()?.port() });
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or the client is gone already: neither lasts.
                tracing::debug!(%error, "load balancer could not accept a connection");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        // Without this, every small answer would wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let balancer = balancer.clone();
        let service = hyper::service::service_fn(move |request| {
            let balancer = balancer.clone();
            async move { Ok::<_, hyper::Error>(balancer.answer(request, client).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // Fails when the client or the target breaks off; there is nobody left to tell.
            let _ = connection.await;
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, graceful.shutdown()).await;
    Ok(())
}

/// Serves every listener of the account at its own port of `address`, from when it is created until
/// it is deleted.
///
/// A port that cannot be had is reported once, and left alone.
pub async fn serve_listeners(simulator: Simulator, address: IpAddr, stop: CancellationToken) {
    const LOOK_AGAIN: Duration = Duration::from_millis(200);
    let served = TaskTracker::new();
    let mut known: BTreeMap<(String, u16), CancellationToken> = BTreeMap::new();
    let mut looks = tokio::time::interval(LOOK_AGAIN);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.cancelled() => break,
        }
        let there: BTreeSet<(String, u16)> = simulator.with_world(|world| {
            let listeners = world.elb.listener_ports();
            listeners.map(|(arn, port)| (arn.to_owned(), port)).collect()
        });
        known.retain(|listener, token| {
            let stays = there.contains(listener);
            if !stays {
                token.cancel();
            }
            stays
        });
        for (arn, port) in there {
            if known.contains_key(&(arn.clone(), port)) {
                continue;
            }
            let token = stop.child_token();
            known.insert((arn.clone(), port), token.clone());
            match TcpListener::bind((address, port)).await {
                Ok(listener) => {
                    tracing::info!("load balancer listens on http://{address}:{port}");
                    let simulator = simulator.clone();
                    served.spawn(serve_balancer(simulator, arn, listener, token));
                }
                Err(error) => tracing::warn!(%error, "load balancer can't have port {port}"),
            }
        }
    }
    served.close();
    served.wait().await;
}

struct Balancer {
    simulator: Simulator,
    arn: String,
    port: u16,
}

/// Why a target gave no answer.
enum Failure {
    /// Not a byte of the request was sent; here it is again.
    Unsent(Request<Stream>),
    /// The target broke off before its answer began. The request is here again if repeating it does
    /// no harm: its method is idempotent, and it had no body that would now be spent.
    Broken(Option<Request<Stream>>),
    TimedOut,
}

impl Balancer {
    async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Answer {
        let host =
            request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let path = request.uri().path();
        let route = self.simulator.with_world(|world| {
            let listener = world.elb.listener(&self.arn);
            listener.map_or(Route::Nowhere, |arn| world.elb.route(&arn, host, path))
        });
        match route {
            Route::Forward(group) => self.forward(&group, request, client).await,
            Route::Fixed { status, content_type, body } => fixed(status, &content_type, body),
            Route::Nowhere => error(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// Sends the request to a target, and to one other if it certainly had no effect on the first.
    async fn forward(&self, group: &str, request: Request<Incoming>, client: SocketAddr) -> Answer {
        let mut request = outgoing(request);
        self.introduce(request.headers_mut(), client);
        let mut tried: Vec<Target> = Vec::new();
        let mut sent = 0;
        while sent < 2 {
            let chosen = self.simulator.with_world(|world| world.elb.choose(group, &tried));
            let Some(target) = chosen else {
                break;
            };
            let runtime = &self.simulator.shared.runtime;
            let address = runtime.address(&target.task, &target.container, target.port);
            tried.push(target);
            // A task that is gone already has no address; the next target may.
            let Some(address) = address else {
                continue;
            };
            sent += 1;
            match send(request, address).await {
                Ok(response) => return response.map(|body| body.boxed()),
                Err(Failure::TimedOut) => return error(StatusCode::GATEWAY_TIMEOUT),
                Err(Failure::Unsent(again) | Failure::Broken(Some(again))) => request = again,
                Err(Failure::Broken(None)) => return error(StatusCode::BAD_GATEWAY),
            }
        }
        if tried.is_empty() { error(StatusCode::SERVICE_UNAVAILABLE) } else { error(StatusCode::BAD_GATEWAY) }
    }

    /// Tells the target who asked, as load balancers do.
    fn introduce(&self, headers: &mut HeaderMap, client: SocketAddr) {
        const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        drop_hop_by_hop(headers);
        let before = headers.get(FORWARDED_FOR).and_then(|value| value.to_str().ok());
        let chain = match before {
            Some(before) => format!("{before}, {}", client.ip()),
            None => client.ip().to_string(),
        };
        if let Ok(chain) = HeaderValue::from_str(&chain) {
            headers.insert(FORWARDED_FOR, chain);
        }
        headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
        headers.insert("x-forwarded-port", HeaderValue::from(self.port));
    }
}

/// The request as a target gets it: for a path, where a proxy may have been asked for a whole URI.
fn outgoing(request: Request<Incoming>) -> Request<Stream> {
    let mut request = request.map(|body| body.boxed());
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = path.into();
    }
    *request.version_mut() = http::Version::HTTP_11;
    request
}

async fn send(request: Request<Stream>, address: SocketAddr) -> Result<Response<Incoming>, Failure> {
    let Ok(mut sender) = connect(address).await else {
        return Err(Failure::Unsent(request));
    };
    let is_repeatable = request.method().is_idempotent() && request.body().is_end_stream();
    let (parts, body) = request.into_parts();
    let copy = is_repeatable.then(|| {
        let nothing = Empty::new().map_err(|never| match never {});
        Request::from_parts(parts.clone(), nothing.boxed())
    });
    let request = Request::from_parts(parts, body);
    match tokio::time::timeout(IDLE_TIMEOUT, sender.try_send_request(request)).await {
        Err(_) => Err(Failure::TimedOut),
        Ok(Ok(mut response)) => {
            drop_hop_by_hop(response.headers_mut());
            // Each side of a proxy speaks its own version; a target may know only HTTP/1.0.
            *response.version_mut() = http::Version::HTTP_11;
            Ok(response)
        }
        Ok(Err(mut error)) => Err(match error.take_message() {
            Some(unsent) => Failure::Unsent(unsent),
            None => Failure::Broken(copy),
        }),
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Stream>, Error> {
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // A broken connection shows at the request that it carries.
        let _ = connection.await;
    });
    Ok(sender)
}

/// Removes what concerns one connection only (RFC 9110, 7.6.1).
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let always = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
    ];
    for name in always.into_iter().chain(named) {
        headers.remove(name);
    }
}

fn fixed(status: u16, content_type: &str, body: String) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    respond(status, content_type, body)
}

/// An error of the load balancer itself, which looks the same for all of them.
fn error(status: StatusCode) -> Answer {
    let reason = match status {
        StatusCode::SERVICE_UNAVAILABLE => "Service Temporarily Unavailable",
        StatusCode::GATEWAY_TIMEOUT => "Gateway Time-out",
        _ => status.canonical_reason().unwrap_or("Error"),
    };
    let title = format!("{} {reason}", status.as_u16());
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
         <center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    respond(status, "text/html", page)
}

fn respond(status: StatusCode, content_type: &str, body: String) -> Answer {
    let body = Full::new(Bytes::from(body));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("awselb/2.0"));
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    response
}

#[cfg(test)]
mod tests;
