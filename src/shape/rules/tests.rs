//! The table is whole and consistent.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::{Absent, Clear, Effect, Equality, Kept, Node, Owner, Rule, Tree, all, tree};
use crate::shape::api::{Api, Shape, Type};

fn paths(of: Tree) -> BTreeSet<&'static str> {
    all().filter(|rule| rule.tree == of).map(|rule| rule.path).collect()
}

#[test]
fn no_field_has_two_rules() {
    let mut seen = BTreeSet::new();
    for rule in all() {
        assert!(seen.insert((rule.tree, rule.path)), "{:?} {}", rule.tree, rule.path);
    }
    assert!(seen.len() > 250, "the table shrank to {}", seen.len());
}

#[test]
fn every_field_around_a_field_has_a_rule_as_well() {
    for rule in all() {
        let known = paths(rule.tree);
        let Some((around, _)) = rule.path.rsplit_once('.') else { continue };
        // A plain object stands for itself; the metrics of a policy are compared as they are.
        let unknown = !known.contains(around) && !around.contains("Specification");
        assert!(!unknown, "{:?} {} has no rule above it at {around}", rule.tree, rule.path);
    }
}

#[test]
fn keys_that_tell_elements_apart_are_members_of_them() {
    for rule in all() {
        let Equality::KeyedBy(keys) = rule.equality else { continue };
        let known = paths(rule.tree);
        for key in keys {
            let member = format!("{}[].{key}", rule.path);
            let of_scaling = rule.tree == Tree::ScalableTarget || rule.path.ends_with("Metrics");
            assert!(of_scaling || known.contains(member.as_str()), "{member} has no rule");
        }
    }
}

#[test]
fn what_is_sent_to_clear_a_field_parses() {
    for rule in all() {
        let Clear::Send(text) = rule.clear else { continue };
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{}: {text}", rule.path);
    }
}

#[test]
fn siblings_that_a_rule_names_exist() {
    for rule in all() {
        let named = [
            rule.only_with.map(|(sibling, _)| sibling),
            if let Absent::SameAs(sibling) = rule.absent { Some(sibling) } else { None },
        ];
        for sibling in named.into_iter().flatten() {
            let around = rule.path.rsplit_once('.').map_or(String::new(), |(around, _)| format!("{around}."));
            let path = format!("{around}{sibling}");
            assert!(paths(rule.tree).contains(path.as_str()), "{path}");
        }
    }
}

#[test]
fn every_service_member_that_git_may_own_says_what_changing_it_does() {
    for (name, node) in &tree(Tree::Service).members {
        let rule = node.rule.unwrap();
        if rule.owner != Owner::AwsOnly {
            assert!(node.effect.is_some(), "{name} has no effect");
        }
        // What has a default of its own must be able to go back to it.
        let cleared = matches!(rule.absent, Absent::NotOurs) || rule.clear != Clear::LeaveOut;
        assert!(cleared || rule.owner == Owner::AwsOnly, "{name} can't be cleared");
    }
}

#[test]
fn the_effect_of_a_member_holds_for_what_is_in_it() {
    let node = |path: &[&str]| -> &'static Node {
        path.iter().fold(tree(Tree::Service), |node, step| match *step {
            "[]" => node.element.as_deref().unwrap(),
            step => &node.members[step],
        })
    };
    let expected: [(&[&str], Effect); 5] = [
        (&["networkConfiguration", "awsvpcConfiguration", "subnets"], Effect::StartsDeployment),
        (&["loadBalancers", "[]", "targetGroupArn"], Effect::StartsDeployment),
        (&["capacityProviderStrategy", "[]", "weight"], Effect::ForcesDeployment),
        (&["deploymentConfiguration", "alarms", "enable"], Effect::InPlace),
        (&["schedulingStrategy"], Effect::NeedsReplacement),
    ];
    for (path, effect) in expected {
        assert_eq!(node(path).effect, Some(effect), "{path:?}");
    }
}

#[test]
fn every_rule_explains_itself_in_a_fragment() {
    let kept = [Kept::Default, Kept::Equality, Kept::Owner, Kept::NotMentioned, Kept::NotSelected];
    for (rule, kept) in all().flat_map(|rule: &Rule| kept.map(|kept| (rule, kept))) {
        let sentence = rule.sentence(kept);
        assert!(sentence.len() > 8 && !sentence.ends_with('.'), "{}: {sentence}", rule.path);
    }
    let interval = all().find(|rule| rule.path.ends_with("healthCheck.interval")).unwrap();
    assert_eq!(interval.sentence(Kept::Default), "AWS fills in 30");
    let breaker = all().find(|rule| rule.path.ends_with("linearConfiguration")).unwrap();
    assert_eq!(breaker.sentence(Kept::NotSelected), "it counts only while strategy is LINEAR");
}

/// Members of AWS's input that no rule knows, by their paths.
fn unknown_members(kind: Type<'_>, node: &Node, path: &str, unknown: &mut Vec<String>) {
    // A map, free JSON, or what belongs to whoever writes it, has no members of AWS's.
    let opaque = node.rule.is_some_and(|rule| {
        matches!(rule.equality, Equality::Map | Equality::MapByName(_) | Equality::Document)
            || rule.owner != Owner::Git
    });
    if opaque {
        return;
    }
    if let Some(element) = kind.element() {
        if let Shape::Structure { .. } = element.shape() {
            match &node.element {
                Some(inner) => unknown_members(element, inner, &format!("{path}[]"), unknown),
                None => unknown.push(format!("{path}[]")),
            }
        }
    } else if let Shape::Structure { members, .. } = kind.shape() {
        for name in members.keys() {
            let path = format!("{path}.{name}");
            match (kind.member(name), node.members.get(name.as_str())) {
                (Some(member), Some(inner)) if inner.rule.is_some() => {
                    unknown_members(member, inner, &path, unknown);
                }
                _ => unknown.push(path),
            }
        }
    }
}

#[test]
fn the_table_knows_every_field_that_aws_takes() {
    let api = Api::builtin();
    let mut unknown = Vec::new();
    for (operation, which) in [
        ("RegisterTaskDefinition", Tree::TaskDefinition),
        ("CreateService", Tree::Service),
        ("CreateSchedule", Tree::Schedule),
    ] {
        unknown_members(api.input(operation).unwrap(), tree(which), operation, &mut unknown);
    }
    let scaling = tree(Tree::ScalableTarget);
    for (operation, list) in [("PutScalingPolicy", "policies"), ("PutScheduledAction", "scheduledActions")] {
        let element = scaling.members[list].element.as_deref().unwrap();
        unknown_members(api.input(operation).unwrap(), element, operation, &mut unknown);
    }
    let suspended = api.input("RegisterScalableTarget").unwrap().member("SuspendedState").unwrap();
    unknown_members(suspended, &scaling.members["suspendedState"], "SuspendedState", &mut unknown);
    assert_eq!(unknown, Vec::<String>::new(), "AWS's model has grown: say how these behave");
}
