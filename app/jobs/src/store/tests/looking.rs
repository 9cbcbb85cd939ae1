//! Pages, counts, and what changed since somebody looked.

use super::*;

async fn many(store: &Store, jobs: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for number in 0..jobs {
        let new = NewJob::new("sleep", json!({"milliseconds": number}));
        ids.push(new_job(store, new, at(number as i64)).await.id);
    }
    ids
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn pages_of_jobs_hold_each_job_once_the_newest_first() {
    on_each_database(async |database| {
        let store = database.store().await;
        let mut expected = many(&store, 7).await;
        expected.reverse();
        let (mut after, mut found, mut pages) = (None, Vec::new(), 0);
        loop {
            let page = store.list(ListJobs { status: None, after, limit: 3 }).await.unwrap();
            found.extend(ids(&page.jobs));
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((found, pages), (expected, 3));
    })
    .await;
}

#[tokio::test]
async fn a_page_that_is_just_full_is_the_last() {
    on_each_database(async |database| {
        let store = database.store().await;
        many(&store, 3).await;
        let page = store.list(ListJobs { status: None, after: None, limit: 3 }).await.unwrap();
        assert_eq!((page.jobs.len(), page.next), (3, None));
        // A limit of none at all is one.
        let page = store.list(ListJobs { status: None, after: None, limit: 0 }).await.unwrap();
        assert_eq!((page.jobs.len(), page.next.is_some()), (1, true));
    })
    .await;
}

#[tokio::test]
async fn jobs_are_listed_and_counted_by_status() {
    on_each_database(async |database| {
        let store = database.store().await;
        let all = many(&store, 5).await;
        store.cancel(all[1], at(10)).await.unwrap();
        store.cancel(all[3], at(10)).await.unwrap();
        begun(&store, all[0]).await;
        let asked = ListJobs { status: Some(Status::Cancelled), after: None, limit: 10 };
        assert_eq!(ids(&store.list(asked).await.unwrap().jobs), [all[3], all[1]]);
        let asked = ListJobs { after: Some(all[3]), ..asked };
        assert_eq!(ids(&store.list(asked).await.unwrap().jobs), [all[1]]);

        let counts: Vec<_> = store.counts().await.unwrap().into_iter().collect();
        assert_eq!(
            counts,
            [
                (Status::Submitted, 2),
                (Status::Running, 1),
                (Status::Completed, 0),
                (Status::Failed, 0),
                (Status::Cancelled, 2)
            ]
        );
        assert_eq!(store.oldest_queued().await.unwrap(), Some(at(2)));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_oldest_when_nothing_waits() {
    on_each_database(async |database| {
        let store = database.store().await;
        assert_eq!(store.oldest_queued().await.unwrap(), None);
        let id = submitted(&store).await;
        begun(&store, id).await;
        assert_eq!(store.oldest_queued().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn changes_are_told_once_in_order_and_each_job_as_it_is_now() {
    on_each_database(async |database| {
        let store = database.store().await;
        let all = many(&store, 3).await;
        let mark = ChangeMark::starting(at(0));
        let (changed, mark) = store.changed_since(&mark, 10).await.unwrap();
        assert_eq!(ids(&changed), all);
        let (changed, mark) = store.changed_since(&mark, 10).await.unwrap();
        assert_eq!(changed, []);

        begun(&store, all[2]).await;
        begun_at(&store, all[0], at(21)).await;
        let (changed, mark) = store.changed_since(&mark, 10).await.unwrap();
        assert_eq!(ids(&changed), [all[2], all[0]]);
        assert_eq!(changed[0].status, Status::Running);

        // Held or released, it is as before.
        store.hold_until(all[2], 1, at(500)).await.unwrap();
        let (changed, _) = store.changed_since(&mark, 10).await.unwrap();
        assert_eq!(changed, []);
    })
    .await;
}

#[tokio::test]
async fn a_limit_cuts_changes_and_the_rest_follows() {
    on_each_database(async |database| {
        let store = database.store().await;
        let all = many(&store, 5).await;
        let mut mark = ChangeMark::starting(at(0));
        let mut told = Vec::new();
        for expected in [2, 2, 1, 0] {
            let (changed, next) = store.changed_since(&mark, 2).await.unwrap();
            assert_eq!(changed.len(), expected);
            told.extend(ids(&changed));
            mark = next;
        }
        assert_eq!(told, all);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_becomes_visible_after_a_later_one_is_told_all_the_same() {
    on_each_database(async |database| {
        let store = database.store().await;
        let all = many(&store, 2).await;
        let (_, mark) = store.changed_since(&ChangeMark::starting(at(0)), 10).await.unwrap();
        begun_at(&store, all[0], at(9_000)).await;
        let (changed, mark) = store.changed_since(&mark, 10).await.unwrap();
        assert_eq!(ids(&changed), [all[0]]);
        // Its worker took the time four seconds ago; its transaction ends only now.
        begun_at(&store, all[1], at(5_000)).await;
        let (changed, _) = store.changed_since(&mark, 10).await.unwrap();
        assert_eq!(ids(&changed), [all[1]]);
    })
    .await;
}

#[tokio::test]
async fn a_mark_that_was_handed_out_as_text_leaves_nothing_out() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        let (_, mark) = store.changed_since(&ChangeMark::starting(at(0)), 10).await.unwrap();
        begun(&store, id).await;
        let mark: ChangeMark = mark.to_string().parse().unwrap();
        let (changed, _) = store.changed_since(&mark, 10).await.unwrap();
        assert_eq!(ids(&changed), [id]);
        assert!("last tuesday".parse::<ChangeMark>().is_err());
    })
    .await;
}

#[tokio::test]
async fn a_mark_forgets_what_it_need_not_know() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        let mut mark = ChangeMark::starting(at(0));
        for attempt in 1..=3 {
            begun_at(&store, id, at(attempt * 60_000)).await;
            (_, mark) = store.changed_since(&mark, 10).await.unwrap();
            assert_eq!(mark.told(), 1);
        }
    })
    .await;
}
