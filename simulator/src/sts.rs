//! AWS STS: tells callers who they are.

use serde_json::{Value, json};

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, _input: &Value) -> Answer {
    match operation {
        // Every caller is the same user: signatures are not verified, so nothing else is known.
        "GetCallerIdentity" => Ok(json!({
            "UserId": "AIDAEXAMPLESIMULATOR1",
            "Account": world.account,
            "Arn": format!("arn:aws:iam::{}:user/simulator", world.account),
        })),
        _ => Err(ApiError::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2011-06-15"),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{Idle, world};

    #[test]
    fn a_caller_learns_the_account() {
        let answer = call(&mut world(), &Idle, "GetCallerIdentity", &json!({})).unwrap();
        assert_eq!(answer["Account"], "123456789012");
        assert_eq!(answer["Arn"], "arn:aws:iam::123456789012:user/simulator");
    }
}
