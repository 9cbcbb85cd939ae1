//! What a whole fleet costs while nothing changes, in calls: they are deterministic, times are not.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::{World, mutating, service_with};

const SIZE: usize = 100;
/// A pass over the fleet that changes nothing makes at most this many calls: services come ten a call, scalable
/// targets fifty.
const CALLS_MAX: usize = 10 + SIZE / 10 + SIZE / 50;
/// More than what is remembered of policies serves for.
const PASSES: u32 = 13;
const RESYNC: Duration = Duration::from_secs(30);

const SCALING: &str = "  scaling:
    minCapacity: 2
    maxCapacity: 10
    policies:
      - PolicyName: cpu
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 60.0
          PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
";

fn fleet() -> Vec<String> {
    (0..SIZE).map(|number| service_with(&format!("s{number}"), "app:1", SCALING)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_unchanged_services_are_read_in_batches_pass_after_pass() {
    let mut world = World::new().await;
    let wish = world.commit(&fleet());
    world.settle(&wish).await;
    world.take_calls();

    let operator = world.operator().await;
    world.run_for(&operator, &wish, RESYNC * PASSES - Duration::from_secs(1)).await;
    let mut passes: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let calls = world.simulator.take_calls();
    let started = calls[0].at;
    for call in calls {
        let pass = call.at.since(started).as_secs() / RESYNC.as_secs();
        passes.entry(pass).or_default().push(call.operation);
    }
    assert_eq!(passes.len(), PASSES as usize);
    for (pass, calls) in &passes {
        assert_eq!(mutating(calls), Vec::<String>::new());
        // The first pass of a fresh machine reads all policies as well: ten a page, and no actions.
        let calls_max = if *pass == 0 { CALLS_MAX + SIZE / 10 + 1 } else { CALLS_MAX };
        assert!(calls.len() <= calls_max, "pass {pass} makes {} calls: {calls:?}", calls.len());
    }
}
