//! What is written in Git beside what AWS answers: pairs that mean the same and must never show in a plan,
//! and pairs that really differ and must never be hidden.
//!
//! The cases are data, in `phantoms/`, each with the answer, the API page or the complaint of another
//! tool's users that it was made from. `git` and `aws` are the two sides; `differs` what a plan tells
//! (nothing, where it is left out), as `path: live -> desired`; `says` what `--explain` says of a path.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::EcsService;
use crate::plan::{Difference, Quiet, Rules, differences, trees};
use crate::shape::rules::{self, Equality, Node, Owner, Tree, tree};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Where the cases stand, unless they say another place.
    r#in: Place,
    cases: Vec<Case>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Task,
    Container,
    Service,
    /// The scalable target.
    Target,
    /// A scaling policy.
    Policy,
    /// A scheduled action.
    Action,
    Schedule,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    see: String,
    r#in: Option<Place>,
    /// Members of the task around a container, on both sides.
    around: Option<Value>,
    /// Something other than Git sets the number of tasks.
    #[serde(default)]
    autoscaled: bool,
    git: Value,
    aws: Value,
    #[serde(default)]
    differs: Vec<String>,
    #[serde(default)]
    says: Vec<String>,
}

/// A case with both sides as the planner has them.
pub struct Pair {
    pub name: String,
    pub desired: Value,
    pub live: Value,
    pub rules: Rules,
    pub node: &'static Node,
    /// What all paths begin with.
    root: &'static str,
    differs: Vec<String>,
    says: Vec<String>,
}

fn cases() -> Vec<(Place, Case)> {
    let files = [
        include_str!("phantoms/task_definition.yaml"),
        include_str!("phantoms/container.yaml"),
        include_str!("phantoms/service.yaml"),
        include_str!("phantoms/deployment.yaml"),
        include_str!("phantoms/connect.yaml"),
        include_str!("phantoms/scaling.yaml"),
        include_str!("phantoms/schedule.yaml"),
    ];
    let read = |text| {
        let file: File = serde_saphyr::from_str(text).unwrap();
        file.cases.into_iter().map(move |case| (case.r#in.unwrap_or(file.r#in), case))
    };
    files.into_iter().flat_map(read).collect()
}

static PAIRS: LazyLock<Vec<Pair>> =
    LazyLock::new(|| cases().into_iter().map(|(place, case)| pair(place, case)).collect());

pub fn pairs() -> &'static [Pair] {
    &PAIRS
}

fn pair(place: Place, case: Case) -> Pair {
    let named = |member: &str, name: &str, mut value: Value| {
        value[member] = name.into();
        value
    };
    let around = |value: Value| {
        let mut task = case.around.clone().unwrap_or_else(|| json!({}));
        task["containerDefinitions"] = json!([named("name", "api", value)]);
        task
    };
    let policies = |value| json!({"policies": [named("PolicyName", "cpu", value)]});
    let actions = |value| json!({"scheduledActions": [named("ScheduledActionName", "night", value)]});
    let (git, aws) = (case.git.clone(), case.aws.clone());
    let (desired, live, mut rules, which, root) = match place {
        Place::Task => (git, aws, Rules::task_definition(), Tree::TaskDefinition, "taskDefinition."),
        Place::Container => {
            let root = "taskDefinition.containerDefinitions[api].";
            (around(git), around(aws), Rules::task_definition(), Tree::TaskDefinition, root)
        }
        Place::Service if aws.get("deployments").is_some() => {
            let live = trees::live_service(&EcsService(aws), None, &git);
            (git, live, Rules::service(), Tree::Service, "service.")
        }
        Place::Service => (git, aws, Rules::service(), Tree::Service, "service."),
        Place::Target => (git, aws, Rules::scaling(), Tree::ScalableTarget, "scaling."),
        Place::Policy => {
            (policies(git), policies(aws), Rules::scaling(), Tree::ScalableTarget, "scaling.policies[cpu].")
        }
        Place::Action => {
            let root = "scaling.scheduledActions[night].";
            (actions(git), actions(aws), Rules::scaling(), Tree::ScalableTarget, root)
        }
        Place::Schedule => (git, aws, Rules::schedule(), Tree::Schedule, "schedule."),
    };
    rules.autoscaled = case.autoscaled || desired["schedulingStrategy"] == "DAEMON";
    let Case { name, differs, says, .. } = case;
    Pair { name, desired, live, rules, node: tree(which), root, differs, says }
}

impl Pair {
    fn compare(&self) -> (Vec<Difference>, Vec<Quiet>) {
        differences(&self.desired, &self.live, &self.rules)
    }

    fn told(&self, differences: &[Difference]) -> Vec<String> {
        let side = |value: &Option<Value>| match value {
            None => "(absent)".to_owned(),
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(other) => other.to_string(),
        };
        let told = |one: &Difference| {
            format!("{}: {} -> {}", self.below(&one.path.to_string()), side(&one.live), side(&one.desired))
        };
        differences.iter().map(told).collect()
    }

    fn below(&self, path: &str) -> String {
        let object = self.root.trim_end_matches('.');
        path.strip_prefix(self.root).or_else(|| path.strip_prefix(object)).unwrap_or(path).to_owned()
    }
}

#[test]
fn what_means_the_same_is_no_difference_and_what_differs_is_told() {
    let mut wrong = Vec::new();
    for pair in pairs() {
        let (found, quiet) = pair.compare();
        let told = pair.told(&found);
        if told != pair.differs {
            wrong.push(format!("{}\n  expected {:#?}\n  found    {told:#?}", pair.name, pair.differs));
        }
        let said: Vec<String> =
            quiet.iter().map(|one| format!("{}: {}", pair.below(&one.path.to_string()), one.rule)).collect();
        for sentence in &pair.says {
            if !said.contains(sentence) {
                wrong.push(format!("{}\n  expected {sentence}\n  said     {said:#?}", pair.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_case_has_a_name_of_its_own_and_says_where_it_comes_from() {
    let mut names = BTreeSet::new();
    let cases = cases();
    for (_, case) in &cases {
        assert!(names.insert(&case.name), "two cases are called `{}`", case.name);
        assert!(case.see.len() > 5, "{} says nothing of where it comes from", case.name);
    }
    let different = cases.iter().filter(|(_, case)| !case.differs.is_empty()).count();
    assert!(names.len() >= 330 && different >= 140, "{} cases, {different} of them differ", names.len());
}

/// Paths at which two trees differ as texts, no deeper than into lists: elements may have changed places.
fn textual(path: &str, desired: Option<&Value>, live: Option<&Value>, found: &mut Vec<String>) {
    let (desired, live) = (desired.filter(|one| !one.is_null()), live.filter(|one| !one.is_null()));
    match (desired, live) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                textual(&format!("{path}.{name}"), one.get(name), other.get(name), found);
            }
        }
        (one, other) if one != other => found.push(path.to_owned()),
        _ => {}
    }
}

/// Whether something was said of a path, of something in it, or of an object around it.
fn is_told(path: &str, told: &[String]) -> bool {
    let below = |one: &str, other: &str| {
        one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    told.iter().any(|one| below(one, path) || below(path, one))
}

#[test]
fn nothing_that_differs_as_text_is_swallowed() {
    for pair in pairs() {
        let (found, quiet) = pair.compare();
        let told: Vec<String> = found
            .iter()
            .map(|one| one.path.to_string())
            .chain(quiet.iter().map(|one| one.path.to_string()))
            .collect();
        let mut paths = Vec::new();
        let root = pair.root.split('.').next().unwrap();
        textual(root, Some(&pair.desired), Some(&pair.live), &mut paths);
        for path in paths {
            assert!(is_told(&path, &told), "{}: nothing is said of {path}\n{told:#?}", pair.name);
        }
        for one in &quiet {
            assert!(one.rule.len() > 8 && !one.rule.ends_with('.'), "{}: {}", pair.name, one.rule);
            assert!(one.desired != one.live || one.live.is_none(), "{}: {} is the same", pair.name, one.path);
        }
    }
}

/// A member that AWS may invent tomorrow, in every object of a tree in which AWS has the say.
fn invent(value: &mut Value, node: Option<&Node>) {
    let rule = node.and_then(|node| node.rule);
    if rule.is_some_and(|rule| {
        matches!(rule.equality, Equality::Map | Equality::Document | Equality::MapByName(_))
            || rule.owner == Owner::AwsOnly
    }) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                invent(member, node.and_then(|node| node.members.get(name.as_str())));
            }
            members.insert("inventedTomorrow".to_owned(), json!({"level": 3}));
        }
        Value::Array(list) => {
            let element = node.and_then(|node| node.element.as_deref());
            // An object in a list that no rule tells apart is one value.
            list.iter_mut().filter(|_| element.is_some()).for_each(|one| invent(one, element));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_member_that_aws_adds_tomorrow_is_told_as_added_and_is_never_drift_wherever_it_is() {
    let mut places = 0;
    for pair in pairs() {
        let (before, _) = pair.compare();
        let mut live = pair.live.clone();
        invent(&mut live, Some(pair.node));
        let (after, quiet) = differences(&pair.desired, &live, &pair.rules);
        let paths =
            |found: &[Difference]| -> Vec<String> { found.iter().map(|one| one.path.to_string()).collect() };
        assert_eq!(paths(&before), paths(&after), "{}", pair.name);
        let added = quiet.iter().filter(|one| one.path.to_string().ends_with(".inventedTomorrow"));
        let sentences: BTreeSet<&str> = added.map(|one| one.rule.as_str()).collect();
        assert!(sentences.contains(rules::UNKNOWN), "{}: {quiet:#?}", pair.name);
        places += quiet.iter().filter(|one| one.rule == rules::UNKNOWN).count();
    }
    assert!(places > 700, "only {places} places");
}
