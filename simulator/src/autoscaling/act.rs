//! What moves the desired count by itself: scaling policies, at the end of each minute.
//!
//! See "How target tracking scaling works" and "How step scaling works": policies scale out as soon as
//! one asks for it, and in only when all target tracking policies agree, when no deployment is in
//! progress, and when the last scale-in is long enough ago.

use std::time::Duration;

use serde_json::{Map, Value};

use super::policies::{STEPS, TRACKING};
use super::tracking::{self, End};
use super::{Target, cluster_and_service, steps};
use crate::clock::Time;
use crate::cloudwatch::{CloudWatch, State};
use crate::world::World;

/// ECS's default for both cooldowns.
const COOLDOWN_SECONDS: u64 = 300;

/// The last scale-out, until its cooldown is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScaledOut {
    until: Time,
    /// The desired count before: what was added since counts as part of what the next one adds.
    base: u32,
}

/// One policy's wish.
struct Wish {
    desired: u32,
    policy: String,
    alarm: String,
    /// In seconds of scaling's time.
    cooldown: u64,
}

/// All policies' wishes: by how much out, and by how much in.
struct Wishes {
    out: Vec<Wish>,
    in_: Vec<Wish>,
}

pub(super) fn follow_policies(world: &mut World) {
    let ids: Vec<String> = world.autoscaling.targets.keys().cloned().collect();
    for id in ids {
        follow(world, &id);
    }
}

fn follow(world: &mut World, id: &str) {
    let now = world.now;
    let Ok((cluster, service)) = cluster_and_service(id) else {
        return;
    };
    let Some((desired, deploying)) = world.ecs.desired(cluster, service) else {
        return;
    };
    let Some(target) = world.autoscaling.targets.get(id) else {
        return;
    };
    let cooling = target.scaled_out.filter(|out| now < out.until);
    let base = cooling.map_or(desired, |out| out.base);
    let wishes = wishes(&world.cloudwatch, target, base, desired);
    let within = |count: u32| count.min(target.max).max(target.min);
    let out = wishes.out.into_iter().max_by_key(|wish| wish.desired);
    let outward = out.filter(|wish| within(wish.desired) > desired);
    // A policy that would scale out, but may not or cannot, still keeps the others from scaling in.
    let inward = wishes.in_.into_iter().max_by_key(|wish| wish.desired);
    let may_go_in = !target.suspended.scaling_in && !deploying && target.in_cooldown_until <= now;
    let (wish, is_out) = match (outward, inward) {
        (Some(wish), _) if !target.suspended.scaling_out => (wish, true),
        (None, Some(wish)) if may_go_in && within(wish.desired) < desired => (wish, false),
        _ => return,
    };
    let count = within(wish.desired);
    let cooldown = world.pace.scaled(wish.cooldown);
    let cause = format!("monitor alarm {} in state ALARM triggered policy {}", wish.alarm, wish.policy);
    if let Some(target) = world.autoscaling.targets.get_mut(id) {
        remember(target, is_out, base, now, cooldown);
        target.activities.desired(id, now, count, cause);
    }
    world.ecs.set_desired(cluster, service, count);
}

fn remember(target: &mut Target, is_out: bool, base: u32, now: Time, cooldown: Duration) {
    if is_out {
        target.scaled_out = Some(ScaledOut { until: now + cooldown, base });
        // Scaling out ends the cooldown of a scale-in.
        target.in_cooldown_until = Time::default();
    } else {
        target.in_cooldown_until = now + cooldown;
        target.scaled_out = None;
    }
}

fn wishes(cloudwatch: &CloudWatch, target: &Target, base: u32, desired: u32) -> Wishes {
    let mut wishes = Wishes { out: Vec::new(), in_: Vec::new() };
    let mut low = Vec::new();
    let mut all_low = true;
    for (name, policy) in &target.policies {
        if let Some(configuration) = policy.get(TRACKING) {
            let seconds = |member: &str| configuration[member].as_u64().unwrap_or(COOLDOWN_SECONDS);
            let goal = configuration["TargetValue"].as_f64().unwrap_or(f64::MAX);
            let wish = |end: End| {
                let (alarm, value) = in_alarm(cloudwatch, policy, end)?;
                let (count, cooldown) = match end {
                    End::High => (tracking::scaled_out(base, value, goal), seconds("ScaleOutCooldown")),
                    End::Low => (tracking::scaled_in(desired, value, goal), seconds("ScaleInCooldown")),
                };
                Some(Wish { desired: count, policy: name.clone(), alarm, cooldown })
            };
            wishes.out.extend(wish(End::High));
            if configuration["DisableScaleIn"] != Value::Bool(true) {
                let wish = wish(End::Low);
                all_low &= wish.is_some();
                low.extend(wish);
            }
        } else if let Some(configuration) = policy.get(STEPS) {
            let arn = policy.get("PolicyARN").and_then(Value::as_str).unwrap_or_default();
            let alarms = cloudwatch.alarms_of(arn).filter(|(_, alarm)| alarm.state() == State::Alarm);
            for (alarm, breach) in
                alarms.filter_map(|(name, alarm)| Some((name.clone(), alarm.value()? - alarm.threshold())))
            {
                let cooldown = configuration["Cooldown"].as_u64().unwrap_or(COOLDOWN_SECONDS);
                let wish =
                    |count| Wish { desired: count, policy: name.clone(), alarm: alarm.clone(), cooldown };
                if let Some(count) =
                    steps::adjusted(configuration, desired, breach).filter(|it| *it < desired)
                {
                    wishes.in_.push(wish(count));
                } else if let Some(count) = steps::adjusted(configuration, base, breach) {
                    wishes.out.push(wish(count));
                }
            }
        }
    }
    if all_low {
        // Of several policies that agree to scale in, the one that leaves the most tasks counts.
        wishes.in_.extend(low.into_iter().max_by_key(|wish| wish.desired));
    }
    wishes
}

/// The name of a policy's alarm and its newest value, if it is in alarm.
fn in_alarm(cloudwatch: &CloudWatch, policy: &Map<String, Value>, end: End) -> Option<(String, f64)> {
    let alarms = policy.get("Alarms")?.as_array()?;
    let mut names = alarms.iter().filter_map(|alarm| alarm["AlarmName"].as_str());
    let name = names.find(|name| name.contains(end.name()))?;
    let alarm = cloudwatch.alarm(name)?;
    (alarm.state() == State::Alarm).then_some((name.to_owned(), alarm.value()?))
}
