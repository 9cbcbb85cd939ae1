//! Subnets and security groups: there, in one VPC, and with a way out that fits the addresses of tasks.

use std::collections::BTreeSet;

use super::{Verdict, View, error, warning};
use crate::model::{Json, Part, Subject};

/// Where the network interfaces of tasks are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) subnets: Vec<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) public_ip: bool,
    /// Tasks on EC2 reach AWS through their instance as well.
    pub(super) fargate: bool,
}

impl Network {
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let subnets = self.subnets.iter().cloned().map(Subject::Subnet);
        let groups = self.security_groups.iter().cloned().map(Subject::SecurityGroup);
        let routes = self.fargate.then_some(Subject::RouteTables);
        subnets.chain(groups).chain(routes).collect()
    }

    pub(super) fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let subnets = present(&self.subnets, Subject::Subnet, "subnet", view, &mut verdicts);
        let groups =
            present(&self.security_groups, Subject::SecurityGroup, "security group", view, &mut verdicts);
        let vpcs: BTreeSet<&str> = subnets.iter().filter_map(|(_, subnet)| vpc(subnet)).collect();
        if vpcs.len() > 1 {
            let places: Vec<String> = subnets
                .iter()
                .filter_map(|(id, subnet)| Some(format!("`{id}` in {}", vpc(subnet)?)))
                .collect();
            let what = format!("the subnets are in different VPCs: {}", places.join(", "));
            verdicts.push(error(what, "all subnets of a service must be in one VPC"));
        }
        // With two VPCs, whichever a group were compared with would be the wrong one.
        if let [vpc_of_subnets] = Vec::from_iter(&vpcs).as_slice() {
            for (id, group) in &groups {
                if let Some(other) = vpc(group).filter(|other| other != *vpc_of_subnets) {
                    let what = format!(
                        "security group `{id}` is in {other}, and the subnets are in {vpc_of_subnets}"
                    );
                    verdicts.push(error(what, "name a security group of that VPC"));
                }
            }
        }
        for (id, subnet) in &subnets {
            if number(&subnet["availableIpAddressCount"]) == Some(0) {
                let what = format!("subnet `{id}` has no address left");
                verdicts.push(warning(what, "each task takes one; name another subnet as well"));
            }
        }
        if self.fargate {
            verdicts.extend(self.way_out(&subnets, view));
        }
        verdicts
    }

    /// A task without a way out can't pull its image.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html>
    fn way_out(&self, subnets: &[(&str, &Json)], view: &View<'_>) -> Vec<Verdict> {
        let tables = match view.look(&Subject::RouteTables, "routes of subnets") {
            Ok(Some(tables)) => tables,
            Ok(None) => return Vec::new(),
            Err(verdict) => return vec![verdict],
        };
        let mut verdicts = Vec::new();
        for (id, subnet) in subnets {
            let Some(table) = table_of(id, subnet, tables) else { continue };
            match (self.public_ip, default_gateway(table)) {
                (false, Some(gateway)) if gateway.starts_with("igw-") => verdicts.push(warning(
                    format!("subnet `{id}` leads to an internet gateway, and tasks get no public address"),
                    "set assignPublicIp: ENABLED, name a subnet with a NAT gateway, or have VPC endpoints for \
                     all that tasks call",
                )),
                (true, gateway) if gateway.is_none_or(|gateway| !gateway.starts_with("igw-")) => {
                    verdicts.push(warning(
                        format!("tasks get a public address, and subnet `{id}` leads to no internet gateway"),
                        "leave assignPublicIp away, or name a public subnet",
                    ));
                }
                _ => {}
            }
        }
        verdicts
    }
}

/// The subnets or groups that are there; what is said of the others goes to `verdicts`.
fn present<'a>(
    ids: &'a [String],
    subject: impl Fn(String) -> Subject,
    noun: &str,
    view: &View<'a>,
    verdicts: &mut Vec<Verdict>,
) -> Vec<(&'a str, &'a Json)> {
    let mut found = Vec::new();
    for id in ids {
        match view.look(&subject(id.clone()), &format!("{noun}s")) {
            Ok(Some(fact)) => found.push((id.as_str(), fact)),
            Ok(None) => verdicts.push(error(
                format!("there is no {noun} `{id}` in {}", view.context.region),
                "correct its id, or the variable that holds it",
            )),
            Err(verdict) => verdicts.push(verdict),
        }
    }
    found
}

pub(super) fn vpc(thing: &Json) -> Option<&str> {
    thing["vpcId"].as_str().filter(|vpc| !vpc.is_empty())
}

/// The one VPC of subnets that are there.
pub(super) fn vpc_of<'a>(subnets: &[String], view: &View<'a>) -> Option<&'a str> {
    let vpcs: BTreeSet<&str> = subnets
        .iter()
        .filter_map(|id| view.facts.get(&Subject::Subnet(id.clone())).and_then(Part::present))
        .filter_map(vpc)
        .collect();
    match Vec::from_iter(vpcs).as_slice() {
        [vpc] => Some(*vpc),
        _ => None,
    }
}

/// The route table that names the subnet, or else the main one of its VPC.
fn table_of<'a>(id: &str, subnet: &Json, tables: &'a Json) -> Option<&'a Json> {
    let of = |table: &&Json, wanted: &dyn Fn(&Json) -> bool| {
        table["associationSet"].as_array().is_some_and(|associations| associations.iter().any(wanted))
    };
    let tables = || tables.as_array().into_iter().flatten();
    let explicit = tables().find(|table| of(table, &|association| association["subnetId"] == id));
    let main = || {
        let in_vpc = tables().filter(|table| vpc(table).is_some() && vpc(table) == vpc(subnet));
        in_vpc.into_iter().find(|table| of(table, &|association| association["main"] == "true"))
    };
    explicit.or_else(main)
}

/// Where a table sends what is for nobody near.
fn default_gateway(table: &Json) -> Option<&str> {
    let route = table["routeSet"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|route| route["destinationCidrBlock"] == "0.0.0.0/0" && route["state"] != "blackhole")?;
    let gateways =
        ["gatewayId", "natGatewayId", "transitGatewayId", "networkInterfaceId", "vpcPeeringConnectionId"];
    gateways.iter().filter_map(|member| route[*member].as_str()).find(|id| !id.is_empty())
}

fn number(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
