//! Observation over the wire: how many calls it costs, and what it believes.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::aws::stub::{Reply, Seen, Stub};
use crate::model::{
    Applied, Digest, Intent, IntentKind, Json, Origins, Quarantine, Rollout, RolloutKind, RolloutPolicy,
    Scaling, SyncPolicy, TaskDefinitionArn, tag,
};

const NOW: Timestamp = Timestamp(1_000_000);

fn arn(family: &str, number: u32) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{family}:{number}")
}

fn digest(name: &str) -> Digest {
    Digest::from_tag(&format!("spec-of-{name}"))
}

fn desired(name: &str) -> DesiredService {
    DesiredService {
        key: ServiceKey::new(name),
        task_definition: json!({"family": name}),
        service: json!({"desiredCount": 1}),
        scaling: None,
        rollout: RolloutPolicy::default(),
        sync: SyncPolicy::default(),
        depends_on: Vec::new(),
        images: Default::default(),
        named_images: Vec::new(),
        proposals: Vec::new(),
        digest: digest(name),
        task_definition_digest: Digest::from_tag(&format!("definition-of-{name}")),
        origins: Origins::default(),
    }
}

fn scaled(name: &str) -> DesiredService {
    let scaling = Scaling {
        min_capacity: 1,
        max_capacity: 4,
        suspended_state: None,
        policies: BTreeMap::new(),
        scheduled_actions: BTreeMap::new(),
    };
    DesiredService { scaling: Some(scaling), ..desired(name) }
}

/// A service that runs revision 1 with the tags of a finished apply.
fn settled(name: &str) -> Json {
    json!({
        "serviceName": name, "status": "ACTIVE", "desiredCount": 1, "taskDefinition": arn(name, 1),
        "serviceArn": format!("arn:aws:ecs:eu-west-1:123456789012:service/jobs/{name}"),
        "tags": [
            {"key": tag::DIGEST, "value": digest(name).as_str()},
            {"key": tag::TASK_DEFINITION, "value": format!("{name}:1")},
        ],
    })
}

fn asked(seen: &Seen, member: &str) -> Vec<String> {
    let body = seen.json();
    body[member].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// All services that are asked for are settled, each with a target and one policy.
fn all_settled(seen: &Seen) -> Reply {
    Reply::Json(match seen.operation.as_str() {
        "DescribeServices" => {
            json!({"services": asked(seen, "services").iter().map(|name| settled(name)).collect::<Vec<_>>()})
        }
        "DescribeScalableTargets" => {
            let target = |id: &String| json!({"ResourceId": id, "MinCapacity": 1, "MaxCapacity": 4});
            json!({"ScalableTargets": asked(seen, "ResourceIds").iter().map(target).collect::<Vec<_>>()})
        }
        "DescribeScalingPolicies" => match seen.json()["ResourceId"].as_str() {
            Some(id) => json!({"ScalingPolicies": [{"ResourceId": id, "PolicyName": "cpu"}]}),
            None => {
                let ids = (0..1_000).map(|number| format!("service/jobs/s{number:03}"));
                let policies: Vec<_> = ids.map(|id| json!({"ResourceId": id, "PolicyName": "cpu"})).collect();
                let page: usize = seen.json()["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let items = &policies[page * 10..(page + 1) * 10];
                let next = (page < 99).then(|| (page + 1).to_string());
                json!({"ScalingPolicies": items, "NextToken": next})
            }
        },
        "DescribeScheduledActions" => json!({"ScheduledActions": []}),
        "ListTaskDefinitions" => json!({"taskDefinitionArns": []}),
        other => panic!("{other} was not expected"),
    })
}

async fn observer(stub: &Stub) -> Observer {
    Observer::new(stub.connect().await.reader(), "jobs")
}

fn wants<'a>(desired: &'a [DesiredService], record: Option<&'a ServiceRecord>) -> Vec<Want<'a>> {
    desired.iter().map(|desired| Want { desired, record }).collect()
}

fn applied() -> ServiceRecord {
    let applied = Applied {
        digest: digest("api"),
        task_definition_digest: Digest::from_tag("definition-of-api"),
        task_definition: TaskDefinitionArn(arn("api", 1)),
        revision: "4c1f9e2".to_owned(),
        at: Timestamp(0),
        prune: None,
        spec: None,
        looked_up: Vec::new(),
        kept_drift: Vec::new(),
    };
    ServiceRecord { applied: Some(applied), ..ServiceRecord::default() }
}

#[tokio::test]
async fn ten_settled_services_cost_one_call() {
    let stub = Stub::new(all_settled);
    let desired: Vec<_> = (0..10).map(|number| desired(&format!("s{number:03}"))).collect();
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    assert_eq!(stub.operations(), ["DescribeServices"]);
    assert_eq!(live.calls, 1);
    assert!(live.services.values().all(|live| live.service.present().is_some()));
    assert!(live.services.values().all(|live| live.task_definition == Part::Absent));
}

#[tokio::test]
async fn the_hundred_events_that_ecs_sends_are_kept_only_while_a_rollout_is_watched() {
    let stub = Stub::new(|_: &Seen| {
        let events: Vec<_> = (0..100).map(|number| json!({"message": number.to_string()})).collect();
        let mut service = settled("api");
        service["events"] = json!(events);
        Reply::Json(json!({"services": [service], "failures": []}))
    });
    let desired = [desired("api")];
    let observer = observer(&stub).await;
    let unsettled =
        ServiceRecord { intent: Some(Intent::of(IntentKind::Update, &digest("api"), NOW)), ..applied() };
    for (record, newest, kept) in [(applied(), None, 0), (unsettled, Some("0"), 30)] {
        let live = observer.observe(&wants(&desired, Some(&record)), NOW).await;
        let service = live.services[&desired[0].key].service.present().unwrap();
        assert_eq!((service.events().next(), service.events().count()), (newest, kept));
    }
}

#[tokio::test]
async fn twenty_five_names_are_asked_for_in_three_calls() {
    let stub = Stub::new(all_settled);
    let desired: Vec<_> = (0..25).map(|number| desired(&format!("s{number:03}"))).collect();
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    let mut sizes: Vec<_> = stub.seen().iter().map(|seen| asked(seen, "services").len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 10, 10]);
    assert_eq!(live.services.len(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_changes_nothing_stays_within_its_allowance() {
    let stub = Stub::new(all_settled);
    let desired: Vec<_> = (0..1_000).map(|number| scaled(&format!("s{number:03}"))).collect();
    let observer = observer(&stub).await;
    for pass in 0..13 {
        let live = observer.observe(&wants(&desired, None), NOW).await;
        // The first pass reads all policies, ten a page and one page of scheduled actions.
        let allowance = if pass == 0 { 100 + 20 + 100 + 1 } else { 100 + 2 * 20 + 10 };
        assert!(live.calls <= allowance, "pass {pass}: {} calls", live.calls);
        let scaling = &live.services[&ServiceKey::new("s999")].scaling;
        assert!(scaling.present().unwrap().policies.contains_key("cpu"), "pass {pass}");
    }
    let operations = stub.operations();
    let one_by_one = stub.seen().iter().filter(|it| it.json()["ResourceId"].is_string()).count();
    assert!(operations.iter().any(|it| it == "DescribeScalingPolicies"));
    assert!(one_by_one > 0, "policies must be read again in turn");
}

#[tokio::test]
async fn a_region_with_many_policies_is_read_page_by_page_in_vain_only_once() {
    let stub = Stub::new(all_settled);
    let observer = observer(&stub).await;
    let mut pages = Vec::new();
    // As services come to rest while a fleet is deployed: a few at a time, and all together in the end.
    for numbers in [0..20, 20..40, 40..55, 100..300] {
        let desired: Vec<_> = numbers.map(|number| scaled(&format!("s{number:03}"))).collect();
        let before = stub.seen().len();
        let live = observer.observe(&wants(&desired, None), NOW).await;
        let has_its_policy =
            |live: &LiveService| live.scaling.present().unwrap().policies.contains_key("cpu");
        assert!(live.services.values().all(has_its_policy));
        let page = |seen: &&Seen| {
            seen.operation == "DescribeScalingPolicies" && !seen.json()["ResourceId"].is_string()
        };
        pages.push(stub.seen()[before..].iter().filter(page).count());
    }
    assert_eq!(pages, [20, 0, 0, 100]);
}

#[tokio::test]
async fn our_own_write_makes_policies_be_read_again() {
    let stub = Stub::new(all_settled);
    let desired = [scaled("api")];
    let observer = observer(&stub).await;
    let mut record = applied();
    let reads = |stub: &Stub| stub.operations().iter().filter(|it| *it == "DescribeScalingPolicies").count();
    observer.observe(&wants(&desired, Some(&record)), NOW).await;
    observer.observe(&wants(&desired, Some(&record)), NOW).await;
    assert_eq!(reads(&stub), 1);
    record.applied.as_mut().unwrap().at = Timestamp(7);
    observer.observe(&wants(&desired, Some(&record)), NOW).await;
    assert_eq!(reads(&stub), 2);
    record.intent = Some(Intent::of(IntentKind::Scale, &digest("api"), NOW));
    observer.observe(&wants(&desired, Some(&record)), NOW).await;
    assert_eq!(reads(&stub), 3);
    observer.forget(&ServiceKey::new("api"));
    record.intent = None;
    observer.observe(&wants(&desired, Some(&record)), NOW).await;
    assert_eq!(reads(&stub), 4);
}

#[tokio::test]
async fn a_count_that_differs_without_scaling_in_git_asks_for_a_scalable_target() {
    let stub = Stub::new(all_settled);
    let mut desired = desired("api");
    desired.service = json!({"desiredCount": 3});
    let desired = [desired];
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    assert_eq!(stub.operations(), ["DescribeServices", "DescribeScalableTargets"]);
    let scaling = live.services[&ServiceKey::new("api")].scaling.present().unwrap();
    assert_eq!(scaling.target["MaxCapacity"], 4);
}

#[tokio::test]
async fn a_target_list_that_never_ends_is_unreadable_and_not_absent() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "DescribeScalableTargets" => Reply::Json(json!({"ScalableTargets": [], "NextToken": "again"})),
        _ => all_settled(seen),
    });
    let desired = [scaled("api")];
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    let scaling = &live.services[&ServiceKey::new("api")].scaling;
    assert!(matches!(scaling, Part::Unreadable(_)), "{scaling:?}");
}

#[tokio::test]
async fn scaling_that_cannot_be_listed_is_unreadable_and_not_absent() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "DescribeScalableTargets" => Reply::Error(400, "AccessDeniedException", "not authorized"),
        _ => all_settled(seen),
    });
    let desired = [scaled("api")];
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    let scaling = &live.services[&ServiceKey::new("api")].scaling;
    assert!(matches!(scaling, Part::Unreadable(_)), "{scaling:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_what_ecs_says_makes_a_service_unreadable() {
    let odd = [
        json!({}),
        json!([]),
        json!({"services": null, "failures": null}),
        json!({"services": {"serviceName": "api"}, "failures": "none"}),
        json!({"services": ["api", null, 7], "failures": [{"reason": "MISSING"}]}),
        json!({"failures": [{"arn": 7, "reason": "MISSING"}]}),
    ];
    for answer in odd {
        let reply = Reply::Json(answer.clone());
        let stub = Stub::new(move |_| reply.clone());
        let desired = [desired("api")];
        let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
        let service = &live.services[&ServiceKey::new("api")].service;
        assert!(matches!(service, Part::Unreadable(_)), "{answer}: {service:?}");
    }
}

#[tokio::test]
async fn each_way_of_not_being_there_is_told_apart() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "DescribeServices" => Reply::Json(json!({
            "services": [
                {"serviceName": "deleted", "status": "INACTIVE", "taskDefinition": arn("deleted", 1)},
                {"serviceName": "draining", "status": "DRAINING", "taskDefinition": arn("draining", 1)},
            ],
            "failures": [
                {"arn": "arn:aws:ecs:eu-west-1:123456789012:service/jobs/gone", "reason": "MISSING"},
                {"arn": "arn:aws:ecs:eu-west-1:123456789012:service/jobs/odd", "reason": "BUSY", "detail": "later"},
            ],
        })),
        "DescribeTaskDefinition" => Reply::Json(json!({"taskDefinition": {"status": "ACTIVE"}})),
        _ => Reply::Json(json!({"taskDefinitionArns": []})),
    });
    let desired = ["deleted", "draining", "gone", "odd", "unmentioned"].map(desired);
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    let part = |name: &str| live.services[&ServiceKey::new(name)].service.clone();
    assert_eq!(part("deleted"), Part::Absent);
    assert_eq!(part("draining").present().unwrap().status(), "DRAINING");
    assert_eq!(part("gone"), Part::Absent);
    assert_eq!(part("odd"), Part::Unreadable("ecs:DescribeServices failed with BUSY: later".to_owned()));
    assert!(matches!(part("unmentioned"), Part::Unreadable(_)));
}

#[tokio::test]
async fn an_unknown_cluster_makes_every_service_unreadable() {
    let stub = Stub::new(|_| Reply::Error(400, "ClusterNotFoundException", "Cluster not found."));
    let desired = ["api", "worker"].map(desired);
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    for live in live.services.values() {
        let Part::Unreadable(why) = &live.service else { panic!("{live:?}") };
        assert!(why.starts_with("can't read cluster `jobs` in eu-west-1"), "{why}");
        assert!(matches!(live.task_definition, Part::Unreadable(_)));
    }
}

#[tokio::test]
async fn a_service_that_was_applied_is_missing_only_when_ecs_says_so_for_ten_seconds() {
    let gone = json!({"failures": [{"arn": "service/jobs/api", "reason": "MISSING"}]});
    let there = Arc::new(Mutex::new(false));
    let shown = there.clone();
    let stub = Stub::new(move |seen| match seen.operation.as_str() {
        "DescribeServices" if !*shown.lock().unwrap() => Reply::Json(gone.clone()),
        "DescribeTaskDefinition" => with_revisions(seen),
        _ => all_settled(seen),
    });
    let (observer, desired, record) = (observer(&stub).await, [desired("api")], applied());
    let wants = wants(&desired, Some(&record));
    let look = async |seconds: i64| {
        let live = observer.observe(&wants, Timestamp(seconds * 1_000)).await;
        live.services[&ServiceKey::new("api")].service.clone()
    };
    assert!(matches!(look(0).await, Part::Unreadable(_)));
    assert!(matches!(look(9).await, Part::Unreadable(_)));
    *there.lock().unwrap() = true;
    assert!(look(12).await.present().is_some());
    *there.lock().unwrap() = false;
    // Seen in between: the wait starts anew.
    assert!(matches!(look(15).await, Part::Unreadable(_)));
    assert_eq!(look(25).await, Part::Absent);
}

/// Revisions 1 to 3 of `api`, of which number 2 carries the wanted digest.
fn with_revisions(seen: &Seen) -> Reply {
    Reply::Json(match seen.operation.as_str() {
        "DescribeServices" => json!({"failures": [{"arn": "service/jobs/api", "reason": "MISSING"}]}),
        "ListTaskDefinitions" => {
            assert_eq!(seen.json()["sort"], "DESC");
            json!({"taskDefinitionArns": [arn("api", 3), arn("api", 2), arn("api", 1)]})
        }
        "DescribeTaskDefinition" => {
            let wanted = seen.json()["taskDefinition"] == arn("api", 2).as_str();
            let value = if wanted { "definition-of-api" } else { "another" };
            json!({"taskDefinition": {"status": "ACTIVE"}, "tags": [{"key": tag::DIGEST, "value": value}]})
        }
        other => panic!("{other} was not expected"),
    })
}

#[tokio::test]
async fn a_revision_that_a_crash_left_behind_is_found_and_read_only_once() {
    let stub = Stub::new(with_revisions);
    let (observer, desired) = (observer(&stub).await, [desired("api")]);
    for _ in 0..2 {
        let live = observer.observe(&wants(&desired, None), NOW).await;
        let reusable = &live.services[&ServiceKey::new("api")].reusable;
        assert_eq!(reusable.as_ref().unwrap().0, arn("api", 2));
    }
    let describes = stub.operations().iter().filter(|it| *it == "DescribeTaskDefinition").count();
    assert_eq!(describes, 2);
}

#[tokio::test]
async fn what_the_ledger_remembers_is_looked_at_before_the_list() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        // It runs the revision before, without tags: somebody, or a roll-back, took it there.
        "DescribeServices" => Reply::Json(json!({"services": [{
            "serviceName": "api", "status": "ACTIVE", "desiredCount": 1, "taskDefinition": arn("api", 1),
        }]})),
        _ => with_revisions(seen),
    });
    let mut record = applied();
    record.applied.as_mut().unwrap().task_definition = TaskDefinitionArn(arn("api", 2));
    let desired = [desired("api")];
    let live = observer(&stub).await.observe(&wants(&desired, Some(&record)), NOW).await;
    let live = &live.services[&ServiceKey::new("api")];
    assert_eq!(live.reusable.as_ref().unwrap().0, arn("api", 2));
    assert_eq!(live.task_definition.present().unwrap().digest(), Some(Digest::from_tag("another")));
    assert!(!stub.operations().contains(&"ListTaskDefinitions".to_owned()));
}

#[tokio::test]
async fn without_a_ledger_the_revision_that_the_service_s_tag_names_is_read() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "DescribeServices" => {
            let mut service = settled("api");
            service["taskDefinition"] = arn("api", 3).into();
            service["tags"][0]["value"] = "an older spec".into();
            Reply::Json(json!({"services": [service]}))
        }
        "DescribeScalableTargets" => Reply::Json(json!({"ScalableTargets": []})),
        _ => with_revisions(seen),
    });
    let desired = [desired("api")];
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    let live = &live.services[&ServiceKey::new("api")];
    assert_eq!(live.applied.as_ref().unwrap().arn.0, arn("api", 1));
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_fails_keeps_a_service_from_being_created() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "ListTaskDefinitions" => Reply::Error(400, "ThrottlingException", "Rate exceeded"),
        _ => with_revisions(seen),
    });
    let desired = [desired("api")];
    let live = observer(&stub).await.observe(&wants(&desired, None), NOW).await;
    let service = &live.services[&ServiceKey::new("api")].service;
    assert!(matches!(service, Part::Unreadable(_)), "{service:?}");
}

/// `api` rolls out revision 2 as `ecs-svc/2`, and `failed` tasks of it died.
fn rolling(seen: &Seen, failed: i64) -> Reply {
    Reply::Json(match seen.operation.as_str() {
        "DescribeServices" => json!({"services": [{
            "serviceName": "api", "status": "ACTIVE", "desiredCount": 1, "taskDefinition": arn("api", 2),
            "loadBalancers": [{"targetGroupArn": "arn:group", "containerName": "api"}],
            "tags": [
                {"key": tag::DIGEST, "value": digest("api").as_str()},
                {"key": tag::TASK_DEFINITION, "value": "api:2"},
            ],
            "deployments": [
                {"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "failedTasks": failed},
            ],
        }]}),
        "ListServiceDeployments" => json!({"serviceDeployments": [
            {"serviceDeploymentArn": "old", "status": "SUCCESSFUL", "createdAt": 10.0},
            {"serviceDeploymentArn": "ours", "status": "IN_PROGRESS", "createdAt": 20.5,
             "targetServiceRevisionArn": "arn:aws:ecs:eu-west-1:123456789012:service-revision/jobs/api/2"},
        ]}),
        "ListTasks" => {
            assert_eq!(seen.json()["desiredStatus"], "STOPPED");
            json!({"taskArns": ["arn:task/jobs/old", "arn:task/jobs/new"]})
        }
        "DescribeTasks" => json!({"tasks": [
            {"taskArn": "arn:task/jobs/old", "startedBy": "ecs-svc/1", "stoppedAt": 5.0, "containers": []},
            {"taskArn": "arn:task/jobs/new", "startedBy": "ecs-svc/2", "stoppedAt": 30.0,
             "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
             "containers": [{"name": "api", "exitCode": 1}, {"name": "never-ran", "reason": "CannotPull"}]},
        ]}),
        "DescribeTaskDefinition" => json!({"taskDefinition": {"status": "ACTIVE", "containerDefinitions": [
            {"name": "api", "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/jobs", "awslogs-stream-prefix": "ecs"}}},
        ]}}),
        "GetLogEvents" => {
            assert_eq!(seen.json()["logStreamName"], "ecs/api/new");
            json!({"events": [{"message": "bind: address in use, token=abc"}]})
        }
        "DescribeTargetHealth" => {
            return Reply::Text(
                200,
                "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>\
                 <member><Target><Id>10.0.0.1</Id></Target><TargetHealth><State>healthy</State></TargetHealth>\
                 </member><member><Target><Id>10.0.0.2</Id></Target><TargetHealth><State>unhealthy</State>\
                 <Reason>Target.Timeout</Reason></TargetHealth></member><member><Target><Id>10.0.0.3</Id></Target>\
                 <TargetHealth><State>draining</State></TargetHealth></member></TargetHealthDescriptions>\
                 </DescribeTargetHealthResult></DescribeTargetHealthResponse>",
            );
        }
        other => panic!("{other} was not expected"),
    })
}

fn rolling_record() -> ServiceRecord {
    let rollout = Rollout {
        kind: RolloutKind::Deploy,
        digest: digest("api"),
        task_definition: TaskDefinitionArn(arn("api", 2)),
        deployment: Some("ecs-svc/2".to_owned()),
        started_at: NOW,
        revision: "4c1f9e2".to_owned(),
        back_to: None,
        changes: Vec::new(),
        watched: crate::model::Watched::default(),
        course: None,
        values: Default::default(),
    };
    ServiceRecord { rollout: Some(rollout), ..applied() }
}

#[tokio::test]
async fn a_rollout_that_goes_well_is_watched_with_two_calls() {
    let stub = Stub::new(|seen| rolling(seen, 0));
    let (desired, record) = ([desired("api")], rolling_record());
    let live = observer(&stub).await.observe(&wants(&desired, Some(&record)), NOW).await;
    let mut operations = stub.operations();
    operations.sort_unstable();
    assert_eq!(operations, ["DescribeServices", "DescribeTargetHealth"]);
    let live = &live.services[&ServiceKey::new("api")];
    assert_eq!(live.target_health, Some((1, 2)));
    assert_eq!(live.unhealthy_targets[0].reason, "Target.Timeout");
}

#[tokio::test]
async fn the_service_deployments_are_read_once_git_wants_something_else() {
    let stub = Stub::new(|seen| rolling(seen, 0));
    let (desired, mut record) = ([desired("api")], rolling_record());
    record.rollout.as_mut().unwrap().digest = digest("another");
    let live = observer(&stub).await.observe(&wants(&desired, Some(&record)), NOW).await;
    let deployments = live.services[&ServiceKey::new("api")].deployments.present().unwrap();
    assert_eq!(deployments[0].arn, "ours");
    assert!(deployments[0].is_of("ecs-svc/2"));
}

#[tokio::test]
async fn stopped_tasks_are_read_again_only_when_another_one_failed_or_time_has_passed() {
    let failed = Arc::new(Mutex::new(1));
    let shown = failed.clone();
    let stub = Stub::new(move |seen| rolling(seen, *shown.lock().unwrap()));
    let (observer, desired, record) = (observer(&stub).await, [desired("api")], rolling_record());
    let reads = |stub: &Stub| stub.operations().iter().filter(|it| *it == "ListTasks").count();
    for (seconds, failures, expected) in [(0, 1, 1), (5, 1, 1), (10, 2, 2), (15, 2, 2), (75, 2, 3)] {
        *failed.lock().unwrap() = failures;
        let at = NOW.plus(Duration::from_secs(seconds));
        let live = observer.observe(&wants(&desired, Some(&record)), at).await;
        assert_eq!(live.services[&ServiceKey::new("api")].stopped_tasks.len(), 1);
        assert_eq!(reads(&stub), expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_rollout_that_fails_shows_its_own_tasks_and_their_last_words() {
    let stub = Stub::new(|seen| rolling(seen, 1));
    let (desired, record) = ([desired("api")], rolling_record());
    let live = observer(&stub).await.observe(&wants(&desired, Some(&record)), NOW).await;
    let tasks = &live.services[&ServiceKey::new("api")].stopped_tasks;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].task, "arn:task/jobs/new");
    assert_eq!(tasks[0].containers[0].exit_code, Some(1));
    assert_eq!(tasks[0].containers[0].last_line(), Some("bind: address in use, token=***"));
    assert_eq!(tasks[0].containers[1].last_line(), None);
}

#[tokio::test]
async fn stopped_tasks_are_looked_at_when_most_of_the_time_is_gone() {
    let stub = Stub::new(|seen| rolling(seen, 0));
    let (desired, record) = ([desired("api")], rolling_record());
    let late = NOW.plus(RolloutPolicy::default().timeout.mul_f64(0.9));
    observer(&stub).await.observe(&wants(&desired, Some(&record)), late).await;
    assert!(stub.operations().contains(&"ListTasks".to_owned()));
}

#[tokio::test]
async fn a_quarantined_digest_costs_no_list_at_each_pass() {
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "DescribeServices" => Reply::Json(json!({"services": [{
            "serviceName": "api", "status": "ACTIVE", "desiredCount": 1, "taskDefinition": arn("api", 1),
        }]})),
        _ => with_revisions(seen),
    });
    let quarantine = Quarantine {
        digest: digest("api"),
        task_definition: Some(TaskDefinitionArn(arn("api", 2))),
        deployment: None,
        revision: "4c1f9e2".to_owned(),
        failure: crate::model::Failure::new(NOW, crate::model::Gate::Deadline, ""),
        again: None,
        by: None,
        values: Default::default(),
    };
    let record = ServiceRecord { quarantine: Some(quarantine), ..ServiceRecord::default() };
    let (observer, desired) = (observer(&stub).await, [desired("api")]);
    observer.observe(&wants(&desired, Some(&record)), NOW).await;
    let live = observer.observe(&wants(&desired, Some(&record)), NOW).await;
    assert_eq!(live.calls, 1);
    assert!(!stub.operations().contains(&"ListTaskDefinitions".to_owned()));
}

#[tokio::test]
async fn a_revision_that_was_deregistered_meanwhile_is_not_proposed_for_ever() {
    let active = Arc::new(Mutex::new(true));
    let shown = active.clone();
    let stub = Stub::new(move |seen| match seen.operation.as_str() {
        "DescribeTaskDefinition" if !*shown.lock().unwrap() => Reply::Json(json!({
            "taskDefinition": {"status": "INACTIVE"},
            "tags": [{"key": tag::DIGEST, "value": "definition-of-api"}],
        })),
        "ListTaskDefinitions" => Reply::Json(json!({"taskDefinitionArns": []})),
        _ => with_revisions(seen),
    });
    let (observer, desired) = (observer(&stub).await, [desired("api")]);
    let mut record = applied();
    record.applied.as_mut().unwrap().task_definition = TaskDefinitionArn(arn("api", 2));
    let wants = wants(&desired, Some(&record));
    let mut proposed = 0;
    for pass in 0..30 {
        let live = observer.observe(&wants, Timestamp(pass * 60_000)).await;
        // At the first pass MISSING is not believed yet; the second one reads the revision.
        *active.lock().unwrap() = pass == 0;
        proposed += u32::from(live.services[&ServiceKey::new("api")].reusable.is_some());
    }
    assert!((1..30).contains(&proposed), "{proposed}");
}

/// The controller runs observations in tasks of their own.
#[test]
fn an_observation_may_move_between_threads() {
    fn sent<T: Send>(_: &T) {}
    let check = |observer: &Observer, wants: &[Want<'_>]| sent(&observer.observe(wants, NOW));
    let _ = check;
}
