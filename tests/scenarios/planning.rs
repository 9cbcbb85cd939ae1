//! After an apply, a plan is empty; after one change in Git, it shows that change and no other.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use reconciler::controller::{Next, Wish};
use reconciler::model::ServiceKey;
use reconciler::plan::{Decision, Explain, Plan};
use reconciler::report::{Colour, PlanTextOptions, plan_text};
use serde_json::{Value, json};

use super::generated::{Choices, Offer, manifest, scheduled_manifest};
use crate::world::{Memory, World};

/// Another seed may be given, as a number, in this variable.
const SEED_VARIABLE: &str = "RECONCILER_TEST_SEED";
const SEED: u64 = 4711;
const CASES: u32 = 40;

#[test]
fn planning_again_after_an_apply_is_empty_whatever_the_manifest() {
    whatever_the_choices(CASES, play);
}

#[test]
fn planning_again_after_a_schedule_was_applied_is_empty_whatever_the_manifest() {
    whatever_the_choices(CASES, play_scheduled);
}

fn whatever_the_choices(cases: u32, play: fn(&[u8]) -> Result<(), TestCaseError>) {
    let seed = std::env::var(SEED_VARIABLE).ok().and_then(|it| it.parse().ok()).unwrap_or(SEED);
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    };
    let choices = proptest::collection::vec(any::<u8>(), 0..240);
    let outcome = TestRunner::new(config).run(&choices, |choices| play(&choices));
    if let Err(TestError::Fail(why, choices)) = outcome {
        panic!("{why}\nfor the choices {choices:?}\n{SEED_VARIABLE}={seed} repeats it");
    }
    outcome.unwrap();
}

/// A scheduled task's life, likewise: applied, looked at with and without a memory, applied again.
fn play_scheduled(choices: &[u8]) -> Result<(), TestCaseError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        let offer = Offer { target_group: String::new(), secret: world.secret("token") };
        let mut choices = Choices::new(choices);
        for _ in 0..2 {
            let manifest = scheduled_manifest("app", &mut choices, &offer);
            let wish = load(&mut world, &manifest)?;
            applied(&world, &wish, &manifest).await?;
        }
        Ok(())
    })
}

/// One manifest's life, in a world and a time of its own.
fn play(choices: &[u8]) -> Result<(), TestCaseError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        world.capacity_providers(&["machines", "machines_SPOT"]).await;
        let offer = Offer { target_group: world.target_group("app"), secret: world.secret("token") };
        let mut choices = Choices::new(choices);
        let first = manifest("app", &mut choices, &offer);
        let wish = load(&mut world, &first)?;
        applied(&world, &wish, &first).await?;
        let Some((second, changed)) = with_one_change(&mut world, &first, &mut choices) else {
            return Ok(());
        };
        let wish = load(&mut world, &second)?;
        let plan = world.plan(&wish, Memory::Ledger).await;
        shows_only(&plan, &changed, &text(&plan, &wish, &second))?;
        applied(&world, &wish, &second).await
    })
}

fn load(world: &mut World, manifest: &Value) -> Result<Wish, TestCaseError> {
    let loaded = world.load(&[manifest.to_string()]);
    loaded.map(Wish::new).map_err(|refused| TestCaseError::fail(format!("{refused}\n{manifest:#}")))
}

fn text(plan: &Plan, wish: &Wish, manifest: &Value) -> String {
    let options = PlanTextOptions {
        colour: Colour::Plain,
        explain: Explain::Differences,
        now: plan.read_at,
        width: None,
    };
    format!("{}\n{manifest:#}", plan_text(plan, wish, &options))
}

/// Settles, and then there is nothing to do, for those who know the past and for those who don't.
async fn applied(world: &World, wish: &Wish, manifest: &Value) -> Result<(), TestCaseError> {
    let standing = world.settle(wish).await;
    let next = &standing[&ServiceKey::new("app")];
    prop_assert_eq!(next, &Next::Settled, "{}\n{:#}", world.told(), manifest);
    for memory in [Memory::Ledger, Memory::Nothing] {
        let plan = world.plan(wish, memory).await;
        prop_assert!(plan.is_empty(), "with {memory:?}: {}", text(&plan, wish, manifest));
    }
    Ok(())
}

/// One leaf of the manifest that was given another value.
struct Changed {
    /// JSON pointer from `spec`.
    pointer: String,
    to: Value,
}

fn shows_only(plan: &Plan, changed: &Changed, text: &str) -> Result<(), TestCaseError> {
    let Decision::Change { differences, .. } = &plan.services[0].decision else {
        return Err(TestCaseError::fail(format!("{} is not to change\n{text}", changed.pointer)));
    };
    prop_assert_eq!(differences.len(), 1, "for {}\n{}", changed.pointer, text);
    let difference = &differences[0];
    // Up to the first list, a path in the plan is the path in the manifest.
    let names = changed.pointer.split('/').skip(1).take_while(|name| name.parse::<usize>().is_err());
    let road: Vec<&str> = names.collect();
    let path = difference.path.pointer();
    let shown: Vec<&str> = path.split('/').skip(1).collect();
    prop_assert!(shown.starts_with(&road), "{path} for {}\n{text}", changed.pointer);
    let desired = difference.desired.clone().unwrap_or_default().to_string();
    prop_assert!(desired.contains(&changed.to.to_string()), "{desired} for {}\n{text}", changed.pointer);
    Ok(())
}

/// Changes one leaf so that the manifest still stands.
fn with_one_change(
    world: &mut World,
    manifest: &Value,
    choices: &mut Choices<'_>,
) -> Option<(Value, Changed)> {
    let mut found = Vec::new();
    leaves(&manifest["spec"], String::new(), &mut found);
    // While a scalable target exists, the count is not Git's. Tags of a task definition reach AWS
    // with its next revision, and are no difference of their own.
    let scaled = manifest["spec"]["scaling"].is_object();
    let candidates: Vec<Changed> = found
        .into_iter()
        .filter(|(pointer, _)| !(scaled && pointer == "/service/desiredCount"))
        .filter(|(pointer, _)| !pointer.starts_with("/taskDefinition/tags"))
        // Only one provider of a strategy may have a base.
        .filter(|(pointer, _)| !pointer.ends_with("/base"))
        .filter_map(|(pointer, value)| changed(&pointer, value))
        .collect();
    let start = choices.below(candidates.len());
    let order = candidates.iter().cycle().skip(start).take(candidates.len());
    for Changed { pointer, to } in order {
        let mut second = manifest.clone();
        *second.pointer_mut(&format!("/spec{pointer}")).unwrap() = to.clone();
        if world.load(&[second.to_string()]).is_ok() {
            return Some((second, Changed { pointer: pointer.clone(), to: to.clone() }));
        }
    }
    None
}

fn leaves<'a>(value: &'a Value, pointer: String, into: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(value, format!("{pointer}/{name}"), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, format!("{pointer}/{index}"), into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => into.push((pointer, value)),
    }
}

/// Another value for a leaf, where any other value will do.
fn changed(pointer: &str, value: &Value) -> Option<Changed> {
    let name = pointer.rsplit('/').find(|name| name.parse::<usize>().is_err())?;
    // Inside of these, names are somebody's own: any text will do.
    let free = ["environment", "dockerLabels", "command", "entryPoint", "tags"]
        .iter()
        .any(|it| pointer.contains(&format!("/{it}/")));
    let to = match value {
        _ if pointer.starts_with("/rollout") || (free && ["name", "key"].contains(&name)) => return None,
        Value::String(text) if free => json!(format!("{text}-changed")),
        Value::String(text) => match name {
            "image" => json!("app:2"),
            "user" | "workingDirectory" => json!(format!("{text}1")),
            "taskRoleArn" => json!("arn:aws:iam::123456789012:role/other"),
            "securityGroups" => json!("sg-9"),
            "subnets" => json!("subnet-9"),
            "Schedule" => json!("cron(0 23 * * ? *)"),
            "alarmNames" => json!("other"),
            "propagateTags" if text == "NONE" => json!("SERVICE"),
            "availabilityZoneRebalancing" if text == "ENABLED" => json!("DISABLED"),
            "cpuArchitecture" => json!(if text == "ARM64" { "X86_64" } else { "ARM64" }),
            _ => return None,
        },
        // Read but not set by ECS, or of no effect without its neighbours.
        Value::Bool(_) if ["essential", "enabled"].contains(&name) => return None,
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => match name {
            "containerPort" | "hostPort" | "port" => return None,
            "minimumHealthyPercent" => json!(number.as_i64().unwrap() - 1),
            _ => match number.as_i64() {
                Some(number) => json!(number + 1),
                None => json!(number.as_f64().unwrap() + 1.0),
            },
        },
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(Changed { pointer: pointer.to_owned(), to })
}
