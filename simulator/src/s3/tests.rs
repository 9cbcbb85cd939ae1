//! Objects as they are kept, listed and put together.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::START;

const PART: usize = 5 * 1024 * 1024;

fn with_objects(keys: &[&str]) -> S3 {
    let mut s3 = S3::default();
    s3.create_bucket("jobs-data", START).unwrap();
    for key in keys {
        s3.put("jobs-data", key, Bytes::from((*key).to_owned()), START).unwrap();
    }
    s3
}

/// All pages of a list: keys, and common prefixes in brackets.
fn pages(s3: &S3, prefix: &str, delimiter: &str, after: &str, most: usize) -> Vec<String> {
    let mut wanted = Wanted { prefix: prefix.into(), delimiter: delimiter.into(), after: after.into(), most };
    let mut pages = Vec::new();
    loop {
        let page = s3.bucket("jobs-data").unwrap().list(&wanted);
        let mut entries: Vec<String> = page.objects.iter().map(|(key, _)| (*key).to_owned()).collect();
        entries.extend(page.prefixes.iter().map(|prefix| format!("[{prefix}]")));
        pages.push(entries.join(" "));
        match page.next {
            Some(next) => wanted.after = next,
            None => return pages,
        }
    }
}

#[test]
fn keys_are_listed_in_order_in_pages_and_folded_at_a_delimiter() {
    let s3 = with_objects(&["a", "b/1", "b/2", "b/c/3", "d", "e/4"]);
    assert_eq!(pages(&s3, "", "", "", 1000), ["a b/1 b/2 b/c/3 d e/4"]);
    assert_eq!(pages(&s3, "", "", "", 4), ["a b/1 b/2 b/c/3", "d e/4"]);
    assert_eq!(pages(&s3, "b/", "", "", 2), ["b/1 b/2", "b/c/3"]);
    assert_eq!(pages(&s3, "", "/", "", 1000), ["a d [b/] [e/]"]);
    assert_eq!(pages(&s3, "", "/", "", 1), ["a", "[b/]", "d", "[e/]"]);
    assert_eq!(pages(&s3, "b/", "/", "", 1000), ["b/1 b/2 [b/c/]"]);
    assert_eq!(pages(&s3, "", "", "b/2", 1000), ["b/c/3 d e/4"]);
    assert_eq!(pages(&s3, "b/", "", "c", 1000), [""]);
    assert_eq!(pages(&s3, "nothing", "/", "", 1000), [""]);
    assert_eq!(pages(&s3, "", "", "", 0), [""]);
}

#[test]
fn a_conditional_write_finds_what_it_expects_or_writes_nothing() {
    let mut s3 = with_objects(&["a"]);
    let mut write = |key: &str, absent: bool, etag: Option<&str>| {
        let condition = Condition { absent, etag: etag.map(str::to_owned) };
        let bytes = Bytes::from_static(b"new");
        s3.write("jobs-data", key, bytes, BTreeMap::new(), &condition, START).map_err(|error| error.code)
    };
    assert_eq!(write("a", true, None).unwrap_err(), "PreconditionFailed");
    assert_eq!(write("a", false, Some("\"other\"")).unwrap_err(), "PreconditionFailed");
    assert_eq!(write("b", false, Some("\"other\"")).unwrap_err(), "NoSuchKey");
    let etag = write("b", true, None).unwrap();
    // The MD5 of `new`.
    assert_eq!(etag, "\"22af645d1859cb5ca6da0c484f1f37ea\"");
    write("b", false, Some(&etag)).unwrap();
    assert_eq!(s3.get("jobs-data", "a").unwrap().bytes, "a");
}

#[test]
fn an_upload_is_its_parts_in_order() {
    let mut s3 = with_objects(&[]);
    let id = s3.begin_upload("jobs-data", "big", BTreeMap::new(), START).unwrap();
    let first = s3.upload_part("jobs-data", "big", &id, 1, Bytes::from(vec![1; PART])).unwrap();
    let last = s3.upload_part("jobs-data", "big", &id, 7, Bytes::from_static(b"end")).unwrap();
    assert!(s3.get("jobs-data", "big").is_err());
    let mut complete = |named: &[(u32, &String)]| {
        let named: Vec<(u32, String)> =
            named.iter().map(|(number, etag)| (*number, (*etag).clone())).collect();
        let condition = Condition::default();
        s3.complete_upload("jobs-data", "big", &id, &named, &condition, START).map_err(|error| error.code)
    };
    assert_eq!(complete(&[]).unwrap_err(), "MalformedXML");
    assert_eq!(complete(&[(2, &first)]).unwrap_err(), "InvalidPart");
    assert_eq!(complete(&[(1, &last)]).unwrap_err(), "InvalidPart");
    assert_eq!(complete(&[(7, &last), (1, &first)]).unwrap_err(), "EntityTooSmall");
    let etag = complete(&[(1, &first), (7, &last)]).unwrap();
    assert!(etag.ends_with("-2\""), "{etag}");
    assert_eq!(complete(&[(1, &first), (7, &last)]).unwrap_err(), "NoSuchUpload");
    let object = s3.get("jobs-data", "big").unwrap();
    assert_eq!((object.bytes.len(), &object.bytes[PART..]), (PART + 3, &b"end"[..]));
    assert_eq!(s3.bytes, PART + 3);
}

#[test]
fn there_is_a_most_of_bytes_and_what_goes_makes_room() {
    let mut s3 = with_objects(&[]);
    s3.bytes = BYTES_MAX - 10;
    let put = |s3: &mut S3, key: &str, length: usize| {
        s3.put("jobs-data", key, Bytes::from(vec![0; length]), START).map_err(|error| error.code)
    };
    put(&mut s3, "a", 10).unwrap();
    assert_eq!(put(&mut s3, "b", 1).unwrap_err(), "EntityTooLarge");
    put(&mut s3, "a", 5).unwrap();
    put(&mut s3, "b", 5).unwrap();
    s3.delete("jobs-data", "a").unwrap();
    s3.delete("jobs-data", "a").unwrap();
    assert_eq!(s3.bytes, BYTES_MAX - 5);
    let id = s3.begin_upload("jobs-data", "c", BTreeMap::new(), START).unwrap();
    s3.upload_part("jobs-data", "c", &id, 1, Bytes::from_static(b"12345")).unwrap();
    s3.abort_upload("jobs-data", "c", &id).unwrap();
    assert_eq!(s3.bytes, BYTES_MAX - 5);
}

#[test]
fn buckets_have_names_of_their_own_kind_and_go_only_when_empty() {
    let mut s3 = with_objects(&["a"]);
    for name in ["ab", "Upper", "under_score", "-a-b", "a.b."] {
        assert_eq!(s3.create_bucket(name, START).unwrap_err().code, "InvalidBucketName", "{name}");
    }
    assert_eq!(s3.delete_bucket("jobs-data").unwrap_err().code, "BucketNotEmpty");
    s3.delete("jobs-data", "a").unwrap();
    s3.delete_bucket("jobs-data").unwrap();
    assert_eq!(s3.get("jobs-data", "a").unwrap_err().code, "NoSuchBucket");
}

#[test]
fn an_arn_names_an_object() {
    let s3 = with_objects(&["api/1.env"]);
    assert_eq!(s3.resolve("arn:aws:s3:::jobs-data/api/1.env").unwrap().bytes, "api/1.env");
    for arn in ["arn:aws:s3:::jobs-data", "arn:aws:s3:::jobs-data/none", "jobs-data/api/1.env"] {
        assert_eq!(s3.resolve(arn).unwrap_err().code, "NoSuchKey", "{arn}");
    }
}
