//! `reconciler import`: what runs becomes manifests, and a plan of them is empty.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reconciler::controller::{Next, Wish};
use reconciler::import::{Found, Home, Import, Reason, import};
use reconciler::model::{ServiceKey, tag};
use reconciler::observe::{Observer, Scope};
use reconciler::plan::{Action, Decision, Plan};
use reconciler::shape::api::Api;
use serde_json::json;
use simulator::error::ApiError;
use simulator::faults::Fault;

use super::examples;
use super::generated::{Choices, Offer, manifest};
use crate::world::{Memory, World, compact, mutating, service, service_with};

impl World {
    /// Imports services of this world's cluster as somebody who never heard of it would.
    pub async fn import(&self, names: &[&str], home: &Home) -> Import {
        let observer = Observer::new(self.aws().await.reader(), &home.cluster);
        let keys: Vec<ServiceKey> = names.iter().map(|name| ServiceKey::new(*name)).collect();
        let scope = if keys.is_empty() { Scope::All } else { Scope::Named(&keys) };
        let live = observer.survey(scope, self.now()).await.unwrap();
        let found = Found { services: live.services, ..Found::default() };
        import(&found, home, "reconciler", Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// Removes every tag of ours, as if no reconciler had ever been here.
    pub async fn disown(&self, cluster: &str) {
        let listed = self.ecs("ListServices", json!({"cluster": cluster, "maxResults": 100})).await;
        let ours = [tag::MANAGED_BY, tag::ID, tag::DIGEST, tag::TASK_DEFINITION, tag::REVISION];
        let mut arns = listed["serviceArns"].as_array().cloned().unwrap();
        let described = self.ecs("DescribeServices", json!({"cluster": cluster, "services": arns})).await;
        let services = described["services"].as_array().cloned().unwrap_or_default();
        arns.extend(services.iter().map(|service| service["taskDefinition"].clone()));
        for arn in arns {
            let answer = self.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ours})).await;
            assert_eq!(answer, json!({}));
        }
        self.simulator.take_calls();
    }
}

fn home() -> Home {
    Home {
        environment: "test".to_owned(),
        account: Some("123456789012".to_owned()),
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
    }
}

/// Whether a plan does no more than to tag services.
fn adopts_only(plan: &Plan) -> bool {
    plan.services.iter().all(|service| match &service.decision {
        Decision::Unchanged => true,
        Decision::Change { steps, .. } => {
            steps.iter().all(|step| matches!(step.action, Action::TagService { .. }))
        }
        Decision::Held { .. } => false,
    })
}

fn printed(import: &Import) -> String {
    import.files.iter().map(|(path, text)| format!("# {path}\n{text}")).collect()
}

/// Imports what this world runs, and plans that: empty, without a word of warning about it.
async fn import_is_quiet(world: &mut World, home: &Home) -> Wish {
    world.disown(&home.cluster).await;
    let written = world.import(&[], home).await;
    assert!(written.left_out.is_empty(), "{:?}", written.left_out);
    let differing: Vec<_> = written.remarks.iter().filter(|it| it.text.contains("not empty")).collect();
    let wish = world.load_files(written.files.clone(), Some(&home.environment));
    let wish: Wish = Arc::new(wish.unwrap_or_else(|errors| panic!("{errors}\n{}", printed(&written))));
    let plan = world.plan(&wish, Memory::Nothing).await;
    if !adopts_only(&plan) || !differing.is_empty() {
        let text = world.plan_text(&wish, Memory::Nothing).await;
        panic!("{text}\n{differing:?}\n{}", printed(&written));
    }
    wish
}

#[tokio::test(start_paused = true)]
async fn importing_what_runs_and_applying_it_only_tags_and_keeps_the_revision() {
    let mut world = World::new().await;
    let scaled = service_with("worker", "worker:1", "  scaling: {minCapacity: 1, maxCapacity: 3}\n");
    let wish = world.commit(&[service("api", "api:1"), scaled]);
    world.settle(&wish).await;
    let wish = import_is_quiet(&mut world, &home()).await;
    world.lose_ledger();
    let text = world.plan_text(&wish, Memory::Ledger).await;
    insta::assert_snapshot!(text.split_once("\n\n").unwrap().1, @r"
    ~ api           adopts the running service by its tags, in place, no deployment
        will: tag service
    ~ worker        adopts the running service by its tags, in place, no deployment
        will: tag service

    2 to adopt.
    ");
    world.simulator.take_calls();

    let standing = world.settle(&wish).await;

    assert!(standing.values().all(|next| *next == Next::Settled), "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["TagResource", "TagResource"]);
    assert_eq!(world.runs("api").await, "api:1");
    assert_eq!(world.service("api").await["deployments"].as_array().unwrap().len(), 1);
    let plan = world.plan(&wish, Memory::Ledger).await;
    assert!(plan.is_empty());
}

#[test]
fn importing_what_was_deployed_from_any_manifest_plans_empty() {
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let choices = prop::collection::vec(any::<u8>(), 0..160);
    let outcome = runner.run(&(choices.clone(), choices), |(one, other)| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut world = World::new().await;
            world.capacity_providers(&["machines", "machines_SPOT"]).await;
            let offer = Offer { target_group: world.target_group("web"), secret: world.secret("token") };
            let mut texts = Vec::new();
            for (name, bytes) in [("one", &one), ("other", &other)] {
                let mut manifest = manifest(name, &mut Choices::new(bytes), &offer);
                // Both families would be one.
                manifest["spec"]["taskDefinition"].as_object_mut().unwrap().remove("family");
                texts.push(manifest.to_string());
            }
            let Ok(desired) = world.load(&texts) else { return };
            let wish: Wish = Arc::new(desired);
            world.settle(&wish).await;
            import_is_quiet(&mut world, &home()).await;
        });
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test(start_paused = true)]
async fn importing_what_the_examples_deploy_plans_empty() {
    for (region, cluster, path, environment) in examples::ALL {
        let mut world = examples::deployed(region, cluster, path, environment).await;
        let home = Home {
            environment: environment.to_owned(),
            region: region.to_owned(),
            cluster: cluster.to_owned(),
            ..home()
        };
        let wish = import_is_quiet(&mut world, &home).await;
        assert!(!wish.services.is_empty(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_managed_is_left_out_with_the_reason() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "api:1"), service("theirs", "theirs:1")]);
    world.settle(&wish).await;
    world.disown("jobs").await;
    world.tag("theirs", tag::MANAGED_BY, "staging").await;
    let written = world.import(&[], &home()).await;
    let told: Vec<String> = written.left_out.iter().map(|it| format!("{}: {}", it.service, it.why)).collect();
    assert_eq!(told, ["theirs: it belongs to the installation `staging`"]);
    assert_eq!(written.files.keys().collect::<Vec<_>>(), ["api.yaml", "environments/test.yaml"]);
}

#[tokio::test(start_paused = true)]
async fn importing_a_cluster_reads_it_in_batches() {
    let mut world = World::new().await;
    let manifests: Vec<String> =
        (0..12).map(|number| service(&format!("web-{number:02}"), "web:1")).collect();
    let wish = world.commit(&manifests);
    world.settle(&wish).await;
    world.disown("jobs").await;
    let written = world.import(&[], &home()).await;
    assert_eq!(written.services.len(), 12);
    // No call for policies where no scalable target is.
    let expected = [
        "ListServices",
        "DescribeServices x2",
        "DescribeServiceRevisions",
        "DescribeScalableTargets",
        "DescribeTaskDefinition x12",
    ];
    let mut calls = world.take_calls();
    calls.sort_by_key(|call| expected.iter().position(|known| known.split(' ').next() == Some(call)));
    assert_eq!(compact(&calls), expected);
    let named = world.import(&["web-03"], &home()).await;
    assert_eq!(named.services.keys().map(ServiceKey::name).collect::<Vec<_>>(), ["web-03"]);
    assert_eq!(world.take_calls().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_left_out_and_never_written_without_it() {
    let mut world = World::new().await;
    let scaled = service_with("worker", "worker:1", "  scaling: {minCapacity: 1, maxCapacity: 3}\n");
    let wish = world.commit(&[service("api", "api:1"), scaled]);
    world.settle(&wish).await;
    world.disown("jobs").await;
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "DescribeScalingPolicies" => {
            Fault::RefuseBefore(ApiError::new("AccessDeniedException", "not allowed"))
        }
        _ => Fault::None,
    }));
    let written = world.import(&[], &home()).await;
    assert_eq!(written.services.keys().map(ServiceKey::name).collect::<Vec<_>>(), ["api"]);
    let told = &written.left_out[0];
    assert_eq!((told.service.as_str(), told.reason), ("worker", Reason::Unreadable));
}
