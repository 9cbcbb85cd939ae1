//! A service as Git wants it, and an account that carries out plans the way ECS would.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::read_back;
use crate::model::{
    DesiredService, Digest, EcsService, Environment, LiveScaling, LiveService, LiveTaskDefinition, Origins,
    Part, Revision, RolloutPolicy, Scaling, ServiceKey, ServiceRecord, SyncPolicy, TaskDefinitionArn,
    Timestamp, tag,
};
use crate::plan::{Action, Decision, Difference, Held, RevisionSource, ServicePlan, Step, plan_service};

pub const INSTALLATION: &str = "main";

pub fn environment() -> Environment {
    Environment {
        name: "production".to_owned(),
        account: None,
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
        variables: BTreeMap::new(),
        looked_up: Vec::new(),
        sync: Default::default(),
        images: Default::default(),
    }
}

pub fn revision(id: &str) -> Revision {
    Revision {
        id: id.repeat(40),
        branch: "main".to_owned(),
        author: "release-bot".to_owned(),
        subject: "Raise worker memory".to_owned(),
        committed_at: Timestamp(0),
    }
}

pub fn arn(number: usize) -> TaskDefinitionArn {
    TaskDefinitionArn(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{number}"))
}

pub fn desired(task_definition: Value, service: Value) -> DesiredService {
    let mut desired = DesiredService {
        key: ServiceKey::new("api"),
        task_definition,
        service,
        scaling: None,
        rollout: RolloutPolicy { timeout: Duration::from_secs(600), ..RolloutPolicy::default() },
        sync: SyncPolicy::default(),
        depends_on: Vec::new(),
        images: Default::default(),
        named_images: Vec::new(),
        proposals: Vec::new(),
        digest: Digest::from_tag(""),
        task_definition_digest: Digest::from_tag(""),
        origins: Origins::default(),
    };
    sign(&mut desired);
    desired
}

/// Gives a spec that was changed its digests.
pub fn sign(desired: &mut DesiredService) {
    desired.task_definition_digest = Digest::of(&desired.task_definition);
    let scaling = desired.scaling.as_ref().map(|scaling| format!("{scaling:?}"));
    desired.digest = Digest::of(&json!([desired.task_definition, desired.service, scaling]));
}

/// The usual service: Fargate, two tasks.
pub fn api() -> DesiredService {
    desired(
        json!({"family": "api", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{"name": "api", "image": "jobs/api:1", "portMappings": [{"containerPort": 8080}],
                "environment": [{"name": "LEVEL", "value": "info"}]}]}),
        json!({"desiredCount": 2, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}}}),
    )
}

pub fn scaled(mut desired: DesiredService) -> DesiredService {
    desired.scaling = Some(Scaling {
        min_capacity: 2,
        max_capacity: 10,
        suspended_state: None,
        policies: BTreeMap::from([(
            "cpu".to_owned(),
            json!({"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 75,
                    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}}),
        )]),
        scheduled_actions: BTreeMap::from([(
            "night".to_owned(),
            json!({"ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)", "ScalableTargetAction": {"MinCapacity": 1}}),
        )]),
    });
    sign(&mut desired);
    desired
}

pub fn plan(desired: &DesiredService, live: &LiveService, record: Option<&ServiceRecord>) -> ServicePlan {
    plan_at(desired, live, record, Timestamp(0))
}

pub fn plan_at(
    desired: &DesiredService,
    live: &LiveService,
    record: Option<&ServiceRecord>,
    now: Timestamp,
) -> ServicePlan {
    plan_service(desired, live, record, &environment(), INSTALLATION, &revision("a"), now)
}

/// The calls of a plan by name, or why there are none.
pub fn outcome(plan: &ServicePlan) -> String {
    match &plan.decision {
        Decision::Unchanged => "unchanged".to_owned(),
        Decision::Change { steps, .. } => {
            steps.iter().map(|step| step.action.call()).collect::<Vec<_>>().join(", ")
        }
        Decision::Held { reason, .. } => {
            let name = match reason {
                Held::Unreadable { what, why } => format!("unreadable {what}, {why}"),
                Held::NotOwned { owner } => format!("not owned, {owner}"),
                other => format!("{other:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned(),
            };
            format!("held: {name}")
        }
    }
}

pub fn found(plan: &ServicePlan) -> Vec<Difference> {
    match &plan.decision {
        Decision::Unchanged => Vec::new(),
        Decision::Change { differences, .. } | Decision::Held { differences, .. } => differences.clone(),
    }
}

pub fn changed_paths(plan: &ServicePlan) -> Vec<String> {
    found(plan).iter().map(|difference| difference.path.to_string()).collect()
}

pub fn steps(plan: &ServicePlan) -> Vec<Step> {
    match &plan.decision {
        Decision::Change { steps, .. } => steps.clone(),
        other => panic!("no steps in {other:?}"),
    }
}

/// One service of an AWS account.
#[derive(Clone, Default)]
pub struct Account {
    pub revisions: Vec<LiveTaskDefinition>,
    pub service: Option<Value>,
    pub scaling: Option<LiveScaling>,
    pub calls: usize,
}

impl Account {
    /// An account in which the spec was applied, and its deployment has completed.
    pub fn running(desired: &DesiredService) -> Self {
        let mut account = Self::default();
        account.apply(&plan(desired, &account.look(), None));
        account
    }

    /// Everything there is to see, with the running revision read.
    pub fn look(&self) -> LiveService {
        let mut live = LiveService::absent();
        if let Some(service) = &self.service {
            let service = EcsService(service.clone());
            let running = self.revisions.iter().find(|one| one.arn == service.task_definition());
            live.task_definition = running.map_or(Part::Absent, |one| Part::Present(one.clone()));
            live.service = Part::Present(service);
        }
        if let Some(scaling) = &self.scaling {
            live.scaling = Part::Present(scaling.clone());
        }
        live
    }

    /// As the observer does when an ACTIVE revision carries the wanted digest.
    pub fn look_for(&self, desired: &DesiredService) -> LiveService {
        let mut live = self.look();
        live.reusable = self
            .revisions
            .iter()
            .find(|one| one.digest().as_ref() == Some(&desired.task_definition_digest))
            .map(|one| one.arn.clone());
        live
    }

    pub fn service(&mut self) -> &mut Value {
        self.service.as_mut().unwrap()
    }

    pub fn tag(&mut self, name: &str, value: &str) {
        let tags = self.service()["tags"].as_array_mut().unwrap();
        tags.retain(|tag| tag["key"] != name);
        tags.push(json!({"key": name, "value": value}));
    }

    pub fn untag(&mut self, name: &str) {
        self.service()["tags"].as_array_mut().unwrap().retain(|tag| tag["key"] != name);
    }

    pub fn apply(&mut self, plan: &ServicePlan) {
        for step in steps(plan) {
            self.calls += 1;
            self.call(step.action);
        }
    }

    fn resolve(&self, source: &RevisionSource) -> TaskDefinitionArn {
        match source {
            RevisionSource::Registered => self.revisions.last().unwrap().arn.clone(),
            RevisionSource::Existing(arn) => arn.clone(),
        }
    }

    fn call(&mut self, action: Action) {
        match action {
            Action::RegisterTaskDefinition { body, .. } => {
                let arn = arn(self.revisions.len() + 1);
                let tags = body["tags"].as_array().unwrap().iter();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let tags = tags.map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect();
                self.revisions.push(LiveTaskDefinition {
                    body: read_back::task_definition(&body, &arn),
                    arn,
                    tags,
                });
            }
            Action::CreateService { task_definition, body } => {
                let arn = self.resolve(&task_definition);
                self.service = Some(read_back::service(&body, &arn));
                self.tag(tag::TASK_DEFINITION, arn.family_and_revision());
            }
            Action::UpdateService { task_definition, body, .. } => {
                let arn = task_definition.map(|source| self.resolve(&source));
                read_back::update(self.service(), &body, arn.as_ref());
            }
            Action::TagService { task_definition, tags } => {
                let arn = self.resolve(&task_definition);
                let runs = arn.family_and_revision();
                self.tag(tag::TASK_DEFINITION, runs);
                for (key, value) in tags {
                    let whole = if key == tag::TASK_DEFINITION { format!("{runs}{value}") } else { value };
                    self.tag(&key, &whole);
                }
            }
            Action::RegisterScalableTarget { body, .. } => {
                self.scaling.get_or_insert_default().target = read_back::scalable_target(&body);
            }
            Action::PutScalingPolicy { body } => {
                let name = body["PolicyName"].as_str().unwrap().to_owned();
                self.scaling.as_mut().unwrap().policies.insert(name, read_back::policy(&body));
            }
            Action::PutScheduledAction { body } => {
                let name = body["ScheduledActionName"].as_str().unwrap().to_owned();
                self.scaling.as_mut().unwrap().scheduled_actions.insert(name, body);
            }
            other => panic!("the planner has no reason for {}", other.call()),
        }
    }
}
