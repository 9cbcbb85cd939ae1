//! AWS IAM, as far as somebody looks at roles: they are made, read and deleted, and nothing asks them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::text;
use crate::naming;
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct Iam {
    roles: BTreeMap<String, Role>,
}

struct Role {
    path: String,
    /// JSON, as it was given.
    trust: String,
    created: Time,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateRole" => create(world, input),
        "GetRole" => {
            let name = required(input, "RoleName")?;
            let role = world.iam.roles.get(name).ok_or_else(|| no_role(name))?;
            Ok(json!({"Role": role.describe(name, &world.account)}))
        }
        "DeleteRole" => {
            let name = required(input, "RoleName")?;
            world.iam.roles.remove(name).ok_or_else(|| no_role(name))?;
            Ok(json!({}))
        }
        _ => Err(ApiError::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2010-05-08"),
        )),
    }
}

impl Role {
    fn describe(&self, name: &str, account: &str) -> Value {
        json!({
            "Path": self.path,
            "RoleName": name,
            "RoleId": format!("AROA{}", naming::hexadecimal(name, self.created, 17).to_uppercase()),
            "Arn": format!("arn:aws:iam::{account}:role{}{name}", self.path),
            "CreateDate": self.created.iso(),
            "AssumeRolePolicyDocument": percent_encoded(&self.trust),
            "MaxSessionDuration": 3600,
        })
    }
}

fn create(world: &mut World, input: &Value) -> Answer {
    let (name, trust) = (required(input, "RoleName")?, required(input, "AssumeRolePolicyDocument")?);
    let path = text(input, "Path").unwrap_or("/");
    if !path.starts_with('/') || !path.ends_with('/') {
        return Err(invalid(format!("The specified value for path is invalid: {path}")));
    }
    if !serde_json::from_str::<Value>(trust).is_ok_and(|policy| policy["Statement"].is_array()) {
        return Err(ApiError::new("MalformedPolicyDocument", "This policy contains invalid Json"));
    }
    if world.iam.roles.contains_key(name) {
        let message = format!("Role with name {name} already exists.");
        return Err(ApiError { status: 409, ..ApiError::new("EntityAlreadyExists", message) });
    }
    let role = Role { path: path.to_owned(), trust: trust.to_owned(), created: world.now };
    let answer = json!({"Role": role.describe(name, &world.account)});
    world.iam.roles.insert(name.to_owned(), role);
    Ok(answer)
}

/// IAM hands policies out percent-encoded (RFC 3986).
fn percent_encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).ok_or_else(|| invalid(format!("The request must contain the parameter {member}.")))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

fn no_role(name: &str) -> ApiError {
    let message = format!("The role with name {name} cannot be found.");
    ApiError { status: 404, ..ApiError::new("NoSuchEntity", message) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{Idle, world};

    #[test]
    fn a_role_is_read_with_its_path_and_its_trust_policy_encoded() {
        let mut world = world();
        let mut ask = |operation: &str, input: Value| call(&mut world, &Idle, operation, &input);
        let role = json!({
            "RoleName": "jobs", "Path": "/ecs/exec/", "AssumeRolePolicyDocument": r#"{"Statement":[]}"#,
        });
        ask("CreateRole", role.clone()).unwrap();
        assert_eq!(ask("CreateRole", role).unwrap_err().code, "EntityAlreadyExists");
        let read = ask("GetRole", json!({"RoleName": "jobs"})).unwrap();
        assert_eq!(read["Role"]["Arn"], "arn:aws:iam::123456789012:role/ecs/exec/jobs");
        assert_eq!(read["Role"]["AssumeRolePolicyDocument"], "%7B%22Statement%22%3A%5B%5D%7D");
        let missing = ask("GetRole", json!({"RoleName": "nobody"})).unwrap_err();
        assert_eq!((missing.code.as_str(), missing.status), ("NoSuchEntity", 404));
    }
}
