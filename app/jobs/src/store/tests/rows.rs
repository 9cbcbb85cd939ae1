//! Uploads, imported rows, workers and overrides.

use super::*;

fn row(line: u64, product: &str, quantity: i64) -> ImportedRow {
    ImportedRow {
        line,
        order_id: format!("o-{line}"),
        ordered_on: "2026-11-21".to_owned(),
        product: product.to_owned(),
        quantity,
        unit_price_cents: 250,
    }
}

fn total(product: &str, orders: u64, quantity: i64) -> ProductTotal {
    ProductTotal { product: product.to_owned(), orders, quantity, revenue_cents: i128::from(quantity) * 250 }
}

#[tokio::test]
async fn an_upload_is_read_back_as_it_was_recorded() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = UploadId::fresh();
        let upload = Upload {
            id,
            object: format!("uploads/{id}.csv"),
            name: "orders naïve.csv".to_owned(),
            bytes: 5_000_000_000,
            sha256: "00ff".repeat(16),
            created_at: at(10),
        };
        store.record_upload(&upload).await.unwrap();
        assert_eq!(store.upload(&id).await.unwrap(), Some(upload));
        assert_eq!(store.upload(&UploadId::fresh()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_order_is_found_on_the_line_of_its_own_import_and_is_there_once() {
    on_each_database(async |database| {
        let store = database.store().await;
        let (job, other) = (submitted(&store).await, submitted(&store).await);
        let mut again = row(9, "tea", 1);
        again.order_id = "o-3".to_owned();
        let rows = [row(2, "tea", 1), row(3, "tea", 1), again];
        assert_eq!(store.insert_rows(job, &rows).await.unwrap(), 2);
        store.insert_rows(other, &[row(4, "tea", 1)]).await.unwrap();
        let found = store.lines_of_orders(job, &["o-3", "o-4", "o-2"]).await.unwrap();
        assert_eq!(found, [("o-2".to_owned(), 2), ("o-3".to_owned(), 3)].into());
        assert_eq!(store.lines_of_orders(job, &[]).await.unwrap(), [].into());
    })
    .await;
}

#[tokio::test]
async fn rows_that_are_written_again_are_there_once() {
    on_each_database(async |database| {
        let store = database.store().await;
        let job = submitted(&store).await;
        let rows: Vec<_> = (2..=1_202).map(|line| row(line, "tea", 1)).collect();
        assert_eq!(store.insert_rows(job, &rows[..700]).await.unwrap(), 700);
        assert_eq!(store.insert_rows(job, &rows).await.unwrap(), 501);
        assert_eq!(store.insert_rows(job, &rows).await.unwrap(), 0);
        assert_eq!(store.insert_rows(job, &[]).await.unwrap(), 0);
        assert_eq!(store.product_totals(Some(job)).await.unwrap(), [total("tea", 1_201, 1_201)]);
    })
    .await;
}

#[tokio::test]
async fn totals_are_of_one_import_or_of_all_that_are_complete() {
    on_each_database(async |database| {
        let store = database.store().await;
        let done = submitted(&store).await;
        store.insert_rows(done, &[row(2, "tea", 2), row(3, "Zimt", 1), row(4, "tea", 3)]).await.unwrap();
        begun(&store, done).await;
        store.finish(done, 1, &worker(), &completed(), at(30)).await.unwrap();
        let half_done = submitted(&store).await;
        store.insert_rows(half_done, &[row(2, "tea", 100)]).await.unwrap();

        // Bytewise, whatever the database's locale.
        let of_done = [total("Zimt", 1, 1), total("tea", 2, 5)];
        assert_eq!(store.product_totals(Some(done)).await.unwrap(), of_done);
        assert_eq!(store.product_totals(None).await.unwrap(), of_done);
        assert_eq!(store.product_totals(Some(half_done)).await.unwrap(), [total("tea", 1, 100)]);
        assert_eq!(store.product_totals(Some(JobId::fresh())).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn of_an_order_in_several_complete_imports_the_latest_counts() {
    on_each_database(async |database| {
        let store = database.store().await;
        let first = submitted(&store).await;
        let again = submitted(&store).await;
        let half_done = submitted(&store).await;
        // Order 2 is corrected, order 3 turns out to be rum; the first import ends last.
        store.insert_rows(first, &[row(2, "tea", 2), row(3, "tea", 5), row(4, "tea", 1)]).await.unwrap();
        store.insert_rows(again, &[row(2, "tea", 7), row(3, "rum", 5)]).await.unwrap();
        store.insert_rows(half_done, &[row(4, "tea", 100)]).await.unwrap();
        for import in [again, first] {
            begun(&store, import).await;
            store.finish(import, 1, &worker(), &completed(), at(30)).await.unwrap();
        }
        assert_eq!(store.product_totals(None).await.unwrap(), [total("rum", 1, 5), total("tea", 2, 8)]);
        // An import by itself stays what it was.
        assert_eq!(store.product_totals(Some(first)).await.unwrap(), [total("tea", 3, 8)]);
    })
    .await;
}

#[tokio::test]
async fn the_largest_numbers_that_are_imported_add_up_without_an_overflow() {
    on_each_database(async |database| {
        let store = database.store().await;
        let job = submitted(&store).await;
        database
            .execute(&format!(
                "WITH RECURSIVE lines (line) AS (SELECT 2 UNION ALL SELECT line + 1 FROM lines WHERE line < 100001)
                 INSERT INTO imported_rows
                 (job_id, line, order_id, ordered_on, product, quantity, unit_price_cents)
                 SELECT '{job}', line, 'o-' || line, '2026-11-21', 'gold', 1000000, 99999999 FROM lines"
            ))
            .await;
        let gold = ProductTotal {
            product: "gold".to_owned(),
            orders: 100_000,
            quantity: 100_000_000_000,
            revenue_cents: 9_999_999_900_000_000_000,
        };
        assert_eq!(store.product_totals(Some(job)).await.unwrap(), [gold]);
    })
    .await;
}

#[tokio::test]
async fn what_the_data_is_to_blame_for_is_told_from_a_database_that_is_away() {
    on_each_database(async |database| {
        let store = database.store().await;
        let job = submitted(&store).await;
        store.insert_rows(job, &[row(2, "tea", i64::MAX), row(3, "tea", i64::MAX)]).await.unwrap();
        let error = store.product_totals(Some(job)).await.unwrap_err();
        assert!(error.is_permanent(), "too large a sum: {error:?}");
        // Rows of a job that is not there.
        let error = store.insert_rows(JobId::fresh(), &[row(2, "tea", 1)]).await.unwrap_err();
        assert!(error.is_permanent(), "a broken reference: {error:?}");
        store.close().await;
        let error = store.product_totals(Some(job)).await.unwrap_err();
        assert!(!error.is_permanent(), "away: {error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_worker_is_alive_until_it_leaves_or_is_not_heard_of() {
    on_each_database(async |database| {
        let store = database.store().await;
        let beat = |name: &str| WorkerBeat {
            id: WorkerId::new(name),
            version: "1.0.0".to_owned(),
            started_at: at(0),
            in_hand: 1,
        };
        store.beat(&beat("a"), at(1_000)).await.unwrap();
        store.beat(&beat("b"), at(2_000)).await.unwrap();
        store.beat(&beat("b"), at(3_000)).await.unwrap();
        assert_eq!(store.live_workers(at(3_000)).await.unwrap(), 2);
        assert_eq!(store.live_workers(at(21_000)).await.unwrap(), 1);
        store.leave(&WorkerId::new("b")).await.unwrap();
        assert_eq!(store.live_workers(at(3_000)).await.unwrap(), 1);

        // Those that never said good-bye do not pile up.
        let two_days = at(2 * 24 * 60 * 60 * 1_000);
        store.beat(&beat("c"), two_days).await.unwrap();
        assert_eq!(store.live_workers(at(3_000)).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_override_is_kept_with_its_outcome() {
    on_each_database(async |database| {
        let store = database.store().await;
        let asked = |minimum| ScalingOverride {
            id: OverrideId::fresh(),
            minimum,
            maximum: 8,
            until: at(9_000),
            reason: "sale".to_owned(),
            requested_by: "ada".to_owned(),
            created_at: at(10),
            outcome: None,
        };
        let (first, mut second) = (asked(2), asked(3));
        store.record_override(&first).await.unwrap();
        store.record_override(&second).await.unwrap();
        store.set_override_outcome(second.id, "applied").await.unwrap();
        second.outcome = Some("applied".to_owned());
        assert_eq!(store.overrides(10).await.unwrap(), [second.clone(), first]);
        assert_eq!(store.overrides(1).await.unwrap(), [second]);
    })
    .await;
}
