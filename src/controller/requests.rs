//! What people ask for by tags of a service: each request is heeded once, and its tag taken off.

use std::collections::BTreeMap;
use std::time::Duration;

use super::hooks::SOON;
use super::overriding;
use super::pass::{Engine, Next};
use super::settle::Case;
use crate::execute::{self, Work};
use crate::journal::{Event, Kind, Level};
use crate::ledger;
use crate::model::{
    Again, Desired, DesiredService, EcsService, Environment, Failure, Gate, GoingBack, IntentKind,
    LiveService, Ownership, Part, Quarantine, Request, Rollout, RolloutKind, ServiceRecord,
    TaskDefinitionArn, Watched, tag,
};
use crate::plan::{self, Action, Decision, Extent, Gateway, ServicePlan, Step};
use crate::rollout::{self, RollBack};

impl Engine {
    /// Heeds what people ask for, unless the service is suspended: then it waits for the end of that.
    ///
    /// The ledger notes a request before its tag is taken off, so a crash in between, or a tag that can't
    /// be taken off, does not have it heeded twice.
    pub(super) async fn heed(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
    ) -> Result<(), ledger::Error> {
        let Some(ecs) = live.service.present().filter(|ecs| self.may_heed(ecs)) else { return Ok(()) };
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let mut over: Vec<String> = Vec::new();
        if ecs.tag(tag::SUSPENDED).is_some() {
            let sentence = "its suspension has ended by itself";
            self.tell_request(desired, service, Level::Info, sentence);
            over.push(tag::SUSPENDED.to_owned());
        }
        for key in tag::REQUESTS {
            let Some(text) = ecs.tag(key) else { continue };
            if record.heeded.get(key).map(String::as_str) != Some(text) || planted!("heeds-it-again") {
                let told = match key {
                    tag::ROLL_BACK => self.heed_roll_back(desired, service, ecs, text).await?,
                    tag::RETRY => self.heed_retry(service, text).await?,
                    _ => self.heed_sync(service, text).await?,
                };
                self.journal.moved_on(&service.key);
                self.tell_request(desired, service, told.0, &told.1);
            }
            over.push(key.to_owned());
        }
        // An intent that is open says what may have become of another call: it is not written over.
        let open = record.intent.as_ref().is_some_and(|intent| intent.kind != IntentKind::Tag);
        if !over.is_empty() && !open {
            self.take_off(desired, service, ecs, over).await?;
        }
        Ok(())
    }

    fn may_heed(&self, ecs: &EcsService) -> bool {
        ecs.status() != "DRAINING"
            && ecs.ownership(&self.installation) == Ownership::Ours
            && ecs.suspended((self.now)()).is_none()
    }

    async fn heed_retry(
        &self,
        service: &DesiredService,
        text: &str,
    ) -> Result<(Level, String), ledger::Error> {
        let request = Request::read(text);
        let author = request.author().to_owned();
        let (record, now) = (self.ledger.record(&service.key).unwrap_or_default(), (self.now)());
        let held = record.quarantine.as_ref().filter(|it| it.digest == service.digest);
        let about_another = request.digest.as_ref().filter(|it| *it != service.digest.as_str());
        let about_another = about_another.filter(|_| !planted!("retry-of-whatever-is-held"));
        let told = match (held, about_another) {
            (_, Some(other)) => {
                let other: String = other.chars().take(4).collect();
                let wanted = service.digest.short();
                (
                    Level::Warn,
                    format!("{author} asks to try {other}… again, and Git asks for {wanted}: not heeded"),
                )
            }
            (None, None) => {
                (Level::Warn, format!("{author} asks to try again, and nothing is held: not heeded"))
            }
            (Some(_), None) => (
                Level::Info,
                format!("{author} asks to try {} again{}", service.digest.short(), because(&request)),
            ),
        };
        let heeds = told.0 == Level::Info;
        self.ledger
            .update(&service.key, |record| {
                note(record, tag::RETRY, text);
                if let Some(held) = record.quarantine.as_mut().filter(|_| heeds) {
                    let before = held.again.take();
                    held.again = Some(Again {
                        at: now,
                        attempt: before.as_ref().map_or(0, |it| it.attempt),
                        of: before.and_then(|it| it.of),
                        by: if planted!("retry-of-nobody") { None } else { Some(author) },
                    });
                    record.sync = Some(service.digest.clone());
                }
            })
            .await?;
        Ok(told)
    }

    async fn heed_sync(
        &self,
        service: &DesiredService,
        text: &str,
    ) -> Result<(Level, String), ledger::Error> {
        let request = Request::read(text);
        let now = (self.now)();
        self.ledger
            .update(&service.key, |record| {
                note(record, tag::SYNC, text);
                record.sync = Some(service.digest.clone());
                let waits = record.quarantine.as_mut().filter(|it| it.digest == service.digest);
                // What is held for its own failures is not tried again for this: that takes a retry.
                if let Some(again) = waits.and_then(|it| it.again.as_mut()) {
                    again.at = again.at.min(now);
                }
            })
            .await?;
        Ok((Level::Info, format!("{} asks not to wait any longer{}", request.author(), because(&request))))
    }

    /// Holds Git's digest, and notes where the service goes. The way back itself begins right after.
    async fn heed_roll_back(
        &self,
        desired: &Desired,
        service: &DesiredService,
        ecs: &EcsService,
        text: &str,
    ) -> Result<(Level, String), ledger::Error> {
        let request = Request::read(text);
        let author = request.author().to_owned();
        let runs = ecs.task_definition();
        let to = match destination(&request, &runs) {
            Ok(to) => to,
            Err(why) => {
                self.ledger.update(&service.key, |record| note(record, tag::ROLL_BACK, text)).await?;
                return Ok((
                    Level::Warn,
                    format!("the roll-back that {author} asks for is not heeded: {why}"),
                ));
            }
        };
        let reason = match request.reason.as_str() {
            "" => "no reason given".to_owned(),
            reason => reason.to_owned(),
        };
        let now = (self.now)();
        let failure = Failure::new(request.at.unwrap_or(now), Gate::Person, reason);
        let told = format!("{author} asks to go back to {to}{}", because(&request));
        self.ledger
            .update(&service.key, |record| {
                note(record, tag::ROLL_BACK, text);
                record.sync = None;
                record.quarantine = Some(Quarantine {
                    digest: service.digest.clone(),
                    task_definition: Some(runs.clone()),
                    deployment: ecs.primary().map(|primary| primary.id().to_owned()),
                    revision: desired.revision.id.clone(),
                    failure,
                    again: None,
                    by: Some(author),
                    values: BTreeMap::new(),
                });
                planted!("taken-back-and-put-there-again" => record.quarantine = None);
                // What a person takes back is nothing that a later roll-back may lead to.
                if record.last_good.as_ref().is_some_and(|good| good.task_definition != to) {
                    let place = record.earlier.iter().position(|good| good.task_definition == to);
                    record.last_good = place.map(|place| record.earlier.remove(place));
                }
                record.going_back = Some(GoingBack { to: to.clone(), revision: desired.revision.id.clone() });
            })
            .await?;
        Ok((Level::Warn, told))
    }

    /// Begins the way back that a person asked for. `None`: it has begun, and is watched like any other.
    pub(super) async fn go_back_by_hand(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
    ) -> Result<Option<Next>, ledger::Error> {
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let Some(GoingBack { to, revision }) = record.going_back.clone() else { return Ok(None) };
        let begun = record
            .rollout
            .as_ref()
            .is_some_and(|it| it.kind == RolloutKind::RollBack && it.task_definition == to);
        let Some(ecs) = live.service.present().filter(|ecs| !begun && self.may_heed(ecs)) else {
            if begun {
                self.ledger.update(&service.key, |record| record.going_back = None).await?;
            }
            return Ok(None);
        };
        // How a deployment under way is taken back shows when its service deployments have been read.
        let in_flight = record.rollout.as_ref().is_some_and(|it| it.kind == RolloutKind::Deploy);
        if in_flight && live.deployments == Part::Absent {
            return Ok(Some(Next::Watch(SOON)));
        }
        let taken_back = Rollout {
            kind: RolloutKind::Deploy,
            digest: service.digest.clone(),
            task_definition: ecs.task_definition(),
            deployment: ecs.primary().map(|primary| primary.id().to_owned()),
            started_at: (self.now)(),
            revision,
            back_to: Some(to.clone()),
            changes: Vec::new(),
            watched: Watched::default(),
            course: None,
            values: BTreeMap::new(),
        };
        let case = Case { desired, service, live, rollout: &taken_back };
        // StopServiceDeployment leads to where ECS came from, and nowhere else.
        let came_from = rollout::last_good(live, None, &service.rollout);
        let steps = match rollout::roll_back(&taken_back, live, &record) {
            RollBack::Stop { arn } if came_from == Some(to.clone()) => {
                vec![Step { action: Action::StopServiceDeployment { arn }, because: Vec::new() }]
            }
            RollBack::Nowhere { .. } | RollBack::ByEcs | RollBack::Stop { .. } | RollBack::Update { .. } => {
                Vec::new()
            }
        };
        let mut next = match steps.is_empty() {
            true => Next::Held(String::new()),
            false => Box::pin(self.go_back(case, steps)).await?,
        };
        if matches!(next, Next::Held(_)) {
            let settings = match rollout::by_update(&taken_back, ecs, &live.service_revision, &record) {
                RollBack::Update { steps } => steps,
                RollBack::Nowhere { .. } | RollBack::ByEcs | RollBack::Stop { .. } => Vec::new(),
            };
            let steps = plan::with_settings(self.way_back(case, &record).steps(&to), settings);
            next = Box::pin(self.go_back(case, steps)).await?;
        }
        match next {
            Next::Watch(_) | Next::Held(_) => {
                self.ledger.update(&service.key, |record| record.going_back = None).await?;
            }
            _ => {}
        }
        Ok(Some(next))
    }

    /// Takes tags off the service. What hinders that is told, and hinders nothing else.
    async fn take_off(
        &self,
        desired: &Desired,
        service: &DesiredService,
        ecs: &EcsService,
        keys: Vec<String>,
    ) -> Result<(), ledger::Error> {
        let steps = vec![Step { action: Action::UntagService { keys }, because: Vec::new() }];
        let decision = Decision::Change { differences: Vec::new(), steps };
        let whole = ServicePlan::of(service.key.clone(), service.digest.clone(), decision);
        // It applies nothing of what Git asks for.
        let plan = ServicePlan { extent: Extent::Override, ..whole };
        let work = Work {
            plan: &plan,
            task_definition_digest: &service.task_definition_digest,
            prune: service.sync.prune,
            spec: None,
            looked_up: &[],
            service: Some(ecs),
            cluster: &desired.environment.cluster,
            revision: &desired.revision.id,
            kind: RolloutKind::Deploy,
            values: &BTreeMap::new(),
            back_to: None,
        };
        Box::pin(execute::execute(&work, &self.writer, &self.ledger, &self.journal, self.now.as_ref()))
            .await?;
        Ok(())
    }

    fn tell_request(&self, desired: &Desired, service: &DesiredService, level: Level, sentence: &str) {
        let event = Event::new((self.now)(), Kind::Request, sentence).of(&service.key);
        let mut event = event.digest(&service.digest).revision(&desired.revision.id);
        event.level = level;
        self.journal.tell_once(event);
    }

    /// How long until time alone changes what is to be done: an override or a suspension ends, another try
    /// is due, a window opens.
    pub(super) fn changes_after(
        &self,
        service: &DesiredService,
        live: &LiveService,
        environment: &Environment,
        next: &Next,
    ) -> Option<Duration> {
        let now = (self.now)();
        let suspended = live.service.present().and_then(|ecs| ecs.suspended(now)?.until);
        let record = self.ledger.record(&service.key);
        let again = record
            .and_then(|record| record.quarantine.filter(|it| it.digest == service.digest)?.again)
            .map(|again| again.at)
            .filter(|at| *at > now);
        let opens = match (next, plan::gateway(service.sync.windows(environment), now)) {
            (Next::Held(_) | Next::Waits(_), Gateway::Closed { opens }) => opens.map(|opens| opens.at),
            _ => None,
        };
        let moments = [suspended, again, opens].into_iter().flatten().map(|at| at.since(now));
        moments.chain(overriding::ends_after(live, now)).min()
    }
}

fn note(record: &mut ServiceRecord, key: &str, text: &str) {
    record.heeded.insert(key.to_owned(), text.to_owned());
}

/// `: checkout is broken`
fn because(request: &Request) -> String {
    match request.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}

/// The revision that a roll-back is to lead to: of the same family, and not the one that runs.
fn destination(request: &Request, runs: &TaskDefinitionArn) -> Result<TaskDefinitionArn, String> {
    let Some(to) = &request.to else {
        return Err(format!("it names no revision; write `to={}:NUMBER`", runs.family()));
    };
    let place = runs.0.rsplit_once('/').map(|(place, _)| place).unwrap_or_default();
    let to = TaskDefinitionArn(format!("{place}/{to}"));
    let other = to.family() != runs.family() && !planted!("goes-back-to-another-family");
    if other || to.number().is_none() {
        return Err(format!("`{to}` is no revision of `{}`", runs.family()));
    }
    if to == *runs {
        return Err(format!("it runs {to} already"));
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_back_leads_to_another_revision_of_the_same_family() {
        let runs = TaskDefinitionArn("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:42".to_owned());
        let to = |text: &str| {
            let request = Request { to: Some(text.to_owned()), ..Request::default() };
            destination(&request, &runs).map(|arn| arn.0)
        };
        assert_eq!(to("api:41"), Ok("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:41".to_owned()));
        assert_eq!(to("api:42"), Err("it runs api:42 already".to_owned()));
        for other in ["worker:41", "41", "api:x", "api"] {
            assert_eq!(to(other), Err(format!("`{other}` is no revision of `api`")));
        }
        let none = destination(&Request::default(), &runs);
        assert_eq!(none, Err("it names no revision; write `to=api:NUMBER`".to_owned()));
    }
}
