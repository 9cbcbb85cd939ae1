//! One upload of a gibibyte, made up while it is sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = (1 << 30) / CHUNK;

/// Sends it and says how long that took.
pub async fn one_gibibyte(address: SocketAddr) -> anyhow::Result<Duration> {
    let mut chunk = b"1001,2026-01-31,pencil,3,0.25\n".repeat(CHUNK / 30 + 1);
    chunk.truncate(CHUNK);
    let chunk = Bytes::from(chunk);
    let frames = (0..CHUNKS).map(move |_| Ok::<_, std::convert::Infallible>(Frame::data(chunk.clone())));
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{address}/uploads?name=large.csv"))
        .header("content-type", "text/csv")
        .body(body)?;
    let began = Instant::now();
    let response = client.request(request).await?;
    ensure!(response.status() == 201, "the upload was answered with {}", response.status());
    Ok(began.elapsed())
}
