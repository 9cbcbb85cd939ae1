//! Plays the cases of one batch side by side in one world: each is a service, or a scheduled task.

use std::collections::BTreeSet;
use std::time::Duration;

use reconciler::controller::{Next, Outcome, Standing, Wish};
use reconciler::model::ServiceKey;
use reconciler::plan::{Decision, Difference, Held, Plan, ServicePlan};
use reconciler::shape::api::Api;
use serde_json::{Value, json};
use simulator::journal::CallRecord;
use tokio_util::sync::CancellationToken;

use super::cases::{Act, Case};
use super::compare::{carries, compare, holds, is_about, replaced};
use super::expected::{self, Change, Removal};
use super::live::live;
use super::{OPERATIONS, Verdict};
use crate::world::{Memory, World};

/// One case on its way.
struct Player<'a> {
    case: &'a Case,
    name: String,
    /// What Git asks for now.
    spec: Value,
    first: Value,
    /// `None`: the type has one value only.
    second: Option<Value>,
    verdict: Verdict,
}

pub fn batch(cases: &[Case]) -> Vec<Verdict> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new().await;
        for name in ["secret-one", "secret-two"] {
            world.secret(name);
        }
        world.capacity_providers(&["machines", "machines_SPOT"]).await;
        world.simulator.keep_inputs();
        let mut stage = Stage { groups: [world.target_group("one"), world.target_group("two")], world };
        stage.play(cases).await
    })
}

struct Stage {
    world: World,
    /// What `$GROUP_ONE` and `$GROUP_TWO` stand for.
    groups: [String; 2],
}

impl Stage {
    async fn play(&mut self, cases: &[Case]) -> Vec<Verdict> {
        let mut players = Vec::new();
        let mut verdicts = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            match self.enter(case, format!("field-{number}")) {
                Ok(player) => players.push(player),
                Err(verdict) => verdicts.push(verdict),
            }
        }
        self.write(&mut players).await;
        self.change(&mut players).await;
        self.take_away(&mut players).await;
        verdicts.extend(players.into_iter().map(|player| player.verdict));
        verdicts
    }

    /// Chooses a case's values; one that a manifest must not hold is judged at once.
    fn enter<'a>(&mut self, case: &'a Case, name: String) -> Result<Player<'a>, Verdict> {
        let mut verdict = Verdict { title: case.title(), covered: BTreeSet::new(), failures: Vec::new() };
        let (first, second) = match &case.act {
            Act::Refused(value) => {
                match self.refusal(case, &name, &case.with(value)) {
                    Some(text) if text.contains("is not for a manifest to set") => {
                        verdict.covered.extend(case.members().filter(|(operation, path)| {
                            // What is filled in has to be seen on its way to AWS as well.
                            !expected::is_filled_in(operation, path)
                        }));
                    }
                    Some(text) => verdict.failures.push(format!("refused, but not for being set: {text}")),
                    None => verdict.failures.push("a manifest may set it".to_owned()),
                }
                return Err(verdict);
            }
            Act::Lifecycle { first, second } => (first, second),
        };
        let mut refusals = Vec::new();
        let mut takes = |value: &Value| match self.refusal(case, &name, &case.with(value)) {
            Some(text) => {
                refusals.push(text);
                false
            }
            None => true,
        };
        let Some(first) = first.iter().find(|value| takes(value)).cloned() else {
            verdict.failures.push(format!("no value is taken: {}", refusals.join("\n")));
            return Err(verdict);
        };
        let others: Vec<&Value> = second.iter().filter(|value| **value != first).collect();
        let found = others.iter().find(|value| takes(value)).map(|value| (*value).clone());
        match expected::change(case.root, &case.path) {
            Change::Refused if found.is_some() => {
                verdict.failures.push("another value should be refused".to_owned());
            }
            Change::Refused => verdict.covered.extend(case.members()),
            _ if found.is_none() && !others.is_empty() => {
                verdict.failures.push(format!("no other value is taken: {}", refusals.join("\n")));
            }
            _ => {}
        }
        let spec = case.with(&first);
        Ok(Player { case, name, spec, first, second: found, verdict })
    }

    fn manifest(&self, case: &Case, name: &str, spec: &Value) -> String {
        let manifest = json!({
            "apiVersion": "reconciler/v1", "kind": case.root.kind(), "metadata": {"name": name}, "spec": spec,
        });
        let [one, two] = &self.groups;
        manifest.to_string().replace("$GROUP_ONE", one).replace("$GROUP_TWO", two)
    }

    fn refusal(&mut self, case: &Case, name: &str, spec: &Value) -> Option<String> {
        let manifest = self.manifest(case, name, spec);
        let refused = self.world.load(&[manifest]).err()?;
        let told =
            refused.list.iter().map(|it| format!("{}: {}; {}", it.title, it.label, it.notes.join(", ")));
        Some(told.collect::<Vec<_>>().join("\n"))
    }

    fn commit(&mut self, players: &[Player<'_>]) -> Wish {
        let manifests: Vec<String> =
            players.iter().map(|it| self.manifest(it.case, &it.name, &it.spec)).collect();
        self.world.commit(&manifests)
    }

    async fn settle(&self, wish: &Wish) -> Standing {
        let operator = self.world.operator().await;
        let settled = operator.settle(wish.clone(), CancellationToken::new());
        match tokio::time::timeout(Duration::from_secs(3600), settled).await {
            Ok(Outcome::Ended(standing)) => standing,
            Ok(Outcome::Lost(why)) => panic!("the ledger is lost: {why}"),
            // Whoever stands nowhere did not settle.
            Err(_) => Standing::new(),
        }
    }

    /// Writes the member into a new service, and plans again.
    async fn write(&mut self, players: &mut Vec<Player<'_>>) {
        let wish = self.commit(players);
        let standing = self.settle(&wish).await;
        let calls = self.world.simulator.take_calls();
        for player in players.iter_mut() {
            player.settled(&standing, "written", &self.world);
            let at_first = player.case.root.operations()[0];
            let value = player.first.clone();
            player.sent(&calls, Some((at_first, &value)), &self.groups);
        }
        self.expect_nothing(players, &wish, "after it was written").await;
        self.expect_live(players, "written").await;
    }

    /// Changes the member alone.
    async fn change(&mut self, players: &mut Vec<Player<'_>>) {
        for player in players.iter_mut() {
            if let Some(second) = &player.second {
                player.spec = player.case.with(second);
            }
        }
        let wish = self.commit(players);
        let plan = self.world.plan(&wish, Memory::Ledger).await;
        for player in players.iter_mut().filter(|it| it.second.is_some()) {
            player.judge_change(&plan);
        }
        let standing = self.settle(&wish).await;
        let calls = self.world.simulator.take_calls();
        for player in players.iter_mut() {
            let Some(second) = player.second.clone() else { continue };
            match expected::change(player.case.root, &player.case.path) {
                // Git goes back, and nothing has happened.
                Change::Replaces => player.spec = player.case.with(&player.first),
                Change::NextRevision | Change::Tags => player.settled(&standing, "changed", &self.world),
                _ => {
                    player.settled(&standing, "changed", &self.world);
                    let operation = *player.case.root.operations().last().unwrap();
                    player.sent(&calls, Some((operation, &second)), &self.groups);
                }
            }
        }
        let wish = self.commit(players);
        self.expect_nothing(players, &wish, "after it was changed").await;
        self.expect_live(players, "changed").await;
    }

    /// Takes the member out of Git.
    async fn take_away(&mut self, players: &mut Vec<Player<'_>>) {
        let mut before = Vec::new();
        for player in players.iter_mut() {
            before.push(live(&self.world, player.case, &player.name).await);
            let value = player.present().clone();
            let without = player.case.without(&value);
            let refusal = self.refusal(player.case, &player.name, &without);
            let names = |text: &str| {
                let text = text.to_lowercase();
                player
                    .case
                    .path
                    .rsplit(['.', '[', ']'])
                    .filter(|it| !it.is_empty())
                    .take(2)
                    .any(|it| text.contains(&it.to_lowercase()))
            };
            let required = player.removal() == Removal::Required;
            let why = match refusal {
                None if !required => {
                    player.spec = without;
                    continue;
                }
                None => "taken away, nothing is said, and AWS requires it".to_owned(),
                // It can't be taken away, and a person is told which it is.
                Some(text) if required && names(&text) => continue,
                Some(text) if required => format!("removal refused without its name: {text}"),
                Some(text) => format!("removal refused, and AWS takes it: {text}"),
            };
            player.verdict.failures.push(why);
        }
        let removed: Vec<bool> = players
            .iter()
            .map(|it| {
                let pointer = it.case.pointer_in_spec();
                it.spec.pointer(&pointer).is_none()
            })
            .collect();
        let wish = self.commit(players);
        let plan = self.world.plan(&wish, Memory::Ledger).await;
        for (player, _) in players.iter_mut().zip(&removed).filter(|(_, removed)| **removed) {
            player.judge_removal(&plan);
        }
        let standing = self.settle(&wish).await;
        let calls = self.world.simulator.take_calls();
        for player in players.iter_mut() {
            player.settled(&standing, "taken away", &self.world);
            player.sent(&calls, None, &self.groups);
        }
        self.expect_nothing(players, &wish, "after it was taken away").await;
        for ((player, before), removed) in players.iter_mut().zip(before).zip(removed) {
            if removed && expected::is_shown(player.case.root, &player.case.path) {
                let after = live(&self.world, player.case, &player.name).await;
                player.judge_live_after_removal(&before, &after);
            }
        }
    }

    async fn expect_nothing(&self, players: &mut [Player<'_>], wish: &Wish, when: &str) {
        for memory in [Memory::Ledger, Memory::Nothing] {
            let plan = self.world.plan(wish, memory).await;
            for player in players.iter_mut() {
                let of_it = player.plan(&plan);
                if !matches!(of_it.decision, Decision::Unchanged) {
                    let told = told(&of_it.decision);
                    player.verdict.failures.push(format!("{when} ({memory:?}) there is more to do: {told}"));
                }
            }
        }
    }

    async fn expect_live(&self, players: &mut [Player<'_>], how: &str) {
        for player in players.iter_mut() {
            let live = live(&self.world, player.case, &player.name).await;
            let wanted = replaced(player.present(), &self.groups);
            if expected::is_shown(player.case.root, &player.case.path) && !holds(&live, &wanted) {
                player.verdict.failures.push(format!("{how} as {wanted}, read back as {live}"));
            }
        }
    }
}

impl Player<'_> {
    /// The value that the member has now.
    fn present(&self) -> &Value {
        let pointer = self.case.pointer_in_spec();
        let is_second =
            self.second.as_ref().is_some_and(|second| self.spec.pointer(&pointer) == Some(second));
        if is_second { self.second.as_ref().unwrap() } else { &self.first }
    }

    fn settled(&mut self, standing: &Standing, how: &str, world: &World) {
        let next = standing.get(&ServiceKey::new(self.name.as_str()));
        if next != Some(&Next::Settled) {
            let told: Vec<String> =
                world.told().lines().filter(|line| line.contains(&self.name)).map(str::to_owned).collect();
            let last = told.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join("\n    ");
            self.verdict.failures.push(format!("{how}, it does not settle: {next:?}\n    {last}"));
        }
    }

    fn plan<'p>(&self, plan: &'p Plan) -> &'p ServicePlan {
        plan.services.iter().find(|it| it.service.name() == self.name).unwrap()
    }

    /// Bodies of this case's calls, each with its operation.
    fn bodies<'c>(&self, calls: &'c [CallRecord]) -> Vec<(&'static str, &'c Value)> {
        let of = |call: &'c CallRecord| {
            let operation = *OPERATIONS.iter().find(|it| **it == call.operation)?;
            let body = call.input.as_ref()?;
            let tagged = || {
                let tags = body["tags"].as_array().into_iter().flatten();
                tags.clone().any(|tag| tag["key"] == "reconciler/id" && tag["value"] == self.name.as_str())
            };
            let suffix = format!("/{}", self.name);
            let ours = match operation {
                "RegisterTaskDefinition" => tagged(),
                "CreateService" => body["serviceName"] == self.name.as_str(),
                "UpdateService" => body["service"] == self.name.as_str(),
                "CreateSchedule" | "UpdateSchedule" => body["Name"] == self.name.as_str(),
                _ => body["ResourceId"].as_str().is_some_and(|id| id.ends_with(&suffix)),
            };
            ours.then_some((operation, body))
        };
        calls.iter().filter_map(of).collect()
    }

    /// What the calls carried is what Git says, field for field, and `member` is among it.
    fn sent(&mut self, calls: &[CallRecord], member: Option<(&str, &Value)>, groups: &[String; 2]) {
        let bodies = self.bodies(calls);
        let spec = replaced(&self.spec, groups);
        for (operation, body) in &bodies {
            let section = expected::section(operation, body, &spec);
            let input = Api::builtin().input(operation).unwrap();
            let mut steps = String::new();
            let mut wrong = Vec::new();
            compare(input, body, section.as_ref(), &mut steps, &mut |path, equal| match equal {
                Ok(()) => drop(self.verdict.covered.insert((operation, path.to_owned()))),
                Err(why) => wrong.push(format!("{operation} {path} reached AWS {why}")),
            });
            self.verdict.failures.extend(wrong);
        }
        let Some((operation, value)) = member else { return };
        let pointer = self.case.pointer();
        let wanted = replaced(value, groups);
        let arrived = bodies
            .iter()
            .filter(|(it, _)| *it == operation)
            .any(|(_, body)| body.pointer(&pointer).is_some_and(|sent| carries(sent, &wanted)));
        if !arrived {
            let sent: Vec<String> = bodies
                .iter()
                .map(|(it, body)| format!("{it} {}", body.pointer(&pointer).unwrap_or(body)))
                .collect();
            self.verdict.failures.push(format!("{wanted} did not reach {operation}: {}", sent.join("; ")));
        }
    }

    fn judge_change(&mut self, plan: &Plan) {
        let of_it = self.plan(plan);
        let differences = differences(&of_it.decision);
        let expected = expected::change(self.case.root, &self.case.path);
        let why = match expected {
            Change::NextRevision if differences.is_empty() => None,
            Change::NextRevision => Some("it should wait for the next revision".to_owned()),
            Change::Replaces => match &of_it.decision {
                Decision::Held { reason: Held::NeedsReplacement { .. }, .. } => self.alone(&differences),
                _ => Some("it should need a replacement".to_owned()),
            },
            _ => self.alone(&differences).or_else(|| self.consequence(&differences, expected)),
        };
        if let Some(why) = why {
            let told = told(&of_it.decision);
            self.verdict.failures.push(format!("changed, {why}: {told}"));
        }
    }

    /// Why the differences are not this member's alone.
    fn alone(&self, differences: &[&Difference]) -> Option<String> {
        let stray = differences.iter().find(|one| !is_about(&one.path, self.case));
        if let Some(stray) = stray {
            return Some(format!("{} differs as well", stray.path));
        }
        match differences {
            [] => Some("there is no difference".to_owned()),
            [_] => None,
            // An element under another name is another element.
            [one, other] if one.live.is_none() != other.live.is_none() => None,
            // A structure or a map may differ in several of its members.
            _ if self.first.is_object() || self.first.is_array() => None,
            _ => Some("it is more than one difference".to_owned()),
        }
    }

    fn consequence(&self, differences: &[&Difference], expected: Change) -> Option<String> {
        let wrong = differences.iter().find(|one| !expected::acts_as(expected, &one.consequence))?;
        Some(format!("{} is said to act as {:?}, not {expected:?}", wrong.path, wrong.consequence))
    }

    fn removal(&self) -> Removal {
        expected::removal(self.case.root, &self.case.path, self.case.required)
    }

    fn judge_removal(&mut self, plan: &Plan) {
        let of_it = self.plan(plan);
        let differences = differences(&of_it.decision);
        let why = match self.removal() {
            Removal::Reset => self.alone(&differences),
            Removal::Kept | Removal::Nothing if differences.is_empty() => None,
            Removal::Required => Some("it was taken away".to_owned()),
            Removal::Kept | Removal::Nothing => Some("it should be left alone".to_owned()),
        };
        if let Some(why) = why {
            let told = told(&of_it.decision);
            self.verdict.failures.push(format!("taken away, {why}: {told}"));
        }
    }

    fn judge_live_after_removal(&mut self, before: &Value, after: &Value) {
        let removal = self.removal();
        let kept = !after.is_null() && before == after;
        let why = match removal {
            Removal::Reset if kept => "is still there",
            Removal::Kept if !kept => "is no longer there",
            _ => return,
        };
        self.verdict.failures.push(format!("taken away, it {why}: {before} -> {after}"));
    }
}

/// The differences that a plan tells, without what it notes for itself.
fn differences(decision: &Decision) -> Vec<&Difference> {
    let all = match decision {
        Decision::Unchanged => return Vec::new(),
        Decision::Change { differences, .. } | Decision::Held { differences, .. } => differences,
    };
    all.iter().filter(|one| !one.path.to_string().starts_with("service.tags.reconciler/")).collect()
}

fn told(decision: &Decision) -> String {
    let reason = match decision {
        Decision::Held { reason, .. } => format!("held: {reason:?}; "),
        _ => String::new(),
    };
    let one = |it: &Difference| {
        let side = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        format!("{} {} -> {} ({:?})", it.path, side(&it.live), side(&it.desired), it.consequence)
    };
    let all = match decision {
        Decision::Unchanged => return "nothing to do".to_owned(),
        Decision::Change { differences, .. } | Decision::Held { differences, .. } => differences,
    };
    reason + &all.iter().map(one).collect::<Vec<_>>().join("; ")
}
