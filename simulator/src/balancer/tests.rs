//! The balancer in front of small real servers.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};

use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::clock::{Clock, Time};
use crate::runtime::ProbeAnswer;
use crate::testing::{START, Told};

struct Bench {
    simulator: Simulator,
    runtime: Arc<Told>,
    group: String,
    address: SocketAddr,
    stop: CancellationToken,
}

/// A load balancer with one listener, and its port.
async fn bench() -> Bench {
    let runtime = Arc::new(Told::default());
    let simulator = Simulator::new(Clock::starting_at(START, 1.0), runtime.clone());
    let ask = |operation: &str, input: Value| -> Value {
        simulator.with_world(|world| {
            world.now = world.now.max(START);
            crate::elb::call(world, runtime.as_ref(), operation, &input).unwrap()
        })
    };
    let group = ask("CreateTargetGroup", json!({"Name": "api", "Port": 80, "Protocol": "HTTP"}));
    let group = group["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap().to_owned();
    let balancer = ask("CreateLoadBalancer", json!({"Name": "front"}));
    let arn = balancer["LoadBalancers"][0]["LoadBalancerArn"].as_str().unwrap().to_owned();
    let fixed = json!({"StatusCode": "418", "MessageBody": "short", "ContentType": "text/plain"});
    let listener = ask(
        "CreateListener",
        json!({"LoadBalancerArn": arn, "Port": 80,
               "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]}),
    );
    ask(
        "CreateRule",
        json!({"ListenerArn": listener["Listeners"][0]["ListenerArn"], "Priority": 1,
               "Conditions": [{"Field": "path-pattern", "Values": ["/teapot"]}],
               "Actions": [{"Type": "fixed-response", "FixedResponseConfig": fixed}]}),
    );
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve_balancer(simulator.clone(), arn, port, stop.clone()));
    Bench { simulator, runtime, group, address, stop }
}

fn target(task: &str) -> Target {
    Target { task: task.into(), container: "app".into(), ip: "10.0.0.1".into(), port: 8080 }
}

impl Bench {
    /// Registers a target at an address and makes it healthy.
    fn add(&self, task: &str, address: SocketAddr) {
        self.runtime.place(task, address);
        self.runtime.answer(task, ProbeAnswer::Passed);
        self.simulator.with_world(|world| {
            let now = world.now;
            world.elb.register(&self.group, target(task), now);
            for step in 1..=300 {
                let at = now + Duration::from_secs(step);
                world.elb.advance(self.runtime.as_ref(), at);
                world.now = at;
            }
        });
    }

    fn remove(&self, task: &str) {
        self.simulator.with_world(|world| {
            let now: Time = world.now;
            world.elb.deregister(&self.group, &target(task), now);
        });
    }

    /// Status and body of an answer to one request on a connection of its own.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: api.example.org\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

/// A server whose answers carry its name, the path, and what came in.
async fn server(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| async move {
                let path = request.uri().to_string();
                let from = request.headers()["x-forwarded-for"].to_str().unwrap().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let body = String::from_utf8(body.to_vec()).unwrap();
                let answer = format!("{name} {path} {from} {body}");
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(answer))))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A server that reads a request and hangs up; it counts them.
async fn rude() -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_request_reaches_a_healthy_target_with_path_query_and_body() {
    let bench = bench().await;
    bench.add("a", server("a").await);
    let answer = bench.ask("POST", "/jobs?x=1", "hello").await;
    assert_eq!(answer, (200, "a /jobs?x=1 127.0.0.1 hello".into()));
}

#[tokio::test]
async fn without_a_target_the_answer_is_a_503_as_load_balancers_write_it() {
    let bench = bench().await;
    let (status, body) = bench.ask("GET", "/", "").await;
    assert_eq!(status, 503);
    assert!(body.contains("<center><h1>503 Service Temporarily Unavailable</h1></center>"));
}

#[tokio::test]
async fn a_fixed_response_needs_no_target() {
    let bench = bench().await;
    assert_eq!(bench.ask("GET", "/teapot", "").await, (418, "short".into()));
}

#[tokio::test]
async fn a_refused_connection_is_tried_at_another_target_even_with_a_body() {
    let bench = bench().await;
    bench.add("a", nobody().await);
    bench.add("b", server("b").await);
    for _ in 0..4 {
        let (status, body) = bench.ask("POST", "/", "kept").await;
        assert_eq!((status, body.as_str()), (200, "b / 127.0.0.1 kept"));
    }
}

#[tokio::test]
async fn with_nobody_at_the_only_target_the_answer_is_a_502() {
    let bench = bench().await;
    bench.add("a", nobody().await);
    assert_eq!(bench.ask("GET", "/", "").await.0, 502);
}

#[tokio::test]
async fn a_target_that_hangs_up_is_replaced_for_a_get_but_not_for_a_post() {
    let bench = bench().await;
    let (address, count) = rude().await;
    bench.add("a", address);
    bench.add("b", server("b").await);
    for _ in 0..4 {
        assert_eq!(bench.ask("GET", "/", "").await.0, 200);
    }
    assert!(count.load(Ordering::SeqCst) > 0);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(bench.ask("POST", "/", "").await.0);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 502, 502]);
}

/// A server that answers with one word, and with another when it is allowed to.
async fn patient() -> (SocketAddr, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let allowed = Arc::new(Notify::new());
    let allow = allowed.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let allowed = allowed.clone();
            let service = hyper::service::service_fn(move |_: Request<Incoming>| {
                let allowed = allowed.clone();
                async move {
                    let (words, body) = mpsc::channel(1);
                    tokio::spawn(async move {
                        words.send("first ").await.unwrap();
                        allowed.notified().await;
                        words.send("second").await.unwrap();
                    });
                    Ok::<_, hyper::Error>(Response::new(Words(body)))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, allow)
}

#[tokio::test]
async fn a_draining_target_gets_nothing_new_but_finishes_what_is_in_flight() {
    let bench = bench().await;
    let (address, allow) = patient().await;
    bench.add("old", address);
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // The first word arrives while the second is held back: bodies are streamed.
    while !answer.contains("first ") {
        let mut piece = [0; 1024];
        let length = stream.read(&mut piece).await.unwrap();
        answer.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    bench.add("new", server("new").await);
    bench.remove("old");
    for _ in 0..4 {
        assert!(bench.ask("GET", "/", "").await.1.starts_with("new "));
    }
    allow.notify_one();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("second"), "{answer}");
}

#[tokio::test]
async fn requests_take_turns_among_targets() {
    let bench = bench().await;
    bench.add("a", server("a").await);
    bench.add("b", server("b").await);
    let mut first_letters = String::new();
    for _ in 0..4 {
        first_letters.push_str(&bench.ask("GET", "/", "").await.1[..1]);
    }
    assert!(["abab", "baba"].contains(&first_letters.as_str()), "{first_letters}");
}

#[tokio::test]
async fn after_a_stop_the_port_is_free_again() {
    let bench = bench().await;
    bench.stop.cancel();
    let free = async {
        while TcpListener::bind(bench.address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free).await.unwrap();
}

#[tokio::test]
async fn a_listener_is_served_at_its_own_port_while_it_exists() {
    let bench = bench().await;
    // Nobody else asks for this port while it is free for a moment.
    let port = nobody().await.port();
    let (runtime, simulator) = (bench.runtime.clone(), bench.simulator.clone());
    let ask = |operation: &str, input: Value| {
        simulator.with_world(|world| crate::elb::call(world, runtime.as_ref(), operation, &input).unwrap())
    };
    let balancers = ask("DescribeLoadBalancers", json!({}));
    let listener = ask(
        "CreateListener",
        json!({"LoadBalancerArn": balancers["LoadBalancers"][0]["LoadBalancerArn"], "Port": port,
               "DefaultActions": [{"Type": "forward", "TargetGroupArn": bench.group}]}),
    );
    bench.add("a", server("a").await);
    let serving = serve_listeners(bench.simulator.clone(), [127, 0, 0, 1].into(), bench.stop.clone());
    tokio::spawn(serving);
    let there = Bench { address: SocketAddr::from(([127, 0, 0, 1], port)), ..bench };
    let serves = async |expected: bool| {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while TcpStream::connect(there.address).await.is_ok() != expected {
            looks.tick().await;
        }
    };
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, serves(true)).await.unwrap();
    assert_eq!(there.ask("GET", "/x", "").await.0, 200);
    ask("DeleteListener", json!({"ListenerArn": listener["Listeners"][0]["ListenerArn"]}));
    tokio::time::timeout(patience, serves(false)).await.unwrap();
}

/// A channel as a body.
struct Words(mpsc::Receiver<&'static str>);

impl Body for Words {
    type Data = Bytes;
    type Error = std::convert::Infallible;
    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let word = self.0.poll_recv(context);
        word.map(|word| word.map(|word| Ok(Frame::data(Bytes::from(word)))))
    }
}
