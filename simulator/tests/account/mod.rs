//! An account under paused time, spoken to in HTTP requests.
#![allow(dead_code)] // Each test binary uses a part of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::runtime::Runtime;

pub struct Account {
    pub simulator: Simulator,
}

impl Account {
    /// An account with the cluster `jobs`.
    pub async fn new(runtime: impl Runtime + 'static) -> Self {
        let clock = Clock::starting_at(Time(1_790_000_000_000), 1.0);
        let account = Self { simulator: Simulator::new(clock, Arc::new(runtime)) };
        account.ecs("CreateCluster", json!({"clusterName": "jobs"})).await;
        account
    }

    pub async fn send(&self, target: &str, input: Value) -> (u16, Value) {
        let request = http::Request::post("/")
            .header("X-Amz-Target", target)
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(Bytes::from(input.to_string()))
            .unwrap();
        let response = self.simulator.call(request).await;
        assert!(response.headers().contains_key("x-amzn-requestid"));
        let body = serde_json::from_slice(response.body()).unwrap();
        (response.status().as_u16(), body)
    }

    /// An ECS call that must succeed.
    pub async fn ecs(&self, operation: &str, input: Value) -> Value {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        let (status, body) = self.send(&target, input).await;
        assert_eq!(status, 200, "{operation}: {body}");
        body
    }

    /// An ECS call that must be refused: code and message.
    pub async fn refused(&self, operation: &str, input: Value) -> (String, String) {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        let (status, body) = self.send(&target, input).await;
        assert_eq!(status, 400, "{operation}: {body}");
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        (text("__type"), text("message"))
    }

    /// Registers a Fargate definition of one container; gives its ARN.
    pub async fn register(&self, family: &str, image: &str) -> String {
        self.register_with(family, image, json!({})).await
    }

    /// The same with more members in the container.
    pub async fn register_with(&self, family: &str, image: &str, more: Value) -> String {
        let mut container = json!({
            "name": "app", "image": image, "portMappings": [{"containerPort": 8080}],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/app", "awslogs-stream-prefix": "ecs", "awslogs-region": "eu-west-1",
            }},
        });
        for (member, value) in more.as_object().unwrap() {
            container[member] = value.clone();
        }
        let answer = self
            .ecs(
                "RegisterTaskDefinition",
                json!({
                    "family": family, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
                    "requiresCompatibilities": ["FARGATE"],
                    "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
                    "containerDefinitions": [container],
                }),
            )
            .await;
        answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    pub async fn create(&self, name: &str, definition: &str, desired: u32) -> Value {
        self.ecs("CreateService", creation(name, definition, desired)).await["service"].clone()
    }

    pub async fn update(&self, name: &str, change: Value) -> Value {
        let mut input = json!({"cluster": "jobs", "service": name});
        for (member, value) in change.as_object().unwrap() {
            input[member] = value.clone();
        }
        self.ecs("UpdateService", input).await["service"].clone()
    }

    pub async fn service(&self, name: &str) -> Value {
        let input = json!({"cluster": "jobs", "services": [name], "include": ["TAGS"]});
        self.ecs("DescribeServices", input).await["services"][0].clone()
    }

    /// All tasks of a service, running or stopped, oldest first.
    pub async fn tasks(&self, name: &str) -> Vec<Value> {
        let mut arns = Vec::new();
        for status in ["RUNNING", "STOPPED"] {
            let input = json!({"cluster": "jobs", "serviceName": name, "desiredStatus": status});
            let answer = self.ecs("ListTasks", input).await;
            arns.extend(answer["taskArns"].as_array().unwrap().clone());
        }
        if arns.is_empty() {
            return Vec::new();
        }
        let answer = self.ecs("DescribeTasks", json!({"cluster": "jobs", "tasks": arns})).await;
        let mut tasks = answer["tasks"].as_array().unwrap().clone();
        tasks.sort_by(|a, b| a["createdAt"].as_f64().unwrap().total_cmp(&b["createdAt"].as_f64().unwrap()));
        tasks
    }

    /// Describes the service every second until `reached` holds; every look is shown to `along` too.
    pub async fn until(
        &self,
        name: &str,
        mut along: impl FnMut(&Value),
        reached: impl Fn(&Value) -> bool,
    ) -> Value {
        const SECONDS_MAX: u32 = 3_600;
        for _ in 0..SECONDS_MAX {
            let service = self.service(name).await;
            along(&service);
            if reached(&service) {
                return service;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("not reached within an hour: {}", self.service(name).await);
    }

    pub async fn until_completed(&self, name: &str) -> Value {
        self.until(name, |_| {}, is_completed).await
    }

    pub async fn service_deployments(&self, name: &str) -> Vec<Value> {
        let input = json!({"cluster": "jobs", "service": name});
        let listed = self.ecs("ListServiceDeployments", input).await;
        let arns: Vec<Value> = listed["serviceDeployments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["serviceDeploymentArn"].clone())
            .collect();
        let input = json!({ "serviceDeploymentArns": arns });
        let answer = self.ecs("DescribeServiceDeployments", input).await;
        answer["serviceDeployments"].as_array().unwrap().clone()
    }
}

pub fn creation(name: &str, definition: &str, desired: u32) -> Value {
    json!({
        "cluster": "jobs", "serviceName": name, "taskDefinition": definition,
        "desiredCount": desired, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "tags": [{"key": "team", "value": "jobs"}],
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
    })
}

pub fn is_completed(service: &Value) -> bool {
    service["deployments"][0]["rolloutState"] == "COMPLETED"
        && service["deployments"].as_array().unwrap().len() == 1
}

pub fn messages(service: &Value) -> Vec<String> {
    let events = service["events"].as_array().unwrap();
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}
