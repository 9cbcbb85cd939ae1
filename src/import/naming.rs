//! What a shared value is called: by what it is, or by the field that it stands in.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ServiceKey;

/// Variables that every environment has.
const BUILT_IN: [&str; 4] = ["account", "cluster", "environment", "region"];

/// One place that a value stands in.
#[derive(Clone, Debug)]
pub struct Use {
    pub service: ServiceKey,
    /// The field around the one that it stands in.
    pub around: String,
    /// The field: AWS's, or the name of an environment variable.
    pub key: String,
    /// Of subnets: tasks get public addresses in them.
    pub public: bool,
}

/// `registry`, or `registry_` and what tells it from the first one.
pub fn registry(host: &str, taken: &BTreeSet<String>) -> String {
    if !taken.contains("registry") {
        return "registry".to_owned();
    }
    let labels: Vec<&str> = host.split('.').collect();
    let telling = match labels.as_slice() {
        // ACCOUNT.dkr.ecr.REGION.amazonaws.com
        [account, "dkr", "ecr", ..] => (*account).to_owned(),
        [first, ..] => snake(first),
        [] => String::new(),
    };
    unique(&format!("registry_{telling}"), &[], taken)
}

/// `subnets`, `public_subnets`, `security_groups`
pub fn of_list(uses: &[Use], taken: &BTreeSet<String>) -> String {
    let public = uses.iter().all(|one| one.public);
    let key = uses.first().map(|one| snake(&one.key)).unwrap_or_default();
    unique(&if public { format!("public_{key}") } else { key }, uses, taken)
}

/// `execution_role`, `database_url_secret`, `task_queue`
pub fn of_text(text: &str, uses: &[Use], taken: &BTreeSet<String>) -> String {
    unique(&noun(text, uses), uses, taken)
}

fn noun(text: &str, uses: &[Use]) -> String {
    if let Some((_, name)) = text.split_once(":secret:") {
        // Secrets Manager ends the ARN with six characters of its own.
        let name =
            name.rsplit_once('-').filter(|(_, random)| random.len() == 6).map_or(name, |(name, _)| name);
        return ending(&last_part(name), "secret");
    }
    if let Some((_, name)) = text.split_once(":parameter/") {
        return ending(&last_part(name), "parameter");
    }
    let key = most_frequent(uses.iter().map(|one| one.key.as_str()));
    match key {
        "executionRoleArn" => "execution_role".to_owned(),
        "taskRoleArn" => "task_role".to_owned(),
        "roleArn" | "RoleArn" | "role" => "role".to_owned(),
        "awslogs-group" => "log_group".to_owned(),
        "fileSystemId" => "file_system".to_owned(),
        "accessPointId" => "access_point".to_owned(),
        "registryArn" => "service_registry".to_owned(),
        "credentialsParameter" => "registry_credentials".to_owned(),
        "value" => singular(most_frequent(uses.iter().map(|one| one.around.as_str()))),
        other => snake(other.strip_suffix("Arn").unwrap_or(other)),
    }
}

/// `environmentFiles` -> `environment_file`
fn singular(key: &str) -> String {
    snake(key.strip_suffix('s').unwrap_or(key))
}

fn last_part(name: &str) -> String {
    snake(name.rsplit('/').next().unwrap_or(name))
}

fn ending(name: &str, kind: &str) -> String {
    if name.ends_with(kind) { name.to_owned() } else { format!("{name}_{kind}") }
}

fn most_frequent<'a>(names: impl Iterator<Item = &'a str>) -> &'a str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    // Of names that are used equally often, the first of the alphabet.
    let most = counts.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(**name)));
    most.map_or("value", |(name, _)| name)
}

/// A name that is free: with what its services have in common before it, or with a number behind it.
pub fn unique(name: &str, uses: &[Use], taken: &BTreeSet<String>) -> String {
    let free = |name: &str| !taken.contains(name) && !BUILT_IN.contains(&name);
    if free(name) {
        return name.to_owned();
    }
    let prefixed = common_words(uses).map(|words| format!("{words}_{name}"));
    if let Some(prefixed) = prefixed.filter(|it| free(it)) {
        return prefixed;
    }
    (2..).map(|number| format!("{name}_{number}")).find(|it| free(it)).unwrap_or_default()
}

/// `job_api` and `job_worker` -> `job`
fn common_words(uses: &[Use]) -> Option<String> {
    let mut common: Option<Vec<String>> = None;
    for one in uses {
        let words: Vec<String> = snake(one.service.name()).split('_').map(str::to_owned).collect();
        common = Some(match common {
            None => words,
            Some(common) => {
                let same = common.iter().zip(&words).take_while(|(one, other)| one == other).count();
                common[..same].to_vec()
            }
        });
    }
    common.filter(|words| !words.is_empty()).map(|words| words.join("_"))
}

/// Any text as the name of a variable: `taskRoleArn` -> `task_role_arn`, `DATABASE_URL` -> `database_url`.
pub fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut before_lower = false;
    for letter in text.chars() {
        if !letter.is_ascii_alphanumeric() {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            before_lower = false;
            continue;
        }
        if letter.is_ascii_uppercase() && before_lower {
            name.push('_');
        }
        before_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        name.push(letter.to_ascii_lowercase());
    }
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        None => "value".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{name}"),
        Some(_) => name.to_owned(),
    }
}
