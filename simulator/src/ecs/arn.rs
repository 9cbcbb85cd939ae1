//! ARNs of ECS: made from names, and names read from them.

use crate::world::World;

fn arn(world: &World, resource: &str) -> String {
    format!("arn:aws:ecs:{}:{}:{resource}", world.region, world.account)
}

pub(super) fn cluster(world: &World, name: &str) -> String {
    arn(world, &format!("cluster/{name}"))
}

pub(super) fn task_definition(world: &World, family: &str, revision: u32) -> String {
    arn(world, &format!("task-definition/{family}:{revision}"))
}

pub(super) fn service(world: &World, cluster: &str, name: &str) -> String {
    arn(world, &format!("service/{cluster}/{name}"))
}

pub(super) fn task(world: &World, cluster: &str, id: &str) -> String {
    arn(world, &format!("task/{cluster}/{id}"))
}

pub(super) fn container(world: &World, cluster: &str, task: &str, id: &str) -> String {
    arn(world, &format!("container/{cluster}/{task}/{id}"))
}

pub(super) fn container_instance(world: &World, cluster: &str, id: &str) -> String {
    arn(world, &format!("container-instance/{cluster}/{id}"))
}

pub(super) fn service_deployment(world: &World, cluster: &str, name: &str, id: &str) -> String {
    arn(world, &format!("service-deployment/{cluster}/{name}/{id}"))
}

pub(super) fn service_revision(world: &World, cluster: &str, name: &str, id: u64) -> String {
    arn(world, &format!("service-revision/{cluster}/{name}/{id}"))
}

/// `arn:aws:ecs:region:account:kind/a/b` or `kind/a/b` gives `["a", "b"]`, if the kind fits.
pub(super) fn path<'a>(reference: &'a str, kind: &str) -> Option<Vec<&'a str>> {
    let resource = match reference.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4)?,
        None => reference,
    };
    let (found, path) = resource.split_once('/')?;
    (found == kind).then(|| path.split('/').collect())
}

/// The last element of an ARN, or the name itself.
pub(super) fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_arns() {
        let service = "arn:aws:ecs:eu-west-1:123456789012:service/jobs/api";
        assert_eq!(path(service, "service"), Some(vec!["jobs", "api"]));
        assert_eq!(path(service, "task"), None);
        assert_eq!(last(service), "api");
        assert_eq!(last("api"), "api");
    }
}
