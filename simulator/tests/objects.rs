//! S3 as its clients see it: `object_store` over a socket, plain requests, and ECS's environment files.
#![allow(clippy::unwrap_used)]

mod account;

use std::sync::Arc;
use std::time::Duration;

use account::Account;
use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, WriteMultipart};
use serde_json::{Value, json};
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::images::{Image, Images};
use simulator::runtime::Runtime;
use simulator::runtime::process::ProcessRuntime;
use simulator::runtime::scripted::Scripted;
use simulator::serve::serve;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=test/20261121/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// A request that looks signed for S3: status, a header, and the body as text.
async fn ask(
    account: &Account,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
) -> (u16, http::HeaderMap, String) {
    let mut request = http::Request::builder().method(method).uri(uri).header("authorization", SIGNED);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if method == "PUT" { "hello world" } else { "" };
    let response = account.simulator.call(request.body(Bytes::from(body)).unwrap()).await;
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    (response.status().as_u16(), response.headers().clone(), text)
}

async fn with_bucket() -> Account {
    let account = Account::new(Scripted::new()).await;
    assert_eq!(ask(&account, "PUT", "/schedules", &[]).await.0, 200);
    account
}

#[tokio::test(start_paused = true)]
async fn an_object_is_read_whole_in_part_and_not_at_all() {
    // The bucket is called like a path of another service.
    let account = with_bucket().await;
    let sent = [("content-type", "text/plain"), ("x-amz-meta-job", "7"), ("expect", "100-continue")];
    let (status, headers, _) = ask(&account, "PUT", "/schedules/a/b.txt", &sent).await;
    assert_eq!(status, 200);
    let etag = headers["etag"].to_str().unwrap().to_owned();
    let (status, headers, text) = ask(&account, "GET", "/schedules/a/b.txt", &[]).await;
    assert_eq!((status, text.as_str()), (200, "hello world"));
    assert_eq!(
        (&headers["content-type"], &headers["x-amz-meta-job"]),
        (&"text/plain".parse().unwrap(), &"7".parse().unwrap())
    );
    assert_eq!(headers["last-modified"], "Mon, 21 Sep 2026 14:13:20 GMT");
    let (status, headers, text) = ask(&account, "GET", "/schedules/a/b.txt", &[("range", "bytes=6-")]).await;
    assert_eq!((status, text.as_str()), (206, "world"));
    assert_eq!(headers["content-range"], "bytes 6-10/11");
    let (status, headers, text) = ask(&account, "HEAD", "/schedules/a/b.txt", &[]).await;
    assert_eq!((status, text.as_str(), &headers["content-length"]), (200, "", &"11".parse().unwrap()));
    let unchanged = ask(&account, "GET", "/schedules/a/b.txt", &[("if-none-match", &etag)]).await;
    assert_eq!((unchanged.0, unchanged.2.as_str()), (304, ""));
    assert_eq!(ask(&account, "GET", "/schedules/a/b.txt", &[("range", "bytes=11-")]).await.0, 416);
    let (status, _, text) = ask(&account, "GET", "/schedules/nothing", &[]).await;
    assert_eq!(status, 404);
    assert!(
        text.contains("<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"),
        "{text}"
    );
    let (status, _, text) = ask(&account, "GET", "/nowhere/a?list-type=2", &[]).await;
    assert_eq!((status, text.contains("<Code>NoSuchBucket</Code>")), (404, true));
    assert_eq!(ask(&account, "PUT", "/schedules/a?tagging", &[]).await.0, 501);
    let calls = account.simulator.take_calls();
    let last: Vec<&str> = calls.iter().rev().take(2).map(|call| call.operation.as_str()).collect();
    assert_eq!(last, ["GetObject", "GetObject"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_signed_for_s3_is_not_s3s() {
    let account = with_bucket().await;
    let request = http::Request::get("/schedules").body(Bytes::new()).unwrap();
    let response = account.simulator.call(request).await;
    let listed: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(listed["Schedules"], json!([]));
}

struct Served {
    simulator: Simulator,
    store: Arc<dyn ObjectStore>,
    stop: CancellationToken,
}

/// An account behind a socket with the bucket `jobs-data`, and `object_store` in front of it.
async fn served() -> Served {
    let clock = Clock::starting_at(Time(1_790_000_000_000), 1.0);
    let simulator = Simulator::new(clock, Arc::new(Scripted::new()));
    simulator.with_world(|world| world.s3.create_bucket("jobs-data", world.now)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(serve(simulator.clone(), listener, stop.clone()));
    // Its HTTP client needs one even where nothing is encrypted; another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_region("eu-west-1")
        .with_bucket_name("jobs-data")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .build()
        .unwrap();
    Served { simulator, store: Arc::new(store), stop }
}

#[tokio::test]
async fn object_store_writes_reads_lists_copies_and_deletes() {
    let served = served().await;
    let store = &served.store;
    let path = Path::from("uploads/größe 1.csv");
    store.put(&path, "a,b\n1,2\n".into()).await.unwrap();
    let read = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(read, "a,b\n1,2\n");
    assert_eq!(store.get_range(&path, 4..7).await.unwrap(), "1,2");
    let head = store.head(&path).await.unwrap();
    assert_eq!((head.size, head.location.as_ref()), (8, path.as_ref()));
    let again = store.put_opts(&path, "x".into(), PutMode::Create.into()).await.unwrap_err();
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
    let unchanged = GetOptions { if_none_match: head.e_tag, ..GetOptions::default() };
    let unchanged = store.get_opts(&path, unchanged).await.unwrap_err();
    assert!(matches!(unchanged, Error::NotModified { .. }), "{unchanged}");
    let copy = Path::from("reports/1.csv");
    store.copy(&path, &copy).await.unwrap();
    let listed = store.list_with_delimiter(None).await.unwrap();
    let prefixes: Vec<&str> = listed.common_prefixes.iter().map(AsRef::as_ref).collect();
    assert_eq!(prefixes, ["reports", "uploads"]);
    let listed = store.list_with_delimiter(Some(&Path::from("uploads"))).await.unwrap();
    assert_eq!(listed.objects[0].location, path);
    store.delete(&path).await.unwrap();
    let gone = store.get(&path).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    served.stop.cancel();
}

#[tokio::test]
async fn object_store_uploads_in_parts() {
    const PART: usize = 5 * 1024 * 1024;
    let served = served().await;
    let path = Path::from("big");
    let upload = served.store.put_multipart(&path).await.unwrap();
    let mut writer = WriteMultipart::new(upload);
    writer.write(&vec![b'x'; PART * 2 + 17]);
    writer.finish().await.unwrap();
    assert_eq!(served.store.head(&path).await.unwrap().size, PART as u64 * 2 + 17);
    let etag = served.simulator.with_world(|world| world.s3.get("jobs-data", "big").unwrap().etag.clone());
    assert!(etag.ends_with("-3\""), "{etag}");
    let mut upload = served.store.put_multipart(&Path::from("never")).await.unwrap();
    upload.put_part(vec![0; PART].into()).await.unwrap();
    upload.abort().await.unwrap();
    assert!(served.store.head(&Path::from("never")).await.is_err());
    served.stop.cancel();
}

const FIRST: &str = "arn:aws:s3:::settings/api/1.env";
const SECOND: &str = "arn:aws:s3:::settings/api/common.env";

fn definition(image: &str, command: Value) -> Value {
    let files = json!([{"type": "s3", "value": FIRST}, {"type": "s3", "value": SECOND}]);
    json!({"family": "api", "containerDefinitions": [{
        "name": "api", "image": image, "memory": 128, "environmentFiles": files, "command": command,
        "environment": [{"name": "LEVEL", "value": "from the definition"}],
    }]})
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_environment_file_is_missing_does_not_start() {
    let account = Account::new(Scripted::new()).await;
    account.ecs("RegisterTaskDefinition", definition("api:1", json!([]))).await;
    let run = account.ecs("RunTask", json!({"cluster": "jobs", "taskDefinition": "api"})).await;
    let task = run["tasks"][0]["taskArn"].clone();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let tasks = account.ecs("DescribeTasks", json!({"cluster": "jobs", "tasks": [task]})).await;
    assert_eq!(tasks["tasks"][0]["stopCode"], "TaskFailedToStart");
    let reason = tasks["tasks"][0]["stoppedReason"].as_str().unwrap();
    assert!(reason.starts_with("ResourceInitializationError: failed to download env files:"), "{reason}");
    assert!(reason.contains(FIRST), "{reason}");
    for value in ["https://settings/api.env", "arn:aws:s3:::settings/api.txt"] {
        let mut wrong = definition("api:1", json!([]));
        wrong["containerDefinitions"][0]["environmentFiles"][0]["value"] = json!(value);
        assert_eq!(account.refused("RegisterTaskDefinition", wrong).await.0, "ClientException");
    }
}

#[tokio::test]
async fn a_process_finds_the_variables_of_its_files_below_its_own() {
    let mut images = Images::default();
    images.insert("shell", Image { command: "sh".into(), args: vec!["-c".into()], ..Image::default() });
    let clock = Clock::starting_at(Time(1_790_000_000_000), 1.0);
    let runtime = Arc::new(ProcessRuntime::new(clock.clone(), images, Default::default()));
    let simulator = Simulator::new(clock, runtime.clone());
    simulator.with_world(|world| {
        let now = world.now;
        world.pace = simulator::ecs::Pace::immediate();
        world.s3.create_bucket("settings", now).unwrap();
        let first = "# comment\nLEVEL=file\nONLY=first\nQUOTED=\"a b\"\nnothing\n\nEQUALS=a=b\r\n";
        world.s3.put("settings", "api/1.env", first.into(), now).unwrap();
        world.s3.put("settings", "api/common.env", "ONLY=second\nMORE=yes".into(), now).unwrap();
    });
    let account = Account { simulator };
    account.ecs("CreateCluster", json!({"clusterName": "jobs"})).await;
    let script = r#"echo "$LEVEL|$ONLY|$QUOTED|$EQUALS|$MORE|$nothing"; sleep 60"#;
    account.ecs("RegisterTaskDefinition", definition("shell:1", json!(["-c", script]))).await;
    let run = account.ecs("RunTask", json!({"cluster": "jobs", "taskDefinition": "api"})).await;
    let task = run["tasks"][0]["taskArn"].as_str().unwrap().to_owned();
    let waiting = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            account.simulator.advance();
            if let [(_, line)] = runtime.output(&task, "api", 1).as_slice() {
                return line.clone();
            }
        }
    };
    let line = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
    assert_eq!(line, r#"from the definition|first|"a b"|a=b|yes|"#);
    runtime.shut_down(Duration::from_secs(5)).await;
}
