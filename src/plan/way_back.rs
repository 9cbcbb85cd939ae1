//! The plan of a roll-back: a service brought back to what Git said of it when it was good.

use super::change::{Change, Look, update_service};
use super::{Action, RevisionSource, Step, scale, scale_in};
use crate::model::{
    DesiredService, Environment, LiveService, Revision, ServiceRecord, TaskDefinitionArn, Timestamp,
};

/// What a way back is planned from.
#[derive(Clone, Copy)]
pub struct WayBack<'a> {
    /// As Git wants it now; what it said then comes from the ledger.
    pub desired: &'a DesiredService,
    pub live: &'a LiveService,
    pub record: &'a ServiceRecord,
    pub environment: &'a Environment,
    pub installation: &'a str,
    pub revision: &'a Revision,
    pub now: Timestamp,
}

impl WayBack<'_> {
    /// The steps that lead to a revision, with the service's settings and its scaling of then, as far as
    /// the ledger remembers them: UpdateService first, whether it deploys or not.
    ///
    /// Bounds that would stop tasks meanwhile are left for [`WayBack::rest`].
    pub fn steps(self, to: &TaskDefinitionArn) -> Vec<Step> {
        let mut change = self.change(to);
        scale_in::leave_out(self.look(self.desired), &mut change);
        change.steps
    }

    fn change(self, to: &TaskDefinitionArn) -> Change {
        let Some(service) = self.live.service.present() else { return Change::default() };
        let good = self.record.good(to);
        let source = (service.task_definition() != *to).then(|| RevisionSource::Existing(to.clone()));
        let mut change = Change::default();
        match good.and_then(|good| good.spec.as_ref()?.read()) {
            None => {
                if source.is_some() {
                    let body = serde_json::json!({
                        "cluster": self.environment.cluster, "service": self.desired.key.name(),
                        "taskDefinition": to.0,
                    });
                    let action =
                        Action::UpdateService { task_definition: source, body, starts_deployment: true };
                    change.step(action, Vec::new());
                }
            }
            Some(spec) => {
                let mut then = self.desired.clone();
                then.service = spec.service;
                then.scaling = spec.scaling;
                // What a person asks for now outlasts what was good then.
                let look = self.look(&then);
                let scaling = self.live.scaling.present();
                let fate = scale::fate(look, scaling);
                update_service(look, service, &fate, source, &mut change);
                match &then.scaling {
                    Some(wanted) => scale::scale(look, wanted, scaling, &mut change),
                    None => scale::leave(look, fate, &mut change),
                }
            }
        }
        for step in &mut change.steps {
            step.because.clear();
        }
        change
    }

    fn look<'a>(&'a self, desired: &'a DesiredService) -> Look<'a> {
        Look {
            desired,
            live: self.live,
            record: Some(self.record),
            environment: self.environment,
            installation: self.installation,
            revision: self.revision,
            now: self.now,
            drift_in_revision: false,
        }
    }

    /// What is left to be done when the deployment of a roll-back has completed: nothing that would start
    /// another one.
    pub fn rest(self, to: &TaskDefinitionArn) -> Vec<Step> {
        let deploys =
            |step: &Step| matches!(step.action, Action::UpdateService { starts_deployment: true, .. });
        let mut change = self.change(to);
        change.steps.retain(|step| !deploys(step));
        scale_in::leave_out(self.look(self.desired), &mut change);
        change.steps
    }
}

/// Puts the settings that a deployment had beside what Git said of it: those that Git did not mention.
pub fn with_settings(mut steps: Vec<Step>, settings: Vec<Step>) -> Vec<Step> {
    for step in settings {
        let Action::UpdateService { body: back, starts_deployment, task_definition } = step.action else {
            continue;
        };
        let update = steps.iter_mut().find_map(|step| match &mut step.action {
            Action::UpdateService { body, starts_deployment, .. } => Some((body, starts_deployment)),
            _ => None,
        });
        match update {
            Some((body, deploys)) => {
                for (name, value) in back.as_object().into_iter().flatten() {
                    if body.get(name).is_none() && name != "taskDefinition" {
                        body[name.as_str()] = value.clone();
                        *deploys |= starts_deployment;
                    }
                }
            }
            None => {
                let action = Action::UpdateService { body: back, starts_deployment, task_definition };
                steps.insert(0, Step { action, because: step.because });
            }
        }
    }
    steps
}
