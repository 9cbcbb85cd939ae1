//! Variables, secrets and environment files of a container.

use std::collections::BTreeMap;

use super::view::is_set;
use super::{View, elements};
use crate::model::{FieldPath, Json};

const SEE: &str = "see RegisterTaskDefinition, ContainerDefinition";
const SEE_SECRET: &str = "see RegisterTaskDefinition, Secret";
const SEE_FILE: &str = "see RegisterTaskDefinition, EnvironmentFile";
/// Of one container.
const FILES_MAX: usize = 10;

pub fn check(view: &mut View<'_>) {
    for (path, container) in view.containers() {
        variables(view, &path, container);
        for (path, secret) in elements(container, &path, "secrets") {
            value_from(view, &path, secret);
        }
        let log = path.field("logConfiguration");
        for (path, secret) in elements(&container["logConfiguration"], &log, "secretOptions") {
            value_from(view, &path, secret);
        }
        files(view, &path, container);
    }
    execution_role(view);
}

/// A name may stand once, in `environment` or in `secrets`.
pub fn variables(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let mut seen: BTreeMap<&str, (&str, FieldPath)> = BTreeMap::new();
    for list in ["environment", "secrets"] {
        for (path, item) in elements(container, path, list) {
            let Some(name) = item["name"].as_str() else { continue };
            let path = path.field("name");
            let Some((first, at)) = seen.insert(name, (list, path.clone())) else { continue };
            let title = format!("`{name}` is set twice in one container");
            let label = match first == list {
                true => "the second one".to_owned(),
                false => format!("it is in `{first}` as well; leave one of them out"),
            };
            view.error(&path, title, label, &[SEE]);
            view.beside(&at, "the first one");
        }
    }
}

/// A parameter's name, or the ARN of a parameter or a secret.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>
fn value_from(view: &mut View<'_>, path: &FieldPath, secret: &Json) {
    let Some(arn) = secret["valueFrom"].as_str().filter(|text| text.starts_with("arn:")) else { return };
    let path = path.field("valueFrom");
    let parts: Vec<&str> = arn.split(':').collect();
    let [_, _, service, region, account, resource @ ..] = parts.as_slice() else {
        let title = format!("`{arn}` is not a whole ARN");
        let label = "such as arn:aws:secretsmanager:eu-west-1:123456789012:secret:my-secret";
        return view.error(&path, title, label, &[SEE_SECRET]);
    };
    let shown = match *service {
        "secretsmanager" => "arn:aws:secretsmanager:eu-west-1:123456789012:secret:my-secret",
        _ => "arn:aws:ssm:eu-west-1:123456789012:parameter/my/name",
    };
    let fits = match *service {
        "ssm" => resource.first().is_some_and(|resource| resource.starts_with("parameter/")),
        "secretsmanager" => resource.len() > 1 && resource[0] == "secret" && !resource[1].is_empty(),
        other => {
            let title = format!("a secret can't come from `{other}`");
            let label = "the ARN of a Secrets Manager secret or of an SSM parameter";
            return view.error(&path, title, label, &[SEE_SECRET]);
        }
    };
    if !fits || region.is_empty() || account.is_empty() {
        let title = format!("`{arn}` is not the ARN of a secret or a parameter");
        return view.error(&path, title, format!("such as {shown}"), &[SEE_SECRET]);
    }
    // The agent takes a secret's ARN with all three of these parts, or with none.
    if *service == "secretsmanager" && resource.len() != 2 && resource.len() != 5 {
        let how = if resource.len() < 5 { "too few" } else { "too many" };
        let title = format!("a secret's ARN with {how} colons after the secret's name");
        let label = "none, or three: `:json-key:version-stage:version-id`, each of which may be empty";
        let note = "a JSON key alone is written as secret:my-secret:key::";
        view.error(&path, title, label, &[note, SEE_SECRET]);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html>
fn files(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let files: Vec<(FieldPath, &Json)> = elements(container, path, "environmentFiles").collect();
    if files.len() > FILES_MAX {
        let title = format!("`environmentFiles` has {} elements", files.len());
        let label = format!("ECS takes at most {FILES_MAX} for one container");
        view.error_at_key(&path.field("environmentFiles"), title, label, &[SEE]);
    }
    for (path, file) in files {
        let Some(arn) = file["value"].as_str() else { continue };
        let object = arn.strip_prefix("arn:").and_then(|rest| rest.split_once(":s3:::"));
        let fits = object.is_some_and(|(_, object)| object.contains('/') && object.ends_with(".env"));
        if !fits {
            let title = format!("`{arn}` is not the ARN of an environment file");
            let label = "an object in S3 whose name ends in .env, such as arn:aws:s3:::my-bucket/app.env";
            view.error(&path.field("value"), title, label, &[SEE_FILE]);
        }
    }
}

/// ECS reads secrets and private registries with the execution role, on Fargate and on EC2. Seen: "When
/// you are specifying container secrets, you must also specify a value for 'executionRoleArn'".
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html>
fn execution_role(view: &mut View<'_>) {
    let role = view.task_definition_path("executionRoleArn");
    if is_set(&view.task_definition()["executionRoleArn"]) || !view.sound(&role) {
        return;
    }
    for (path, container) in view.containers() {
        let log = path.field("logConfiguration").field("secretOptions");
        let needy = [
            (path.field("secrets"), &container["secrets"], "secrets"),
            (log, &container["logConfiguration"]["secretOptions"], "secrets of a log driver"),
            (path.field("repositoryCredentials"), &container["repositoryCredentials"], "a private registry"),
        ];
        for (path, value, what) in needy {
            if is_set(value) {
                let title = format!("{what} need an `executionRoleArn` in the task definition");
                let title = title.replace("registry need", "registry needs");
                let label = "ECS fetches them with that role";
                let label = if what == "a private registry" { "ECS logs in with that role" } else { label };
                view.error_at_key(&path, title, label, &["see RegisterTaskDefinition"]);
            }
        }
    }
}
