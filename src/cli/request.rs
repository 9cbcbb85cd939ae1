//! What people's verbs share: the service they are about, who asks, and the tag that carries the request.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::{Exit, Surroundings, road};
use crate::aws::{Reader, Requester};
use crate::config::{Output, RequestSettings};
use crate::model::{
    Desired, DesiredService, EcsService, Ownership, Request, ServiceKey, ServiceRecord, Timestamp,
};
use crate::report;

/// How often `--wait` looks, and for how long.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// The service that a verb is about, as Git, AWS and the ledger have it.
pub struct Subject {
    pub desired: Desired,
    pub key: ServiceKey,
    pub ecs: EcsService,
    pub reader: Reader,
    pub requester: Requester,
    pub author: String,
    /// What another command has to be given, as this one was.
    pub again: String,
    /// `None`: there is no ledger here, which says nothing about the installation's own.
    pub record: Option<ServiceRecord>,
    pub now: Timestamp,
}

/// Finds the service, and refuses one that is unknown, not there, or not ours.
pub async fn subject(settings: &RequestSettings, surroundings: &Surroundings) -> anyhow::Result<Subject> {
    let account = &settings.account;
    let desired = road::desired(&settings.source, account).await?;
    let key = ServiceKey::new(&settings.service);
    if desired.scheduled_tasks.contains_key(&key) {
        bail!("`{key}` is a scheduled task, which has no deployments; tags on schedules do not exist either");
    }
    if !desired.services.contains_key(&key) {
        let known: Vec<&str> = desired.services.keys().map(ServiceKey::name).collect();
        let name = &desired.environment.name;
        bail!("environment `{name}` has no service `{key}`\n  it has {}", known.join(", "));
    }
    let (aws, identity) = road::connection(account, &desired).await?;
    let cluster = &desired.environment.cluster;
    let ecs = read(&aws.reader(), cluster, &key).await?;
    match ecs.ownership(&account.installation) {
        Ownership::Ours => {}
        Ownership::Foreign { owner } => {
            bail!("`{key}` belongs to {owner}, not to the installation `{}`", account.installation)
        }
        Ownership::Unclaimed => bail!(
            "`{key}` carries no tag of the installation `{}`: the operator has not taken it over",
            account.installation
        ),
    }
    let environment = &desired.environment;
    let records = match road::memory(account, environment, &road::sight_of(account, &aws)).await {
        Ok(memory) if road::has_ledger(account, environment, &memory) => Some(memory.into_records()),
        Ok(_) => None,
        // What a person asks for is written on the service, whatever became of the ledger's store.
        Err(error) if error.passes() => None,
        Err(error) => return Err(error.into()),
    };
    let known = records.as_ref().unwrap_or(const { &BTreeMap::new() });
    let desired = road::with_images(&desired, &aws.reader(), known).await;
    let record = records.map(|mut records| records.remove(&key).unwrap_or_default());
    Ok(Subject {
        key,
        ecs,
        reader: aws.reader(),
        requester: aws.requester(),
        author: author(&identity.arn),
        again: surroundings.again.clone(),
        record,
        now: (surroundings.now)(),
        desired,
    })
}

pub(super) async fn read(reader: &Reader, cluster: &str, key: &ServiceKey) -> anyhow::Result<EcsService> {
    let mut answer = reader.describe_services(cluster, &[key.name()]).await?;
    let found =
        answer["services"].as_array_mut().and_then(|all| all.first_mut().map(serde_json::Value::take));
    match found.map(EcsService).filter(|service| service.status() != "INACTIVE") {
        None => bail!("there is no service `{key}` in cluster `{cluster}`"),
        Some(service) if service.status() == "DRAINING" => bail!("`{key}` is being deleted"),
        Some(service) => Ok(service),
    }
}

impl Subject {
    /// As Git wants it.
    pub fn service(&self) -> anyhow::Result<&DesiredService> {
        let found = self.desired.services.get(&self.key);
        found.ok_or_else(|| anyhow::anyhow!("`{}` is not in Git", self.key))
    }

    /// A request of this author's, from now.
    pub fn request(&self, reason: &str) -> Request {
        Request {
            at: Some(self.now),
            by: Some(self.author.clone()),
            reason: reason.to_owned(),
            ..Request::default()
        }
    }

    /// Requests wait while a service is suspended: the way out is told at once.
    pub fn refuse_while_suspended(&self) -> anyhow::Result<()> {
        if let Some(request) = self.ecs.suspended(self.now) {
            let key = &self.key;
            bail!("`{key}` is {}\n  first: reconciler resume {key}", report::suspended_sentence(&request));
        }
        Ok(())
    }

    /// Writes the request onto the service.
    pub async fn ask(&self, tag: &'static str, request: &Request) -> anyhow::Result<Asked> {
        let value = request.tag_value();
        self.requester.tag_service(self.ecs.arn(), tag, &value).await?;
        Ok(Asked { tag, value: Some(value) })
    }

    /// Waits until the operator has taken the request's tag off.
    pub async fn wait_until_heeded(&self, asked: &Asked) -> anyhow::Result<()> {
        let until_heeded = async {
            loop {
                let service = read(&self.reader, &self.desired.environment.cluster, &self.key).await?;
                if service.tag(asked.tag) != asked.value.as_deref() {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(WAIT_MAX, until_heeded).await {
            Ok(ended) => ended,
            Err(_) => bail!(
                "nobody has heeded it within {}: does `reconciler run` run for this installation?",
                report::span(WAIT_MAX)
            ),
        }
    }
}

/// A tag that was put onto a service, or taken off.
pub struct Asked {
    pub tag: &'static str,
    pub value: Option<String>,
}

/// Says what was asked; with `--wait`, after it was heeded.
pub async fn told(
    settings: &RequestSettings,
    subject: &Subject,
    verb: &str,
    asked: &Asked,
    lines: &[String],
) -> anyhow::Result<Exit> {
    match settings.output {
        Output::Text => {
            let text = format!("{}\n", lines.join("\n  "));
            road::print(&report::with_options(&text, &subject.again));
        }
        Output::Json => {
            let object = json!({
                "verb": verb,
                "service": subject.key,
                "environment": subject.desired.environment.name,
                "by": subject.author,
                "at": subject.now.to_string(),
                "tag": asked.tag,
                "value": asked.value,
                "message": lines.first(),
            });
            road::line(&format!("{object:#}"));
        }
    }
    Ok(Exit::Good)
}

/// What follows from a request that the operator heeds at its next look. A service at rest is looked at each
/// `--resync`, and one that has just come to rest after half to one and a half of it (`WorkQueue::rest`); only
/// one whose calls fail is looked at less often, by its back-off.
pub const AT_THE_NEXT_LOOK: &str = "`reconciler run` heeds it at its next look: within one and a half of its `--resync` (45 s as it comes), \
     or within 5 m where calls for the service keep failing; `reconciler status` shows it then";

/// Waits where that was asked for, and says so.
pub async fn settled(
    settings: &RequestSettings,
    wait: bool,
    subject: &Subject,
    asked: &Asked,
) -> anyhow::Result<()> {
    if wait {
        subject.wait_until_heeded(asked).await?;
        if settings.output == Output::Text {
            road::line("  the operator has heeded it");
        }
    }
    Ok(())
}

/// `ada` of `arn:aws:sts::123456789012:assumed-role/on-call/ada`, with the role: several people may share a
/// session's name.
pub(super) fn author(arn: &str) -> String {
    let tail = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    let named = tail.split_once('/').map_or(tail, |(_, name)| name);
    named.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_named_as_people_know_him() {
        for (arn, expected) in [
            ("arn:aws:iam::123456789012:user/ada", "ada"),
            ("arn:aws:sts::123456789012:assumed-role/on-call/ada@example.com", "on-call/ada@example.com"),
            ("arn:aws:iam::123456789012:root", "root"),
            ("odd", "odd"),
        ] {
            assert_eq!(author(arn), expected);
        }
    }
}
