//! Files of other tools, known by what they hold: ecspresso's, PipeCD's, and what the AWS CLI prints.

mod collected;
mod document;
mod template;

use std::collections::BTreeMap;
use std::fmt;

use super::{Found, Home, Remark};
use crate::model::Json;
use collected::{Collected, Definition};
use template::{Fields, Templates};

/// Why a file can't be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    file: String,
    /// Line and column, both from 1.
    place: Option<(usize, usize)>,
    message: String,
    way_out: String,
}

impl FileError {
    fn of(file: &str, message: impl Into<String>, way_out: &str) -> Self {
        Self { file: file.to_owned(), place: None, message: message.into(), way_out: way_out.to_owned() }
    }

    fn at(file: &str, place: (usize, usize), message: impl Into<String>, way_out: &str) -> Self {
        Self { place: Some(place), ..Self::of(file, message, way_out) }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if self.way_out.is_empty() { Ok(()) } else { write!(f, "\n  {}", self.way_out) }
    }
}

impl std::error::Error for FileError {}

/// What the command line says besides the files; it wins over them.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub environment: Option<String>,
    pub region: Option<String>,
    pub cluster: Option<String>,
}

/// What files say, and where it runs.
#[derive(Debug)]
pub struct FromFiles {
    pub found: Found,
    pub home: Home,
}

/// What one file is.
enum Kind {
    /// ecspresso's own configuration.
    Ecspresso,
    /// `app.pipecd.yaml` of an ECSApp.
    PipeCd,
    /// Output of a `describe-...`.
    Described,
    TaskDefinition,
    ServiceDefinition,
}

/// Other files that a file names, from the same place as its own path.
pub fn referred(file: &str, text: &str) -> Result<Vec<String>, FileError> {
    let value = read(file, text, Whose::Unknown, &mut Templates::default())?;
    let names = match kind(file, &value)? {
        Kind::Ecspresso => {
            ["task_definition", "service_definition"].map(|name| text_of(&value, name)).to_vec()
        }
        Kind::PipeCd => {
            let input = &value["spec"]["input"];
            let service = text_of(input, "serviceDefinitionFile");
            let definition = text_of(input, "taskDefinitionFile").or(Some("taskdef.json".to_owned()));
            vec![definition, service]
        }
        Kind::Described | Kind::TaskDefinition | Kind::ServiceDefinition => Vec::new(),
    };
    Ok(names.into_iter().flatten().map(|name| beside(file, &name)).collect())
}

/// Reads files of other tools. `texts` holds `given` and all that they refer to.
pub fn read_files(
    given: &[String],
    texts: &BTreeMap<String, String>,
    asked: &Asked,
) -> Result<FromFiles, FileError> {
    let mut templates = Templates::default();
    let mut collected = Collected::default();
    for file in given {
        let value = read(file, texts.get(file).map_or("", String::as_str), Whose::Unknown, &mut templates)?;
        let mut other = |name: Option<String>, whose: Whose| -> Result<Option<Json>, FileError> {
            let Some(path) = name.map(|name| beside(file, &name)) else { return Ok(None) };
            read(&path, texts.get(&path).map_or("", String::as_str), whose, &mut templates).map(Some)
        };
        match kind(file, &value)? {
            Kind::Ecspresso => {
                let definition = other(text_of(&value, "task_definition"), Whose::Ecspresso)?;
                let service = other(text_of(&value, "service_definition"), Whose::Ecspresso)?;
                collected.regions.extend(text_of(&value, "region"));
                collected.clusters.extend(text_of(&value, "cluster"));
                collected.pair(file, text_of(&value, "service"), service, definition)?;
            }
            Kind::PipeCd => {
                let input = &value["spec"]["input"];
                let definition = text_of(input, "taskDefinitionFile").or(Some("taskdef.json".to_owned()));
                let definition = other(definition, Whose::WithoutTemplates)?;
                let service = other(text_of(input, "serviceDefinitionFile"), Whose::WithoutTemplates)?;
                collected.pipecd(file, input, service, definition)?;
            }
            Kind::Described => collected.described(value),
            Kind::TaskDefinition => collected.definitions.push(Definition::of(value)),
            Kind::ServiceDefinition => collected.services.push(value),
        }
    }
    collected.finish(given, templates.variables, asked)
}

/// Whose file it is, as far as that is known before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// A configuration of ecspresso named it.
    Ecspresso,
    /// Of a tool that evaluates nothing.
    WithoutTemplates,
    /// Nothing but its content tells.
    Unknown,
}

/// A file as a tree. Templates are known only where a tool evaluates them: what AWS answered is as it is.
fn read(file: &str, text: &str, whose: Whose, templates: &mut Templates) -> Result<Json, FileError> {
    if file.ends_with(".jsonnet") || file.ends_with(".libsonnet") {
        let way_out =
            "render it first and import what that prints: `ecspresso render taskdef`, `... servicedef`";
        return Err(FileError::of(file, "Jsonnet can't be evaluated here", way_out));
    }
    let plain = document::parse(file, text);
    if whose == Whose::WithoutTemplates {
        return plain;
    }
    let of_a_service = match (whose, plain) {
        (Whose::Unknown, Ok(value)) => match kind(file, &value) {
            Ok(Kind::Described | Kind::PipeCd) => return Ok(value),
            // `--query taskDefinition` leaves nothing else of an answer.
            Ok(Kind::TaskDefinition) if value["taskDefinitionArn"].is_string() => return Ok(value),
            Ok(Kind::TaskDefinition | Kind::ServiceDefinition) => true,
            Ok(Kind::Ecspresso) | Err(_) => false,
        },
        _ => false,
    };
    let unknown = if of_a_service { Fields::AreText } else { Fields::AreRefused };
    document::parse(file, &templates.replace(file, text, unknown)?)
}

fn kind(file: &str, value: &Json) -> Result<Kind, FileError> {
    let has = |name: &str| !value[name].is_null();
    if value["kind"] == "ECSApp" {
        return Ok(Kind::PipeCd);
    }
    let lists = ["services", "ScalableTargets", "ScalingPolicies", "ScheduledActions"];
    if lists.iter().any(|name| value[*name].is_array())
        || value["taskDefinition"]["taskDefinitionArn"].is_string()
    {
        return Ok(Kind::Described);
    }
    if has("containerDefinitions") || value["taskDefinition"]["containerDefinitions"].is_array() {
        return Ok(Kind::TaskDefinition);
    }
    if has("task_definition") || has("service_definition") {
        return Ok(Kind::Ecspresso);
    }
    let members = [
        "desiredCount",
        "launchType",
        "networkConfiguration",
        "deploymentConfiguration",
        "serviceName",
        "loadBalancers",
    ];
    if members.iter().any(|name| has(name)) {
        return Ok(Kind::ServiceDefinition);
    }
    let way_out = "known are ecspresso's configuration and definition files, PipeCD's ECSApp, and what \
                   `aws ecs describe-services`, `describe-task-definition` and `aws application-autoscaling \
                   describe-...` print";
    Err(FileError::of(file, "this is no file that can be imported", way_out))
}

fn text_of(value: &Json, name: &str) -> Option<String> {
    value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A path that a file names, seen from where the file's own path is.
fn beside(file: &str, name: &str) -> String {
    let name = name.trim_start_matches("./");
    match file.rsplit_once('/') {
        Some((folder, _)) if !name.starts_with('/') => format!("{folder}/{name}"),
        Some(_) | None => name.to_owned(),
    }
}
