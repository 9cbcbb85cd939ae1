//! Amazon EC2, as far as somebody looks at the network of tasks: subnets, security groups, route tables.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{Answer, ApiError};
use crate::input::text;
use crate::runtime::Runtime;
use crate::world::World;

/// The network. Tasks do not use it; it is what it is set up as.
#[derive(Default)]
pub struct Ec2 {
    /// VPC by subnet.
    subnets: BTreeMap<String, String>,
    /// VPC by security group.
    groups: BTreeMap<String, String>,
}

impl Ec2 {
    /// Adds a private subnet: its VPC's route table leads out through a NAT gateway.
    pub fn add_subnet(&mut self, id: &str, vpc: &str) {
        self.subnets.insert(id.to_owned(), vpc.to_owned());
    }

    pub fn add_security_group(&mut self, id: &str, vpc: &str) {
        self.groups.insert(id.to_owned(), vpc.to_owned());
    }
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    let Ec2 { subnets, groups } = &world.ec2;
    match operation {
        "DescribeSubnets" => {
            let described = subnets.iter().map(|(id, vpc)| {
                json!({
                    "subnetId": id, "vpcId": vpc, "state": "available", "ownerId": world.account,
                    "cidrBlock": "10.0.0.0/24", "availableIpAddressCount": 251,
                    "availabilityZone": format!("{}a", world.region), "mapPublicIpOnLaunch": false,
                })
            });
            answered("subnetSet", described, input, &[("subnet-id", "subnetId"), ("vpc-id", "vpcId")])
        }
        "DescribeSecurityGroups" => {
            let described = groups.iter().map(
                |(id, vpc)| json!({"groupId": id, "groupName": id, "vpcId": vpc, "ownerId": world.account}),
            );
            answered("securityGroupInfo", described, input, &[("group-id", "groupId"), ("vpc-id", "vpcId")])
        }
        "DescribeRouteTables" => {
            let mut vpcs: Vec<&String> = subnets.values().collect();
            vpcs.sort();
            vpcs.dedup();
            let described = vpcs.into_iter().map(|vpc| {
                let number = vpc.trim_start_matches("vpc-");
                json!({
                    "routeTableId": format!("rtb-{number}"), "vpcId": vpc,
                    "associationSet": [{"routeTableAssociationId": format!("rtbassoc-{number}"), "main": true}],
                    "routeSet": [{
                        "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": format!("nat-{number}"),
                        "state": "active",
                    }],
                })
            });
            answered("routeTableSet", described, input, &[("vpc-id", "vpcId")])
        }
        _ => Err(ApiError::new(
            "InvalidAction",
            format!("The action {operation} is not valid for this web service."),
        )),
    }
}

/// The things that fit all filters. Of what is not there, a filter says nothing.
fn answered(member: &str, all: impl Iterator<Item = Value>, input: &Value, known: &[(&str, &str)]) -> Answer {
    let mut filters = Vec::new();
    for filter in numbered(&input["Filter"]) {
        let name = text(filter, "Name").unwrap_or_default();
        let Some((_, member)) = known.iter().find(|(it, _)| *it == name) else {
            let message = format!("The filter '{name}' is invalid");
            return Err(ApiError::new("InvalidParameterValue", message));
        };
        filters.push((*member, numbered(&filter["Value"])));
    }
    let fits = |thing: &Value| filters.iter().all(|(member, values)| values.contains(&&thing[*member]));
    Ok(json!({member: all.filter(fits).collect::<Vec<_>>()}))
}

/// EC2 counts the elements of a list without a word before their numbers: `Filter.1.Value.2`.
fn numbered(list: &Value) -> Vec<&Value> {
    list.as_object().into_iter().flatten().map(|(_, element)| element).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{Idle, world};

    #[test]
    fn a_filter_names_what_is_there_and_leaves_out_what_is_not() {
        let mut world = world();
        world.ec2.add_subnet("subnet-1", "vpc-1");
        world.ec2.add_subnet("subnet-2", "vpc-2");
        let filter =
            json!({"Filter": {"1": {"Name": "subnet-id", "Value": {"1": "subnet-2", "2": "subnet-3"}}}});
        let answer = call(&mut world, &Idle, "DescribeSubnets", &filter).unwrap();
        assert_eq!(answer["subnetSet"].as_array().unwrap().len(), 1);
        assert_eq!(answer["subnetSet"][0]["vpcId"], "vpc-2");
        let unknown = json!({"Filter": {"1": {"Name": "colour", "Value": {"1": "red"}}}});
        let refused = call(&mut world, &Idle, "DescribeSubnets", &unknown).unwrap_err();
        assert_eq!(refused.code, "InvalidParameterValue");
    }
}
