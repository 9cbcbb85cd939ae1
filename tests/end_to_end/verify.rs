//! What the demonstration's own manifests need is in the account that `reconciler local` plays.

use std::path::Path;

use super::account::Account;
use super::operator::{finish, reconciler, with_credentials};
use super::repository::{API, Repository};

/// The demonstration's account; nobody minds what its containers do.
fn account(repository: &Repository) -> Account {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let program = env!("CARGO_BIN_EXE_reconciler");
    let programs = ["api", "worker", "job-migrate"].map(|name| format!("../target/debug/{name}"));
    Account::start_with(repository, &programs.iter().fold(text, |text, it| text.replace(it, program)))
}

#[test]
fn the_local_account_has_all_that_its_manifests_need() {
    let mut repository = Repository::of_the_job_system();
    repository.commit("Deploy the job system");
    let account = account(&repository);
    let home = tempfile::tempdir().unwrap();
    let verify = |repository: &Repository, more: &[&str]| {
        let mut command = reconciler(home.path());
        command.args(["verify", "--environment", "local", "--endpoint-url", &account.aws.endpoint]);
        command.arg("--repository").arg(repository.path()).args(more);
        finish(with_credentials(&mut command))
    };
    let good = verify(&repository, &[]);
    assert!(good.stdout.starts_with("local: all is there, 30 checks   main@"), "{good:?}");
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""));

    repository
        .edit(API, "${api_task_role}", "arn:aws:iam::123456789012:role/nobody")
        .commit("Change the role");
    let bad = verify(&repository, &["-o", "json"]);
    assert_eq!(bad.code, Some(1), "{bad:?}");
    let finding = &bad.json()["findings"][0];
    assert_eq!(finding["what"], "there is no role `nobody`");
    assert_eq!((&finding["places"][0]["file"], &finding["places"][0]["line"]), (&API.into(), &13.into()));
    assert_eq!(verify(&repository, &["--service", "job-worker"]).code, Some(0));
    let unknown = verify(&repository, &["--service", "job-work"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("it has job-api, job-worker"), "{unknown:?}");
}
