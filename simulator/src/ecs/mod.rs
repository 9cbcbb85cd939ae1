//! Elastic Container Service: clusters, task definitions, services, tasks, and the deployments that
//! move them over time.

mod arn;
mod capacity;
mod clusters;
mod deployments;
mod ids;
mod input;
pub(crate) mod metadata;
mod pace;
mod pages;
mod protection;
mod run_task;
mod scheduler;
mod service;
mod state;
mod strategy;
mod tags;
mod task_definition;
mod tasks;

use serde_json::Value;

pub use pace::Pace;
pub use state::Ecs;
use state::{Deployment, Rollout, ServiceKey, ServiceStatus};
pub use strategy::HookAnswer;

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

/// Answers one operation.
pub fn call(world: &mut World, runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateCluster" => clusters::create(world, input),
        "DescribeClusters" => clusters::describe(world, input),
        "ListClusters" => clusters::list(world, input),
        "DeleteCluster" => clusters::delete(world, input),
        "PutClusterCapacityProviders" => capacity::put_cluster_providers(world, input),
        "CreateCapacityProvider" => capacity::create(world, input),
        "UpdateCapacityProvider" => capacity::update(world, input),
        "DeleteCapacityProvider" => capacity::delete(world, input),
        "DescribeCapacityProviders" => capacity::describe(world, input),

        "RegisterTaskDefinition" => task_definition::register(world, input),
        "DescribeTaskDefinition" => task_definition::describe(world, input),
        "DeregisterTaskDefinition" => task_definition::deregister(world, input),
        "DeleteTaskDefinitions" => task_definition::delete(world, input),
        "ListTaskDefinitions" => task_definition::list(world, input),
        "ListTaskDefinitionFamilies" => task_definition::list_families(world, input),

        "CreateService" => service::create(world, input),
        "UpdateService" => service::update(world, input),
        "DeleteService" => service::delete(world, input),
        "DescribeServices" => service::describe(world, input),
        "ListServices" => service::list(world, input),

        "ListTasks" => tasks::list(world, input),
        "DescribeTasks" => tasks::describe(world, input),
        "StopTask" => tasks::stop(world, runtime, input),
        "RunTask" => run_task::run(world, input),
        "GetTaskProtection" => protection::get(world, input),
        "UpdateTaskProtection" => protection::update(world, input),

        "TagResource" => tags::tag(world, input),
        "UntagResource" => tags::untag(world, input),
        "ListTagsForResource" => tags::list(world, input),

        "ListServiceDeployments" => deployments::list(world, input),
        "DescribeServiceDeployments" => deployments::describe(world, input),
        "DescribeServiceRevisions" => deployments::describe_revisions(world, input),
        "StopServiceDeployment" => deployments::stop(world, input),
        "ContinueServiceDeployment" => deployments::go_on(world, input),

        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

/// Moves deployments and tasks on to `world.now`.
pub fn advance(world: &mut World, runtime: &dyn Runtime) {
    scheduler::advance(world, runtime);
}

/// Takes the capacity under a task away, as Spot does; says whether there was such a task.
pub fn interrupt(world: &mut World, runtime: &dyn Runtime, task: &str) -> bool {
    let stopped = scheduler::with_task(world, task, |world, task| {
        let reason = "Your Spot Task was interrupted.".to_owned();
        let stop = state::Stop { code: state::StopCode::SpotInterruption, reason };
        scheduler::life::stop(world, runtime, task, stop);
    });
    stopped.is_some()
}

/// Takes the capacity under all tasks of a provider away, as Spot does; gives the tasks' ARNs.
pub fn reclaim(world: &mut World, runtime: &dyn Runtime, cluster: &str, provider: &str) -> Vec<String> {
    capacity::reclaim(world, runtime, cluster, provider)
}

/// The seam to Application Auto Scaling.
impl Ecs {
    /// Whether an ACTIVE service of this name exists in the cluster.
    pub fn has_service(&self, cluster: &str, name: &str) -> bool {
        let key = ServiceKey::new(cluster, name);
        let service = self.services.get(&key);
        service.is_some_and(|service| service.status == ServiceStatus::Active)
    }

    /// The desired count of an ACTIVE service, and whether a deployment of it is in progress.
    pub(crate) fn desired(&self, cluster: &str, name: &str) -> Option<(u32, bool)> {
        let service = self.services.get(&ServiceKey::new(cluster, name))?;
        let in_progress = |deployment: &Deployment| deployment.rollout == Rollout::InProgress;
        let deploying = service.deployments.len() > 1 || service.deployments.iter().any(in_progress);
        (service.status == ServiceStatus::Active).then_some((service.desired, deploying))
    }

    /// Sets the desired count, as somebody else's UpdateService would.
    pub(crate) fn set_desired(&mut self, cluster: &str, name: &str, desired: u32) {
        let service = self.services.get_mut(&ServiceKey::new(cluster, name));
        if let Some(service) = service
            && service.status == ServiceStatus::Active
            && service.desired != desired
        {
            service.desired = desired;
            service.steady = false;
            service.next_look = Time::default();
        }
    }
}

/// The tasks of a service in numbers, as CloudWatch is told.
pub(crate) struct Fleet {
    pub(crate) cluster: String,
    pub(crate) service: String,
    pub(crate) desired: usize,
    pub(crate) running: usize,
    pub(crate) pending: usize,
    /// Whether the cluster has Container Insights.
    pub(crate) insights: bool,
}

/// The seam to CloudWatch.
impl Ecs {
    pub(crate) fn fleets(&self) -> Vec<Fleet> {
        let active = self.services.values().filter(|service| service.status == ServiceStatus::Active);
        active
            .map(|service| {
                let (pending, running) = service::counts(self, service, None);
                Fleet {
                    cluster: service.key.cluster.clone(),
                    service: service.key.name.clone(),
                    desired: service.desired as usize,
                    running,
                    pending,
                    insights: clusters::has_insights(self, &service.key.cluster),
                }
            })
            .collect()
    }
}
