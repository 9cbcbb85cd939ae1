//! The stream of what happens, over HTTP.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use jobs::timestamp::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::routes::router;
use crate::serve::{Bounds, Drain, Drained, serve};
use crate::testing::{World, request};

/// A world served over TCP, and a client in the middle of its stream.
async fn streaming(world: &World, headers: &str) -> (TcpStream, String, tokio::task::JoinHandle<Drained>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bounds = Bounds { connections_max: 10, head_timeout: Duration::from_secs(30) };
    let drain = Drain { grace: Duration::ZERO, limit: Duration::from_secs(60) };
    let server =
        tokio::spawn(serve(listener, router(world.api.clone()), bounds, world.api.draining.clone(), drain));
    let mut client = TcpStream::connect(address).await.unwrap();
    let ask = format!("GET /events HTTP/1.1\r\nhost: test\r\n{headers}\r\n");
    client.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains("data: ") {
        let count = client.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{text}");
        text.push_str(str::from_utf8(&buffer[..count]).unwrap());
    }
    (client, text, server)
}

#[tokio::test]
async fn the_stream_begins_at_once_and_a_drain_ends_it_promptly() {
    let world = World::new().await;
    let (mut client, text, server) = streaming(&world, "").await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("content-type: text/event-stream\r\n"), "{text}");
    assert!(text.contains("cache-control: no-store\r\n"), "{text}");
    assert!(text.contains("retry: 1000\n\nid: "), "{text}");
    assert!(text.contains("event: snapshot\n"), "{text}");
    world.api.draining.cancel();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(server.await.unwrap(), Drained::Complete);
    assert_eq!(world.api.feed.listeners(), 0);
}

#[tokio::test]
async fn who_names_the_last_event_goes_on_from_there() {
    let world = World::new().await;
    let mark = Timestamp::now().milliseconds();
    let job = world.stored("sleep", json!({"milliseconds": 1})).await;
    let (_client, text, _server) = streaming(&world, &format!("last-event-id: {mark}\r\n")).await;
    assert!(text.contains("event: resumed\n") && text.contains(&job.id.to_string()), "{text}");
}

#[tokio::test]
async fn a_last_event_that_makes_no_sense_or_is_long_ago_counts_as_none() {
    let world = World::new().await;
    let now = Timestamp::now();
    let long_ago = now.minus(Duration::from_secs(3600)).milliseconds().to_string();
    let future = now.plus(Duration::from_secs(3600)).milliseconds().to_string();
    for id in ["", "yesterday", "-1", &long_ago, &future, "99999999999999999999"] {
        let (_client, text, _server) = streaming(&world, &format!("last-event-id: {id}\r\n")).await;
        assert!(text.contains("event: snapshot\n"), "{id}: {text}");
    }
}

#[tokio::test]
async fn beyond_the_most_listeners_and_while_draining_it_is_503() {
    let world = World::new().await;
    let ask = async || world.ask(request(Method::GET, "/events", &[], Body::empty())).await;
    let seats: Vec<_> = std::iter::from_fn(|| world.api.feed.seat()).collect();
    let full = ask().await;
    assert_eq!(full.refused(503, "busy"), "200 clients listen already; try again later");
    assert_eq!(full.header("retry-after"), Some("5"));
    drop(seats);
    world.api.draining.cancel();
    ask().await.refused(503, "unavailable");
}

#[tokio::test]
async fn with_the_database_away_it_is_503_and_no_seat_is_kept() {
    let world = World::new().await;
    world.api.store.close().await;
    world.ask(request(Method::GET, "/events", &[], Body::empty())).await.refused(503, "unavailable");
    assert_eq!(world.api.feed.listeners(), 0);
}
