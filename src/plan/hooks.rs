//! Which hooks go with a change, and what their calls carry.

use serde_json::json;

use super::change::Look;
use super::{Action, HookRevision, Hooks, PlannedHook, RevisionSource, Step, body};
use crate::model::{
    DesiredService, EcsService, Environment, Hook, HookDefinition, Json, OpenHook, Ownership,
    TaskDefinitionArn, tag,
};

/// The hooks that have to be done with these steps, and are not done yet; and the gates of the deployment.
///
/// Those before a deployment are due as well where only they are new; those after it have something to
/// look at only when there is a deployment.
pub(super) fn due(look: Look<'_>, steps: &[Step]) -> Hooks {
    let policy = &look.desired.rollout;
    let deploys = steps.iter().any(|step| match &step.action {
        Action::CreateService { .. } => true,
        Action::UpdateService { starts_deployment, .. } => *starts_deployment,
        _ => false,
    });
    let done = |hook: &&Hook| look.record.is_some_and(|record| record.hook_is_done(&hook.digest));
    let planned = |hooks: &[Hook]| -> Vec<PlannedHook> {
        hooks.iter().filter(|hook| !done(hook)).map(|hook| planned(look, hook, steps)).collect()
    };
    let before = if are_done(look, deploys) { Vec::new() } else { planned(&policy.before) };
    let after = if deploys { planned(&policy.after) } else { Vec::new() };
    let gates = if deploys { policy.gates.clone() } else { Vec::new() };
    Hooks { before, gates, after }
}

/// Whether hooks before the deployment are done although nobody remembers.
fn are_done(look: Look<'_>, deploys: bool) -> bool {
    let Some(service) = look.live.service.present() else { return false };
    // The tag is written after them: it says that all of this spec was applied once.
    let applied = service.ownership(look.installation) == Ownership::Ours
        && service.digest().as_ref() == Some(&look.desired.digest);
    let adopted = !deploys
        && look.record.is_none_or(|record| record.knows_no_end())
        && service.primary().is_none_or(|primary| primary.rollout_state() != Some("IN_PROGRESS"));
    applied || adopted
}

fn planned(look: Look<'_>, hook: &Hook, steps: &[Step]) -> PlannedHook {
    let runs = match hook.definition {
        HookDefinition::Own { .. } => HookRevision::Own,
        HookDefinition::OfTheService => HookRevision::OfTheService(of_the_service(look, steps)),
    };
    PlannedHook {
        name: hook.name.clone(),
        stage: hook.stage,
        digest: hook.digest.clone(),
        images: hook.images.clone(),
        runs,
    }
}

/// The revision that the steps bring the service to.
fn of_the_service(look: Look<'_>, steps: &[Step]) -> RevisionSource {
    let named = steps.iter().find_map(|step| match &step.action {
        Action::RegisterTaskDefinition { .. } => Some(RevisionSource::Registered),
        Action::CreateService { task_definition, .. } => Some(task_definition.clone()),
        Action::UpdateService { task_definition, .. } => task_definition.clone(),
        _ => None,
    });
    let runs = || look.live.service.present().map(EcsService::task_definition);
    named.or_else(|| runs().map(RevisionSource::Existing)).unwrap_or(RevisionSource::Registered)
}

/// RegisterTaskDefinition for a hook's own definition; `None` where it runs the service's.
pub fn register_hook(
    hook: &Hook,
    desired: &DesiredService,
    installation: &str,
    revision: &str,
    cluster: &str,
) -> Option<Json> {
    match &hook.definition {
        HookDefinition::OfTheService => None,
        HookDefinition::Own { task_definition, digest } => {
            Some(body::register(task_definition, digest, &desired.key, installation, revision, cluster))
        }
    }
}

/// RunTask for one run of a hook. The same for the same run, whenever it is asked for: the client token
/// stands for all of it.
pub fn run_task(
    hook: &Hook,
    open: &OpenHook,
    task_definition: &TaskDefinitionArn,
    desired: &DesiredService,
    environment: &Environment,
    installation: &str,
) -> Json {
    let definition = match &hook.definition {
        HookDefinition::OfTheService => &desired.task_definition,
        HookDefinition::Own { task_definition, .. } => task_definition,
    };
    let ours = [
        (tag::MANAGED_BY, installation),
        (tag::ID, desired.key.name()),
        (tag::HOOK, hook.name.as_str()),
        (tag::DIGEST, hook.digest.as_str()),
        (tag::REVISION, open.revision.as_str()),
    ];
    let mut body = hook.run.clone();
    body["cluster"] = environment.cluster.as_str().into();
    body["taskDefinition"] = task_definition.0.as_str().into();
    body["count"] = json!(1);
    body["clientToken"] = open.client_token(&environment.cluster, &desired.key).into();
    body["startedBy"] = open.started_by(&environment.cluster, &desired.key).into();
    body["group"] = format!("reconciler:{}", desired.key).into();
    body["tags"] = body::tag_list(&body::user_tags(definition), &ours);
    body
}
