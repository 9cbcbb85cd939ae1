//! A drain drops nothing, and ends.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;

const GRACE: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(30);

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    /// One permit for each request to `/slow` that has arrived.
    arrived: Arc<Semaphore>,
    /// Add a permit to let a request to `/slow` go.
    release: Arc<Semaphore>,
    served: JoinHandle<Drained>,
}

const BOUNDS: Bounds = Bounds { connections_max: 100, head_timeout: LONG };

async fn running(grace: Duration, limit: Duration) -> Running {
    running_within(BOUNDS, grace, limit).await
}

async fn running_within(bounds: Bounds, grace: Duration, limit: Duration) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let slow = {
        let (arrived, release) = (arrived.clone(), release.clone());
        async move || {
            arrived.add_permits(1);
            release.acquire().await.unwrap().forget();
            "slow"
        }
    };
    let router = Router::new()
        .route("/quick", get(async || "quick"))
        .route("/slow", get(slow))
        .route("/refuse", post(async || StatusCode::PAYLOAD_TOO_LARGE));
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, router, bounds, stop.clone(), Drain { grace, limit }));
    Running { address, stop, arrived, release, served }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address).await
}

/// Sends one request; the connection stays open.
async fn send(connection: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
}

/// Everything that is answered until the server closes the connection.
async fn read_to_close(connection: &mut TcpStream) -> String {
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_connection_made_after_the_stop_is_still_served_within_the_grace() {
    let running = running(LONG, LONG * 2).await;
    running.stop.cancel();
    let mut connection = connect(running.address).await.unwrap();
    connection.write_all(b"GET /quick HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_close(&mut connection).await.ends_with("quick"));
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_its_connection_closed() {
    let running = running(GRACE, LONG).await;
    let mut connection = connect(running.address).await.unwrap();
    send(&mut connection, "/slow").await;
    running.arrived.acquire().await.unwrap().forget();
    running.stop.cancel();
    // The listener closes after the grace; until then the request stays unanswered.
    while connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    running.release.add_permits(1);
    let answer = read_to_close(&mut connection).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("slow"), "{answer}");
    assert_eq!(running.served.await.unwrap(), Drained::Complete);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let running = running(Duration::ZERO, LONG).await;
    let mut idle = connect(running.address).await.unwrap();
    send(&mut idle, "/quick").await;
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.unwrap();
    running.stop.cancel();
    assert_eq!(running.served.await.unwrap(), Drained::Complete);
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off_at_the_limit() {
    let running = running(Duration::ZERO, GRACE).await;
    let mut connection = connect(running.address).await.unwrap();
    send(&mut connection, "/slow").await;
    running.arrived.acquire().await.unwrap().forget();
    running.stop.cancel();
    assert_eq!(running.served.await.unwrap(), Drained::CutOff);
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_cut_off() {
    let bounds = Bounds { head_timeout: GRACE, ..BOUNDS };
    let running = running_within(bounds, GRACE, LONG).await;
    let mut connection = connect(running.address).await.unwrap();
    connection.write_all(b"GET /quick HTTP/1.1\r\nhost: te").await.unwrap();
    assert_eq!(read_to_close(&mut connection).await, "");
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_for_a_place() {
    let bounds = Bounds { connections_max: 1, ..BOUNDS };
    let running = running_within(bounds, GRACE, LONG).await;
    let mut first = connect(running.address).await.unwrap();
    send(&mut first, "/slow").await;
    running.arrived.acquire().await.unwrap().forget();
    let mut second = connect(running.address).await.unwrap();
    send(&mut second, "/slow").await;
    let waits = tokio::time::timeout(GRACE, running.arrived.acquire()).await;
    assert!(waits.is_err(), "the second request was served beside the first");
    running.release.add_permits(1);
    drop(first);
    running.arrived.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_refusal_is_read_by_a_client_that_sends_its_whole_body_first() {
    let running = running(GRACE, LONG).await;
    let mut connection = connect(running.address).await.unwrap();
    // More than both ends' buffers hold: it is written to its end only if the server takes it.
    let body = vec![b'x'; 8 * 1024 * 1024];
    let head = format!("POST /refuse HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&body).await.unwrap();
    let answer = read_to_close(&mut connection).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_relay_that_breaks_down_ends_the_process_with_an_error_and_no_request_is_cut_off() {
    let Running { address, stop, arrived, release, served } = running(Duration::ZERO, LONG).await;
    let mut client = connect(address).await.unwrap();
    client.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    arrived.acquire().await.unwrap().forget();

    let mut relay = tokio::spawn(async { panic!("a defect") });
    let serving = async { served.await.unwrap() };
    let answered = async {
        stop.cancelled().await;
        release.add_permits(1);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (ended, answer) = tokio::join!(serve_beside(&mut relay, &stop, serving), answered);
    assert!(matches!(ended, Err(Abandoned::Broken(_))), "{ended:?}");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_relay_that_ends_while_the_server_serves_is_an_error_and_one_that_runs_is_none() {
    let stop = CancellationToken::new();
    let mut relay = tokio::spawn(async {});
    let ended = serve_beside(&mut relay, &stop, stop.cancelled()).await;
    assert!(matches!(ended, Err(Abandoned::Ended)), "{ended:?}");

    let mut relay = tokio::spawn(std::future::pending());
    let served = serve_beside(&mut relay, &CancellationToken::new(), async { "served" }).await;
    assert!(matches!(served, Ok("served")), "{served:?}");
}
