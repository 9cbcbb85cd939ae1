//! Bytes -> a pair of trees of one kind -> the differ, both ways round.

use reconciler::model::Json;
use reconciler::plan::{Difference, Rules, differences};
use reconciler::shape::api::{Api, Type};
use serde_json::{Map, json};

use super::shaped::{Choices, altered, shaped, shuffled, touched, with_unique_keys};

/// Each tree of rules, with two trees that it compares.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let which = choices.below(4);
    let mut rules = [Rules::task_definition, Rules::service, Rules::scaling, Rules::schedule][which]();
    rules.autoscaled = choices.one_in(2);
    let (how, mut one) = (choices.below(4), root(which, &mut choices));
    let alike = how > 1;
    if alike {
        one = with_unique_keys(&one);
    }
    let other = match how {
        0 => root(which, &mut choices),
        1 => altered(&one, &mut choices),
        2 => touched(&one, &mut choices),
        _ => shuffled(&one, &mut choices),
    };
    for tree in [&one, &other] {
        assert_eq!(compare(tree, tree, &rules), [], "{tree:#}");
    }
    let (there, back) = (compare(&one, &other, &rules), compare(&other, &one, &rules));
    // Where both sides mention the same fields, nothing is told in one direction alone.
    if alike {
        assert_eq!(there.is_empty(), back.is_empty(), "{there:#?}\n{back:#?}\n{one:#}\n{other:#}");
    }
}

fn compare(desired: &Json, live: &Json, rules: &Rules) -> Vec<Difference> {
    let (found, quiet) = differences(desired, live, rules);
    assert!(quiet.iter().all(|quiet| !quiet.rule.is_empty()));
    found
}

/// What the planner compares under one tree of rules.
fn root(which: usize, choices: &mut Choices<'_>) -> Json {
    match which {
        0 => input("RegisterTaskDefinition", choices),
        1 => input("CreateService", choices),
        3 => input("CreateSchedule", choices),
        _ => scaling(choices),
    }
}

/// As `plan` folds it: policies and scheduled actions below the scalable target.
fn scaling(choices: &mut Choices<'_>) -> Json {
    let mut target = Map::new();
    for name in ["minCapacity", "maxCapacity"] {
        target.insert(name.to_owned(), json!(choices.below(3)));
    }
    if choices.one_in(2) {
        target.insert("suspendedState".to_owned(), typed("SuspendedState", choices));
    }
    for (list, operation) in [("policies", "PutScalingPolicy"), ("scheduledActions", "PutScheduledAction")] {
        let count = choices.below(3);
        target.insert(list.to_owned(), (0..count).map(|_| input(operation, choices)).collect());
    }
    Json::Object(target)
}

fn input(operation: &str, choices: &mut Choices<'_>) -> Json {
    of(Api::builtin().input(operation), choices)
}

fn typed(name: &str, choices: &mut Choices<'_>) -> Json {
    of(Api::builtin().shape(name), choices)
}

fn of(shape: Option<Type<'_>>, choices: &mut Choices<'_>) -> Json {
    shape.map_or(Json::Null, |shape| shaped(shape, choices, 0))
}
