//! AWS Cloud Map, as far as somebody looks for namespaces and registries.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{Answer, ApiError};
use crate::input::{number, page, text, without_nulls};
use crate::naming;
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct CloudMap {
    /// By id, as Cloud Map describes them.
    namespaces: BTreeMap<String, Value>,
    services: BTreeMap<String, Value>,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    let arn = |kind: &str, id: &str| {
        format!("arn:aws:servicediscovery:{}:{}:{kind}/{id}", world.region, world.account)
    };
    match operation {
        "CreateHttpNamespace" => {
            let name = required(input, "Name")?;
            if world.cloud_map.namespaces.values().any(|it| it["Name"] == name) {
                let message = "The namespace that you're trying to create already exists.";
                return Err(ApiError::new("NamespaceAlreadyExists", message));
            }
            let id = format!("ns-{}", naming::hexadecimal(name, world.now, 16));
            let namespace = json!({"Id": id, "Arn": arn("namespace", &id), "Name": name, "Type": "HTTP", "ServiceCount": 0});
            let operation = naming::hexadecimal(&format!("operation {name}"), world.now, 32);
            world.cloud_map.namespaces.insert(id, namespace);
            Ok(json!({"OperationId": operation}))
        }
        "ListNamespaces" => {
            let limit = number(input, "MaxResults").unwrap_or(100).clamp(1, 100);
            let all = world.cloud_map.namespaces.iter().map(|(id, namespace)| (id, namespace.clone()));
            let page = page(all, limit as usize, text(input, "NextToken"))
                .ok_or_else(|| ApiError::new("InvalidInput", "The token is not valid."))?;
            Ok(without_nulls(json!({"Namespaces": page.entries, "NextToken": page.next})))
        }
        "CreateService" => {
            let name = required(input, "Name")?;
            let namespace = text(input, "NamespaceId");
            if namespace.is_some_and(|id| !world.cloud_map.namespaces.contains_key(id)) {
                return Err(ApiError::new("NamespaceNotFound", "No namespace exists with the specified ID."));
            }
            let id = format!("srv-{}", naming::hexadecimal(&format!("service {name}"), world.now, 16));
            let service = without_nulls(json!({
                "Id": id, "Arn": arn("service", &id), "Name": name, "NamespaceId": namespace,
                "DnsConfig": input.get("DnsConfig"),
            }));
            world.cloud_map.services.insert(id, service.clone());
            Ok(json!({"Service": service}))
        }
        "GetService" => {
            let found = world.cloud_map.services.get(required(input, "Id")?);
            let found = found.ok_or_else(|| {
                ApiError::new("ServiceNotFound", "No service exists with the specified ID.")
            })?;
            Ok(json!({"Service": found}))
        }
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).ok_or_else(|| ApiError::new("InvalidInput", format!("{member} must not be null")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{Idle, world};

    #[test]
    fn namespaces_are_listed_and_registries_read() {
        let mut world = world();
        let mut ask = |operation: &str, input: Value| call(&mut world, &Idle, operation, &input);
        ask("CreateHttpNamespace", json!({"Name": "jobs"})).unwrap();
        let refused = ask("CreateHttpNamespace", json!({"Name": "jobs"})).unwrap_err();
        assert_eq!(refused.code, "NamespaceAlreadyExists");
        let listed = ask("ListNamespaces", json!({})).unwrap();
        let namespace = listed["Namespaces"][0]["Id"].clone();
        let made = ask("CreateService", json!({"Name": "api", "NamespaceId": namespace})).unwrap();
        let read = ask("GetService", json!({"Id": made["Service"]["Id"]})).unwrap();
        assert_eq!(read["Service"]["Name"], "api");
        assert_eq!(ask("GetService", json!({"Id": "srv-0"})).unwrap_err().code, "ServiceNotFound");
    }
}
