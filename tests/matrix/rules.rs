//! What holds in every life, at every step of it: the history of each service and the journal of the calls
//! keep every step, so they are read once, at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reconciler::controller::Wish;
use reconciler::journal::{Journal, Kind};
use serde_json::{Value, json};
use simulator::faults::is_read;
use simulator::journal::CallRecord;

use super::case::{Case, Git, Trouble};
use super::end::{self, Deployment, FOREIGN};
use crate::world::World;

/// What a life is judged by.
pub struct Held<'a> {
    pub world: &'a World,
    pub case: &'a Case,
    /// All that the operators asked for.
    pub calls: &'a [CallRecord],
    /// Commits that were in force, oldest first.
    pub accepted: &'a [Wish],
    /// Deployments of each service in the undisturbed life.
    pub before: &'a BTreeMap<String, usize>,
}

/// Sentences about what was broken, each with the invariant's number in facts of the trade: I2 to I8.
pub fn broken(held: &Held<'_>, deployments: &BTreeMap<String, usize>) -> Vec<String> {
    let mut broken = one_revision_per_digest(held.world);
    // One who leads and is shown an older commit by Git can't know that there is a newer one.
    if !held.case.has(|it| it == Trouble::Second(Git::Behind)) {
        broken.extend(no_more_deployments(held, deployments));
        for name in end::names(held.world).iter().filter(|name| *name != FOREIGN) {
            let history = end::history(held.world, name);
            broken.extend(never_backwards(held, name, &history));
            broken.extend(rolled_back_once(name, &history));
        }
    }
    broken.extend(nothing_deleted(held));
    broken.extend(counts_untouched(held));
    broken
}

/// How often each service was deployed.
pub fn deployments(world: &World) -> BTreeMap<String, usize> {
    let names = end::names(world).into_iter().filter(|name| name != FOREIGN);
    names.map(|name| (name.clone(), end::history(world, &name).len())).collect()
}

/// I2
fn one_revision_per_digest(world: &World) -> Vec<String> {
    let mut digests = end::digests(world);
    digests.sort();
    let doubles = digests.windows(2).filter(|pair| pair[0] == pair[1]);
    doubles.map(|pair| format!("I2: two revisions of {} with one digest", pair[0].0)).collect()
}

/// I3
fn no_more_deployments(held: &Held<'_>, deployments: &BTreeMap<String, usize>) -> Vec<String> {
    let slack = held.case.story.more_deployments();
    deployments
        .iter()
        .filter_map(|(name, count)| {
            let most = held.before.get(name)? + slack;
            (*count > most).then(|| format!("I3: {count} deployments of {name}, not {most}"))
        })
        .collect()
}

/// I4: the content of each deployment is that of a commit, and of no older one than the deployment before,
/// unless that one failed.
fn never_backwards(held: &Held<'_>, name: &str, history: &[Deployment]) -> Vec<String> {
    let wanted: Vec<String> = held.accepted.iter().filter_map(|wish| image_of(wish, name)).collect();
    let mut reached = 0;
    let mut broken = Vec::new();
    for (number, deployment) in history.iter().enumerate() {
        let at = |range: &[String]| range.iter().position(|image| *image == deployment.image);
        match (at(&wanted[reached.min(wanted.len())..]), at(&wanted)) {
            (Some(further), _) => reached += further,
            // A way back after a failure.
            (None, Some(_)) if is_bad(&wanted[reached]) || history[number - 1].rolled_back => {}
            (None, Some(_)) if held.case.story.goes_back() => {}
            (None, Some(_)) => {
                broken.push(format!("I4: {name} went back to {} from {}", deployment.image, wanted[reached]));
            }
            (None, None) if deployment.image.contains("hand") => {}
            (None, None) => {
                broken.push(format!("I4: {name} ran {}, which Git never asked for", deployment.image))
            }
        }
    }
    broken
}

/// I5
fn rolled_back_once(name: &str, history: &[Deployment]) -> Vec<String> {
    let mut tries = BTreeMap::<&str, usize>::new();
    for deployment in history.iter().filter(|it| it.rolled_back || is_bad(&it.image)) {
        *tries.entry(&deployment.image).or_default() += 1;
    }
    let again = tries.into_iter().filter(|(_, count)| *count > 1);
    again.map(|(image, count)| format!("I5: {name} tried {image} {count} times, and it failed")).collect()
}

/// I6
fn nothing_deleted(held: &Held<'_>) -> Vec<String> {
    if held.case.story.deletes() {
        return Vec::new();
    }
    let deletes = |call: &&CallRecord| call.operation.starts_with("De") && !is_read(&call.operation);
    held.calls.iter().filter(deletes).map(|call| format!("I6: {} was called", call.operation)).collect()
}

/// I7
fn counts_untouched(held: &Held<'_>) -> Vec<String> {
    let scaled = held.case.story.scaled();
    let mut broken = Vec::new();
    for call in held.calls.iter().filter(|call| call.operation == "UpdateService") {
        let input = call.input.clone().unwrap_or_default();
        let name = input["service"].as_str().unwrap_or_default();
        if scaled.contains(&name) && !input["desiredCount"].is_null() {
            broken.push(format!("I7: desiredCount {} was sent for {name}", input["desiredCount"]));
        }
        if name == FOREIGN {
            broken.push("I8: a service of somebody else was updated".to_owned());
        }
    }
    broken
}

/// I15: whenever a service is told to be settled, it is: the deployment has completed, with what is said.
pub fn watch_settled(world: &mut World) -> Arc<Mutex<Vec<String>>> {
    let broken = Arc::new(Mutex::new(Vec::new()));
    let (simulator, runtime, found) = (world.simulator.clone(), world.runtime.clone(), broken.clone());
    world.journal = Arc::new(Journal::new(move |event| {
        let Some(service) = event.service.as_ref().filter(|_| event.event == Kind::Settled) else { return };
        let input = json!({"cluster": "jobs", "services": [service.name()]});
        simulator.advance();
        let live = simulator.with_world(|account| {
            simulator::ecs::call(account, runtime.as_ref(), "DescribeServices", &input).unwrap_or_default()
        })["services"][0]
            .clone();
        // A scheduled task settles, too, and so does a service that is gone.
        if live == Value::Null || live["status"] != "ACTIVE" {
            return;
        }
        let runs = live["taskDefinition"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let completed = live["deployments"][0]["rolloutState"] == "COMPLETED";
        if !completed || !event.reason.contains(runs) {
            let state = &live["deployments"][0]["rolloutState"];
            found.lock().unwrap().push(format!("I15: told {:?} of {runs}, {state}", event.reason));
        }
    }));
    broken
}

fn image_of(wish: &Wish, service: &str) -> Option<String> {
    let service = wish.services.iter().find(|(key, _)| key.name() == service)?.1;
    Some(service.task_definition["containerDefinitions"][0]["image"].as_str()?.to_owned())
}

/// Whether containers of this image do not come up, or their test does not pass.
fn is_bad(image: &str) -> bool {
    ["crash", "invalid", "bad"].iter().any(|word| image.contains(word))
}
