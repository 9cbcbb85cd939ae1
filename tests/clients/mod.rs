//! Other people's clients drive the simulator: the stock AWS CLI and boto3.
//!
//! `make test` installs both and names their Python in `RECONCILER_TEST_PYTHON`.

mod ledger;
mod verify;

use std::sync::Arc;

use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::runtime::scripted::Scripted;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs a command of the tests' Python against a simulator whose clock runs thirty times as fast.
async fn python(arguments: &[&[&str]]) -> Vec<String> {
    let python = std::env::var("RECONCILER_TEST_PYTHON")
        .expect("RECONCILER_TEST_PYTHON names a Python with awscli and boto3; `make test` sets it up");
    let simulator =
        Simulator::new(Clock::starting_at(Time(1_800_000_000_000), 30.0), Arc::new(Scripted::default()));
    simulator.with_world(|world| {
        world.ec2.add_subnet("subnet-1", "vpc-1");
        world.ec2.add_security_group("sg-1", "vpc-1");
    });
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server = tokio::spawn(simulator::serve::serve(simulator, socket, stop.clone()));
    let mut printed = Vec::new();
    for arguments in arguments {
        let output = tokio::process::Command::new(&python)
            .args(*arguments)
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}\n{text}\n{errors}");
        printed.push(text.trim().to_owned());
    }
    stop.cancel();
    server.abort();
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_registers_creates_updates_and_waits_for_stability() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/drive.py");
    let printed = python(&[&[script]]).await;
    assert_eq!(printed[0], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_registers_creates_updates_and_waits_for_stability() {
    let containers = r#"[{"name":"app","image":"app:1","portMappings":[{"containerPort":80}]}]"#;
    let network = "awsvpcConfiguration={subnets=[subnet-1],securityGroups=[sg-1]}";
    let register = [
        "-m",
        "awscli",
        "ecs",
        "register-task-definition",
        "--family",
        "web",
        "--network-mode",
        "awsvpc",
        "--requires-compatibilities",
        "FARGATE",
        "--cpu",
        "256",
        "--memory",
        "512",
        "--container-definitions",
        containers,
        "--query",
        "taskDefinition.revision",
        "--output",
        "text",
    ];
    let printed = python(&[
        &["-m", "awscli", "ecs", "create-cluster", "--cluster-name", "jobs"],
        &register,
        &[
            "-m",
            "awscli",
            "ecs",
            "create-service",
            "--cluster",
            "jobs",
            "--service-name",
            "web",
            "--task-definition",
            "web:1",
            "--desired-count",
            "2",
            "--launch-type",
            "FARGATE",
            "--network-configuration",
            network,
            "--query",
            "service.status",
            "--output",
            "text",
        ],
        &register,
        &[
            "-m",
            "awscli",
            "ecs",
            "update-service",
            "--cluster",
            "jobs",
            "--service",
            "web",
            "--task-definition",
            "web:2",
            "--query",
            "service.deployments[0].status",
            "--output",
            "text",
        ],
        &["-m", "awscli", "ecs", "wait", "services-stable", "--cluster", "jobs", "--services", "web"],
        &[
            "-m",
            "awscli",
            "ecs",
            "describe-services",
            "--cluster",
            "jobs",
            "--services",
            "web",
            "--query",
            "services[0].[runningCount,deployments[0].rolloutState,taskDefinition]",
            "--output",
            "text",
        ],
        &["-m", "awscli", "sts", "get-caller-identity", "--query", "Account", "--output", "text"],
        &[
            "-m",
            "awscli",
            "elbv2",
            "describe-target-groups",
            "--query",
            "length(TargetGroups)",
            "--output",
            "text",
        ],
    ])
    .await;
    assert_eq!(printed[1], "1");
    assert_eq!(printed[2], "ACTIVE");
    assert_eq!(printed[4], "PRIMARY");
    assert_eq!(printed[6], "2\tCOMPLETED\tarn:aws:ecs:eu-west-1:123456789012:task-definition/web:2");
    assert_eq!(printed[7], "123456789012");
    assert_eq!(printed[8], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_schedules_a_task_and_sees_it_run() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/schedule.py");
    let printed = python(&[&[script]]).await;
    assert_eq!(printed[0], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_sees_roles_networks_names_and_parameters() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/surroundings.py");
    let printed = python(&[&[script]]).await;
    assert_eq!(printed[0], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_schedules_a_task() {
    let scheduler = |arguments: &[&'static str]| -> Vec<&'static str> {
        [&["-m", "awscli", "scheduler"], arguments].concat()
    };
    let target = r#"{"Arn":"arn:aws:ecs:eu-west-1:123456789012:cluster/jobs","RoleArn":"arn:aws:iam::123456789012:role/scheduler","EcsParameters":{"TaskDefinitionArn":"mail:1","LaunchType":"FARGATE"}}"#;
    let written =
        ["--name", "mail", "--group-name", "jobs", "--flexible-time-window", "Mode=OFF", "--target", target];
    let text = ["--output", "text", "--query"];
    let commands = [
        scheduler(&["create-schedule-group", "--name", "jobs", "--tags", "Key=team,Value=jobs"]),
        [scheduler(&["create-schedule", "--schedule-expression", "rate(1 day)"]), written.to_vec()].concat(),
        [scheduler(&["update-schedule", "--schedule-expression", "cron(0 6 * * ? *)"]), written.to_vec()]
            .concat(),
        [
            scheduler(&["get-schedule", "--name", "mail", "--group-name", "jobs"]),
            text.to_vec(),
            vec!["ScheduleExpression"],
        ]
        .concat(),
        [scheduler(&["list-schedules", "--group-name", "jobs"]), text.to_vec(), vec!["Schedules[].Name"]]
            .concat(),
        [
            scheduler(&[
                "list-tags-for-resource",
                "--resource-arn",
                "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/jobs",
            ]),
            text.to_vec(),
            vec!["Tags[0].Value"],
        ]
        .concat(),
        scheduler(&["delete-schedule", "--name", "mail", "--group-name", "jobs"]),
        [scheduler(&["list-schedules"]), text.to_vec(), vec!["length(Schedules)"]].concat(),
    ];
    let borrowed: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    let printed = python(&borrowed).await;
    assert_eq!(printed[3..6], ["cron(0 6 * * ? *)", "mail", "jobs"]);
    assert_eq!(printed[7], "0");
}

#[test]
fn what_boto3_made_in_moto_is_imported_and_plans_empty() {
    let folder = tempfile::tempdir().unwrap();
    let python = std::env::var("RECONCILER_TEST_PYTHON")
        .expect("RECONCILER_TEST_PYTHON names a Python with moto; `make test` sets it up");
    let output = std::process::Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/adopt.py"))
        .arg(env!("CARGO_BIN_EXE_reconciler"))
        .arg(folder.path())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.trim().ends_with("ok"), "{text}\n{errors}");
}
