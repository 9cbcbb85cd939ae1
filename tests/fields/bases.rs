//! Manifests to start from.

use reconciler::shape::layout;
use serde_json::{Value, json};

use super::{needs, tables};

/// An input that a manifest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    TaskDefinition,
    Service,
    ScalableTarget,
    ScalingPolicy,
    ScheduledAction,
    Schedule,
}

impl Root {
    pub const ALL: [Root; 6] = [
        Root::TaskDefinition,
        Root::Service,
        Root::ScalableTarget,
        Root::ScalingPolicy,
        Root::ScheduledAction,
        Root::Schedule,
    ];

    /// The calls that carry it: what makes it, and what changes it where that is another one.
    pub fn operations(self) -> &'static [&'static str] {
        match self {
            Root::TaskDefinition => &["RegisterTaskDefinition"],
            Root::Service => &["CreateService", "UpdateService"],
            Root::ScalableTarget => &["RegisterScalableTarget"],
            Root::ScalingPolicy => &["PutScalingPolicy"],
            Root::ScheduledAction => &["PutScheduledAction"],
            Root::Schedule => &["CreateSchedule", "UpdateSchedule"],
        }
    }

    pub fn layout(self) -> layout::Root {
        match self {
            Root::TaskDefinition => layout::TASK_DEFINITION,
            Root::Service => layout::SERVICE,
            Root::ScalableTarget => layout::SCALABLE_TARGET,
            Root::ScalingPolicy => layout::SCALING_POLICY,
            Root::ScheduledAction => layout::SCHEDULED_ACTION,
            Root::Schedule => layout::SCHEDULE,
        }
    }

    /// Where it stands in `spec`.
    pub fn place(self) -> &'static str {
        match self {
            Root::TaskDefinition => "/taskDefinition",
            Root::Service => "/service",
            Root::ScalableTarget => "/scaling",
            Root::ScalingPolicy => "/scaling/policies/0",
            Root::ScheduledAction => "/scaling/scheduledActions/0",
            Root::Schedule => "/schedule",
        }
    }

    pub fn kind(self) -> &'static str {
        match self {
            Root::Schedule => "ScheduledTask",
            _ => "Service",
        }
    }
}

/// The `spec` that a member is put into.
pub fn spec(root: Root, path: &str) -> Value {
    let mut spec = match (root, needs::runs_on(root, path)) {
        (Root::Schedule, _) => schedule(),
        (_, RunsOn::Fargate) => fargate(),
        (_, RunsOn::Instances) => instances(),
    };
    match root {
        Root::TaskDefinition | Root::Service | Root::Schedule => {}
        Root::ScalableTarget => spec["scaling"] = json!({"minCapacity": 0, "maxCapacity": 4}),
        Root::ScalingPolicy => {
            let policy = json!({"PolicyName": "policy"});
            spec["scaling"] = json!({"minCapacity": 0, "maxCapacity": 4, "policies": [policy]});
        }
        Root::ScheduledAction => {
            let action = json!({
                "ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)",
                "ScalableTargetAction": {"MinCapacity": 0},
            });
            spec["scaling"] = json!({"minCapacity": 0, "maxCapacity": 4, "scheduledActions": [action]});
        }
    }
    for more in needs::needs(root, path) {
        merge(&mut spec, &more);
    }
    tables::prepare(&mut spec, root, path);
    spec
}

#[derive(Clone, Copy, Debug)]
pub enum RunsOn {
    Fargate,
    /// EC2, with the network mode `bridge`.
    Instances,
}

fn fargate() -> Value {
    json!({
        "taskDefinition": {
            "cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "containerDefinitions": [
                {"name": "app", "image": "app:1", "portMappings": [{"containerPort": 8080, "name": "http"}]},
            ],
        },
        "service": {
            "desiredCount": 0, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        },
    })
}

fn instances() -> Value {
    json!({
        "taskDefinition": {
            "containerDefinitions": [{"name": "app", "image": "app:1", "memory": 128}],
        },
        "service": {"desiredCount": 0, "launchType": "EC2"},
    })
}

fn schedule() -> Value {
    let mut spec = json!({
        "schedule": {
            "ScheduleExpression": "rate(1 hour)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
                "EcsParameters": {},
            },
        },
    });
    spec["taskDefinition"] = instances()["taskDefinition"].clone();
    spec
}

/// Objects are merged; everything else is replaced, and `null` takes a member away.
pub fn merge(base: &mut Value, more: &Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (name, value) in more {
                match value {
                    Value::Null => drop(base.remove(name)),
                    value => merge(base.entry(name).or_insert(Value::Null), value),
                }
            }
        }
        (base, more) => *base = more.clone(),
    }
}
