//! Target groups: of the type, VPC and protocol that the tasks need, and with a load balancer.

use super::network::vpc_of;
use super::{Verdict, View, error, texts, warning};
use crate::model::{Json, Subject};

/// A target group that a service registers its tasks in.
#[derive(Clone, Debug, Default)]
pub(super) struct TargetGroup {
    pub(super) arn: String,
    /// `ip` where tasks have an address of their own, else `instance`.
    pub(super) target_type: &'static str,
    pub(super) network_mode: String,
    pub(super) subnets: Vec<String>,
    /// Of the container's port: `tcp` or `udp`.
    pub(super) protocol: String,
    /// Whether the service waits before it minds the health checks.
    pub(super) has_grace: bool,
    /// Only used while a deployment shifts traffic.
    pub(super) is_alternate: bool,
}

/// A first check that may fail sooner than this leaves a slow start no time.
const FIRST_CHECKS_SECONDS: i64 = 60;

impl TargetGroup {
    pub(super) fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let group = match view.look(&Subject::TargetGroup(self.arn.clone()), "target groups") {
            Ok(Some(group)) => group,
            Ok(None) => {
                let what = format!(
                    "there is no target group `{}` in {}",
                    self.arn.split_once("targetgroup/").map_or(self.arn.as_str(), |(_, it)| it),
                    view.context.region
                );
                return vec![error(what, "correct its ARN, or the variable that holds it")];
            }
            Err(verdict) => return vec![verdict],
        };
        let checks = [
            self.of_type(group),
            self.of_vpc(group, view),
            self.of_protocol(group),
            self.of_balancer(group),
            self.of_grace(group),
        ];
        checks.into_iter().flatten().collect()
    }

    fn of_type(&self, group: &Json) -> Option<Verdict> {
        let is = group["TargetType"].as_str().filter(|is| *is != self.target_type)?;
        Some(error(
            format!(
                "target group `{}` has target type {is}, and tasks with network mode {} need {}",
                name(&self.arn),
                self.network_mode,
                self.target_type
            ),
            format!(
                "make a target group of type {}: the type of one that is there can't be changed",
                self.target_type
            ),
        ))
    }

    fn of_vpc(&self, group: &Json, view: &View<'_>) -> Option<Verdict> {
        let (is, needed) = (group["VpcId"].as_str()?, vpc_of(&self.subnets, view)?);
        (is != needed && !is.is_empty()).then(|| {
            let what =
                format!("target group `{}` is in {is}, and the subnets are in {needed}", name(&self.arn));
            error(what, "name a target group of that VPC")
        })
    }

    fn of_protocol(&self, group: &Json) -> Option<Verdict> {
        let is = group["Protocol"].as_str()?;
        let takes_udp = ["UDP", "TCP_UDP", "QUIC", "TCP_QUIC"].contains(&is);
        let takes_tcp = !["UDP", "QUIC"].contains(&is);
        let fits = if self.protocol == "udp" { takes_udp } else { takes_tcp };
        (!fits).then(|| {
            let what = format!(
                "target group `{}` speaks {is}, and the container's port is {}",
                name(&self.arn),
                self.protocol
            );
            error(what, "let both speak the same")
        })
    }

    fn of_balancer(&self, group: &Json) -> Option<Verdict> {
        if !texts(&group["LoadBalancerArns"]).is_empty() {
            return None;
        }
        let what = format!("target group `{}` has no load balancer", name(&self.arn));
        let advice = "let a listener or a rule forward to it";
        // ECS refuses to create a service for one without.
        Some(if self.is_alternate { warning(what, advice) } else { error(what, advice) })
    }

    fn of_grace(&self, group: &Json) -> Option<Verdict> {
        let number = |member: &str| group[member].as_str()?.parse::<i64>().ok();
        let seconds = number("UnhealthyThresholdCount")? * number("HealthCheckIntervalSeconds")?;
        if self.has_grace || self.is_alternate || seconds >= FIRST_CHECKS_SECONDS {
            return None;
        }
        let what = format!(
            "target group `{}` takes a task for unhealthy after {seconds} s, and the service has no \
             healthCheckGracePeriodSeconds",
            name(&self.arn)
        );
        Some(warning(what, "set it to what a task may need to start, so that a slow one is not replaced"))
    }
}

/// `targetgroup/NAME/ID` -> `NAME`
pub(super) fn name(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}
