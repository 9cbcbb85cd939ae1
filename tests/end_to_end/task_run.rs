//! `reconciler task run` as a process: the log, the exit code, and what an interruption leaves behind.

use serde_json::{Value, json};

use super::account::Account;
use super::operator::{Finished, Operator};
use super::repository::Repository;
use super::wait_until;

const STANDS_IN: &str = r#"
cluster: jobs
images:
  script:
    command: sh
    args: ["-c", 'echo "report of $DAY, version $VERSION"; [ -z "$SLEEP" ] || exec sleep $SLEEP; echo "  password=hunter2 is not told"; exit $CODE']
    tags: ["1"]
targetGroups: [{name: web, port: 8080}]
"#;

const ENVIRONMENT: &str = "
apiVersion: reconciler/v1
kind: Environment
metadata: {name: local}
spec:
  account: '123456789012'
  region: eu-west-1
  cluster: jobs
  variables: {registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}
";

fn report(version: u32, more: &str) -> String {
    format!(
        "apiVersion: reconciler/v1
kind: ScheduledTask
metadata: {{name: report}}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    executionRoleArn: arn:aws:iam::123456789012:role/execution
    containerDefinitions:
      - name: report
        image: ${{registry}}/script:1
        environment: {{DAY: any, VERSION: {version}, CODE: 0}}
        logConfiguration:
          logDriver: awslogs
          options: {{awslogs-group: /jobs, awslogs-region: eu-west-1, awslogs-stream-prefix: tasks}}
  schedule:
    ScheduleExpression: cron(0 6 1 1 ? 2099)
    FlexibleTimeWindow: {{Mode: 'OFF'}}
    Target:
      RoleArn: arn:aws:iam::123456789012:role/scheduler
      EcsParameters:
        LaunchType: FARGATE
        NetworkConfiguration: {{awsvpcConfiguration: {{Subnets: [subnet-0a1b2c3d4e5f60001]}}}}
      Input: '{{\"containerOverrides\": [{{\"name\": \"report\", \"environment\": [{{\"name\": \"DAY\", \"value\": \"today\"}}]}}]}}'
{more}"
    )
}

/// An operator that has put the schedule of `report`, which comes due long after the test.
fn scheduled() -> (Account, Repository) {
    let mut repository = Repository::empty();
    repository.write("manifests/environment.yaml", ENVIRONMENT);
    repository.write("manifests/report.yaml", &report(1, "")).commit("Deploy");
    let account = Account::start_with(&repository, STANDS_IN);
    account.operator.wait_for_event(0, "its schedule is there", |event| event["event"] == "settled");
    (account, repository)
}

fn run(account: &Account, arguments: &[&str]) -> Finished {
    account.verb("task run", &[&["report"], arguments].concat())
}

fn task(account: &Account, arn: &str) -> Value {
    let input = json!({"cluster": "jobs", "tasks": [arn]});
    account.aws.ecs("DescribeTasks", input)["tasks"][0].clone()
}

#[test]
fn a_task_by_hand_is_followed_and_ends_with_its_own_exit_code() {
    let (account, _repository) = scheduled();
    let failed = run(&account, &["--env", "CODE=3"]);
    assert_eq!(failed.code, Some(3), "{failed:?}");
    assert_eq!(failed.stdout, "report of today, version 1\n  password=*** is not told\n");
    assert!(failed.stderr.contains("report: report:1 runs as task "), "{failed:?}");
    assert!(failed.stderr.contains("report ended with 3"), "{failed:?}");

    let good = run(&account, &["--env", "DAY=monday", "-o", "json"]);
    let told = good.json();
    assert_eq!(
        (good.code, &told["exitCode"], &told["ended"]),
        (Some(0), &json!(0), &json!(true)),
        "{good:?}"
    );
    assert!(good.stderr.contains("report of monday, version 1\n"), "{good:?}");
    let shown = task(&account, told["task"].as_str().unwrap());
    assert_eq!(shown["startedBy"], told["startedBy"]);
    assert!(shown["startedBy"].as_str().unwrap().starts_with("by-hand/"), "{shown}");

    let once = |token: &str| run(&account, &["--no-follow", "--client-token", token]);
    let (first, again, other) = (once("one"), once("one"), once("other"));
    assert_eq!((first.code, &first.stdout), (Some(0), &again.stdout), "{first:?} {again:?}");
    assert_ne!(first.stdout, other.stdout);

    let instead = run(&account, &["--", "-c", "echo instead; exit 7"]);
    assert_eq!((instead.code, instead.stdout.as_str()), (Some(7), "instead\n"), "{instead:?}");
}

#[test]
fn what_cannot_be_run_by_hand_is_told_and_exits_with_125() {
    let (account, _repository) = scheduled();
    for (arguments, told) in [
        (&["reprot"][..], "environment `local` has no service or scheduled task `reprot`\n  it has report\n"),
        (&["report", "--revision", "9"], "read task definition"),
        (&["report", "--container", "app", "--env", "A=b"], "there is no container `app`; there is report"),
        (&["report", "--overrides", "{\"memori\": \"1\"}"], "`--overrides`: overrides has no `memori`"),
        (&["report", "--overrides", "{"], "`--overrides` is not JSON"),
    ] {
        let refused = account.verb("task run", arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(125), ""), "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    assert_eq!(account.verb("task run", &["report", "--env", "A"]).code, Some(64));
}

#[test]
fn an_interrupted_run_leaves_its_task_to_itself_or_stops_it_as_it_was_told() {
    let (account, _repository) = scheduled();
    let interrupted = |more: &[&str]| {
        let arguments = [&["report", "--env", "SLEEP=600", "-o", "json"], more].concat();
        let mut command = account.command("task run");
        let mut process = Operator::start(command.args(arguments));
        let said = "report of today, version 1";
        wait_until("its log is followed", || process.told().contains(said));
        process.terminate();
        let status = process.wait_for_end();
        (status.code(), process.told())
    };
    let json_of = |told: &str| -> Value {
        let json = told.split("--- stdout\n").nth(1).unwrap().split("--- stderr\n").next().unwrap();
        serde_json::from_str(json).unwrap()
    };

    let (code, told) = interrupted(&[]);
    assert_eq!(code, Some(130), "{told}");
    assert!(told.contains("interrupted; the task goes on\n  to stop it   aws ecs stop-task"), "{told}");
    let left = json_of(&told);
    assert_eq!((&left["ended"], &left["exitCode"]), (&json!(false), &Value::Null), "{told}");
    assert_eq!(task(&account, left["task"].as_str().unwrap())["desiredStatus"], "RUNNING");

    let (code, told) = interrupted(&["--stop-on-interrupt"]);
    assert_eq!(code, Some(130), "{told}");
    let stopped = task(&account, json_of(&told)["task"].as_str().unwrap());
    assert_eq!((&stopped["lastStatus"], &stopped["stopCode"]), (&json!("STOPPED"), &json!("UserInitiated")));

    let late = run(&account, &["--env", "SLEEP=600", "--timeout", "1s"]);
    assert_eq!(late.code, Some(124), "{late:?}");
    assert!(late.stderr.contains("the time is over; the task goes on"), "{late:?}");
}

#[test]
fn what_git_asks_for_is_run_by_hand_before_it_is_scheduled_and_registered_once() {
    let (account, mut repository) = scheduled();
    // One day, long ago.
    let never = "  sync: {windows: [{kind: allow, dates: [2020-01-01], from: '00:00', duration: 1h, timeZone: UTC}]}\n";
    repository.write("manifests/report.yaml", &report(2, never)).commit("Update");
    account.operator.wait_for_event(0, "its new version is held", |event| event["event"] == "held");
    let live = run(&account, &[]);
    assert_eq!(live.stdout.lines().next(), Some("report of today, version 1"), "{live:?}");
    for registered in [true, false] {
        let git = run(&account, &["--revision", "git"]);
        assert_eq!(git.stdout.lines().next(), Some("report of today, version 2"), "{git:?}");
        assert_eq!(git.stderr.contains("report: registered report:2 of "), registered, "{git:?}");
    }
    let earlier = run(&account, &["--revision", "1", "--no-follow"]);
    assert!(earlier.stderr.contains("report: report:1 runs as task"), "{earlier:?}");
}
