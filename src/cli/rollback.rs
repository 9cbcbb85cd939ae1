//! `reconciler rollback`: asks to go back to an earlier revision, and to hold what Git asks for.

use anyhow::bail;

use super::{Exit, Surroundings, request};
use crate::config::RollbackSettings;
use crate::model::{Request, TaskDefinitionArn, Timestamp, tag};

/// Service deployments that are looked through for one that completed.
const DEPLOYMENTS_MAX: usize = 20;

pub async fn run(settings: &RollbackSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let subject = request::subject(&settings.about, surroundings).await?;
    subject.refuse_while_suspended()?;
    let key = &subject.key;
    let runs = subject.ecs.task_definition();
    let good = completed(&subject).await?;
    let (to, when) = match &settings.to {
        Some(named) => {
            let to = named_revision(named, &runs)?;
            let when = good.iter().find(|(one, _)| *one == to).map(|(_, at)| *at);
            if when.is_none() && !settings.force {
                bail!(
                    "{to} was not seen completing a deployment of `{key}`\n  those that were: {}\n  \
                     to go there all the same: --force",
                    named_all(&good, &runs)
                );
            }
            (to, when)
        }
        None => match good.iter().find(|(one, _)| *one != runs) {
            Some((to, at)) => (to.clone(), Some(*at)),
            None => bail!(
                "no revision of `{key}` but {runs} was seen completing a deployment\n  name one: \
                 reconciler rollback {key} --to NUMBER --force"
            ),
        },
    };
    if to == runs {
        bail!("`{key}` runs {to} already");
    }
    refuse_inactive(&subject, &to).await?;
    let asked_for =
        Request { to: Some(to.family_and_revision().to_owned()), ..subject.request(&settings.reason) };
    let asked = subject.ask(tag::ROLL_BACK, &asked_for).await?;
    let completed = when.map(|at| format!(", which completed on {}", at.minute())).unwrap_or_default();
    let lines = [
        format!("{key} is to go back from {runs} to {to}{completed}"),
        format!(
            "what {} asks for is then held, until Git changes it or `reconciler retry {key}`",
            subject.desired.revision
        ),
        request::AT_THE_NEXT_LOOK.to_owned(),
    ];
    let exit = request::told(&settings.about, &subject, "rollback", &asked, &lines).await?;
    request::settled(&settings.about, settings.wait, &subject, &asked).await?;
    Ok(exit)
}

/// Revisions that completed a deployment and when, the newest first: as ECS remembers them, and then as
/// the ledger does.
async fn completed(subject: &request::Subject) -> anyhow::Result<Vec<(TaskDefinitionArn, Timestamp)>> {
    let (reader, cluster) = (&subject.reader, &subject.desired.environment.cluster);
    let all = reader.list_service_deployments(cluster, subject.key.name(), DEPLOYMENTS_MAX).await?;
    let done: Vec<(&str, Timestamp)> = all
        .iter()
        .filter(|one| one["status"] == "SUCCESSFUL")
        .filter_map(|one| {
            let at = one["finishedAt"].as_f64().or_else(|| one["createdAt"].as_f64()).unwrap_or_default();
            Some((one["targetServiceRevisionArn"].as_str()?, Timestamp::from_seconds(at)))
        })
        .collect();
    let mut good: Vec<(TaskDefinitionArn, Timestamp)> = Vec::new();
    if !done.is_empty() {
        let arns: Vec<&str> = done.iter().map(|(arn, _)| *arn).collect();
        let revisions = reader.describe_service_revisions(&arns).await?;
        for (arn, at) in done {
            let revision = revisions.iter().find(|one| one["serviceRevisionArn"] == arn);
            if let Some(runs) = revision.and_then(|one| one["taskDefinition"].as_str()) {
                good.push((TaskDefinitionArn(runs.to_owned()), at));
            }
        }
    }
    let record = subject.record.iter().flat_map(|record| record.last_good.iter().chain(&record.earlier));
    good.extend(record.map(|good| (good.task_definition.clone(), good.completed_at)));
    let mut seen = std::collections::BTreeSet::new();
    good.retain(|(one, _)| seen.insert(one.clone()));
    Ok(good)
}

/// `41`, `api:41` or the whole ARN.
pub(super) fn named_revision(named: &str, runs: &TaskDefinitionArn) -> anyhow::Result<TaskDefinitionArn> {
    let (place, family) = (runs.0.rsplit_once('/').map_or("", |(place, _)| place), runs.family());
    let to = match (named.contains('/'), named.contains(':')) {
        (true, _) => named.to_owned(),
        (false, true) => format!("{place}/{named}"),
        (false, false) => format!("{place}/{family}:{named}"),
    };
    let to = TaskDefinitionArn(to);
    if to.number().is_none() {
        bail!("`{named}` is no revision; write its number, such as {}", runs.number().unwrap_or(1));
    }
    if to.family() != family {
        bail!("{to} is of another family than what runs, {runs}");
    }
    Ok(to)
}

/// UpdateService refuses a revision that was deregistered; better now than in the operator's journal.
async fn refuse_inactive(subject: &request::Subject, to: &TaskDefinitionArn) -> anyhow::Result<()> {
    let answer = subject.reader.describe_task_definition(to).await?;
    match answer["taskDefinition"]["status"].as_str() {
        Some("ACTIVE") => Ok(()),
        status => bail!("{to} is {}: ECS runs it no more", status.unwrap_or("of no known status")),
    }
}

fn named_all(good: &[(TaskDefinitionArn, Timestamp)], runs: &TaskDefinitionArn) -> String {
    let others: Vec<String> =
        good.iter().filter(|(one, _)| one != runs).map(|(one, _)| one.to_string()).collect();
    if others.is_empty() { "none but what runs".to_owned() } else { others.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_named_by_its_number_its_name_or_its_arn() {
        let arn = |tail: &str| format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{tail}");
        let runs = TaskDefinitionArn(arn("api:42"));
        for named in ["41", "api:41", arn("api:41").as_str()] {
            assert!(named_revision(named, &runs).is_ok_and(|to| to.0 == arn("api:41")), "{named}");
        }
        let refused = |named: &str| {
            named_revision(named, &runs).map_err(|error| error.to_string()).err().unwrap_or_default()
        };
        assert_eq!(refused("worker:41"), "worker:41 is of another family than what runs, api:42");
        assert_eq!(refused("last"), "`last` is no revision; write its number, such as 42");
    }
}
