//! What is promised of objects, in a folder and in a bucket alike.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::path::PathBuf;

use aws_config::SdkConfig;
use futures_util::stream;

use super::*;
use crate::testing::S3Server;

const MEBIBYTE: usize = 1024 * 1024;
const NO_BOUND: u64 = u64::MAX;

/// Where objects are, and a look at it from outside.
struct Place {
    objects: Objects,
    folder: Option<PathBuf>,
    s3: Option<S3Server>,
}

impl Place {
    /// All that there is, half-written things included.
    async fn leavings(&self) -> String {
        match (&self.folder, &self.s3) {
            (Some(folder), _) => files(folder).join(" "),
            (_, Some(s3)) => {
                let listings = [s3.read("jobs").await, s3.read("jobs?uploads").await];
                listings.iter().flat_map(|listing| keys(listing)).collect::<Vec<_>>().join(" ")
            }
            (None, None) => panic!("a place is a folder or a bucket"),
        }
    }

    /// Waits until there is nothing any more.
    async fn is_cleared(&self) {
        let clear = async {
            while !self.leavings().await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), clear).await.expect("something is left");
    }
}

fn keys(listing: &str) -> Vec<String> {
    assert!(listing.contains("<Bucket>") || listing.contains("<Name>"), "not a listing: {listing}");
    let keys = listing.split("<Key>").skip(1);
    keys.map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn on_each_place(test: impl AsyncFn(&Place)) {
    eprintln!("in a folder:");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let objects = Objects::open(&settings(&url), &SdkConfig::builder().build()).unwrap();
    test(&Place { objects, folder: Some(folder.path().to_owned()), s3: None }).await;
    eprintln!("in a bucket:");
    let s3 = S3Server::start().await;
    s3.create_bucket("jobs").await;
    test(&Place { objects: s3.objects("s3://jobs/some/prefix/"), folder: None, s3: Some(s3) }).await;
}

fn settings(url: &str) -> ObjectsSettings {
    ObjectsSettings { url: Some(url.to_owned()), s3_endpoint: None }
}

fn pieces(content: &Bytes, size: usize) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let content = content.clone();
    let starts: Vec<usize> = (0..content.len()).step_by(size).collect();
    stream::iter(
        starts.into_iter().map(move |start| Ok(content.slice(start..content.len().min(start + size)))),
    )
}

fn pattern(bytes: usize) -> Bytes {
    let period: Vec<u8> = (0..251).collect();
    let mut pattern = period.repeat(bytes / period.len() + 1);
    pattern.truncate(bytes);
    pattern.into()
}

async fn read(objects: &Objects, name: &str) -> Option<Bytes> {
    let content = objects.get(name).await.unwrap()?;
    let pieces: Vec<Bytes> = content.body.try_collect().await.unwrap();
    let read = Bytes::from(pieces.concat());
    assert_eq!(content.bytes, read.len() as u64);
    Some(read)
}

#[tokio::test]
async fn an_object_is_read_back_as_it_was_written_whatever_its_size() {
    on_each_place(async |place| {
        let objects = &place.objects;
        // Nothing at all; one request; just one part; several parts, cut at odd places; pieces larger than a part.
        for (bytes, piece) in [
            (0, 1),
            (5, 2),
            (PART_BYTES, MEBIBYTE),
            (2 * PART_BYTES + 7, 999_983),
            (17 * MEBIBYTE, 17 * MEBIBYTE),
        ] {
            let content = pattern(bytes);
            let stored = objects.put("uploads/a.csv", pieces(&content, piece), NO_BOUND).await.unwrap();
            assert_eq!(stored.bytes, bytes as u64);
            assert_eq!(stored.sha256.len(), 64);
            assert_eq!(objects.size("uploads/a.csv").await.unwrap(), Some(bytes as u64));
            assert!(read(objects, "uploads/a.csv").await.unwrap() == content, "{bytes} bytes");
        }
    })
    .await;
}

#[tokio::test]
async fn an_object_is_replaced_deleted_and_then_not_there() {
    on_each_place(async |place| {
        let objects = &place.objects;
        for content in ["one", "other"] {
            let content = Bytes::from(content);
            objects.put("reports/a.csv", pieces(&content, 2), NO_BOUND).await.unwrap();
            assert_eq!(read(objects, "reports/a.csv").await, Some(content));
        }
        objects.delete("reports/a.csv").await.unwrap();
        assert_eq!(objects.size("reports/a.csv").await.unwrap(), None);
        assert_eq!(read(objects, "reports/a.csv").await, None);
        objects.delete("reports/a.csv").await.unwrap();
        place.is_cleared().await;
    })
    .await;
}

#[tokio::test]
async fn the_digest_is_the_contents() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let objects = Objects::open(&settings(&url), &SdkConfig::builder().build()).unwrap();
    let stored = objects.put("a", pieces(&Bytes::from("abc"), 1), NO_BOUND).await.unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(stored.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    on_each_place(async |place| {
        let objects = &place.objects;
        for bytes in [10, PART_BYTES + MEBIBYTE] {
            let content = pattern(bytes);
            let bytes_max = bytes as u64 - 1;
            let refused = objects.put("a", pieces(&content, MEBIBYTE), bytes_max).await.unwrap_err();
            assert!(
                matches!(refused, PutError::TooLarge { bytes_max: max } if max == bytes_max),
                "{refused:?}"
            );
            place.is_cleared().await;

            let broken = pieces(&content, MEBIBYTE)
                .map(|piece| piece.map_err(|never| match never {}))
                .chain(stream::iter([Err("connection reset")]));
            let refused = objects.put("a", broken, NO_BOUND).await.unwrap_err();
            assert!(matches!(refused, PutError::Body("connection reset")), "{refused:?}");
            place.is_cleared().await;

            // Just as much is fine.
            objects.put("a", pieces(&content, MEBIBYTE), bytes as u64).await.unwrap();
            objects.delete("a").await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_nothing() {
    on_each_place(async |place| {
        let content = pattern(2 * PART_BYTES);
        let (all_taken, taken) = tokio::sync::oneshot::channel();
        let endless = pieces(&content, MEBIBYTE).chain(stream::once(async move {
            all_taken.send(()).unwrap();
            std::future::pending().await
        }));
        let objects = place.objects.clone();
        let put = tokio::spawn(async move { objects.put("a", endless, NO_BOUND).await.unwrap() });
        taken.await.unwrap();
        assert!(!place.leavings().await.is_empty(), "the upload is under way");
        put.abort();
        place.is_cleared().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_process_left_half_written_is_removed_a_day_later() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("uploads")).unwrap();
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 60 * 60);
    for (name, is_old) in [("a.csv#1", true), ("b.csv#12", false), ("c.csv", true), ("d#1.csv", true)] {
        let file = std::fs::File::create(folder.path().join("uploads").join(name)).unwrap();
        if is_old {
            file.set_modified(yesterday).unwrap();
        }
    }
    let url = format!("file://{}", folder.path().display());
    Objects::open(&settings(&url), &SdkConfig::builder().build()).unwrap();
    let mut left = files(&folder.path().join("uploads"));
    left.sort_unstable();
    let names = left.iter().map(|path| path.rsplit('/').next().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["b.csv#12", "c.csv", "d#1.csv"]);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("objects").display());
    let objects = Objects::open(&settings(&url), &SdkConfig::builder().build()).unwrap();
    for name in ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", "."] {
        let refused = objects.put(name, pieces(&Bytes::from("x"), 1), NO_BOUND).await.unwrap_err();
        assert!(matches!(refused, PutError::Objects(ObjectsError::Name(_))), "{name}: {refused:?}");
        assert!(matches!(objects.get(name).await, Err(ObjectsError::Name(_))), "{name}");
    }
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn another_client_finds_the_object_behind_the_prefix() {
    let s3 = S3Server::start().await;
    s3.create_bucket("jobs").await;
    let objects = s3.objects("s3://jobs/some/prefix");
    objects.put("uploads/a.csv", pieces(&Bytes::from("order_id\n"), 4), NO_BOUND).await.unwrap();
    assert_eq!(s3.read("jobs/some/prefix/uploads/a.csv").await, "order_id\n");
    let elsewhere = s3.objects("s3://jobs");
    assert_eq!(read(&elsewhere, "uploads/a.csv").await, None);
    assert_eq!(read(&elsewhere, "some/prefix/uploads/a.csv").await, Some(Bytes::from("order_id\n")));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_and_not_an_absent_object() {
    let s3 = S3Server::start().await;
    let objects = s3.objects("s3://nowhere");
    let error = objects.get("a").await.err().unwrap();
    assert_eq!(error.to_string(), "reading `a` in the bucket nowhere");
    assert!(objects.put("a", pieces(&Bytes::from("x"), 1), NO_BOUND).await.is_err());
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_given_up() {
    let s3 = S3Server::start().await;
    s3.create_bucket("jobs").await;
    let objects = s3.objects("s3://jobs");
    drop(s3);
    let began = std::time::Instant::now();
    assert!(objects.size("a").await.is_err());
    assert!(began.elapsed() < std::time::Duration::from_secs(40), "{:?}", began.elapsed());
}

#[test]
fn a_url_that_names_no_place_is_refused_with_what_would() {
    let aws = SdkConfig::builder().build();
    for (url, said) in [
        ("objects", "neither file:///absolute/folder nor s3://bucket/prefix"),
        ("file://objects", "file:///var/lib/jobs/objects"),
        ("s3://", "no bucket's name"),
        ("s3://Jobs/prefix", "`Jobs` is no bucket's name"),
        ("s3://jobs/a//b", "`a//b` can't begin a name"),
        ("s3://jobs", "AWS_REGION"),
    ] {
        let refused = Objects::open(&settings(url), &aws).unwrap_err().to_string();
        assert!(refused.contains(said), "{url}: {refused}");
    }
    let refused = Objects::open(&settings("file:///proc/nowhere"), &aws).unwrap_err();
    assert!(matches!(refused, ObjectsError::Open { .. }), "{refused:?}");
}

/// The most memory that this process ever had, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_and_its_reading_hold_a_bounded_part_in_memory() {
    on_each_place(async |place| {
        let objects = &place.objects;
        let megabyte = pattern(MEBIBYTE);
        let before = peak();
        let body = stream::iter((0..96).map(move |_| Ok::<_, Infallible>(Bytes::copy_from_slice(&megabyte))));
        objects.put("large", body, NO_BOUND).await.unwrap();
        let mut content = objects.get("large").await.unwrap().unwrap();
        let mut bytes = 0;
        while let Some(piece) = content.body.next().await {
            bytes += piece.unwrap().len();
        }
        assert_eq!(bytes, 96 * MEBIBYTE);
        let grown = peak() - before;
        eprintln!("grown by {} MiB", grown / MEBIBYTE);
        assert!(grown < 60 * MEBIBYTE, "{} MiB", grown / MEBIBYTE);
    })
    .await;
}
