//! The binary, on both databases.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output, Stdio};

use jobs::testing::{Database, on_each_database};
use serde_json::Value;

fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_job-migrate"));
    command.env_clear().env("DATABASE_URL", url).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Run {
    code: i32,
    text: String,
}

impl Run {
    fn of(output: Output) -> Run {
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        Run { code: output.status.code().unwrap(), text }
    }

    /// The steps that it names with this message.
    fn steps(&self, message: &str) -> Vec<i64> {
        let lines = self.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines = lines.filter(|line| line["message"] == message);
        lines.map(|line| line["step"].as_i64().unwrap()).collect()
    }
}

fn run(database: &Database, arguments: &[&str]) -> Run {
    Run::of(command(&database.url, arguments).output().unwrap())
}

#[tokio::test]
async fn the_schema_is_brought_up_once_and_each_step_is_logged() {
    on_each_database(async |database| {
        let first = run(database, &[]);
        assert_eq!((first.code, first.steps("applied")), (0, vec![1, 2]), "{}", first.text);
        database.open().await.expect_schema().await.unwrap();
        let again = run(database, &[]);
        assert_eq!((again.code, again.steps("applied")), (0, vec![]), "{}", again.text);
        assert!(again.text.contains("the schema is up to date"), "{}", again.text);
    })
    .await;
}

#[tokio::test]
async fn a_check_ends_with_3_while_something_is_to_do_and_changes_nothing() {
    on_each_database(async |database| {
        for _ in 0..2 {
            let check = run(database, &["--check"]);
            assert_eq!((check.code, check.steps("to be applied")), (3, vec![1, 2]), "{}", check.text);
        }
        run(database, &[]);
        let check = run(database, &["--check"]);
        assert_eq!((check.code, check.steps("to be applied")), (0, vec![]), "{}", check.text);
    })
    .await;
}

#[tokio::test]
async fn of_several_at_once_one_does_the_work_and_all_succeed() {
    on_each_database(async |database| {
        let children: Vec<_> = (0..5).map(|_| command(&database.url, &[]).spawn().unwrap()).collect();
        let mut applied = 0;
        for child in children {
            let run = Run::of(child.wait_with_output().unwrap());
            assert_eq!(run.code, 0, "{}", run.text);
            applied += run.steps("applied").len();
        }
        assert_eq!(applied, 2);
    })
    .await;
}

#[test]
fn a_database_that_is_away_is_1_with_the_reason_and_without_the_password() {
    // Port 1 is privileged, and nobody's.
    let run = Run::of(command("postgres://jobs:open-sesame@127.0.0.1:1/jobs", &[]).output().unwrap());
    assert_eq!(run.code, 1, "{}", run.text);
    assert!(run.text.contains("opening the database: ") && run.text.contains("refused"), "{}", run.text);
    assert!(!run.text.contains("open-sesame"), "{}", run.text);
}

#[test]
fn an_unknown_argument_is_a_usage_error() {
    let run = Run::of(command("sqlite:/nowhere/jobs.db", &["--chek"]).output().unwrap());
    assert_eq!(run.code, 64);
    assert!(run.text.starts_with("usage: job-migrate"), "{}", run.text);
}
