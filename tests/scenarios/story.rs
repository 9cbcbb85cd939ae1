//! The stories that are told again and again with something going wrong, and how they have to end.

use reconciler::controller::Wish;
use serde_json::{Value, json};

use crate::world::web::Page;
use crate::world::{World, scheduled, service, service_with};

#[derive(Clone, Copy, Debug)]
pub enum Story {
    FirstDeploy,
    /// With a load balancer, a scalable target, a policy and a scheduled action.
    FirstDeployInFull,
    Update,
    /// By ECS's circuit breaker.
    RollBack,
    /// By our own deadline.
    RollBackByDeadline,
    /// Security groups and the desired count were changed by hand.
    Drift,
    /// A scheduled task, and with it the group of the installation.
    Schedule,
    /// Another image at another hour.
    Reschedule,
    /// Somebody disabled the schedule and took its retries away.
    ScheduleDrift,
    /// With one-off tasks before and after it.
    FirstDeployWithHooks,
    /// The hook before it runs the service's own new revision, the first try finds no room.
    UpdateWithHooks,
    /// Twice, and then it counts.
    HookFails,
    HookIsTooLate,
    SmokeTestFails,
    /// By alarms, health, a URL and bake time, all of which let it pass.
    GatesPass,
    /// ECS completes it, and then a URL does not answer as it should.
    GateFails,
    /// An alarm goes off while ECS is still at it.
    AlarmFails,
    /// Another launch type, which ECS sets at creation, and another image.
    Replace,
    /// A person takes back what settled, with the scaling that came with it.
    RollBackByHand,
    /// A person has a first deployment that failed tried once more, and it is there now.
    Retry,
}

/// How the world looks when everything is over.
#[derive(Debug, PartialEq)]
pub struct End {
    runs: String,
    running: Option<i64>,
    desired: Option<i64>,
    groups: Value,
    revisions: Vec<String>,
    deployments: usize,
    quarantined: bool,
    bounds: Option<(i64, i64)>,
    policies: Vec<String>,
    /// Without its dates.
    schedule: Value,
    /// Names of all schedules of the account.
    schedules: Vec<String>,
    /// Which hooks ran, in which order, and how each ended.
    hooks: Vec<String>,
    /// Whether a request of a person's is still on the service.
    asked: bool,
}

const SCALING: &str = "  scaling:
    minCapacity: 2
    maxCapacity: 6
    policies:
      - PolicyName: cpu
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 60
          PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
    scheduledActions:
      - ScheduledActionName: night
        Schedule: cron(0 22 * * ? *)
        ScalableTargetAction: {MinCapacity: 2, MaxCapacity: 2}
";

/// A service that scales between 2 and 6 tasks, by one policy and one scheduled action.
pub fn scaled(name: &str, image: &str) -> String {
    service_with(name, image, SCALING)
}

/// A service that ECS's circuit breaker leaves alone, with a deadline of its own.
pub fn without_breaker(name: &str, image: &str, timeout: &str) -> String {
    service_with(name, image, &format!("  rollout: {{timeout: {timeout}}}\n")).replace(
        "deploymentCircuitBreaker: {enable: true, rollback: true}",
        "deploymentCircuitBreaker: {enable: false, rollback: false}",
    )
}

/// One hook of `rollout.before` or `rollout.after`, with a definition of its own.
pub fn hook(name: &str, image: &str, more: &str) -> String {
    format!(
        "      - name: {name}
        taskDefinition:
          cpu: 256
          memory: 512
          networkMode: awsvpc
          executionRoleArn: arn:aws:iam::123456789012:role/execution
          containerDefinitions:
            - name: {name}
              image: {image}
              logConfiguration:
                logDriver: awslogs
                options: {{awslogs-group: /jobs, awslogs-region: eu-west-1, awslogs-stream-prefix: hooks}}
{more}"
    )
}

/// A hook that runs the service's own revision with another command.
pub fn hook_of_the_service(name: &str, command: &str) -> String {
    format!(
        "      - {{name: {name}, overrides: {{containerOverrides: [{{name: app, command: [{command}]}}]}}}}\n"
    )
}

/// The usual service with these hooks before and after its deployment.
pub fn with_hooks(image: &str, before: &[String], after: &[String]) -> String {
    let list = |stage: &str, hooks: &[String]| match hooks {
        [] => String::new(),
        hooks => format!("    {stage}:\n{}", hooks.concat()),
    };
    let hooks = format!("  rollout:\n    timeout: 15m\n{}{}", list("before", before), list("after", after));
    service_with("api", image, &hooks)
}

/// The usual service, judged by these gates.
pub fn gated(image: &str, gates: &str) -> String {
    let with_check = "image: IMAGE\n        healthCheck: {command: [CMD, 'true'], interval: 5, retries: 2}";
    service_with("api", "IMAGE", &format!("  rollout:\n    timeout: 5m\n    gates: [{gates}]\n"))
        .replace("image: IMAGE", &with_check.replace("IMAGE", image))
}

/// One of each that needs no load balancer.
pub fn all_gates(host: &str) -> String {
    format!(
        "{{alarms: {{names: [api-5xx]}}}}, {{containerHealth: {{minimumHealthyTime: 20s}}}}, \
         {{http: {{url: 'http://{host}/health', bodyContains: ok, for: 30s}}}}, {{bakeTime: 1m}}"
    )
}

/// A scaled service that may be replaced.
pub fn replaceable(image: &str, launch_type: &str) -> String {
    let manifest = scaled("api", image) + "  sync: {replace: true}\n";
    manifest
        .replace("requiresCompatibilities: [FARGATE]", "requiresCompatibilities: [EC2, FARGATE]")
        .replace("launchType: FARGATE", &format!("launchType: {launch_type}"))
}

/// The same service behind a target group of the account.
pub fn behind(target_group: &str, manifest: &str) -> String {
    manifest.replace("        environment:", "        portMappings: [{containerPort: 8080}]\n        environment:").replace(
        "    launchType:",
        &format!(
            "    loadBalancers: [{{targetGroupArn: '{target_group}', containerName: app, containerPort: 8080}}]\n    launchType:"
        ),
    )
}

impl Story {
    /// Plays the story up to the commit under test, without faults.
    pub async fn begin(self, world: &mut World) -> Wish {
        let wish = match self {
            Story::FirstDeploy => world.commit(&[service("api", "app:1")]),
            Story::FirstDeployInFull => {
                let group = world.target_group("api");
                world.commit(&[behind(&group, &scaled("api", "app:1"))])
            }
            Story::Update => {
                settled(world, service("api", "app:1")).await;
                world.commit(&[service("api", "app:2")])
            }
            Story::RollBack => {
                settled(world, service("api", "app:1")).await;
                world.commit(&[service("api", "app:crash")])
            }
            Story::RollBackByDeadline => {
                settled(world, without_breaker("api", "app:1", "1m")).await;
                world.commit(&[without_breaker("api", "registry.invalid/app:2", "1m")])
            }
            Story::Drift => {
                let wish = settled(world, service("api", "app:1")).await;
                let network =
                    json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-9"]}});
                let by_hand = json!({
                    "cluster": "jobs", "service": "api", "desiredCount": 3, "networkConfiguration": network,
                });
                world.ecs("UpdateService", by_hand).await;
                wish
            }
            Story::Schedule => world.commit(&[scheduled("api", "app:1", "cron(0 6 * * ? *)")]),
            Story::Reschedule => {
                settled(world, scheduled("api", "app:1", "cron(0 6 * * ? *)")).await;
                world.commit(&[scheduled("api", "app:2", "cron(0 7 * * ? *)")])
            }
            Story::ScheduleDrift => {
                let wish = settled(world, scheduled("api", "app:1", "cron(0 6 * * ? *)")).await;
                let mut by_hand = world.schedule("api").await;
                by_hand["State"] = "DISABLED".into();
                by_hand["Target"]["RetryPolicy"]["MaximumRetryAttempts"] = 0.into();
                world.scheduler("PUT", "/schedules/api", by_hand).await;
                wish
            }
            Story::FirstDeployWithHooks => {
                let (before, after) =
                    (hook("migrate", "migrate-once:1", ""), hook("smoke", "smoke-once:1", ""));
                world.commit(&[with_hooks("app:1", &[before], &[after])])
            }
            Story::UpdateWithHooks => {
                settled(world, service("api", "app:1")).await;
                world
                    .simulator
                    .with_world(|account| account.ecs.no_room.push_back("RESOURCE:CPU".to_owned()));
                let (before, after) =
                    (hook_of_the_service("migrate", "once"), hook("smoke", "smoke-once:1", ""));
                world.commit(&[with_hooks("app:2", &[before], &[after])])
            }
            Story::HookFails => {
                settled(world, service("api", "app:1")).await;
                let twice = hook("migrate", "migrate-crash:1", "        attempts: 2\n");
                world.commit(&[with_hooks("app:2", &[twice], &[])])
            }
            Story::HookIsTooLate => {
                settled(world, service("api", "app:1")).await;
                let endless = hook("migrate", "endless:1", "        timeout: 30s\n");
                world.commit(&[with_hooks("app:2", &[endless], &[])])
            }
            Story::SmokeTestFails => {
                let tested = |image: &str, test: &str| with_hooks(image, &[], &[hook("smoke", test, "")]);
                settled(world, tested("app:1", "smoke-once:1")).await;
                world.commit(&[tested("app:2", "smoke-crash:1")])
            }
            Story::GatesPass => {
                world.alarm("api-5xx", "OK");
                settled(world, gated("app:1", &all_gates("api.example"))).await;
                world.commit(&[gated("app:2", &all_gates("api.example"))])
            }
            Story::GateFails => {
                world.web.set("down.example", Page::of(503, "no"));
                settled(world, gated("app:1", "{http: {url: 'http://api.example/', for: 20s}}")).await;
                world.commit(&[gated("app:2", "{http: {url: 'http://down.example/', for: 20s}}")])
            }
            Story::AlarmFails => {
                world.alarm("api-5xx", "ALARM");
                settled(world, gated("app:1", "{bakeTime: 20s}")).await;
                world.commit(&[gated("app:slow", "{alarms: {names: [api-5xx], strict: true}}")])
            }
            Story::Replace => {
                settled(world, replaceable("app:1", "FARGATE")).await;
                world.commit(&[replaceable("app:2", "EC2")])
            }
            Story::RollBackByHand => {
                settled(world, scaled("api", "app:1")).await;
                let wider = scaled("api", "app:2").replace("maxCapacity: 6", "maxCapacity: 9");
                let wish = settled(world, wider).await;
                world.tag("api", "reconciler/roll-back", "to=api:1 by=ada why").await;
                wish
            }
            Story::Retry => {
                let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1";
                let wish = settled(world, service("api", image)).await;
                world.push(image);
                world.tag("api", "reconciler/retry", "by=ada").await;
                wish
            }
        };
        world.take_calls();
        wish
    }

    /// Plays the story without any fault; answers its end and its calls.
    pub async fn undisturbed(self) -> (End, Vec<String>) {
        let mut world = World::new().await;
        let wish = self.begin(&mut world).await;
        world.settle(&wish).await;
        let calls = world.take_calls();
        (End::of(&world).await, calls)
    }
}

async fn settled(world: &mut World, manifest: String) -> Wish {
    let wish = world.commit(&[manifest]);
    world.settle(&wish).await;
    wish
}

impl End {
    /// Looks at everything that counts; there is never a second revision of one digest.
    pub async fn of(world: &World) -> Self {
        let deployments =
            world.ecs("ListServiceDeployments", json!({"cluster": "jobs", "service": "api"})).await;
        let revisions = world.revisions("api").await;
        let mut digests = Vec::new();
        for revision in &revisions {
            let input = json!({"taskDefinition": revision, "include": ["TAGS"]});
            let tags = world.ecs("DescribeTaskDefinition", input).await["tags"].clone();
            let tags = tags.as_array().cloned().unwrap_or_default();
            let digest = tags.into_iter().find(|tag| tag["key"] == "reconciler/digest").unwrap();
            assert!(!digests.contains(&digest), "two revisions of one digest: {revisions:?}");
            digests.push(digest);
        }
        let policies = world.scaling("DescribeScalingPolicies", "api", json!({})).await;
        let policies = policies["ScalingPolicies"].as_array().cloned().unwrap_or_default();
        let live = world.service("api").await;
        let mut schedule = world.schedule("api").await;
        if let Some(members) = schedule.as_object_mut() {
            members.retain(|name, _| !name.ends_with("Date"));
        }
        let schedules = world.scheduler("GET", "/schedules", Value::Null).await;
        let schedules = schedules["Schedules"].as_array().cloned().unwrap_or_default();
        Self {
            runs: world.runs("api").await,
            running: live["runningCount"].as_i64(),
            desired: live["desiredCount"].as_i64(),
            groups: live["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"].clone(),
            revisions,
            deployments: deployments["serviceDeployments"].as_array().map_or(0, Vec::len),
            quarantined: world.record("api").quarantine.is_some(),
            bounds: world.bounds("api").await,
            policies: policies.iter().map(|it| it["PolicyName"].as_str().unwrap().to_owned()).collect(),
            schedule,
            schedules: schedules.iter().map(|it| it["Name"].as_str().unwrap().to_owned()).collect(),
            hooks: world.hook_tasks("api").await,
            asked: ["roll-back", "retry"].iter().any(|it| live["tags"].to_string().contains(it)),
        }
    }
}
