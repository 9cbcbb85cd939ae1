//! Uploads over a real socket: too large in either way of saying so, cut off by the client or by a stop.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::api::Api;
use super::wait_until;

const MEBIBYTE: usize = 1024 * 1024;

fn begin(api: &Api, headers: &str) -> TcpStream {
    let mut connection = api.connect();
    let head = format!("POST /uploads HTTP/1.1\r\nhost: test\r\ncontent-type: text/csv\r\n{headers}\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    connection
}

/// Everything that is answered until the API closes the connection.
fn answer(mut connection: TcpStream) -> String {
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_length_that_is_too_large_is_refused_before_the_body_is_asked_for() {
    let api = Api::start_with(&[("UPLOAD_BYTES_MAX", "1048576")]);
    let connection = begin(&api, "content-length: 10737418240\r\nexpect: 100-continue\r\nconnection: close");
    let answer = answer(connection);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("larger than 1048576 bytes, the most that is taken"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[test]
fn a_chunked_body_that_grows_too_large_is_refused_and_leaves_nothing() {
    let api = Api::start_with(&[("UPLOAD_BYTES_MAX", "10485760")]);
    let mut connection = begin(&api, "transfer-encoding: chunked");
    let mut chunk = format!("{MEBIBYTE:x}\r\n").into_bytes();
    chunk.extend(vec![b'a'; MEBIBYTE]);
    chunk.extend(b"\r\n");
    for _ in 0..16 {
        connection.write_all(&chunk).unwrap();
    }
    let answer = answer(connection);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("body_too_large"), "{answer}");
    wait_until("the upload is gone", || api.objects().is_empty());
}

#[test]
fn a_client_that_disconnects_leaves_nothing_and_gives_its_place_back() {
    let api = Api::start_with(&[("UPLOADS_AT_ONCE", "1")]);
    for headers in ["content-length: 52428800", "transfer-encoding: chunked"] {
        let mut connection = begin(&api, headers);
        let length = 12 * MEBIBYTE;
        if headers.starts_with("transfer") {
            connection.write_all(format!("{length:x}\r\n").as_bytes()).unwrap();
        }
        connection.write_all(&vec![b'a'; length]).unwrap();
        wait_until("a part is written", || api.objects().len() == 1);
        drop(connection);
        wait_until("the upload is gone", || api.objects().is_empty());
    }
    // There is one place, and it is free.
    let upload = api.post("/uploads", "text/csv", "order_id\n1\n");
    assert_eq!(api.objects(), [format!("{}.csv", upload["id"].as_str().unwrap())]);
}

#[test]
fn a_stop_gives_up_the_uploads_under_way_and_leaves_nothing_of_them() {
    let mut api = Api::start_with(&[("SHUTDOWN_TIMEOUT_MS", "3000")]);
    let mut connection = begin(&api, "content-length: 52428800");
    connection.write_all(&vec![b'a'; 12 * MEBIBYTE]).unwrap();
    wait_until("a part is written", || api.objects().len() == 1);
    api.process.terminate();
    assert_eq!(api.process.wait_for_end().code(), Some(0), "{}", api.process.told());
    assert_eq!(api.objects(), Vec::<String>::new(), "{}", api.process.told());
}
