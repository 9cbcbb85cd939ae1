//! Load balancers, listeners and rules.

use serde_json::{Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{list, number, text, texts, without_nulls};
use crate::naming;
use crate::world::World;

use super::groups::{paged, valid_name};
use super::route::{Action, Condition};
use super::{Elb, invalid, required};

pub(super) struct LoadBalancer {
    arn: String,
    name: String,
    scheme: String,
    subnets: Vec<String>,
    security_groups: Vec<String>,
    domain: String,
    created: Time,
}

pub(super) struct Listener {
    arn: String,
    pub(super) load_balancer: String,
    port: i64,
    protocol: String,
    pub(super) default_action: Action,
    default_rule: String,
    /// In the order in which they are tried.
    pub(super) rules: Vec<Rule>,
}

pub(super) struct Rule {
    arn: String,
    priority: i64,
    pub(super) conditions: Vec<Condition>,
    pub(super) action: Action,
}

impl Listener {
    pub(super) fn forwards_to(&self, group: &str) -> bool {
        let mut actions = self.rules.iter().map(|rule| &rule.action);
        self.default_action.forwards_to(group) || actions.any(|action| action.forwards_to(group))
    }

    fn describe(&self) -> Value {
        json!({
            "ListenerArn": self.arn,
            "LoadBalancerArn": self.load_balancer,
            "Port": self.port,
            "Protocol": self.protocol,
            "DefaultActions": self.default_action.describe(),
        })
    }

    /// All rules, the default rule last, with their ARNs.
    fn describe_rules(&self) -> impl Iterator<Item = (&String, Value)> {
        let default = json!({
            "RuleArn": self.default_rule,
            "Priority": "default",
            "Conditions": [],
            "Actions": self.default_action.describe(),
            "IsDefault": true,
        });
        self.rules.iter().map(|rule| (&rule.arn, rule.describe())).chain([(&self.default_rule, default)])
    }
}

impl Rule {
    fn describe(&self) -> Value {
        let conditions: Vec<Value> = self.conditions.iter().map(Condition::describe).collect();
        json!({
            "RuleArn": self.arn,
            "Priority": self.priority.to_string(),
            "Conditions": conditions,
            "Actions": self.action.describe(),
            "IsDefault": false,
        })
    }
}

impl LoadBalancer {
    fn describe(&self) -> Value {
        let zones: Vec<Value> = self
            .subnets
            .iter()
            .zip(["a", "b", "c"].iter().cycle())
            .map(|(subnet, zone)| json!({"ZoneName": format!("eu-west-1{zone}"), "SubnetId": subnet}))
            .collect();
        json!({
            "LoadBalancerArn": self.arn,
            "LoadBalancerName": self.name,
            "DNSName": self.domain,
            "CanonicalHostedZoneId": "Z32O12XQLNTSW2",
            "CreatedTime": rfc3339(self.created),
            "Scheme": self.scheme,
            "State": {"Code": "active"},
            "Type": "application",
            "IpAddressType": "ipv4",
            "AvailabilityZones": zones,
            "SecurityGroups": self.security_groups,
        })
    }
}

/// The query protocols carry times as text.
fn rfc3339(at: Time) -> String {
    use aws_smithy_types::date_time::{DateTime, Format};
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    DateTime::from_millis(millis).fmt(Format::DateTime).unwrap_or_default()
}

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let name = valid_name(required(input, "Name")?, "Load balancer")?;
    let kind = text(input, "Type").unwrap_or("application");
    if kind != "application" {
        return Err(invalid(format!("Load balancer type '{kind}' is not there: only application is")));
    }
    let owned = |texts: Vec<&str>| -> Vec<String> { texts.into_iter().map(str::to_owned).collect() };
    let mut subnets = owned(texts(input, "Subnets"));
    let mappings = list(input, "SubnetMappings").iter();
    subnets.extend(mappings.filter_map(|mapping| text(mapping, "SubnetId").map(str::to_owned)));
    let scheme = text(input, "Scheme").unwrap_or("internet-facing");
    let hash = naming::hexadecimal(&format!("load balancer {name}"), world.now, 16);
    let mut balancers = world.elb.balancers.values();
    if let Some(existing) = balancers.find(|existing| existing.name == name) {
        if existing.scheme != scheme || existing.subnets != subnets {
            return Err(ApiError::new(
                "DuplicateLoadBalancerName",
                format!("A load balancer with the same name '{name}' exists, but with different settings"),
            ));
        }
        return Ok(json!({"LoadBalancers": [existing.describe()]}));
    }
    let internal = if scheme == "internal" { "internal-" } else { "" };
    let balancer = LoadBalancer {
        arn: format!(
            "arn:aws:elasticloadbalancing:{}:{}:loadbalancer/app/{name}/{hash}",
            world.region, world.account
        ),
        name: name.to_owned(),
        scheme: scheme.to_owned(),
        subnets,
        security_groups: owned(texts(input, "SecurityGroups")),
        domain: format!("{internal}{name}-{}.{}.elb.amazonaws.com", &hash[..10], world.region),
        created: world.now,
    };
    let answer = json!({"LoadBalancers": [balancer.describe()]});
    world.elb.balancers.insert(balancer.arn.clone(), balancer);
    Ok(answer)
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let (arns, names) = (texts(input, "LoadBalancerArns"), texts(input, "Names"));
    let balancers = &world.elb.balancers;
    let named = |name: &&str| balancers.values().any(|balancer| balancer.name == **name);
    if !arns.iter().all(|arn| balancers.contains_key(*arn)) || !names.iter().all(named) {
        return Err(balancer_not_found());
    }
    let chosen = balancers.iter().filter(|(arn, balancer)| {
        (arns.is_empty() || arns.contains(&arn.as_str()))
            && (names.is_empty() || names.contains(&balancer.name.as_str()))
    });
    paged("LoadBalancers", chosen.map(|(arn, balancer)| (arn, balancer.describe())), input)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let arn = required(input, "LoadBalancerArn")?;
    // Deleting one that does not exist succeeds; its listeners go with it.
    world.elb.balancers.remove(arn);
    world.elb.listeners.retain(|_, listener| listener.load_balancer != arn);
    world.elb.refresh_use(world.now);
    Ok(json!({}))
}

pub(super) fn create_listener(world: &mut World, input: &Value) -> Answer {
    let balancer = required(input, "LoadBalancerArn")?;
    if !world.elb.balancers.contains_key(balancer) {
        return Err(balancer_not_found());
    }
    let port = number(input, "Port")
        .filter(|port| (1..=65535).contains(port))
        .ok_or_else(|| invalid("A listener port must be between 1 and 65535"))?;
    let taken = |listener: &Listener| listener.load_balancer == balancer && listener.port == port;
    if world.elb.listeners.values().any(taken) {
        return Err(ApiError::new(
            "DuplicateListener",
            format!("A listener already exists on this port for this load balancer '{balancer}'"),
        ));
    }
    let default_action = Action::parse(&world.elb, list(input, "DefaultActions"))?;
    let seed = format!("listener {balancer} {port}");
    let hash = naming::hexadecimal(&seed, world.now, 16);
    let rule_hash = naming::hexadecimal(&format!("default rule of {seed}"), world.now, 16);
    let arn = format!("{}/{hash}", balancer.replacen(":loadbalancer/", ":listener/", 1));
    let listener = Listener {
        default_rule: format!("{}/{rule_hash}", arn.replacen(":listener/", ":listener-rule/", 1)),
        arn: arn.clone(),
        load_balancer: balancer.to_owned(),
        port,
        protocol: text(input, "Protocol").unwrap_or("HTTP").to_owned(),
        default_action,
        rules: Vec::new(),
    };
    let answer = json!({"Listeners": [listener.describe()]});
    world.elb.listeners.insert(arn, listener);
    world.elb.refresh_use(world.now);
    Ok(answer)
}

pub(super) fn describe_listeners(world: &World, input: &Value) -> Answer {
    let arns = texts(input, "ListenerArns");
    let balancer = text(input, "LoadBalancerArn");
    let listeners = &world.elb.listeners;
    if !arns.iter().all(|arn| listeners.contains_key(*arn)) {
        return Err(listener_not_found());
    }
    if balancer.is_some_and(|balancer| !world.elb.balancers.contains_key(balancer)) {
        return Err(balancer_not_found());
    }
    let chosen = listeners.iter().filter(|(arn, listener)| {
        (arns.is_empty() || arns.contains(&arn.as_str()))
            && balancer.is_none_or(|balancer| listener.load_balancer == balancer)
    });
    paged("Listeners", chosen.map(|(arn, listener)| (arn, listener.describe())), input)
}

pub(super) fn modify_listener(world: &mut World, input: &Value) -> Answer {
    let action = match list(input, "DefaultActions") {
        [] => None,
        actions => Some(Action::parse(&world.elb, actions)?),
    };
    let listener = world.elb.listener_mut(input)?;
    if let Some(action) = action {
        listener.default_action = action;
    }
    if let Some(port) = number(input, "Port") {
        listener.port = port;
    }
    if let Some(protocol) = text(input, "Protocol") {
        listener.protocol = protocol.to_owned();
    }
    let answer = json!({"Listeners": [listener.describe()]});
    world.elb.refresh_use(world.now);
    Ok(answer)
}

pub(super) fn delete_listener(world: &mut World, input: &Value) -> Answer {
    let arn = required(input, "ListenerArn")?;
    world.elb.listeners.remove(arn).ok_or_else(listener_not_found)?;
    world.elb.refresh_use(world.now);
    Ok(json!({}))
}

pub(super) fn create_rule(world: &mut World, input: &Value) -> Answer {
    let action = Action::parse(&world.elb, list(input, "Actions"))?;
    let conditions = conditions(input)?;
    let now = world.now;
    let priority = number(input, "Priority")
        .filter(|priority| (1..=50_000).contains(priority))
        .ok_or_else(|| invalid("A priority must be between 1 and 50000"))?;
    let listener = world.elb.listener_mut(input)?;
    if listener.rules.iter().any(|rule| rule.priority == priority) {
        return Err(ApiError::new("PriorityInUse", format!("Priority '{priority}' is currently in use")));
    }
    let hash = naming::hexadecimal(&format!("rule {} {priority}", listener.arn), now, 16);
    let rule = Rule {
        arn: format!("{}/{hash}", listener.arn.replacen(":listener/", ":listener-rule/", 1)),
        priority,
        conditions,
        action,
    };
    let answer = json!({"Rules": [rule.describe()]});
    listener.rules.push(rule);
    listener.rules.sort_by_key(|rule| rule.priority);
    world.elb.refresh_use(now);
    Ok(answer)
}

fn conditions(input: &Value) -> Result<Vec<Condition>, ApiError> {
    let conditions = list(input, "Conditions").iter();
    let conditions = conditions.map(Condition::parse).collect::<Result<Vec<_>, _>>()?;
    if conditions.is_empty() {
        return Err(invalid("A condition must be specified"));
    }
    Ok(conditions)
}

pub(super) fn describe_rules(world: &World, input: &Value) -> Answer {
    let arns = texts(input, "RuleArns");
    let listeners = &world.elb.listeners;
    let chosen: Vec<&Listener> = match text(input, "ListenerArn") {
        Some(arn) => vec![listeners.get(arn).ok_or_else(listener_not_found)?],
        None => listeners.values().collect(),
    };
    let rules: Vec<Value> = chosen
        .into_iter()
        .flat_map(Listener::describe_rules)
        .filter(|(arn, _)| arns.is_empty() || arns.contains(&arn.as_str()))
        .map(|(_, rule)| rule)
        .collect();
    if rules.len() < arns.len() {
        return Err(rule_not_found());
    }
    // A listener has at most a hundred rules, which fit on one page.
    Ok(without_nulls(json!({"Rules": rules})))
}

pub(super) fn modify_rule(world: &mut World, input: &Value) -> Answer {
    let action = match list(input, "Actions") {
        [] => None,
        actions => Some(Action::parse(&world.elb, actions)?),
    };
    let conditions = match list(input, "Conditions") {
        [] => None,
        _ => Some(conditions(input)?),
    };
    let arn = required(input, "RuleArn")?;
    let rule = world
        .elb
        .listeners
        .values_mut()
        .flat_map(|listener| &mut listener.rules)
        .find(|rule| rule.arn == arn)
        .ok_or_else(rule_not_found)?;
    if let Some(action) = action {
        rule.action = action;
    }
    if let Some(conditions) = conditions {
        rule.conditions = conditions;
    }
    let answer = json!({"Rules": [rule.describe()]});
    world.elb.refresh_use(world.now);
    Ok(answer)
}

pub(super) fn delete_rule(world: &mut World, input: &Value) -> Answer {
    let arn = required(input, "RuleArn")?;
    let listeners = world.elb.listeners.values_mut();
    let mut found = false;
    for listener in listeners {
        if listener.default_rule == arn {
            return Err(ApiError::new("OperationNotPermitted", "Default rules cannot be deleted"));
        }
        let before = listener.rules.len();
        listener.rules.retain(|rule| rule.arn != arn);
        found |= listener.rules.len() < before;
    }
    if !found {
        return Err(rule_not_found());
    }
    world.elb.refresh_use(world.now);
    Ok(json!({}))
}

impl Elb {
    fn listener_mut(&mut self, input: &Value) -> Result<&mut Listener, ApiError> {
        let arn = required(input, "ListenerArn")?;
        self.listeners.get_mut(arn).ok_or_else(listener_not_found)
    }

    /// The listener that an ARN means: its own, or that of a load balancer with a listener (the one
    /// with the lowest port).
    pub fn listener(&self, arn: &str) -> Option<String> {
        if self.listeners.contains_key(arn) {
            return Some(arn.to_owned());
        }
        self.listeners
            .values()
            .filter(|listener| listener.load_balancer == arn)
            .min_by_key(|listener| listener.port)
            .map(|listener| listener.arn.clone())
    }

    /// Sends each target group its share of what a rule forwards, as ECS does while it shifts traffic. A rule
    /// that does not exist is nobody's.
    pub(crate) fn set_weights(&mut self, rule: &str, groups: &[(&str, i64)], now: Time) {
        let actions = self.listeners.values_mut().flat_map(|listener| {
            let default = (&listener.default_rule, &mut listener.default_action);
            listener.rules.iter_mut().map(|rule| (&rule.arn, &mut rule.action)).chain([default])
        });
        for (_, action) in actions.filter(|(arn, _)| *arn == rule) {
            *action = Action::weighted(groups);
        }
        self.refresh_use(now);
    }

    /// All listeners with their ports.
    pub fn listener_ports(&self) -> impl Iterator<Item = (&str, u16)> {
        self.listeners
            .values()
            .filter_map(|listener| Some((listener.arn.as_str(), u16::try_from(listener.port).ok()?)))
    }
}

fn balancer_not_found() -> ApiError {
    ApiError::new("LoadBalancerNotFound", "One or more load balancers not found")
}

fn listener_not_found() -> ApiError {
    ApiError::new("ListenerNotFound", "One or more listeners not found")
}

fn rule_not_found() -> ApiError {
    ApiError::new("RuleNotFound", "One or more rules not found")
}
