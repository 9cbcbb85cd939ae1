//! What only one process at a time may do.

use super::*;

const CHANGE: &str = "change";

#[tokio::test]
async fn a_lease_has_one_holder_until_it_is_returned_or_runs_out() {
    on_each_database(async |database| {
        let (one, other) = (database.store().await, database.open().await);
        let first = one.take_lease(CHANGE, HOLD, at(1000)).await.unwrap().unwrap();
        assert_eq!(other.take_lease(CHANGE, HOLD, at(1099)).await.unwrap(), None);
        assert!(other.take_lease("another", HOLD, at(1000)).await.unwrap().is_some());
        one.return_lease(CHANGE, first).await.unwrap();
        other.take_lease(CHANGE, HOLD, at(1050)).await.unwrap().unwrap();
        let late = one.take_lease(CHANGE, HOLD, at(1150)).await.unwrap().unwrap();
        // Whoever comes back after its time does not return what is another's by now.
        other.return_lease(CHANGE, first).await.unwrap();
        assert_eq!(other.take_lease(CHANGE, HOLD, at(1160)).await.unwrap(), None);
        one.return_lease(CHANGE, late).await.unwrap();
        assert!(other.take_lease(CHANGE, HOLD, at(1160)).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_those_who_ask_for_a_lease_at_the_same_time_one_gets_it() {
    on_each_database(async |database| {
        let store = database.store().await;
        for now in [at(1000), at(2000)] {
            let asking: Vec<_> = (0..8)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.take_lease(CHANGE, HOLD, now).await.unwrap() })
                })
                .collect();
            let mut taken = 0;
            for asked in asking {
                taken += usize::from(asked.await.unwrap().is_some());
            }
            assert_eq!(taken, 1);
        }
    })
    .await;
}
