//! The verdict on one rollout at one moment.

use std::time::Duration;

use super::diagnose::{bad_tasks, diagnose, summary};
use super::find::{is_going_back, not_before, our_service_deployment, our_status, ours};
use super::stages::{self, Pause};
use super::types::Verdict;
use crate::model::{
    Deployment, EcsService, Gate, LiveService, Part, Rollout, RolloutKind, RolloutPolicy,
    ServiceDeploymentStatus, Timestamp,
};

/// For so long AWS's answers may not show what we just asked for.
const SETTLE: Duration = Duration::from_secs(60);

/// Judges a rollout against our own deployment, so that neither an older one nor a roll-back can look
/// like its success.
pub fn judge(rollout: &Rollout, policy: &RolloutPolicy, live: &LiveService, now: Timestamp) -> Verdict {
    let case = Case { rollout, policy, live, now };
    let service = match &live.service {
        Part::Present(service) => service,
        Part::Unreadable(why) => {
            return Verdict::Unknown { sentence: format!("the service could not be read: {why}") };
        }
        Part::Absent if now.since(rollout.started_at) < SETTLE => {
            return Verdict::Unknown { sentence: "AWS does not show the service yet".to_owned() };
        }
        Part::Absent => return Verdict::Superseded { sentence: "the service is gone".to_owned() },
    };
    if service.status() == "DRAINING" {
        return Verdict::Superseded { sentence: "the service is being deleted".to_owned() };
    }
    planted!("stable-is-success" => if service.running_count() == service.desired_count() { return Verdict::Completed; });
    if let Some(verdict) = case.by_service_deployment(service).or_else(|| case.by_stages(service)) {
        return verdict;
    }
    match (ours(rollout, service), service.primary()) {
        (Some(ours), Some(primary)) if ours.id() == primary.id() => case.leading(service, ours),
        (Some(ours), Some(primary)) => case.replaced(ours, primary),
        (Some(ours), None) => case.leading(service, ours),
        (None, primary) => case.unseen(service, primary),
    }
}

struct Case<'a> {
    rollout: &'a Rollout,
    policy: &'a RolloutPolicy,
    live: &'a LiveService,
    now: Timestamp,
}

impl Case<'_> {
    /// The service deployments view is the only one that remembers a roll-back: afterwards
    /// DescribeServices shows the old deployment as completed, and nothing of ours.
    fn by_service_deployment(&self, service: &EcsService) -> Option<Verdict> {
        if self.rollout.kind == RolloutKind::RollBack {
            return None;
        }
        let status = our_status(self.rollout, service, self.live)?;
        if is_going_back(status) {
            return Some(self.rolled_back_by_ecs());
        }
        match status {
            ServiceDeploymentStatus::RollbackFailed => Some(self.failed(self.who_went_back())),
            // Stopped by its own failure, or by a newer deployment.
            ServiceDeploymentStatus::Stopped => {
                let primary = service.primary().map(|primary| primary.task_definition());
                Some(match primary {
                    Some(primary) if primary == self.rollout.task_definition => {
                        self.failed(Gate::EcsCircuitBreaker)
                    }
                    Some(primary) if Some(&primary) != self.rollout.back_to.as_ref() => {
                        Verdict::Superseded { sentence: format!("{primary} was deployed instead") }
                    }
                    Some(_) | None => self.rolled_back_by_ecs(),
                })
            }
            ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::StopRequested
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::Other(_) => None,
        }
    }

    /// Where ECS shifts traffic, tasks and rollout states of DescribeServices tell a part of the story.
    fn by_stages(&self, service: &EcsService) -> Option<Verdict> {
        if let Part::Unreadable(why) = &self.live.staged {
            // Its stage decides whether there is a deadline at all.
            return Some(Verdict::Unknown { sentence: format!("its stage could not be read: {why}") });
        }
        let staged = stages::ours(self.rollout, self.live)?;
        match staged.status {
            ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress => {}
            ServiceDeploymentStatus::Successful => return Some(Verdict::Completed),
            ServiceDeploymentStatus::StopRequested
            | ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed
            | ServiceDeploymentStatus::Other(_) => return None,
        }
        planted!("green-is-done-before-it-has-baked" => if staged.green.production.is_some_and(|it| it >= 100.0) { return Some(Verdict::Completed); });
        let healthy = self.live.target_health;
        if let Some(pause) = Pause::of(staged).filter(|_| !planted!("a-person-has-a-deadline")) {
            let name = service.0["serviceName"].as_str().unwrap_or_default();
            return Some(Verdict::Paused { sentence: pause.sentence(name, healthy, self.now) });
        }
        let start = self.start(ours(self.rollout, service));
        let deadline = stages::deadline(self.rollout, self.policy, start, Some(staged), self.now);
        if deadline.is_some_and(|deadline| self.now >= deadline) {
            return Some(self.failed(Gate::Deadline));
        }
        let sentence = stages::stage_sentence(staged, healthy, self.rollout.course.as_ref(), self.now);
        Some(match self.failing(ours(self.rollout, service)) {
            Some(failing) => Verdict::Failing { sentence: failing },
            None => Verdict::Progressing { sentence },
        })
    }

    /// Our deployment is the PRIMARY one.
    fn leading(&self, service: &EcsService, ours: Deployment<'_>) -> Verdict {
        match ours.rollout_state() {
            Some("COMPLETED") if service.task_definition() == self.rollout.task_definition => {
                return Verdict::Completed;
            }
            Some("FAILED") => return self.breaker(service),
            // Classic Load Balancers and emulators have no rollout state: counts must do.
            None if self.looks_complete(service, ours) => return Verdict::Completed,
            Some(_) | None => {}
        }
        if self.now >= self.deadline(ours) && !planted!("no-deadline-of-our-own") {
            // Some emulators never move the rollout state, however healthy the tasks.
            return match self.looks_complete(service, ours) && bad_tasks(self.live, self.rollout).is_empty() {
                true => Verdict::Completed,
                false => self.failed(Gate::Deadline),
            };
        }
        self.under_way(service, ours)
    }

    fn under_way(&self, service: &EcsService, ours: Deployment<'_>) -> Verdict {
        if let Some(sentence) = self.failing(Some(ours)) {
            return Verdict::Failing { sentence };
        }
        // Right after the call the deployment's own desiredCount is still 0.
        let all = ours.desired_count().max(service.desired_count());
        let up = ours.running_count().min(all);
        let sentence = match self.live.target_health {
            Some((healthy, targets)) if healthy < targets => {
                format!("{up} of {all} new {} running, {healthy} of {targets} targets healthy", tasks(all))
            }
            Some(_) | None => format!("{up} of {all} new {} healthy", tasks(all)),
        };
        Verdict::Progressing { sentence }
    }

    /// What goes wrong with its tasks.
    fn failing(&self, ours: Option<Deployment<'_>>) -> Option<String> {
        let stopped = bad_tasks(self.live, self.rollout);
        if !stopped.is_empty() {
            return Some(summary(&stopped));
        }
        let failed = ours.map_or(0, |ours| ours.failed_tasks());
        (failed > 0).then(|| format!("{failed} {} failed to start", tasks(failed)))
    }

    /// Another deployment is PRIMARY while ours is still listed.
    fn replaced(&self, ours: Deployment<'_>, primary: Deployment<'_>) -> Verdict {
        let back = self.rollout.back_to.as_ref() == Some(&primary.task_definition());
        let older = match (primary.created_at(), ours.created_at()) {
            (Some(primary), Some(ours)) => primary < ours,
            _ => false,
        };
        if self.rollout.kind == RolloutKind::Deploy
            && (back || older || ours.rollout_state() == Some("FAILED"))
        {
            return self.rolled_back_by_ecs();
        }
        Verdict::Superseded { sentence: format!("{} was deployed instead", primary.task_definition()) }
    }

    /// Our deployment is not listed: not yet, or no more.
    fn unseen(&self, service: &EcsService, primary: Option<Deployment<'_>>) -> Verdict {
        let rollout = self.rollout;
        let Some(primary) = primary else {
            return self.unless_late("AWS lists no deployment of the service");
        };
        let runs = primary.task_definition();
        let was_seen = rollout.deployment.is_some();
        let fresh = primary.created_at().is_some_and(|at| at >= not_before(rollout));
        let settled = self.now.since(rollout.started_at) >= SETTLE;
        if runs == rollout.task_definition {
            // Nothing had to be deployed: the service ran this revision already.
            return match primary.rollout_state() {
                Some("COMPLETED") if settled && service.task_definition() == runs => Verdict::Completed,
                _ => self.unless_late("our deployment does not show yet"),
            };
        }
        // The answer to our call showed the deployment, and the next look may be older than that answer.
        if was_seen && !fresh && !settled {
            return self.unless_late("our deployment does not show yet");
        }
        if was_seen && rollout.kind == RolloutKind::Deploy && rollout.back_to.as_ref() == Some(&runs) {
            return self.rolled_back_by_ecs();
        }
        if was_seen || fresh {
            return Verdict::Superseded { sentence: format!("{runs} was deployed instead") };
        }
        self.unless_late("our deployment does not show yet")
    }

    fn unless_late(&self, sentence: &str) -> Verdict {
        if self.now >= self.rollout.started_at.plus(self.policy.timeout) {
            return self.failed(Gate::Deadline);
        }
        Verdict::Unknown { sentence: sentence.to_owned() }
    }

    /// ECS's circuit breaker or its alarms said no.
    fn breaker(&self, service: &EcsService) -> Verdict {
        let configuration = &service.0["deploymentConfiguration"];
        let goes_back = ["deploymentCircuitBreaker", "alarms"].iter().any(|detector| {
            configuration[detector]["enable"] == true && configuration[detector]["rollback"] == true
        });
        // Without a deployment that completed before, ECS has nowhere to go back to, and stays.
        match goes_back && self.rollout.kind == RolloutKind::Deploy && self.rollout.back_to.is_some() {
            true => self.rolled_back_by_ecs(),
            false => self.failed(Gate::EcsCircuitBreaker),
        }
    }

    /// From ECS's own clock, so that a restart of this program gives nobody more time. A roll-back may
    /// revive a deployment made long ago: that one counts from when it was asked for.
    fn deadline(&self, ours: Deployment<'_>) -> Timestamp {
        self.start(Some(ours)).plus(self.policy.timeout)
    }

    fn start(&self, ours: Option<Deployment<'_>>) -> Timestamp {
        let asked = self.rollout.started_at;
        planted!("deadline-by-our-own-clock" => return asked);
        match self.rollout.kind {
            // One that we adopted may be old: it gets its time from then on.
            RolloutKind::Deploy => ours.and_then(|ours| ours.created_at()).map_or(asked, |at| at.max(asked)),
            RolloutKind::RollBack => asked,
        }
    }

    fn looks_complete(&self, service: &EcsService, ours: Deployment<'_>) -> bool {
        let alone = service.deployments().filter(|one| one.status() != "INACTIVE").count() == 1;
        let wanted = service.desired_count();
        let healthy = self.live.target_health.is_none_or(|(healthy, all)| {
            healthy == all && i64::try_from(healthy).is_ok_and(|healthy| healthy >= wanted.min(1))
        });
        alone
            && service.task_definition() == self.rollout.task_definition
            && service.running_count() == wanted
            && ours.running_count() == wanted
            && healthy
    }

    fn failed(&self, gate: Gate) -> Verdict {
        Verdict::Failed(Box::new(diagnose(self.live, self.rollout, gate, self.now)))
    }

    /// The judge of ECS's that went back, or the person who asked it to.
    fn who_went_back(&self) -> Gate {
        if let Some(staged) = stages::ours(self.rollout, self.live) {
            return stages::blamed(staged, self.now).0;
        }
        let service = self.live.service.present();
        let listed = service.and_then(|it| our_service_deployment(self.rollout, it, self.live));
        match listed.is_some_and(|one| stages::asked_for(&one.status, &one.status_reason)) {
            true => Gate::StoppedByHand,
            false => Gate::EcsCircuitBreaker,
        }
    }

    fn rolled_back_by_ecs(&self) -> Verdict {
        let gate = self.who_went_back();
        Verdict::RolledBackByEcs(Box::new(diagnose(self.live, self.rollout, gate, self.now)))
    }
}

fn tasks(count: i64) -> &'static str {
    if count == 1 { "task" } else { "tasks" }
}
