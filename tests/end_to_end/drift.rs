//! What is changed behind its back is found, told and set back.

use serde_json::{Value, json};

use super::account::Account;
use super::operator::finish;
use super::repository::Repository;
use super::served::{Installation, Served, repository_of};

#[test]
fn a_count_changed_by_hand_is_set_back_while_it_runs() {
    let repository = Repository::of_the_job_system();
    let commit = repository.commit("Deploy the job system");
    let account = Account::with_healthy_services(&repository, &commit);

    let mark = account.operator.mark();
    account.aws.ecs("UpdateService", json!({"cluster": "jobs", "service": "job-api", "desiredCount": 4}));
    let drift =
        account.operator.wait_for_event(mark, "the drift is found", |event| event["event"] == "drift");
    assert_eq!(drift["service"], "job-api");
    let reason = drift["reason"].as_str().unwrap();
    assert!(reason.contains("4 -> 2"), "{reason}");
    account.operator.wait_for_event(mark, "the count is set back", |event| {
        event["event"] == "update" && event["service"] == "job-api"
    });
    assert_eq!(account.aws.service("job-api")["desiredCount"], 2);
    assert_eq!(account.aws.attempts("job-api"), (1, 1), "no deployment for a count");
}

#[test]
fn drift_is_planned_by_plan_and_ended_by_apply() {
    let served = Served::start();
    let (repository, commit) = repository_of("1");
    let installation = Installation::new(&repository, &served);

    let plan = || finish(installation.verb("plan").args(["--detailed-exitcode", "-o", "json"]));
    let first = plan();
    assert_eq!((first.code, &first.json()["ledger"]), (Some(2), &json!("absent")), "nothing is there yet");
    assert!(first.stderr.contains("so deletions, roll-backs and what is held are not known"), "{first:?}");
    let applied = finish(&mut installation.verb("apply"));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let nothing = plan();
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert_eq!(nothing.json()["unchanged"], json!(["web"]));
    assert_eq!((&nothing.json()["ledger"], nothing.stderr.as_str()), (&json!("present"), ""));

    served.aws().ecs("UpdateService", json!({"cluster": "jobs", "service": "web", "desiredCount": 4}));
    let mutations = served.mutations();
    let drifted = plan();
    assert_eq!(drifted.code, Some(2), "{drifted:?}");
    assert_eq!(served.mutations(), mutations, "a plan changes nothing");
    is_as_documented(&drifted.json(), &commit);
    let text = finish(installation.verb("plan").arg("--detailed-exitcode"));
    assert_eq!(text.code, Some(2));
    assert!(text.stdout.contains("changed behind our back"), "{}", text.stdout);
    assert_eq!(finish(&mut installation.verb("plan")).code, Some(0), "a change is no error");

    let applied = finish(&mut installation.verb("apply"));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert_eq!(plan().code, Some(0));
    assert_eq!(served.aws().service("web")["desiredCount"], 2);
}

/// docs/plan.md, member by member.
fn is_as_documented(plan: &Value, commit: &str) {
    assert_eq!(plan["version"], 1);
    assert_eq!(plan["revision"], commit);
    assert_eq!(
        [&plan["branch"], &plan["subject"], &plan["author"], &plan["environment"], &plan["cluster"]],
        ["main", "Deploy web", "release-bot", "test", "jobs"]
    );
    assert!(plan["readAt"].is_string() && plan["committedAt"].is_string() && plan["calls"].is_number());
    assert_eq!((&plan["held"], &plan["unchanged"]), (&json!([]), &json!([])));
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{plan:#}");
    assert_eq!(
        (&steps[0]["service"], &steps[0]["action"], &steps[0]["startsDeployment"]),
        (&json!("web"), &json!("UpdateService"), &json!(false))
    );
    let difference = &steps[0]["differences"][0];
    assert_eq!(
        (&difference["path"], &difference["live"], &difference["desired"]),
        (&json!("service.desiredCount"), &json!(4), &json!(2))
    );
    assert_eq!(
        (&difference["consequence"], &difference["cause"]),
        (&json!("inPlace"), &json!("behindOurBack"))
    );
    assert_eq!(difference["origin"]["file"], "manifests/web.yaml");
    assert_eq!(difference["sensitive"], false);
}
