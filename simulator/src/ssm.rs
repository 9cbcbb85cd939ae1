//! AWS Systems Manager Parameter Store: parameters with versions and paths.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{flag, list, number, page, text, texts, without_nulls};
use crate::runtime::Runtime;
use crate::world::World;

/// Parameter Store keeps this many versions of a parameter.
const VERSIONS_MAX: usize = 100;

#[derive(Default)]
pub struct Ssm {
    by_name: BTreeMap<String, Parameter>,
}

struct Parameter {
    arn: String,
    kind: String,
    data_type: String,
    /// Oldest first; the last one is current.
    versions: Vec<Version>,
}

struct Version {
    number: u64,
    value: String,
    modified: Time,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "PutParameter" => put(world, input),
        "GetParameter" => {
            let name = required(input, "Name")?;
            let found = world.ssm.describe(name, input).ok_or_else(not_found)?;
            Ok(json!({"Parameter": found}))
        }
        "GetParameters" => get_several(world, input),
        "GetParametersByPath" => get_by_path(world, input),
        "DescribeParameters" => describe_parameters(world, input),
        "DeleteParameter" => {
            let name = required(input, "Name")?;
            world.ssm.by_name.remove(name).ok_or_else(not_found)?;
            Ok(json!({}))
        }
        "DeleteParameters" => {
            let (deleted, unknown): (Vec<&str>, Vec<&str>) =
                texts(input, "Names").into_iter().partition(|name| world.ssm.by_name.remove(*name).is_some());
            Ok(json!({"DeletedParameters": deleted, "InvalidParameters": unknown}))
        }
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

/// The seam to ECS, which injects parameters when it starts a task.
impl Ssm {
    /// Reads the parameter with this name or ARN.
    pub fn resolve(&self, value_from: &str) -> Result<String, String> {
        self.find(value_from)
            .map(|(_, _, version)| version.value.clone())
            .ok_or_else(|| format!("invalid parameters: {value_from}"))
    }

    /// Finds a parameter by name or ARN, either optionally with `:version` behind it.
    fn find(&self, reference: &str) -> Option<(&str, &Parameter, &Version)> {
        let named = |id: &str| {
            let by_arn = || self.by_name.iter().find(|(_, found)| found.arn == id);
            self.by_name.get_key_value(id).or_else(by_arn)
        };
        if let Some((name, parameter)) = named(reference) {
            return Some((name, parameter, parameter.versions.last()?));
        }
        let (id, version) = reference.rsplit_once(':')?;
        let version: u64 = version.parse().ok()?;
        let (name, parameter) = named(id)?;
        let mut versions = parameter.versions.iter();
        Some((name, parameter, versions.find(|found| found.number == version)?))
    }

    fn describe(&self, reference: &str, input: &Value) -> Option<Value> {
        let (name, parameter, version) = self.find(reference)?;
        let selector = reference
            .strip_prefix(name)
            .or_else(|| reference.strip_prefix(&parameter.arn))
            .filter(|selector| !selector.is_empty());
        let decrypt = flag(input, "WithDecryption").unwrap_or(false);
        // Not encrypted really, but nothing to work with either, as with AWS.
        let sealed = || format!("AQICAHg{}", crate::naming::sha256(&version.value));
        let value =
            if parameter.kind == "SecureString" && !decrypt { sealed() } else { version.value.clone() };
        Some(without_nulls(json!({
            "Name": name,
            "Type": parameter.kind,
            "Value": value,
            "Version": version.number,
            "Selector": selector,
            "LastModifiedDate": version.modified.seconds(),
            "ARN": parameter.arn,
            "DataType": parameter.data_type,
        })))
    }
}

fn put(world: &mut World, input: &Value) -> Answer {
    let (name, value) = (required(input, "Name")?, required(input, "Value")?);
    check_name(name)?;
    let tier = text(input, "Tier").unwrap_or("Standard");
    let size_max = if tier == "Advanced" { 8192 } else { 4096 };
    if value.is_empty() || value.len() > size_max {
        return Err(invalid(format!(
            "Standard tier parameters support a maximum parameter value of 4096 characters; this one has {}.",
            value.len()
        )));
    }
    let kind = text(input, "Type");
    if let Some(kind) = kind.filter(|kind| !["String", "StringList", "SecureString"].contains(kind)) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{kind}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [SecureString, StringList, String]"
        )));
    }
    let version = |number| Version { number, value: value.to_owned(), modified: world.now };
    if let Some(existing) = world.ssm.by_name.get_mut(name) {
        if !flag(input, "Overwrite").unwrap_or(false) {
            return Err(ApiError::new(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            ));
        }
        let number = existing.versions.last().map_or(1, |last| last.number + 1);
        existing.versions.push(version(number));
        if existing.versions.len() > VERSIONS_MAX {
            existing.versions.remove(0);
        }
        existing.kind = kind.unwrap_or(&existing.kind).to_owned();
        return Ok(json!({"Version": number, "Tier": tier}));
    }
    let parameter = Parameter {
        arn: format!(
            "arn:aws:ssm:{}:{}:parameter/{}",
            world.region,
            world.account,
            name.trim_start_matches('/')
        ),
        kind: kind
            .ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?
            .to_owned(),
        data_type: text(input, "DataType").unwrap_or("text").to_owned(),
        versions: vec![version(1)],
    };
    world.ssm.by_name.insert(name.to_owned(), parameter);
    Ok(json!({"Version": 1, "Tier": tier}))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let well_formed = !name.is_empty() && name.len() <= 1011 && name.chars().all(allowed);
    // Only a name that begins with a slash may contain others.
    if !well_formed || (name.contains('/') && !name.starts_with('/')) {
        return Err(invalid(
            "Parameter name must be a fully qualified name: letters, numbers and the symbols _.-/, beginning with a slash if it contains one.",
        ));
    }
    Ok(())
}

fn get_several(world: &World, input: &Value) -> Answer {
    let names = texts(input, "Names");
    if names.is_empty() || names.len() > 10 {
        return Err(invalid(
            "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10",
        ));
    }
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for name in names {
        match world.ssm.describe(name, input) {
            Some(parameter) => found.push(parameter),
            None => unknown.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": unknown}))
}

fn get_by_path(world: &World, input: &Value) -> Answer {
    let path = required(input, "Path")?;
    if !path.starts_with('/') {
        return Err(invalid(
            "The parameter path must begin with a slash: a hierarchy such as /jobs/production.",
        ));
    }
    let limit = number(input, "MaxResults").unwrap_or(10);
    if !(1..=10).contains(&limit) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{limit}' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10"
        )));
    }
    let recursive = flag(input, "Recursive").unwrap_or(false);
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let below = world
        .ssm
        .by_name
        .keys()
        .filter(|name| name.strip_prefix(&prefix).is_some_and(|rest| recursive || !rest.contains('/')));
    let described = below.filter_map(|name| Some((name, world.ssm.describe(name, input)?)));
    let page = page(described, limit as usize, text(input, "NextToken"))
        .ok_or_else(|| ApiError::new("InvalidNextToken", "The specified token isn't valid."))?;
    Ok(without_nulls(json!({"Parameters": page.entries, "NextToken": page.next})))
}

/// What there is to know of parameters without their values. Of the filters, `Name` by `Equals`.
fn describe_parameters(world: &World, input: &Value) -> Answer {
    let mut wanted: Option<Vec<&str>> = None;
    for filter in list(input, "ParameterFilters") {
        let (key, option) = (text(filter, "Key"), text(filter, "Option").unwrap_or("Equals"));
        if key != Some("Name") || option != "Equals" {
            return Err(ApiError::new("InvalidFilterOption", "only Name by Equals is there"));
        }
        wanted = Some(texts(filter, "Values"));
    }
    let limit = number(input, "MaxResults").unwrap_or(50).clamp(1, 50);
    let chosen = world
        .ssm
        .by_name
        .iter()
        .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(&name.as_str())));
    let described = chosen.filter_map(|(name, parameter)| {
        let newest = parameter.versions.last()?;
        let described = json!({
            "Name": name, "ARN": parameter.arn, "Type": parameter.kind, "DataType": parameter.data_type,
            "Version": newest.number, "LastModifiedDate": newest.modified.seconds(), "Tier": "Standard",
        });
        Some((name, described))
    });
    let page = page(described, limit as usize, text(input, "NextToken"))
        .ok_or_else(|| ApiError::new("InvalidNextToken", "The specified token isn't valid."))?;
    Ok(without_nulls(json!({"Parameters": page.entries, "NextToken": page.next})))
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).ok_or_else(|| {
        invalid(format!("1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"))
    })
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// Parameter Store gives no sentence with this one.
fn not_found() -> ApiError {
    ApiError::new("ParameterNotFound", "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{Idle, world};

    fn ask(world: &mut World, operation: &str, input: Value) -> Answer {
        call(world, &Idle, operation, &input)
    }

    fn put(world: &mut World, name: &str, value: &str) {
        let input = json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true});
        ask(world, "PutParameter", input).unwrap();
    }

    #[test]
    fn a_parameter_is_read_by_name_version_and_arn() {
        let mut world = world();
        put(&mut world, "/jobs/db", "one");
        put(&mut world, "/jobs/db", "two");
        let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/jobs/db";
        for (name, value) in
            [("/jobs/db", "two"), ("/jobs/db:1", "one"), (arn, "two"), (&format!("{arn}:1"), "one")]
        {
            let got = ask(&mut world, "GetParameter", json!({"Name": name})).unwrap();
            assert_eq!(got["Parameter"]["Value"], value, "{name}");
            assert_eq!(got["Parameter"]["Name"], "/jobs/db");
            assert_eq!(world.ssm.resolve(name).unwrap(), value);
        }
        assert_eq!(world.ssm.resolve("/none").unwrap_err(), "invalid parameters: /none");
    }

    #[test]
    fn a_parameter_is_not_overwritten_unless_asked() {
        let mut world = world();
        put(&mut world, "a", "1");
        let again = json!({"Name": "a", "Value": "2", "Type": "String"});
        let refused = ask(&mut world, "PutParameter", again).unwrap_err();
        assert_eq!(refused.code, "ParameterAlreadyExists");
    }

    #[test]
    fn a_secure_string_is_read_only_with_decryption() {
        let mut world = world();
        let input = json!({"Name": "s", "Value": "secret", "Type": "SecureString"});
        ask(&mut world, "PutParameter", input).unwrap();
        let sealed = ask(&mut world, "GetParameter", json!({"Name": "s"})).unwrap();
        assert_ne!(sealed["Parameter"]["Value"], "secret");
        let open = json!({"Name": "s", "WithDecryption": true});
        let open = ask(&mut world, "GetParameter", open).unwrap();
        assert_eq!(open["Parameter"]["Value"], "secret");
        assert_eq!(world.ssm.resolve("s").unwrap(), "secret");
    }

    #[test]
    fn a_path_gives_its_own_level_or_everything_below() {
        let mut world = world();
        for name in ["/a/b", "/a/c/d", "/ab/c"] {
            put(&mut world, name, "x");
        }
        let mut names = |input: Value| -> Vec<String> {
            let got = ask(&mut world, "GetParametersByPath", input).unwrap();
            let found = got["Parameters"].as_array().unwrap().iter();
            found.map(|found| found["Name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(json!({"Path": "/a"})), ["/a/b"]);
        assert_eq!(names(json!({"Path": "/a/", "Recursive": true})), ["/a/b", "/a/c/d"]);
        assert_eq!(names(json!({"Path": "/", "Recursive": true, "MaxResults": 1})), ["/a/b"]);
    }

    #[test]
    fn several_are_read_at_once_and_the_unknown_are_named() {
        let mut world = world();
        put(&mut world, "a", "1");
        let got = ask(&mut world, "GetParameters", json!({"Names": ["a", "b"]})).unwrap();
        assert_eq!(got["Parameters"][0]["Value"], "1");
        assert_eq!(got["InvalidParameters"], json!(["b"]));
        let refused = ask(&mut world, "GetParameter", json!({"Name": "b"})).unwrap_err();
        assert_eq!(refused.code, "ParameterNotFound");
        ask(&mut world, "DeleteParameter", json!({"Name": "a"})).unwrap();
        assert!(world.ssm.resolve("a").is_err());
    }
}
