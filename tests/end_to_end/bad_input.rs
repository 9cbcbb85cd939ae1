//! What is wrong from outside gets one clear error, changes nothing, and the loop goes on where it can.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::operator::{Finished, Operator, finish, reconciler};
use super::repository::Repository;
use super::served::{Installation, Served, repository_of, wait_until_settled};

const WEB: &str = "manifests/web.yaml";

/// One error that people can act on, nothing else, and exit code 1.
fn is_one_error(finished: &Finished, says: &[&str]) {
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
    let errors = finished.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert!(errors == 1 && finished.stderr.starts_with("error: "), "{}", finished.stderr);
    assert!(finished.stderr.lines().count() <= 6, "{}", finished.stderr);
    for words in says {
        assert!(finished.stderr.contains(words), "`{words}` is missing in: {}", finished.stderr);
    }
    // What a program says to itself, not to people.
    for noise in ["os error", "panicked", "Error {", "DispatchFailure", "Some("] {
        assert!(!finished.stderr.contains(noise), "{}", finished.stderr);
    }
}

fn wait_for_reason(operator: &Operator, mark: usize, kind: &str, words: &str) {
    operator.wait_for_event(mark, &format!("{kind}: {words}"), |event| {
        event["event"] == kind && event["reason"].as_str().is_some_and(|reason| reason.contains(words))
    });
}

#[test]
fn a_repository_that_cannot_be_used_is_one_error() {
    let served = Served::start();
    let (repository, _) = repository_of("1");
    let (empty, gone) = (Repository::empty(), Repository::empty());
    gone.hide();
    let verbs = |repository: &Repository, arguments: &[&str], says: &[&str]| {
        let installation = Installation::new(repository, &served);
        for verb in ["plan", "apply", "status", "validate", "render"] {
            is_one_error(&finish(installation.verb(verb).args(arguments)), says);
        }
    };
    verbs(&gone, &[], &["jobs.git`: there is no such folder"]);
    verbs(&empty, &[], &["has no commit yet: push one to `main`"]);
    verbs(&repository, &["--branch", "prod"], &["has no branch `prod`; it has `main`"]);
    verbs(&repository, &["--path", "deploy"], &["has no folder `deploy`; there is `manifests`"]);
    verbs(&repository, &["--environment", "prod"], &["no environment `prod`", "there is test"]);
    assert_eq!(served.calls(), Vec::<String>::new());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = tempfile::tempdir().unwrap();
    let mut command = reconciler(home.path());
    // More than a pipe holds: part of it is always left to write when nobody reads any more.
    let mut child = command.arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn a_wrong_command_line_exits_with_64() {
    let home = tempfile::tempdir().unwrap();
    let lines: [(&[&str], &str); 5] = [
        (&[], "Usage: reconciler"),
        (&["plan", "--enviroment", "test"], "unexpected argument '--enviroment'"),
        (&["run", "--poll", "3"], "`3` needs a unit: ms, s, m or h"),
        (&["plan", "--endpoint-url", "localhost:4566"], "`localhost:4566` is not a URL such as"),
        (&["deploy"], "unrecognized subcommand 'deploy'"),
    ];
    for (arguments, says) in lines {
        let finished = finish(reconciler(home.path()).args(arguments));
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(64), ""), "{finished:?}");
        assert!(finished.stderr.contains(says), "{}", finished.stderr);
    }
    assert_eq!(finish(reconciler(home.path()).arg("--help")).code, Some(0));
}

#[test]
fn missing_credentials_are_told_at_once() {
    let served = Served::start();
    let (repository, _) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    for verb in ["plan", "status", "apply", "run"] {
        let mut command: Command = installation.verb(verb);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        let asked = Instant::now();
        let mut finished = finish(&mut command);
        assert!(asked.elapsed() < Duration::from_secs(20), "{verb} took {:?}", asked.elapsed());
        if verb == "run" {
            // It has told the commit before.
            finished.stdout.clear();
        }
        finished.stderr = without_note(&finished.stderr);
        is_one_error(&finished, &["can't sign in to AWS", "no usable credentials", "AWS_PROFILE"]);
    }
    assert_eq!(served.calls(), Vec::<String>::new());
}

/// `status` says first that there is no ledger.
fn without_note(text: &str) -> String {
    let start = text.find("error: ").unwrap_or_default();
    text[start..].to_owned()
}

#[test]
fn credentials_for_another_account_are_refused() {
    let served = Served::start();
    let (mut repository, _) = repository_of("1");
    repository.edit("manifests/environment.yaml", "123456789012", "111122223333").commit("Move");
    let installation = Installation::new(&repository, &served);
    for verb in ["plan", "apply", "run"] {
        let mut finished = finish(&mut installation.verb(verb));
        if verb == "run" {
            finished.stdout.clear();
        }
        is_one_error(&finished, &["is for account 111122223333", "credentials are for 123456789012"]);
    }
    assert_eq!(served.mutations(), Vec::<String>::new());
}

#[test]
fn an_endpoint_that_refuses_connections_is_one_error_with_its_address() {
    let served = Served::away();
    let (mut repository, _) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let refused = |verb| {
        let finished = finish(&mut installation.verb(verb));
        is_one_error(&finished, &["can't sign in to AWS", "connection refused", &served.endpoint()]);
    };
    refused("plan");
    // Also where the environment takes any account.
    repository.edit("manifests/environment.yaml", "account: '123456789012', ", "").commit("Any account");
    refused("apply");
}

#[test]
fn a_cluster_that_is_not_there_is_one_error() {
    let served = Served::start();
    let (mut repository, _) = repository_of("1");
    repository.edit("manifests/environment.yaml", "cluster: jobs", "cluster: jbos").commit("Move");
    let installation = Installation::new(&repository, &served);
    let plan = finish(&mut installation.verb("plan"));
    is_one_error(&plan, &["can't read cluster `jbos` in eu-west-1", "ClusterNotFoundException"]);
}

#[test]
fn run_waits_for_aws_and_goes_on_when_it_is_back() {
    let mut served = Served::away();
    let (mut repository, first) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let operator = installation.run();
    wait_for_reason(&operator, 0, "retry", "connection refused");
    served.come();
    wait_until_settled(&operator, &first);

    served.go_away();
    let mark = operator.mark();
    let second = repository.edit(WEB, "app:1", "app:2").commit("Release 2");
    wait_for_reason(&operator, mark, "held", "connection refused");
    served.come();
    wait_until_settled(&operator, &second);
    assert_eq!(served.aws().attempts("web"), (2, 2), "{}", operator.told());
}

#[test]
fn run_goes_on_whatever_becomes_of_the_repository() {
    let served = Served::start();
    let mut repository = Repository::empty();
    repository.hide();
    let installation = Installation::new(&repository, &served);
    let operator = installation.run();
    wait_for_reason(&operator, 0, "source", "there is no such folder; nothing is in force yet");
    repository.show();
    wait_for_reason(&operator, 0, "source", "has no commit yet: push one to `main`; nothing is in force");
    repository.write("README.md", "soon").commit("Say hello");
    wait_for_reason(&operator, 0, "source", "has no folder `manifests`");
    repository.write("manifests/environment.yaml", "kind: Enviroment\n").commit("Try");
    wait_for_reason(&operator, 0, "refused", "nothing is in force yet");
    assert_eq!(served.calls(), Vec::<String>::new());

    repository
        .write("manifests/environment.yaml", crate::world::ENVIRONMENT)
        .write(WEB, &crate::world::service("web", "app:1"));
    let first = repository.commit("Deploy web");
    wait_until_settled(&operator, &first);

    // What is in force stays in force while the repository is gone: drift is still set back.
    let mark = operator.mark();
    repository.hide();
    wait_for_reason(&operator, mark, "source", &format!("main@{} stays in force", &first[..7]));
    let input = serde_json::json!({"cluster": "jobs", "service": "web", "desiredCount": 5});
    served.aws().ecs("UpdateService", input);
    wait_for_reason(&operator, mark, "drift", "5 -> 2");
    repository.show();
    let second = repository.edit(WEB, "app:1", "app:2").commit("Release 2");
    wait_until_settled(&operator, &second);
}

#[test]
fn a_broken_manifest_is_refused_whole_and_the_next_good_commit_goes_out() {
    let served = Served::start();
    let (mut repository, first) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let operator = installation.run();
    wait_until_settled(&operator, &first);
    let (mark, mutations) = (operator.mark(), served.mutations());

    // One field is misspelt; the other, valid change of the same commit must not go out either.
    let broken = repository
        .edit(WEB, "memory: 512", "memroy: 512")
        .write("manifests/other.yaml", &crate::world::service("other", "app:1"))
        .commit("Tidy up");
    let refused = operator.wait_for_event(mark, "the commit is refused", |event| event["event"] == "refused");
    assert_eq!((&refused["revision"], &refused["level"]), (&broken.clone().into(), &"error".into()));
    let reason = refused["reason"].as_str().unwrap();
    for words in ["manifests/web.yaml:7:5", "`memroy`", "did you mean `memory`?", "stays in force"] {
        assert!(reason.contains(words), "`{words}` is missing in: {reason}");
    }
    served.wait_for_count("DescribeServices", served.count("DescribeServices") + 3);
    assert_eq!(served.mutations(), mutations);
    let refusals = operator.events(mark).iter().filter(|event| event["event"] == "refused").count();
    assert_eq!(refusals, 1, "told once, not at every poll\n{}", operator.told());
    for verb in ["validate", "render", "plan", "apply"] {
        let finished = finish(&mut installation.verb(verb));
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
        assert!(finished.stderr.contains("manifests/web.yaml:7:5"), "{}", finished.stderr);
    }
    assert_eq!(served.mutations(), mutations);

    let good = repository.edit(WEB, "memroy: 512", "memory: 1024").commit("Spell it");
    wait_until_settled(&operator, &good);
    operator.wait_for_event(mark, "the other service settles", |event| {
        event["event"] == "settled" && event["service"] == "other"
    });
}

#[test]
fn status_tells_what_runs_although_the_newest_commit_can_not_be_read() {
    let served = Served::start();
    let (mut repository, first) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    assert_eq!(finish(&mut installation.verb("apply")).code, Some(0));
    let mutations = served.mutations();

    // Not even the environment can be read, and a second look finds a value missing in AWS.
    repository.write("manifests/environment.yaml", "kind: [").commit("Slip");
    let status = |says: &str| {
        let told = finish(&mut installation.verb("status"));
        assert_eq!(told.code, Some(1), "{told:?}");
        let lines: Vec<&str> = told.stdout.lines().collect();
        let head = "test   what Git wants can't be told; the error says why · 1 service: 1 unknown";
        let web = format!(
            "  Unknown      web           runs :1 (2/2); what was applied last is from {}",
            &first[..7]
        );
        assert_eq!(lines, [head, "", &web]);
        assert!(told.stderr.starts_with("error: ") && told.stderr.contains(says), "{}", told.stderr);
    };
    status("manifests/environment.yaml:1:");
    let looked_up = crate::world::ENVIRONMENT
        .replace("cluster: jobs", "cluster: jobs, variables: {image: {ssm: /jobs/image}}");
    repository
        .write("manifests/environment.yaml", &looked_up)
        .edit(WEB, "app:1", "${image}")
        .commit("Look up");
    status("there is no parameter `/jobs/image`");

    let json = finish(installation.verb("status").args(["-o", "json"]));
    let status = json.json();
    assert_eq!(
        (json.code, &status["revision"], &status["services"][0]["running"]),
        (Some(1), &().into(), &2.into())
    );
    assert!(status["gitUnknown"].as_str().unwrap().contains("/jobs/image"), "{status:#}");
    assert_eq!(served.mutations(), mutations);
}
