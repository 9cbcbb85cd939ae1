//! `reconciler validate`: every error in the manifests of a commit, or that there is none.

use crate::manifest::{self, Diagnostics};
use crate::model::{Checkout, Desired};
use crate::report;
use crate::shape::api::Api;

/// What was found, and the exit code to say it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Ends in a line end.
    pub text: String,
    /// 0: valid; 1: not.
    pub exit_code: u8,
}

/// Checks a commit for one environment, or for all that it has.
pub fn run(checkout: &Checkout, environment: Option<&str>, api: &Api, colour: bool) -> Outcome {
    let names = match environment {
        Some(name) => vec![Some(name.to_owned())],
        None => match manifest::environments(checkout) {
            names if names.is_empty() => vec![None],
            names => names.into_iter().map(Some).collect(),
        },
    };
    let loaded = names.iter().map(|name| manifest::check(checkout, name.as_deref(), api));
    let mut valid = Vec::new();
    let mut errors: Option<Diagnostics> = None;
    for result in loaded {
        match (result, errors.take()) {
            (Ok(desired), before) => {
                valid.push(desired);
                errors = before;
            }
            (Err(found), None) => errors = Some(found),
            (Err(found), Some(before)) => errors = Some(before.and(found)),
        }
    }
    match errors {
        Some(errors) => Outcome { text: format!("{}\n", errors.render(colour)), exit_code: 1 },
        None => {
            let unknown: Vec<String> = valid.iter().filter_map(|it| unknown(checkout, it)).collect();
            let unused: Vec<String> = valid.iter().flat_map(|it| unused(checkout, it)).collect();
            Outcome { text: summary(&valid) + &unknown.concat() + &unused.concat(), exit_code: 0 }
        }
    }
}

/// What could not be checked, since it stands in AWS.
fn unknown(checkout: &Checkout, desired: &Desired) -> Option<String> {
    let name = &desired.environment.name;
    let needs = manifest::needs(checkout, Some(name))?;
    let names: Vec<String> = needs.lookups.iter().map(|lookup| format!("`{}`", lookup.variable)).collect();
    let what = if names.len() == 1 { "the value" } else { "the values" };
    Some(format!(
        "{name}: {what} of {} stand{} in AWS, so what they are used for was not checked; `plan` does.\n",
        names.join(", "),
        if names.len() == 1 { "s" } else { "" }
    ))
}

/// Variables that would be looked up for nothing, each with its line.
pub fn unused(checkout: &Checkout, desired: &Desired) -> Vec<String> {
    let name = &desired.environment.name;
    let line = |(variable, origin)| {
        format!("warning: {origin}: no manifest of {name} uses `{variable}`, so it is not looked up\n")
    };
    manifest::unused(checkout, name).into_iter().map(line).collect()
}

/// `production (eu-west-1, cluster jobs): 12 services, valid.`
fn summary(valid: &[Desired]) -> String {
    let line = |desired: &Desired| {
        let environment = &desired.environment;
        let services = report::counted(desired.keys().filter_map(|key| desired.workload(key)));
        let (name, region, cluster) = (&environment.name, &environment.region, &environment.cluster);
        format!("{name} ({region}, cluster {cluster}): {services}, valid.\n")
    };
    valid.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGING: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: staging}
spec: {region: eu-west-1, cluster: jobs, variables: {tag: 1}}
";
    const SERVICE: &str = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: web}
spec:
  taskDefinition:
    memory: 512
    containerDefinitions: [{name: web, image: \"web:${tag}\"}]
  service: {desiredCount: 1}
";

    #[test]
    fn a_valid_commit_is_told_environment_by_environment() {
        let production = STAGING.replace("staging", "production");
        let files = [("a.yaml", STAGING), ("b.yaml", &production), ("web.yaml", SERVICE)];
        let outcome = run(&Checkout::of(&files), None, Api::builtin(), false);
        assert_eq!(
            outcome.text,
            "staging (eu-west-1, cluster jobs): 1 service, valid.\n\
             production (eu-west-1, cluster jobs): 1 service, valid.\n"
        );
        assert_eq!(outcome.exit_code, 0);
    }

    #[test]
    fn an_error_of_one_environment_only_is_found() {
        let production = STAGING.replace("staging", "production").replace("tag: 1", "other: 1");
        let files = [("a.yaml", STAGING), ("b.yaml", &production), ("web.yaml", SERVICE)];
        let outcome = run(&Checkout::of(&files), None, Api::builtin(), false);
        assert!(outcome.text.contains("unknown variable `tag`"), "{}", outcome.text);
        assert!(outcome.text.ends_with("1 error in 1 of 3 files.\n"), "{}", outcome.text);
        assert_eq!(outcome.exit_code, 1);
        assert_eq!(run(&Checkout::of(&files), Some("staging"), Api::builtin(), false).exit_code, 0);
    }

    #[test]
    fn a_variable_that_is_looked_up_for_nothing_is_a_warning() {
        let staging = STAGING.replace("tag: 1", "tag: 1, old: {ssm: /jobs/old}");
        let outcome =
            run(&Checkout::of(&[("a.yaml", &staging), ("web.yaml", SERVICE)]), None, Api::builtin(), false);
        assert_eq!(
            outcome.text,
            "staging (eu-west-1, cluster jobs): 1 service, valid.\n\
             warning: a.yaml:4: no manifest of staging uses `old`, so it is not looked up\n"
        );
        assert_eq!(outcome.exit_code, 0);
    }

    #[test]
    fn nothing_to_validate_is_an_error() {
        let outcome = run(&Checkout::of(&[("README.md", "")]), None, Api::builtin(), false);
        assert!(outcome.text.starts_with("error: no manifest in main@4c1f9e2\n"), "{}", outcome.text);
        assert_eq!(outcome.exit_code, 1);
    }
}
