//! Two processes and one lease in a table: one acts, the other takes over.

use std::time::{Duration, Instant};

use simulator::faults::Fault;
use simulator::runtime::scripted::Scripted;

use super::operator::{Operator, finish};
use super::served::{Installation, Served, repository_of, wait_until_settled};
use crate::world::{TABLE, table_input};

#[test]
fn a_second_process_stands_by_and_ends_the_rollout_of_the_first_when_that_is_killed() {
    let served = Served::start();
    served.simulator.with_world(|world| {
        simulator::dynamodb::call(world, &Scripted::default(), "CreateTable", &table_input()).unwrap();
    });
    let (mut repository, first) = repository_of("1");
    // Two machines: nothing is shared but the account.
    let machines = [Installation::new(&repository, &served), Installation::new(&repository, &served)];
    let verb = |machine: usize, verb: &str| {
        let mut command = machines[machine].verb(verb);
        command.args(["--ledger", &format!("dynamodb:{TABLE}")]);
        command
    };
    let run =
        |machine: usize| Operator::start(verb(machine, "run").args(["--poll", "200ms", "--resync", "1s"]));

    let mut leader = run(0);
    wait_until_settled(&leader, &first);
    let mut standby = run(1);
    standby.wait_for_event(0, "it stands by", |event| {
        let reason = event["reason"].as_str().unwrap_or_default();
        event["event"] == "lease"
            && reason.starts_with(&format!("stands by: epoch 1 is held by run, process {}", leader.pid()))
    });
    let second = repository.edit("manifests/web.yaml", "app:1", "app:2").commit("Release 2");
    leader.wait_for_event(0, "the rollout begins", |event| {
        event["event"] == "update" && event["revision"] == second.as_str()
    });
    leader.kill();

    wait_until_settled(&standby, &second);
    assert_eq!(served.aws().attempts("web"), (2, 2), "{}", standby.told());
    let status = finish(&mut verb(0, "status"));
    let holder = format!("epoch 2: run, process {}, since ", standby.pid());
    assert!(status.stdout.contains(&holder), "{status:?}");

    standby.terminate();
    assert_eq!(standby.wait_for_end().code(), Some(0), "{}", standby.told());
    assert!(standby.told().contains("lets go of epoch 2"), "{}", standby.told());
    // So nobody has to wait.
    let begun = Instant::now();
    let applied = finish(&mut verb(0, "apply"));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn an_apply_that_is_stopped_while_it_prepares_lets_go_of_its_lease() {
    let served = Served::start();
    served.simulator.with_world(|world| {
        simulator::dynamodb::call(world, &Scripted::default(), "CreateTable", &table_input()).unwrap();
    });
    let (repository, _) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let verb = || {
        let mut command = installation.verb("apply");
        command.args(["--ledger", &format!("dynamodb:{TABLE}")]);
        command
    };
    // The lease is its own by then, and what the one before left is read.
    served.simulator.set_fault(Box::new(|site| match site.operation.as_str() {
        "Query" => Fault::NeverAnswer,
        _ => Fault::None,
    }));
    let mut operator = Operator::start(&mut verb());
    served.wait_for_count("Query", 1);
    let asked = Instant::now();
    operator.terminate();
    assert_eq!(operator.wait_for_end().code(), Some(1), "{}", operator.told());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(operator.told().ends_with("error: stopped\n"), "{}", operator.told());
    assert!(operator.told().contains("lets go of epoch 1"), "{}", operator.told());

    served.simulator.set_fault(Box::new(|_| Fault::None));
    let applied = finish(&mut verb());
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(applied.stdout.contains("leads, epoch 2: the one before let go"), "{applied:?}");
}

#[test]
fn status_reads_a_table_without_git_where_it_is_told_which_region() {
    let served = Served::start();
    served.simulator.with_world(|world| {
        simulator::dynamodb::call(world, &Scripted::default(), "CreateTable", &table_input()).unwrap();
    });
    let (mut repository, _) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let run = |line: &[&str]| {
        let mut command = installation.verb(line[0]);
        finish(
            command
                .env_remove("AWS_REGION")
                .args(["--ledger", &format!("dynamodb:{TABLE}")])
                .args(&line[1..]),
        )
    };
    assert_eq!(run(&["apply"]).code, Some(0));
    repository.write("manifests/environment.yaml", "kind: [").commit("Slip");

    let unknown = run(&["status"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""));
    assert!(unknown.stderr.contains("`--environment` and `--region` do"), "{unknown:?}");
    let status = run(&["status", "--environment", "test", "--region", "eu-west-1"]);
    assert_eq!(status.code, Some(1), "{status:?}");
    assert!(status.stdout.contains("1 service: 1 unknown"), "{status:?}");
    assert!(status.stdout.contains("runs :1 (2/2); what was applied last is from"), "{status:?}");
    assert!(status.stdout.contains("epoch 1"), "{status:?}");
}
