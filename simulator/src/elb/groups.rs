//! Target groups: their settings, and the targets registered in them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{flag, list, number, page, text, texts, without_nulls};
use crate::naming;
use crate::runtime::Runtime;
use crate::world::World;

use super::health::{Check, Health};
use super::{Elb, Target, TargetState, group_not_found, invalid, required};

const DELAY: &str = "deregistration_delay.timeout_seconds";

pub(super) struct TargetGroup {
    arn: String,
    name: String,
    protocol: String,
    port: Option<i64>,
    vpc: Option<String>,
    target_type: String,
    check: Check,
    attributes: BTreeMap<String, String>,
    balancers: BTreeSet<String>,
    pub(super) in_use: bool,
    pub(super) targets: BTreeMap<Target, Health>,
    /// Nothing happens to any target before this.
    due: Time,
    /// Counts requests, for round robin.
    turn: usize,
    /// Requests that were sent to targets since somebody last asked.
    requests: u64,
}

impl TargetGroup {
    pub(super) fn register(&mut self, target: Target, now: Time) {
        let known = self.targets.get(&target).map(|health| health.state);
        // Registering again is nothing new, except that it ends a drain.
        if known.is_none_or(|state| state == TargetState::Draining) {
            let health = if self.in_use { Health::initial(now) } else { Health::unused() };
            self.targets.insert(target, health);
            self.due = Time::default();
        }
    }

    pub(super) fn deregister(&mut self, target: &Target, now: Time) {
        let delay = self.deregistration_delay();
        let Some(health) = self.targets.get_mut(target) else {
            return;
        };
        match health.state {
            TargetState::Draining => {}
            TargetState::Unused => _ = self.targets.remove(target),
            TargetState::Initial | TargetState::Healthy | TargetState::Unhealthy => {
                health.drain(now + delay);
                self.due = Time::default();
            }
        }
        if delay.is_zero() {
            self.targets.remove(target);
        }
    }

    fn deregistration_delay(&self) -> Duration {
        let seconds = self.attributes.get(DELAY).and_then(|text| text.parse().ok());
        Duration::from_secs(seconds.unwrap_or(300))
    }

    /// Notes which load balancers send traffic here; its targets are checked from then on.
    pub(super) fn attach(&mut self, balancers: BTreeSet<String>, now: Time) {
        self.balancers = balancers;
        let in_use = !self.balancers.is_empty();
        if in_use == self.in_use {
            return;
        }
        self.in_use = in_use;
        self.due = Time::default();
        for health in self.targets.values_mut() {
            *health = if in_use { Health::initial(now) } else { Health::unused() };
        }
    }

    /// Does what is due at `now`, and says when to come again.
    pub(super) fn advance(&mut self, runtime: &dyn Runtime, now: Time) -> Time {
        if now < self.due {
            return self.due;
        }
        let check = &self.check;
        self.targets.retain(|target, health| {
            let is_due = health.due.is_some_and(|due| due <= now);
            match health.state {
                TargetState::Draining => return !is_due,
                TargetState::Unused => {}
                TargetState::Initial | TargetState::Healthy | TargetState::Unhealthy => {
                    if is_due {
                        health.check(target, check, runtime, now);
                    }
                }
            }
            true
        });
        let next = self.targets.values().filter_map(|health| health.due).min();
        self.due = next.unwrap_or(Time(u64::MAX));
        self.due
    }

    /// The next target for a request, in turn, leaving out those in `tried`.
    ///
    /// Healthy targets only; where there is none at all, ELB fails open to the unhealthy ones.
    pub(super) fn choose(&mut self, tried: &[Target]) -> Option<Target> {
        let in_state = |state: TargetState| -> Vec<&Target> {
            self.targets
                .iter()
                .filter(|(_, health)| health.state == state)
                .map(|(target, _)| target)
                .collect()
        };
        let mut candidates = in_state(TargetState::Healthy);
        if candidates.is_empty() {
            candidates = in_state(TargetState::Unhealthy);
        }
        candidates.retain(|target| !tried.contains(target));
        let chosen = candidates.get(self.turn % candidates.len().max(1)).copied().cloned();
        self.turn = self.turn.wrapping_add(1);
        // Another try is no other request.
        self.requests += u64::from(chosen.is_some() && tried.is_empty());
        chosen
    }

    /// The requests since the last call, and how many targets there are for them.
    pub(super) fn take_requests(&mut self) -> (u64, usize) {
        let healthy = self.targets.values().filter(|health| health.state == TargetState::Healthy).count();
        (std::mem::take(&mut self.requests), healthy)
    }

    fn describe(&self) -> Value {
        let check = &self.check;
        without_nulls(json!({
            "TargetGroupArn": self.arn,
            "TargetGroupName": self.name,
            "Protocol": self.protocol,
            "ProtocolVersion": "HTTP1",
            "Port": self.port,
            "VpcId": self.vpc,
            "TargetType": self.target_type,
            "IpAddressType": "ipv4",
            "HealthCheckProtocol": check.protocol,
            "HealthCheckPort": check.port,
            "HealthCheckEnabled": check.enabled,
            "HealthCheckIntervalSeconds": check.interval.as_secs(),
            "HealthCheckTimeoutSeconds": check.timeout.as_secs(),
            "HealthyThresholdCount": check.healthy_after,
            "UnhealthyThresholdCount": check.unhealthy_after,
            "HealthCheckPath": check.path,
            "Matcher": {"HttpCode": check.matcher},
            "LoadBalancerArns": self.balancers,
        }))
    }

    /// The settings that must agree for a second CreateTargetGroup to be the same one.
    fn settings(&self) -> (&str, Option<i64>, Option<&str>, &str, &Check) {
        let vpc = self.vpc.as_deref();
        (&self.protocol, self.port, vpc, &self.target_type, &self.check)
    }
}

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let name = valid_name(required(input, "Name")?, "Target group")?;
    let protocol = text(input, "Protocol").unwrap_or("HTTP");
    if !["HTTP", "HTTPS"].contains(&protocol) {
        return Err(invalid(format!(
            "Protocol '{protocol}' is not there: only application load balancers are"
        )));
    }
    let defaults = Check {
        enabled: true,
        protocol: "HTTP".into(),
        port: "traffic-port".into(),
        path: "/".into(),
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        healthy_after: 5,
        unhealthy_after: 2,
        matcher: "200".into(),
    };
    let arn = format!(
        "arn:aws:elasticloadbalancing:{}:{}:targetgroup/{name}/{}",
        world.region,
        world.account,
        naming::hexadecimal(&format!("target group {name}"), world.now, 16)
    );
    let group = TargetGroup {
        arn: arn.clone(),
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        port: number(input, "Port"),
        vpc: text(input, "VpcId").map(str::to_owned),
        target_type: text(input, "TargetType").unwrap_or("instance").to_owned(),
        check: check(&defaults, input)?,
        attributes: [
            (DELAY, "300"),
            ("load_balancing.algorithm.type", "round_robin"),
            ("slow_start.duration_seconds", "0"),
            ("stickiness.enabled", "false"),
            ("stickiness.type", "lb_cookie"),
            ("stickiness.lb_cookie.duration_seconds", "86400"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        balancers: BTreeSet::new(),
        in_use: false,
        targets: BTreeMap::new(),
        due: Time::default(),
        turn: 0,
        requests: 0,
    };
    let groups = &mut world.elb.groups;
    if let Some(existing) = groups.values().find(|existing| existing.name == name) {
        if existing.settings() != group.settings() {
            return Err(ApiError::new(
                "DuplicateTargetGroupName",
                format!("A target group with the same name '{name}' exists, but with different settings"),
            ));
        }
        return Ok(json!({"TargetGroups": [existing.describe()]}));
    }
    let answer = json!({"TargetGroups": [group.describe()]});
    groups.insert(arn, group);
    Ok(answer)
}

/// Names of target groups and load balancers follow the same rule.
pub(super) fn valid_name<'a>(name: &'a str, what: &str) -> Result<&'a str, ApiError> {
    let fits = (1..=32).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !fits {
        return Err(invalid(format!(
            "{what} name '{name}' must have at most 32 letters, digits and hyphens, and must not begin or end with a hyphen"
        )));
    }
    Ok(name)
}

/// The health check settings after a request changed some of them.
fn check(before: &Check, input: &Value) -> Result<Check, ApiError> {
    let within = |member: &str, before: u64, low: i64, high: i64| match number(input, member) {
        None => Ok(before),
        Some(given) if (low..=high).contains(&given) => Ok(given as u64),
        Some(given) => Err(invalid(format!("{member} '{given}' must be between {low} and {high}"))),
    };
    let or = |member: &str, before: &str| text(input, member).unwrap_or(before).to_owned();
    let interval = within("HealthCheckIntervalSeconds", before.interval.as_secs(), 5, 300)?;
    let timeout = within("HealthCheckTimeoutSeconds", before.timeout.as_secs(), 2, 120)?;
    if timeout >= interval {
        return Err(invalid(format!(
            "Health check interval '{interval}' must be greater than the timeout '{timeout}'"
        )));
    }
    let path = or("HealthCheckPath", &before.path);
    if !path.starts_with('/') || path.len() > 1024 {
        return Err(invalid(format!("Health check path '{path}' must begin with a '/'")));
    }
    let healthy = u64::from(before.healthy_after);
    let unhealthy = u64::from(before.unhealthy_after);
    Ok(Check {
        enabled: flag(input, "HealthCheckEnabled").unwrap_or(before.enabled),
        protocol: or("HealthCheckProtocol", &before.protocol),
        port: or("HealthCheckPort", &before.port),
        path,
        interval: Duration::from_secs(interval),
        timeout: Duration::from_secs(timeout),
        healthy_after: within("HealthyThresholdCount", healthy, 2, 10)? as u32,
        unhealthy_after: within("UnhealthyThresholdCount", unhealthy, 2, 10)? as u32,
        matcher: input
            .get("Matcher")
            .and_then(|matcher| text(matcher, "HttpCode"))
            .unwrap_or(&before.matcher)
            .to_owned(),
    })
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let (arns, names) = (texts(input, "TargetGroupArns"), texts(input, "Names"));
    let balancer = text(input, "LoadBalancerArn");
    let known = |arn: &&str| world.elb.groups.contains_key(*arn);
    let named = |name: &&str| world.elb.groups.values().any(|group| group.name == **name);
    if !arns.iter().all(known) || !names.iter().all(named) {
        return Err(group_not_found());
    }
    let chosen = world.elb.groups.iter().filter(|(arn, group)| {
        (arns.is_empty() || arns.contains(&arn.as_str()))
            && (names.is_empty() || names.contains(&group.name.as_str()))
            && balancer.is_none_or(|balancer| group.balancers.contains(balancer))
    });
    paged("TargetGroups", chosen.map(|(arn, group)| (arn, group.describe())), input)
}

/// One page of any of the service's lists.
pub(super) fn paged<'a>(
    member: &str,
    entries: impl Iterator<Item = (&'a String, Value)>,
    input: &Value,
) -> Answer {
    let size = number(input, "PageSize").unwrap_or(400);
    if !(1..=400).contains(&size) {
        return Err(invalid("PageSize must be between 1 and 400"));
    }
    let page = page(entries, size as usize, text(input, "Marker"))
        .ok_or_else(|| invalid("The marker is invalid"))?;
    Ok(without_nulls(json!({member: page.entries, "NextMarker": page.next})))
}

pub(super) fn modify(world: &mut World, input: &Value) -> Answer {
    world.elb.due = Time::default();
    let group = world.elb.group_mut(input)?;
    group.check = check(&group.check, input)?;
    group.due = Time::default();
    Ok(json!({"TargetGroups": [group.describe()]}))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let arn = required(input, "TargetGroupArn")?;
    if world.elb.is_attached(arn) {
        return Err(ApiError::new(
            "ResourceInUse",
            format!("Target group '{arn}' is currently in use by a listener or a rule"),
        ));
    }
    // Deleting one that does not exist succeeds.
    world.elb.groups.remove(arn);
    Ok(json!({}))
}

pub(super) fn modify_attributes(world: &mut World, input: &Value) -> Answer {
    let group = world.elb.group_mut(input)?;
    for attribute in list(input, "Attributes") {
        let (key, value) = (required(attribute, "Key")?, required(attribute, "Value")?);
        if !group.attributes.contains_key(key) {
            return Err(ApiError::new(
                "InvalidConfigurationRequest",
                format!("Target group attribute key '{key}' is not recognized"),
            ));
        }
        let is_delay = value.parse::<u32>().is_ok_and(|delay| delay <= 3600);
        if key == DELAY && !is_delay {
            return Err(invalid(format!("'{DELAY}' value must be between 0 and 3600 inclusive")));
        }
    }
    for attribute in list(input, "Attributes") {
        let (key, value) = (required(attribute, "Key")?, required(attribute, "Value")?);
        group.attributes.insert(key.to_owned(), value.to_owned());
    }
    Ok(attribute_list(group))
}

pub(super) fn describe_attributes(world: &mut World, input: &Value) -> Answer {
    Ok(attribute_list(world.elb.group_mut(input)?))
}

fn attribute_list(group: &TargetGroup) -> Value {
    let attributes: Vec<Value> =
        group.attributes.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    json!({"Attributes": attributes})
}

pub(super) fn register_targets(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let group = world.elb.group_mut(input)?;
    let default_port = group.port;
    for target in list(input, "Targets") {
        let port = number(target, "Port").or(default_port);
        let port = port
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| ApiError::new("InvalidTarget", "A port must be specified"))?;
        // Nothing is known to run behind an address that ECS did not register.
        let target = Target {
            task: String::new(),
            container: String::new(),
            ip: required(target, "Id")?.to_owned(),
            port,
        };
        group.register(target, now);
    }
    world.elb.due = Time::default();
    Ok(json!({}))
}

pub(super) fn deregister_targets(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let group = world.elb.group_mut(input)?;
    for wanted in list(input, "Targets") {
        let found = group.matching(wanted);
        if found.is_empty() {
            return Err(ApiError::new(
                "InvalidTarget",
                format!("The following targets are not registered: '{}'", required(wanted, "Id")?),
            ));
        }
        for target in found {
            group.deregister(&target, now);
        }
    }
    world.elb.due = Time::default();
    Ok(json!({}))
}

impl TargetGroup {
    /// The registered targets that a `TargetDescription` means; without a port, all of that id.
    fn matching(&self, wanted: &Value) -> Vec<Target> {
        let (id, port) = (text(wanted, "Id"), number(wanted, "Port"));
        self.targets
            .keys()
            .filter(|target| Some(target.ip.as_str()) == id)
            .filter(|target| port.is_none_or(|port| i64::from(target.port) == port))
            .cloned()
            .collect()
    }
}

pub(super) fn describe_health(world: &mut World, input: &Value) -> Answer {
    let group = world.elb.group_mut(input)?;
    let describe = |target: &Target, health: &Health| {
        let (reason, description) = health.reason().unzip();
        let state = match health.state {
            TargetState::Initial => "initial",
            TargetState::Healthy => "healthy",
            TargetState::Unhealthy => "unhealthy",
            TargetState::Draining => "draining",
            TargetState::Unused => "unused",
        };
        let check_port = group.check.port.parse().unwrap_or(target.port);
        json!({
            "Target": {"Id": target.ip, "Port": target.port, "AvailabilityZone": "eu-west-1a"},
            "HealthCheckPort": check_port.to_string(),
            "TargetHealth": without_nulls(json!({
                "State": state, "Reason": reason, "Description": description,
            })),
        })
    };
    let wanted = list(input, "Targets");
    let mut descriptions = Vec::new();
    if wanted.is_empty() {
        descriptions.extend(group.targets.iter().map(|(target, health)| describe(target, health)));
    }
    for wanted in wanted {
        let found = group.matching(wanted);
        if found.is_empty() {
            descriptions.push(json!({
                "Target": wanted,
                "TargetHealth": {
                    "State": "unused",
                    "Reason": "Target.NotRegistered",
                    "Description": "Target is not registered to the target group",
                },
            }));
        }
        let found = found.iter().filter_map(|target| group.targets.get_key_value(target));
        descriptions.extend(found.map(|(target, health)| describe(target, health)));
    }
    Ok(json!({"TargetHealthDescriptions": descriptions}))
}

impl Elb {
    /// The next target of a group for a request, leaving out those in `tried`.
    pub fn choose(&mut self, target_group: &str, tried: &[Target]) -> Option<Target> {
        self.groups.get_mut(target_group)?.choose(tried)
    }
}
