//! What Application Auto Scaling lists.

use serde_json::json;

use super::{Pages, Reader, list, one_resource, resource_id};
use crate::aws::budget::Category;
use crate::aws::call::Call;
use crate::aws::exchange::Exchange;
use crate::aws::{Answer, Error};
use crate::model::Json;

/// A target that holds more than this many pages of policies is past every quota.
const RESOURCE_PAGES_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScalingList {
    Targets,
    Policies,
    ScheduledActions,
}

impl Reader {
    /// Scalable targets of at most [`SCALABLE_TARGETS_MAX`] services.
    pub async fn describe_scalable_targets(&self, cluster: &str, services: &[&str]) -> Result<Pages, Error> {
        let ids: Vec<String> = services.iter().map(|name| resource_id(cluster, name)).collect();
        let body = json!({
            "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceIds": ids,
        });
        self.scaling_pages(ScalingList::Targets, body, RESOURCE_PAGES_MAX).await
    }

    /// Scaling policies of one service.
    pub async fn describe_scaling_policies(&self, cluster: &str, service: &str) -> Result<Pages, Error> {
        let body = one_resource(cluster, service);
        self.scaling_pages(ScalingList::Policies, body, RESOURCE_PAGES_MAX).await
    }

    /// Scheduled actions of one service.
    pub async fn describe_scheduled_actions(&self, cluster: &str, service: &str) -> Result<Pages, Error> {
        let body = one_resource(cluster, service);
        self.scaling_pages(ScalingList::ScheduledActions, body, RESOURCE_PAGES_MAX).await
    }

    /// Scaling policies of all ECS services of the region, ten a page.
    pub async fn sweep_scaling_policies(&self, pages_max: usize) -> Result<Pages, Error> {
        self.scaling_pages(ScalingList::Policies, json!({"ServiceNamespace": "ecs"}), pages_max).await
    }

    /// Scheduled actions of all ECS services of the region, fifty a page.
    pub async fn sweep_scheduled_actions(&self, pages_max: usize) -> Result<Pages, Error> {
        self.scaling_pages(ScalingList::ScheduledActions, json!({"ServiceNamespace": "ecs"}), pages_max).await
    }

    async fn scaling_pages(
        &self,
        which: ScalingList,
        mut body: Json,
        pages_max: usize,
    ) -> Result<Pages, Error> {
        let member = match which {
            ScalingList::Targets => "ScalableTargets",
            ScalingList::Policies => "ScalingPolicies",
            ScalingList::ScheduledActions => "ScheduledActions",
        };
        let mut pages = Pages::default();
        let mut tokens: Vec<Json> = Vec::new();
        for _ in 0..pages_max {
            let mut answer = self.scaling_page(which, &body).await?;
            pages.items.extend(list(&mut answer.body[member]));
            let token = answer.body["NextToken"].clone();
            if token.as_str().is_none_or(str::is_empty) {
                pages.complete = true;
                break;
            }
            // A server that hands out the same token again would keep us here for ever.
            if tokens.contains(&token) {
                break;
            }
            body["NextToken"] = token.clone();
            tokens.push(token);
        }
        Ok(pages)
    }

    async fn scaling_page(&self, which: ScalingList, body: &Json) -> Result<Answer, Error> {
        let call = |operation| Call::new(operation, Category::Scaling, "read the scaling of services");
        match which {
            ScalingList::Targets => {
                let call = call("application-autoscaling:DescribeScalableTargets");
                send!(self, scaling.describe_scalable_targets, call, body)
            }
            ScalingList::Policies => {
                let call = call("application-autoscaling:DescribeScalingPolicies");
                send!(self, scaling.describe_scaling_policies, call, body)
            }
            ScalingList::ScheduledActions => {
                let call = call("application-autoscaling:DescribeScheduledActions");
                send!(self, scaling.describe_scheduled_actions, call, body)
            }
        }
    }
}
