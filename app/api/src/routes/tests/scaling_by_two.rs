//! The administrator's override, asked of two processes on one database.

use std::time::Duration;

use axum::http::Method;
use jobs::testing::{Database, on_each_database};
use serde_json::{Value, json};
use simulator::faults::Fault;

use super::scaling::{Installation, TOKEN};

async fn two_processes(database: &Database) -> (Installation, Installation) {
    let account = Installation::new().await;
    (account.process(database.store().await).await, account.process(database.open().await).await)
}

impl Installation {
    /// Waits until AWS has been asked for other bounds.
    async fn bounds_are_asked_for(&self) {
        let asked = async {
            while !self.simulator.calls().iter().any(|call| call.operation == "RegisterScalableTarget") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asked).await.expect("AWS is asked");
    }
}

#[tokio::test]
async fn while_one_process_makes_a_change_another_refuses_the_next() {
    const SLOW: &[(&str, usize, Fault)] = &[("RegisterScalableTarget", 1, Fault::NeverAnswer)];
    on_each_database(async |database| {
        let (one, other) = two_processes(database).await;
        one.fail(SLOW);
        let meanwhile = async {
            one.bounds_are_asked_for().await;
            let refused = [
                other.update(json!({"minimum": 3, "maximum": 4})).await,
                other.ask(Method::DELETE, Some(TOKEN), Value::Null).await,
            ];
            for refused in refused {
                refused.refused(409, "change_under_way");
                assert_eq!(refused.header("retry-after"), Some("5"));
            }
        };
        let (first, ()) = tokio::join!(one.update(json!({"minimum": 2, "maximum": 8})), meanwhile);
        assert_eq!(first.status, 200, "{first:?}");
        assert!(one.tag().unwrap().starts_with("min=2 max=8 "), "{:?}", one.tag());
        assert_eq!(one.bounds(), (json!(2), json!(8)));
        let next = other.update(json!({"minimum": 3, "maximum": 4})).await;
        assert_eq!((next.status, other.bounds()), (200, (json!(3), json!(4))), "{next:?}");
    })
    .await;
}

#[tokio::test]
async fn a_tag_that_somebody_else_has_changed_meanwhile_is_left_alone() {
    const NEVER: &[(&str, usize, Fault)] = &[("RegisterScalableTarget", 1, Fault::NeverApply)];
    let theirs = "min=3 max=4 until=2099-01-01T00:00:00Z";
    let installation = Installation::new().await;
    installation.fail(NEVER);
    let meanwhile = async {
        installation.bounds_are_asked_for().await;
        installation.put_tag(theirs);
    };
    let (refused, ()) = tokio::join!(installation.update(json!({"minimum": 2, "maximum": 8})), meanwhile);
    let detail = refused.refused(503, "unavailable");
    assert!(detail.contains("changed by somebody else since"), "{detail}");
    assert_eq!(installation.tag().as_deref(), Some(theirs));
}
