//! Variables looked up in Parameter Store and CloudFormation exports, over the wire.

use std::sync::Arc;

use reconciler::controller::Wish;
use reconciler::manifest::{self, NotFound};
use reconciler::model::{Answers, Checkout, LookupSource, LookupValue, Revision};
use reconciler::observe::look_up;
use reconciler::shape::api::Api;
use serde_json::json;
use simulator::cloudformation::Export;
use simulator::error::ApiError;
use simulator::faults::Fault;

use crate::world::{ENVIRONMENT, Memory, World, service};

fn parameter(name: &str) -> LookupSource {
    LookupSource::Parameter(name.to_owned())
}

async fn looked_up(world: &World, sources: &[LookupSource]) -> Result<Answers, Vec<NotFound>> {
    look_up(&world.aws().await.reader(), sources).await
}

fn put(world: &World, name: &str, kind: &str, value: &str) {
    let input = json!({"Name": name, "Value": value, "Type": kind, "Overwrite": true});
    world.set_up(|account, runtime| simulator::ssm::call(account, runtime, "PutParameter", &input));
}

#[tokio::test(start_paused = true)]
async fn parameters_and_exports_are_looked_up_with_their_versions() {
    let world = World::new().await;
    put(&world, "/jobs/image", "String", "app:1");
    put(&world, "/jobs/image", "String", "app:2");
    put(&world, "/jobs/subnets", "StringList", "subnet-1,subnet-2");
    let mut sources = vec![parameter("/jobs/image"), parameter("/jobs/image:1"), parameter("/jobs/subnets")];
    for number in 0..10 {
        put(&world, &format!("/jobs/more/{number}"), "String", "x");
        sources.push(parameter(&format!("/jobs/more/{number}")));
    }
    world.simulator.with_world(|account| {
        for number in 0..150 {
            let export = Export { value: format!("sg-{number}"), stack: "network".to_owned() };
            account.cloudformation.exports.insert(format!("group-{number:03}"), export);
        }
    });
    let export = LookupSource::Export("group-149".to_owned());
    sources.push(export.clone());
    world.take_calls();
    let answers = looked_up(&world, &sources).await.unwrap();
    let text = |text: &str| LookupValue::Text(text.to_owned());
    let told = |source: &LookupSource| (answers[source].value.clone(), answers[source].version.clone());
    assert_eq!(told(&parameter("/jobs/image")), (text("app:2"), "version 2".to_owned()));
    assert_eq!(told(&parameter("/jobs/image:1")), (text("app:1"), "version 1".to_owned()));
    let list = LookupValue::List(vec!["subnet-1".to_owned(), "subnet-2".to_owned()]);
    assert_eq!(told(&parameter("/jobs/subnets")), (list, "version 1".to_owned()));
    assert_eq!(told(&export), (text("sg-149"), "of stack network".to_owned()));
    let calls = world.take_calls();
    let of = |name: &str| calls.iter().filter(|call| *call == name).count();
    // Ten names a call, a hundred exports a page.
    assert_eq!((of("GetParameters"), of("ListExports")), (2, 2), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_secure_string_and_what_is_missing_are_refused_with_the_way_out() {
    let world = World::new().await;
    put(&world, "/jobs/password", "SecureString", "hunter2");
    let sources =
        [parameter("/jobs/password"), parameter("/jobs/nothing"), LookupSource::Export("none".to_owned())];
    let missing = looked_up(&world, &sources).await.unwrap_err();
    let told: Vec<&str> = missing.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(
        told,
        [
            "parameter `/jobs/password` is a SecureString",
            "there is no parameter `/jobs/nothing`",
            "there is no CloudFormation export none"
        ]
    );
    assert!(missing[0].note.as_ref().unwrap().starts_with("let the task read it itself: `secrets: "));
    assert!(!format!("{missing:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_lookup_says_the_call_that_is_missing() {
    let world = World::new().await;
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "GetParameters" | "ListExports" => {
            Fault::RefuseBefore(ApiError::new("AccessDeniedException", "not authorized"))
        }
        _ => Fault::None,
    }));
    let sources = [parameter("/jobs/image"), LookupSource::Export("none".to_owned())];
    let missing = looked_up(&world, &sources).await.unwrap_err();
    assert!(missing[0].title.contains("access denied for ssm:GetParameters"), "{missing:?}");
    assert!(missing[1].title.contains("access denied for cloudformation:ListExports"), "{missing:?}");
    assert!(missing.iter().all(|one| one.note.as_ref().unwrap().contains("deploy/iam/plan.json")));
}

/// Commit `id`, with what is in Parameter Store now.
async fn wish(world: &World, id: &str, memory: u32) -> Wish {
    let environment = ENVIRONMENT.replace(
        "cluster: jobs}",
        "cluster: jobs, variables: {image: {ssm: /lw/image}, level: {ssm: /lw/level}}}",
    );
    let manifest = service("api", "${image}")
        .replace("LOG_LEVEL: info", "LOG_LEVEL: 'level ${level}'")
        .replace("memory: 512", &format!("memory: {memory}"));
    let files = [("environment.yaml".to_owned(), environment), ("api.yaml".to_owned(), manifest)];
    let revision = Revision {
        id: id.repeat(40),
        branch: "main".to_owned(),
        author: "ada".to_owned(),
        subject: "Change".to_owned(),
        committed_at: world.now(),
    };
    let answers = looked_up(world, &[parameter("/lw/image"), parameter("/lw/level")]).await.unwrap();
    let checkout = Checkout { revision, files: files.into() };
    Arc::new(manifest::load_with(&checkout, None, Api::builtin(), &answers).unwrap())
}

/// What each row of a plan says of the value that it changes to.
fn rows(plan: &str) -> Vec<String> {
    let values = plan.lines().filter_map(|line| line.split_once(" -> "));
    values.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_value_that_changed_where_it_is_looked_up_is_put_down_to_that_and_to_no_commit() {
    let world = World::new().await;
    put(&world, "/lw/image", "String", "app:1");
    put(&world, "/lw/level", "String", "info");
    let first = wish(&world, "a", 512).await;
    world.settle(&first).await;
    put(&world, "/lw/image", "String", "app:2");
    let same_commit = wish(&world, "a", 512).await;
    let plan = world.plan_text(&same_commit, Memory::Ledger).await;
    assert_eq!(rows(&plan), ["\"app:2\" api.yaml:12 · `/lw/image` is version 2 now, after 1"], "{plan}");
    // A commit beside it is told for what it changed, and for nothing else.
    put(&world, "/lw/level", "String", "debug");
    let next = wish(&world, "b", 1024).await;
    let plan = world.plan_text(&next, Memory::Ledger).await;
    assert_eq!(
        rows(&plan),
        [
            "\"1024\" api.yaml:7 · changed between aaaaaaa and bbbbbbb",
            "\"level debug\" api.yaml:13 · `/lw/level` is version 2 now, after 1",
            "\"app:2\" api.yaml:12 · `/lw/image` is version 2 now, after 1",
        ],
        "{plan}"
    );
}
