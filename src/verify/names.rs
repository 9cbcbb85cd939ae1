//! Names that tasks are found by: Service Connect's namespace, and registries of Cloud Map.

use super::cluster::active;
use super::{Verdict, View, error};
use crate::model::Subject;

/// The namespace of Service Connect; `None`: the cluster's default.
pub(super) fn judge_namespace(namespace: Option<&str>, view: &View<'_>) -> Option<Verdict> {
    let Some(namespace) = namespace else {
        let default = &active(view)?["serviceConnectDefaults"]["namespace"];
        return default.as_str().is_none_or(str::is_empty).then(|| {
            let what = format!(
                "Service Connect has no namespace: neither here nor as a default of cluster `{}`",
                view.context.cluster
            );
            error(what, "set serviceConnectConfiguration.namespace")
        });
    };
    let namespaces = match view.look(&Subject::Namespaces, "Cloud Map namespaces") {
        Ok(namespaces) => namespaces?,
        Err(verdict) => return Some(verdict),
    };
    let named = namespaces
        .as_array()
        .into_iter()
        .flatten()
        .any(|it| it["Name"] == namespace || it["Arn"] == namespace);
    (!named).then(|| {
        let what = format!("there is no Cloud Map namespace `{namespace}` in {}", view.context.region);
        error(what, "create it, or correct its name")
    })
}

/// `arn:aws:servicediscovery:REGION:ACCOUNT:service/srv-…` -> `srv-…`
pub(super) fn registry_id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn judge_registry(arn: &str, network_mode: &str, view: &View<'_>) -> Option<Verdict> {
    let id = registry_id(arn);
    let registry = match view.look(&Subject::Registry(id.to_owned()), "Cloud Map services") {
        Ok(Some(registry)) => registry,
        Ok(None) => {
            let what = format!("there is no Cloud Map service `{id}` in {}", view.context.region);
            return Some(error(what, "create it, or correct its ARN"));
        }
        Err(verdict) => return Some(verdict),
    };
    let records = registry["DnsConfig"]["DnsRecords"].as_array()?;
    let has_srv = records.iter().any(|record| record["Type"] == "SRV");
    // <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html>
    (network_mode != "awsvpc" && !records.is_empty() && !has_srv).then(|| {
        let what = format!(
            "Cloud Map service `{id}` has no SRV record, and tasks with network mode {network_mode} need one"
        );
        error(what, "create one with an SRV record")
    })
}
