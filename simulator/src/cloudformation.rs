//! AWS CloudFormation, as far as other services look up what its stacks export.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

/// ListExports answers with a hundred at a time.
const PAGE: usize = 100;

#[derive(Default)]
pub struct CloudFormation {
    /// By name, which is unique in an account and region.
    pub exports: BTreeMap<String, Export>,
}

/// An output of a stack that is exported.
pub struct Export {
    pub value: String,
    /// Name of the stack.
    pub stack: String,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "ListExports" => list_exports(world, input),
        _ => Err(ApiError::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2010-05-15"),
        )),
    }
}

fn list_exports(world: &World, input: &Value) -> Answer {
    let exports = &world.cloudformation.exports;
    let from = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .ok()
            .filter(|from| *from < exports.len())
            .ok_or_else(|| ApiError::new("ValidationError", "Invalid NextToken"))?,
    };
    let (region, account) = (&world.region, &world.account);
    let page = exports.iter().skip(from).take(PAGE).map(|(name, export)| {
        let stack = &export.stack;
        json!({
            "ExportingStackId": format!("arn:aws:cloudformation:{region}:{account}:stack/{stack}/6f2c1a3e"),
            "Name": name,
            "Value": export.value,
        })
    });
    let page: Vec<Value> = page.collect();
    let next = from + page.len();
    let more = (next < exports.len()).then(|| next.to_string());
    Ok(json!({"Exports": page, "NextToken": more}))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{Idle, world};

    #[test]
    fn exports_come_a_hundred_at_a_time() {
        let mut world = world();
        for number in 0..150 {
            let export = Export { value: number.to_string(), stack: "network".to_owned() };
            world.cloudformation.exports.insert(format!("subnet-{number:03}"), export);
        }
        let first = call(&mut world, &Idle, "ListExports", &json!({})).unwrap();
        assert_eq!(first["Exports"].as_array().unwrap().len(), 100);
        let next = json!({"NextToken": first["NextToken"]});
        let second = call(&mut world, &Idle, "ListExports", &next).unwrap();
        assert_eq!((second["Exports"].as_array().unwrap().len(), &second["NextToken"]), (50, &Value::Null));
        assert_eq!(second["Exports"][49]["Name"], "subnet-149");
        let error = call(&mut world, &Idle, "ListExports", &json!({"NextToken": "x"})).unwrap_err();
        assert_eq!(error.code, "ValidationError");
    }
}
