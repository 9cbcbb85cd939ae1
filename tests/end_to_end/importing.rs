//! `reconciler import` as a person uses it: files that are there stay, and each output has its place.

use std::fs;
use std::path::{Path, PathBuf};

use super::operator::{Finished, finish, reconciler, with_credentials};
use super::served::Served;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/fixtures").join(name)
}

fn import(home: &Path, arguments: &[&str]) -> Finished {
    let pipecd = fixture("pipecd/app.pipecd.yaml");
    let from = ["import", "--from", pipecd.to_str().unwrap()];
    finish(reconciler(home).args(from).args(arguments))
}

#[test]
fn a_file_that_is_there_is_not_overwritten_unless_somebody_says_so() {
    let home = tempfile::tempdir().unwrap();
    let edited = home.path().join("manifests/web.yaml");
    fs::create_dir_all(edited.parent().unwrap()).unwrap();
    fs::write(&edited, "# mine\n").unwrap();

    let refused = import(home.path(), &["--output", "manifests"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(
        refused.stderr,
        "error: manifests/web.yaml is there already; nothing was written\n  to replace: `--force`; to write \
         elsewhere: another `--output`\n"
    );
    assert_eq!(fs::read_to_string(&edited).unwrap(), "# mine\n");
    assert!(!home.path().join("manifests/environments").exists());

    let forced = import(home.path(), &["--output", "manifests", "--force"]);
    assert_eq!(forced.code, Some(0), "{forced:?}");
    assert!(fs::read_to_string(&edited).unwrap().contains("kind: Service"));
    assert!(home.path().join("manifests/environments/shop.yaml").exists());
    // What was written is what any commit is.
    let valid = finish(reconciler(home.path()).args(["validate", "--path", "manifests"]));
    assert_eq!(valid.code, Some(0), "{valid:?}");
}

#[test]
fn without_a_folder_the_manifests_go_to_standard_output_and_the_summary_does_not() {
    let home = tempfile::tempdir().unwrap();
    let printed = import(home.path(), &[]);
    assert_eq!(printed.code, Some(0));
    assert!(
        printed.stdout.starts_with("# environments/shop.yaml\napiVersion: reconciler/v1\n"),
        "{printed:?}"
    );
    assert_eq!(printed.stdout.matches("\n---\n").count(), 1);
    assert!(printed.stderr.contains("1 service written."), "{printed:?}");

    let json = import(home.path(), &["-o", "json"]).json();
    assert_eq!(json["files"][1]["path"], "web.yaml");
    assert!(json["files"][1]["text"].as_str().unwrap().contains("kind: Service"));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_service_that_is_not_there_and_a_cluster_that_is_not_named_are_errors() {
    let home = tempfile::tempdir().unwrap();
    let served = Served::start();
    let asked = |arguments: &[&str]| {
        let mut command = reconciler(home.path());
        with_credentials(&mut command).env("AWS_ENDPOINT_URL", served.endpoint());
        finish(command.arg("import").args(arguments))
    };
    let missing = asked(&["--cluster", "jobs", "--region", "eu-west-1", "--service", "nobody"]);
    assert_eq!(
        (missing.code, missing.stderr.as_str()),
        (Some(1), "error: no service nobody in cluster `jobs` of eu-west-1\n")
    );
    let cluster = asked(&["--cluster", "nowhere", "--region", "eu-west-1"]);
    assert_eq!(cluster.code, Some(1));
    assert!(
        cluster.stderr.contains("can't list the services of cluster `nowhere` in eu-west-1"),
        "{cluster:?}"
    );
    let usage = asked(&["--region", "eu-west-1"]);
    assert_eq!(usage.code, Some(64));
    assert!(usage.stderr.contains("--cluster"), "{usage:?}");
    let empty = asked(&["--cluster", "jobs", "--region", "eu-west-1", "--output", "manifests"]);
    assert_eq!(empty.code, Some(0));
    assert!(empty.stdout.contains("No services."), "{empty:?}");
    assert!(!home.path().join("manifests").exists());
}
