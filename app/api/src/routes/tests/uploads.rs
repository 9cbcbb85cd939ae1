//! Files are taken in whole or not at all.

use std::time::Duration;

use ::jobs::store::UploadId;
use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use crate::body::Patience;
use crate::testing::{UPLOAD_LIMITS, World, request, sent_by_hand};
use crate::uploads::Limits;

const NOTHING: [String; 0] = [];
const CSV: &[(&str, &str)] = &[("content-type", "text/csv")];

async fn content(world: &World, upload: &Value) -> Vec<u8> {
    let name = format!("uploads/{}.csv", upload["id"].as_str().unwrap());
    let found = world.api.objects.get(&name).await.unwrap().unwrap();
    found.body.map_ok(|part| part.to_vec()).try_concat().await.unwrap()
}

#[tokio::test]
async fn an_upload_is_stored_as_it_came_and_described() {
    let world = World::new().await;
    let answer = world.upload("/uploads?name=orders.csv", "order_id,quantity\n1,2\n").await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let upload = answer.json();
    let id = upload["id"].as_str().unwrap();
    assert_eq!(upload["name"], "orders.csv");
    assert_eq!(upload["bytes"], 22);
    // As sha256sum says.
    assert_eq!(upload["sha256"], "c10169a7598b31e0fb07a731bbb44885da12ef0f28a0ca7d87b2d1912ab9448b");
    assert_eq!(upload.get("object"), None);
    assert_eq!(answer.header("location"), Some(&*format!("/uploads/{id}")));
    assert_eq!(world.read(&format!("/uploads/{id}")).await.json(), upload);

    assert_eq!(world.uploads(), [format!("{id}.csv")]);
    assert_eq!(content(&world, &upload).await, b"order_id,quantity\n1,2\n");
}

#[tokio::test]
async fn a_file_of_many_parts_arrives_whole_with_its_digest() {
    let world = World::with_uploads(Limits { bytes_max: 64 << 20, ..UPLOAD_LIMITS }).await;
    let (send, body) = sent_by_hand();
    let sender = tokio::spawn(async move {
        for part in 0..17u8 {
            send.send(Ok(Bytes::from(vec![part; 1 << 20]))).await.unwrap();
        }
    });
    let upload = world.ask(request(Method::POST, "/uploads", CSV, body)).await.json();
    sender.await.unwrap();
    assert_eq!(upload["bytes"], 17 << 20);
    let stored = content(&world, &upload).await;
    let expected: Vec<u8> = (0..17u8).flat_map(|part| vec![part; 1 << 20]).collect();
    assert!(stored == expected, "the stored file differs");
    use sha2::Digest as _;
    let digest: String = sha2::Sha256::digest(&expected).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(upload["sha256"], *digest);
}

#[tokio::test]
async fn an_upload_that_is_refused_leaves_nothing_behind() {
    let world = World::new().await;
    let upload = async |path: &str, headers: &[(&str, &str)], body: Body| {
        world.ask(request(Method::POST, path, headers, body)).await
    };
    upload("/uploads", CSV, Body::empty()).await.refused(422, "empty_upload");
    for content_type in ["application/json", "multipart/form-data; boundary=x", "text/csv; charset=utf-16"] {
        let answer = upload("/uploads", &[("content-type", content_type)], Body::from("a")).await;
        answer.refused(415, "unsupported_media_type");
    }
    upload("/uploads", &[], Body::from("a")).await.refused(415, "unsupported_media_type");
    upload("/uploads?nmae=a", CSV, Body::from("a")).await.refused(400, "invalid_query");
    upload("/uploads?name=a&name=b", CSV, Body::from("a")).await.refused(400, "invalid_query");
    assert_eq!(world.uploads(), NOTHING);
    assert_eq!(world.upload("/uploads", "a".repeat(1000)).await.status, 201);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let world = World::new().await;
    let headers = [("content-type", "text/csv"), ("content-length", "1001")];
    // Nobody ever sends this body: it would be waited for if it were read.
    let (_send, body) = sent_by_hand();
    let detail =
        world.ask(request(Method::POST, "/uploads", &headers, body)).await.refused(413, "body_too_large");
    assert!(detail.contains("1000 bytes"), "{detail}");
}

#[tokio::test]
async fn a_file_that_turns_out_to_be_too_large_is_removed() {
    let world = World::with_uploads(Limits { bytes_max: 9 << 20, ..UPLOAD_LIMITS }).await;
    let (send, body) = sent_by_hand();
    // One part is on the disk when the bound is met.
    let sender =
        tokio::spawn(async move { while send.send(Ok(Bytes::from(vec![b'a'; 1 << 20]))).await.is_ok() {} });
    world.ask(request(Method::POST, "/uploads", CSV, body)).await.refused(413, "body_too_large");
    sender.await.unwrap();
    world.uploads_are_gone().await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let world = World::with_uploads(Limits { bytes_max: 64 << 20, ..UPLOAD_LIMITS }).await;
    // Once with the body cut off, and once with the connection dropped, after which the body seems complete.
    for cut_off in [true, false] {
        let (send, body) = sent_by_hand();
        let upload = world.ask(request(Method::POST, "/uploads", CSV, body));
        let mut upload = Box::pin(upload);
        let sent = async {
            for _ in 0..10 {
                send.send(Ok(Bytes::from(vec![b'a'; 1 << 20]))).await.unwrap();
            }
        };
        tokio::select! {
            () = sent => {}
            answer = &mut upload => panic!("answered early: {answer:?}"),
        }
        assert_eq!(world.uploads().len(), 1, "the upload is on its way");
        if cut_off {
            let (sent, answer) = tokio::join!(send.send(Err(std::io::Error::other("reset"))), upload);
            sent.unwrap();
            answer.refused(400, "body_interrupted");
        } else {
            drop(upload);
            drop(send);
        }
        world.uploads_are_gone().await;
    }
}

#[tokio::test]
async fn an_upload_that_is_given_up_before_the_end_of_the_process_is_503_and_leaves_nothing() {
    let world = World::with_uploads(Limits { bytes_max: 64 << 20, ..UPLOAD_LIMITS }).await;
    let (send, body) = sent_by_hand();
    let begun = async {
        for _ in 0..10 {
            send.send(Ok(Bytes::from(vec![b'a'; 1 << 20]))).await.unwrap();
        }
        assert_eq!(world.uploads().len(), 1, "the upload is on its way");
        world.api.uploads.give_up.cancel();
    };
    let (answer, ()) = tokio::join!(world.ask(request(Method::POST, "/uploads", CSV, body)), begun);
    answer.refused(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    world.api.objects.settled().await;
    assert_eq!(world.uploads(), NOTHING);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let patience = Patience { pause: Duration::from_millis(50), bytes_per_second_min: 1 };
    let world = World::with_uploads(Limits { patience, ..UPLOAD_LIMITS }).await;
    let (send, body) = sent_by_hand();
    send.send(Ok(Bytes::from_static(b"order_id\n"))).await.unwrap();
    let detail = world.ask(request(Method::POST, "/uploads", CSV, body)).await.refused(408, "body_stalled");
    assert!(detail.contains("after 9 bytes"), "{detail}");
    world.uploads_are_gone().await;
}

#[tokio::test]
async fn uploads_beyond_those_at_once_are_asked_to_come_again() {
    let world = World::new().await;
    let (send, body) = sent_by_hand();
    let first = request(Method::POST, "/uploads", CSV, body);
    let (other_send, other_body) = sent_by_hand();
    let second = request(Method::POST, "/uploads", CSV, other_body);
    let third = async {
        // A second part is taken only once the first is read, so both hold their places then.
        for send in [&send, &send, &other_send, &other_send] {
            send.send(Ok(Bytes::from_static(b"a"))).await.unwrap();
        }
        let answer = world.upload("/uploads", "a").await;
        drop((send, other_send));
        answer
    };
    let (first, second, third) = tokio::join!(world.ask(first), world.ask(second), third);
    assert_eq!((first.status, second.status), (201, 201));
    third.refused(503, "busy");
    assert_eq!(third.header("retry-after"), Some("5"));
    assert_eq!(world.upload("/uploads", "a").await.status, 201, "the places are free again");
}

#[tokio::test]
async fn an_upload_that_can_not_be_stored_or_recorded_is_503_and_leaves_nothing() {
    let world = World::with_uploads(UPLOAD_LIMITS).await;
    world.api.store.close().await;
    let answer = world.upload("/uploads", "a").await;
    assert!(answer.refused(503, "unavailable").contains("the database"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    world.uploads_are_gone().await;

    let world = World::with_uploads(UPLOAD_LIMITS).await;
    // A file where the folder of uploads should be.
    std::fs::write(world.folder.path().join("uploads"), "").unwrap();
    let answer = world.upload("/uploads", "a").await;
    assert!(answer.refused(503, "unavailable").contains("the object store"));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn an_upload_that_is_not_there_is_404() {
    let world = World::new().await;
    for id in [UploadId::fresh().to_string(), "..%2F..%2Fetc%2Fpasswd".to_owned(), "1".to_owned()] {
        world.read(&format!("/uploads/{id}")).await.refused(404, "no_such_upload");
    }
}

#[tokio::test]
async fn the_name_of_a_file_is_only_shown() {
    let world = World::new().await;
    let headers =
        [("content-type", "text/csv"), ("content-disposition", "attachment; filename=\"../../orders.csv\"")];
    let upload = world.ask(request(Method::POST, "/uploads", &headers, Body::from("a"))).await.json();
    assert_eq!(upload["name"], json!("orders.csv"));
    assert_eq!(world.uploads(), [format!("{}.csv", upload["id"].as_str().unwrap())]);
}
