//! When nothing changed, next to nothing is asked and nothing is done.

use std::time::Duration;

use crate::world::{World, mutating, service};

#[tokio::test(start_paused = true)]
async fn ten_unchanged_services_cost_one_call_a_pass() {
    let mut world = World::new().await;
    let manifests: Vec<String> = (0..10).map(|number| service(&format!("s{number}"), "app:1")).collect();
    let wish = world.commit(&manifests);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    assert_eq!(world.take_calls(), ["DescribeServices"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_commit_with_the_same_content_makes_no_change() {
    let mut world = World::new().await;
    let first = world.commit(&[service("api", "app:1")]);
    world.settle(&first).await;
    world.take_calls();
    let again = world.commit(&[format!("# a comment\n{}", service("api", "app:1"))]);
    world.settle(&again).await;
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_fresh_machine_needs_no_task_definition_to_see_that_nothing_changed() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    world.take_calls();
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    assert_eq!(world.take_calls(), ["DescribeServices"]);
}

#[tokio::test(start_paused = true)]
async fn what_only_a_service_revision_shows_is_read_once_a_revision() {
    let mut world = World::new().await;
    let watched = |name: &str| {
        let metrics = "[{metricNames: [CPUUtilization], resolutionSeconds: 20}]";
        service(name, "app:1").replace(
            "  service:\n",
            &format!("  service:\n    monitoring: {{metricConfigurations: {metrics}}}\n"),
        )
    };
    let manifests: Vec<String> = (0..10).map(|number| watched(&format!("s{number}"))).collect();
    let wish = world.commit(&manifests);
    world.settle(&wish).await;
    world.take_calls();
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(59)).await;
    let calls = world.take_calls();
    let revisions = calls.iter().filter(|call| *call == "DescribeServiceRevisions").count();
    assert_eq!((revisions, mutating(&calls).len()), (1, 0), "{calls:?}");
}
