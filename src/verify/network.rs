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

    /// Whether the subnets that are there agree on a VPC.
    pub(super) fn judge(&self, view: &View<'_>) -> Option<Verdict> {
        let places: Vec<(&str, &str)> =
            self.subnets.iter().filter_map(|id| Some((id.as_str(), vpc_of_subnet(id, view)?))).collect();
        let vpcs: BTreeSet<&str> = places.iter().map(|(_, vpc)| *vpc).collect();
        (vpcs.len() > 1).then(|| {
            let places: Vec<String> = places.iter().map(|(id, vpc)| format!("`{id}` in {vpc}")).collect();
            let what = format!("the subnets are in different VPCs: {}", places.join(", "));
            error(what, "all subnets of a service must be in one VPC")
        })
    }

    pub(super) fn judge_subnet(&self, id: &str, view: &View<'_>) -> Vec<Verdict> {
        let subnet = match view.look(&Subject::Subnet(id.to_owned()), "subnets") {
            Ok(Some(subnet)) => subnet,
            Ok(None) => return vec![missing("subnet", id, view)],
            Err(verdict) => return vec![verdict],
        };
        let is_full = subnet["availableIpAddressCount"].as_str() == Some("0");
        let full = is_full.then(|| {
            let what = format!("subnet `{id}` has no address left");
            warning(what, "each task takes one; name another subnet as well")
        });
        let way_out = self.fargate.then(|| self.way_out(id, subnet, view)).flatten();
        full.into_iter().chain(way_out).collect()
    }

    pub(super) fn judge_security_group(&self, id: &str, view: &View<'_>) -> Option<Verdict> {
        let group = match view.look(&Subject::SecurityGroup(id.to_owned()), "security groups") {
            Ok(Some(group)) => group,
            Ok(None) => return Some(missing("security group", id, view)),
            Err(verdict) => return Some(verdict),
        };
        // With subnets of two VPCs, whichever it were compared with would be the wrong one.
        let (is, needed) = (vpc(group)?, vpc_of(&self.subnets, view)?);
        (is != needed).then(|| {
            let what = format!("security group `{id}` is in {is}, and the subnets are in {needed}");
            error(what, "name a security group of that VPC")
        })
    }

    /// A task without a way out can't pull its image.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html>
    fn way_out(&self, id: &str, subnet: &Json, view: &View<'_>) -> Option<Verdict> {
        let tables = match view.look(&Subject::RouteTables, "routes of subnets") {
            Ok(tables) => tables?,
            Err(verdict) => return Some(verdict),
        };
        let gateway = default_gateway(table_of(id, subnet, tables)?);
        match (self.public_ip, gateway.is_some_and(|gateway| gateway.starts_with("igw-"))) {
            (false, true) => Some(warning(
                format!("subnet `{id}` leads to an internet gateway, and tasks get no public address"),
                "set assignPublicIp: ENABLED, name a subnet with a NAT gateway, or have VPC endpoints for all \
                 that tasks call",
            )),
            (true, false) => Some(warning(
                format!("tasks get a public address, and subnet `{id}` leads to no internet gateway"),
                "leave assignPublicIp away, or name a public subnet",
            )),
            (false, false) | (true, true) => None,
        }
    }
}

fn missing(noun: &str, id: &str, view: &View<'_>) -> Verdict {
    let what = format!("there is no {noun} `{id}` in {}", view.context.region);
    error(what, "correct its id, or the variable that holds it")
}

pub(super) fn vpc(thing: &Json) -> Option<&str> {
    thing["vpcId"].as_str().filter(|vpc| !vpc.is_empty())
}

fn vpc_of_subnet<'a>(id: &str, view: &View<'a>) -> Option<&'a str> {
    view.facts.get(&Subject::Subnet(id.to_owned())).and_then(Part::present).and_then(vpc)
}

/// The one VPC of subnets that are there.
pub(super) fn vpc_of<'a>(subnets: &[String], view: &View<'a>) -> Option<&'a str> {
    let vpcs: BTreeSet<&str> = subnets.iter().filter_map(|id| vpc_of_subnet(id, view)).collect();
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
