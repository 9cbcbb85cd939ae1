//! Files against a database of each kind: what is written, what is rejected, and what a second attempt adds.

#![allow(clippy::unwrap_used)]

use aws_config::SdkConfig;
use futures_util::stream;
use jobs::objects::ObjectsSettings;
use jobs::store::{NewJob, ProductTotal, Submitted};
use jobs::testing::on_each_database;
use jobs::timestamp::Timestamp;
use serde_json::json;

use super::*;

const HEADER: &str = "order_id,ordered_on,product,quantity,unit_price\n";

async fn submitted(store: &Store) -> JobId {
    let new = NewJob::new("csv-import", json!({}));
    match store.submit(new, Timestamp::now()).await.unwrap() {
        Submitted::New(job) => job.id,
        other => panic!("not new: {other:?}"),
    }
}

/// A file in pieces of this size; after `breaks_after` of them it can't be read any more.
fn file(
    text: &str,
    piece_size: usize,
    breaks_after: Option<usize>,
) -> impl Stream<Item = Result<Bytes, ObjectsError>> {
    let pieces: Vec<Bytes> = text.as_bytes().chunks(piece_size).map(Bytes::copy_from_slice).collect();
    let readable = breaks_after.unwrap_or(pieces.len());
    let broken = breaks_after.map(|_| Err(ObjectsError::Url("the network is gone".into())));
    stream::iter(pieces.into_iter().take(readable).map(Ok).chain(broken))
}

/// Where the rejected rows go, in a folder.
fn objects(folder: &tempfile::TempDir) -> Objects {
    let url = Some(format!("file://{}", folder.path().display()));
    let settings = ObjectsSettings { url, s3_endpoint: None };
    Objects::open(&settings, &SdkConfig::builder().build()).unwrap()
}

async fn imported_file(store: &Store, job: JobId, text: &str) -> Result<Value, String> {
    let folder = tempfile::tempdir().unwrap();
    import(store, &objects(&folder), job, file(text, 1000, None)).await.unwrap()
}

fn rejections_file(folder: &tempfile::TempDir, job: JobId) -> Option<String> {
    std::fs::read_to_string(folder.path().join(format!("rejections/{job}.csv"))).ok()
}

fn orders(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("o-{number},2026-01-31,tea,2,1.50\n")).collect()
}

async fn totals(store: &Store, job: JobId) -> Vec<ProductTotal> {
    store.product_totals(Some(job)).await.unwrap()
}

#[tokio::test]
async fn good_rows_are_written_and_bad_ones_named_by_their_lines() {
    on_each_database(async |database| {
        let store = database.store().await;
        let job = submitted(&store).await;
        let text = format!(
            "{HEADER}a,2026-01-31,tea,2,1.50\nb,2026-02-31,tea,1,1\n\na,2026-01-31,tea,9,9\nc,2026-01-31,\"tea,1,1\nd,2026-01-31,rum,1,0.99"
        );
        assert_eq!(
            imported_file(&store, job, &text).await,
            Ok(json!({
                "imported": 2,
                "rejected": 3,
                "rejectedRows": [
                    {"line": 3, "reason": "ordered_on must be a date such as 2026-11-21, not `2026-02-31`"},
                    {"line": 5, "reason": "order_id `a` is on line 2 already"},
                    {"line": 6, "reason": "a quoted field is not closed on its line"},
                ],
            }))
        );
        let total = |product: &str, quantity, revenue_cents| ProductTotal {
            product: product.into(),
            orders: 1,
            quantity,
            revenue_cents,
        };
        assert_eq!(totals(&store, job).await, [total("rum", 1, 99), total("tea", 2, 300)]);
    })
    .await;
}

#[tokio::test]
async fn all_rejected_rows_are_in_a_file_in_their_order() {
    on_each_database(async |database| {
        let store = database.store().await;
        let folder = tempfile::tempdir().unwrap();
        let objects = objects(&folder);
        let job = submitted(&store).await;
        // More than the result names, in several batches, with an order that comes again among them.
        let text =
            format!("{HEADER}a,2026-01-31,tea,1,1\n{}a,2026-01-31,tea,1,1\n", "b,\"=1\n".repeat(1_200));
        let result = import(&store, &objects, job, file(&text, 1000, None)).await.unwrap().unwrap();
        assert_eq!((&result["imported"], &result["rejected"]), (&json!(1), &json!(1_201)));
        let bad = (3..=1_202).map(|line| format!("{line},a quoted field is not closed on its line\n"));
        let expected =
            format!("line,reason\n{}1203,order_id `a` is on line 2 already\n", bad.collect::<String>());
        assert_eq!(rejections_file(&folder, job), Some(expected.clone()));

        // Again, and it is the same file; all bad, and it is there too.
        import(&store, &objects, job, file(&text, 1000, None)).await.unwrap().unwrap();
        assert_eq!(rejections_file(&folder, job), Some(expected));
        let all_bad = submitted(&store).await;
        let text = format!("{HEADER}a\n");
        import(&store, &objects, all_bad, file(&text, 1000, None)).await.unwrap().unwrap_err();
        let expected = "line,reason\n2,1 field instead of 5\n";
        assert_eq!(rejections_file(&folder, all_bad).as_deref(), Some(expected));
    })
    .await;
}

#[tokio::test]
async fn an_import_without_rejected_rows_or_without_an_end_leaves_no_file_of_them() {
    on_each_database(async |database| {
        let store = database.store().await;
        let folder = tempfile::tempdir().unwrap();
        let objects = objects(&folder);
        let good = submitted(&store).await;
        let text = format!("{HEADER}{}", orders(0, 3));
        import(&store, &objects, good, file(&text, 1000, None)).await.unwrap().unwrap();
        assert_eq!(rejections_file(&folder, good), None);

        let broken = submitted(&store).await;
        let text = format!("{HEADER}{}", "bad\n".repeat(3_000));
        assert!(import(&store, &objects, broken, file(&text, 1000, Some(9))).await.is_err());
        assert_eq!(rejections_file(&folder, broken), None);
    })
    .await;
}

#[tokio::test]
async fn an_import_whose_rejected_rows_can_not_be_stored_is_interrupted() {
    on_each_database(async |database| {
        let store = database.store().await;
        let folder = tempfile::tempdir().unwrap();
        // Where a folder should be there is a file.
        std::fs::write(folder.path().join("rejections"), "").unwrap();
        let job = submitted(&store).await;
        let text = format!("{HEADER}{}", "bad\n".repeat(3_000));
        let import = import(&store, &objects(&folder), job, file(&text, 1000, None)).await;
        assert!(matches!(import, Err(Interrupted::Objects(_))), "{import:?}");
    })
    .await;
}

#[tokio::test]
async fn an_order_that_comes_again_is_found_however_far_behind_it_is() {
    on_each_database(async |database| {
        let store = database.store().await;
        let job = submitted(&store).await;
        // The first again within a batch, in the next one, and at the end.
        let text = format!("{HEADER}{}{}{}{}", orders(0, 3), orders(1, 2), orders(3, 1_400), orders(0, 2));
        let result = imported_file(&store, job, &text).await.unwrap();
        assert_eq!((&result["imported"], &result["rejected"]), (&json!(1_400), &json!(3)));
        assert_eq!(
            result["rejectedRows"],
            json!([
                {"line": 5, "reason": "order_id `o-1` is on line 3 already"},
                {"line": 1403, "reason": "order_id `o-0` is on line 2 already"},
                {"line": 1404, "reason": "order_id `o-1` is on line 3 already"},
            ])
        );
        // Another import may have the same orders.
        let other = submitted(&store).await;
        let result = imported_file(&store, other, &format!("{HEADER}{}", orders(0, 2))).await.unwrap();
        assert_eq!(result["imported"], 2);
    })
    .await;
}

#[tokio::test]
async fn an_import_that_broke_off_is_done_again_with_each_row_once_and_the_same_result() {
    on_each_database(async |database| {
        let store = database.store().await;
        let text = format!("{HEADER}{}bad\n{}", orders(0, 1_200), orders(7, 8));
        let undisturbed = submitted(&store).await;
        let expected = imported_file(&store, undisturbed, &text).await;

        let job = submitted(&store).await;
        let folder = tempfile::tempdir().unwrap();
        let broken = import(&store, &objects(&folder), job, file(&text, 1000, Some(20))).await;
        assert!(matches!(broken, Err(Interrupted::Objects(_))));
        let written = totals(&store, job).await[0].orders;
        assert!(0 < written && written < 1_200, "{written} rows before it broke");
        assert_eq!(imported_file(&store, job, &text).await, expected);
        assert_eq!(totals(&store, job).await, totals(&store, undisturbed).await);
        assert_eq!(expected.unwrap()["imported"], 1_200);
    })
    .await;
}

#[tokio::test]
async fn a_file_with_a_wrong_header_or_only_bad_rows_fails_and_writes_nothing() {
    on_each_database(async |database| {
        let store = database.store().await;
        for (text, reason) in [
            (
                format!("id,day\n{}", orders(0, 3)),
                "the first line must be `order_id,ordered_on,product,quantity,unit_price`, not `id,day`",
            ),
            (
                format!("{HEADER}a\nb,\n"),
                "every row was rejected: line 2: 1 field instead of 5; line 3: 2 fields instead of 5",
            ),
        ] {
            let job = submitted(&store).await;
            assert_eq!(imported_file(&store, job, &text).await, Err(reason.to_owned()));
            assert_eq!(totals(&store, job).await, []);
        }
    })
    .await;
}

#[tokio::test]
async fn an_import_is_interrupted_when_the_database_goes_away() {
    on_each_database(async |database| {
        let store = database.store().await;
        let job = submitted(&store).await;
        store.close().await;
        let text = format!("{HEADER}{}", orders(0, 1));
        let folder = tempfile::tempdir().unwrap();
        let import = import(&store, &objects(&folder), job, file(&text, 1000, None)).await;
        assert!(matches!(import, Err(Interrupted::Database(_))));
    })
    .await;
}
