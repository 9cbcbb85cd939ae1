//! Alarms that end a deployment, and what a scaling policy counts requests of.

use super::{Verdict, View, error, texts};
use crate::model::{Part, Subject};

pub(super) fn judge_alarm(name: &str, view: &View<'_>) -> Option<Verdict> {
    match view.look(&Subject::Alarm(name.to_owned()), "alarms") {
        Ok(Some(_)) => None,
        Ok(None) => {
            let what = format!("there is no alarm `{name}` in {}", view.context.region);
            Some(error(what, "create it, or correct its name"))
        }
        Err(verdict) => Some(verdict),
    }
}

/// `app/BALANCER/ID/targetgroup/GROUP/ID` of ALBRequestCountPerTarget.
#[derive(Clone, Debug)]
pub(super) struct ResourceLabel {
    pub(super) label: String,
    /// ARNs of the target groups of the service.
    pub(super) groups: Vec<String>,
}

impl ResourceLabel {
    pub(super) fn judge(&self, view: &View<'_>) -> Option<Verdict> {
        let label = &self.label;
        let Some(at) = label.find("/targetgroup/").filter(|_| label.starts_with("app/")) else {
            let what = format!("`{label}` is not a resource label");
            return Some(error(what, "it needs `app/BALANCER/ID/targetgroup/GROUP/ID`"));
        };
        let (balancer, group) = (&label[..at], &label[at + 1..]);
        // A manifest that names another target group than its own is not read at all.
        let arn = self.groups.iter().find(|arn| arn.ends_with(&format!(":{group}")))?;
        let found = view.facts.get(&Subject::TargetGroup(arn.clone())).and_then(Part::present)?;
        let balancers = texts(&found["LoadBalancerArns"]);
        let is_of = balancers.iter().any(|it| it.ends_with(&format!("loadbalancer/{balancer}")));
        // A group without any load balancer is told of where the service names it.
        (!is_of && !balancers.is_empty()).then(|| {
            let what = format!("the policy counts requests of load balancer `{balancer}`, which does not forward to `{group}`");
            error(what, "name the load balancer that does")
        })
    }
}
