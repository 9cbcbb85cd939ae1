//! What a branch does over time, read from a repository on this machine.

#![allow(clippy::unwrap_used)]

use super::history::History;
use super::testing::{Source, new, sentence, settings};
use super::{Fetched, GitSettings, GitSource};

const API: (&str, &str) = ("manifests/api.yaml", "kind: Service\n");

#[test]
fn a_commit_is_read_whole_with_what_people_know_it_by() {
    let source = Source::empty();
    let id = source.commit(
        "Raise worker memory\n\nIt ran out.\n",
        &[
            API,
            ("manifests/overlays/production/api.yml", "kind: Service\n"),
            ("manifests/README.md", "no manifest"),
            ("app/worker.yaml", "elsewhere"),
        ],
    );
    let checkout = new(source.opened().fetch());
    assert_eq!(
        checkout.files.keys().collect::<Vec<_>>(),
        ["manifests/api.yaml", "manifests/overlays/production/api.yml"]
    );
    assert_eq!(checkout.files["manifests/api.yaml"], "kind: Service\n");
    let revision = checkout.revision;
    assert_eq!((revision.id.as_str(), revision.branch.as_str()), (id.as_str(), "main"));
    assert_eq!((revision.author.as_str(), revision.subject.as_str()), ("release-bot", "Raise worker memory"));
    assert_eq!(revision.committed_at.minute(), "2025-11-20 21:04");
}

#[test]
fn a_branch_that_stays_is_unchanged_and_one_that_moves_is_new() {
    let source = Source::empty();
    source.commit("One", &[API]);
    let mut opened = source.opened();
    let first = new(opened.fetch()).revision;
    assert_eq!(opened.fetch().unwrap(), Fetched::Unchanged(first));
    let second = source.commit("Two", &[API]);
    assert_eq!(new(opened.fetch()).revision.id, second);
}

#[test]
fn a_forced_push_backwards_is_followed() {
    let source = Source::empty();
    let first = source.commit("One", &[API]);
    source.commit("Two", &[API]);
    let mut opened = source.opened();
    new(opened.fetch());
    let back = git2::Oid::from_str(&first).unwrap();
    source.repository.reference("refs/heads/main", back, true, "").unwrap();
    assert_eq!(new(opened.fetch()).revision.id, first);
}

#[test]
fn a_commit_made_while_another_is_read_never_mixes_with_it() {
    let source = Source::empty();
    let write = |number: u32| {
        let text = number.to_string();
        source.commit(&text, &[("manifests/a.yaml", &text), ("manifests/b.yaml", &text)]);
    };
    write(0);
    let mut opened = source.opened();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            loop {
                let Fetched::New(checkout) = opened.fetch().unwrap() else { continue };
                assert_eq!(checkout.files["manifests/a.yaml"], checkout.revision.subject);
                assert_eq!(checkout.files["manifests/b.yaml"], checkout.revision.subject);
                if checkout.revision.subject == "100" {
                    break;
                }
            }
        });
        (1..=100).for_each(write);
        reader.join().unwrap();
    });
}

#[test]
fn a_deleted_branch_is_an_error_that_names_those_left() {
    let source = Source::empty();
    let id = source.commit("One", &[API]);
    let mut opened = source.opened();
    new(opened.fetch());
    let commit = git2::Oid::from_str(&id).unwrap();
    for name in ["refs/heads/trunk", "refs/heads/dev"] {
        source.repository.reference(name, commit, false, "").unwrap();
    }
    source.repository.find_reference("refs/heads/main").unwrap().delete().unwrap();
    let error = sentence(opened.fetch());
    assert!(error.ends_with("has no branch `main`; it has `dev`, `trunk`"), "{error}");
    source.repository.reference("refs/heads/main", commit, false, "").unwrap();
    assert!(matches!(opened.fetch(), Ok(Fetched::Unchanged(_))));
}

#[test]
fn a_repository_without_a_commit_says_so() {
    let source = Source::empty();
    let error = sentence(source.opened().fetch());
    assert!(error.ends_with("has no commit yet: push one to `main`"), "{error}");
}

#[test]
fn a_repository_that_is_gone_or_never_was_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &std::path::Path| {
        GitSource::new(settings(&format!("file://{}", path.display()), folder.path())).unwrap()
    };
    let error = sentence(open(&folder.path().join("jobs.git")).fetch());
    assert!(error.ends_with("jobs.git`: there is no such folder"), "{error}");
    let error = sentence(open(folder.path()).fetch());
    assert!(error.ends_with("it is not a Git repository"), "{error}");

    let source = Source::empty();
    source.commit("One", &[API]);
    let mut opened = source.opened();
    new(opened.fetch());
    let path = source.path().to_owned();
    drop(source);
    assert!(sentence(opened.fetch()).contains(&path.display().to_string()));
}

#[test]
fn a_manifest_folder_that_is_missing_or_empty_says_so() {
    let source = Source::empty();
    source.commit("One", &[("deploy/api.yaml", ""), ("docs/index.md", "")]);
    let error = source.opened().fetch().unwrap_err();
    assert!(error.is_about_the_commit());
    assert!(error.to_string().ends_with("has no folder `manifests`; there is `deploy`, `docs`"), "{error}");
    source.commit("Two", &[("manifests/README.md", "")]);
    let error = sentence(source.opened().fetch());
    assert!(error.ends_with("has no manifest: no *.yaml or *.yml file lies in `manifests`"), "{error}");
}

#[test]
fn a_repository_with_a_missing_object_is_never_a_smaller_checkout() {
    let source = Source::empty();
    source.commit("One", &[API, ("manifests/worker.yaml", "kind: Service # worker\n")]);
    let blob = source.blob(b"kind: Service # worker\n").to_string();
    std::fs::remove_file(source.path().join("objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let mut opened = source.opened();
    let error = sentence(opened.fetch());
    assert!(
        error.ends_with(
            "could not be read whole: `manifests/worker.yaml`: an object is missing from the repository"
        ),
        "{error}"
    );
    source.blob(b"kind: Service # worker\n");
    assert_eq!(new(opened.fetch()).files.len(), 2);
}

#[test]
fn without_any_one_of_its_objects_a_commit_is_not_read() {
    let source = Source::empty();
    source.commit("One", &[API, ("manifests/overlays/production/api.yaml", "kind: Service # more\n")]);
    let mut objects = Vec::new();
    for folder in std::fs::read_dir(source.path().join("objects")).unwrap().map(|it| it.unwrap().path()) {
        let inside = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        objects.extend(inside.filter(|it| it.is_file()));
    }
    // The commit, four trees and two files.
    assert_eq!(objects.len(), 7, "{objects:?}");
    for object in objects {
        let away = object.with_extension("away");
        std::fs::rename(&object, &away).unwrap();
        assert!(source.opened().fetch().is_err(), "without {}", object.display());
        std::fs::rename(&away, &object).unwrap();
        assert_eq!(new(source.opened().fetch()).files.len(), 2);
    }
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let refusal = |change: fn(&mut GitSettings)| {
        let mut settings = settings("https://git.example.com/jobs.git", std::path::Path::new("/tmp"));
        change(&mut settings);
        GitSource::new(settings).err().unwrap().to_string()
    };
    assert!(
        refusal(|settings| settings.url = "git@example.com:jobs".to_owned()).contains("ssh is not built in")
    );
    assert!(refusal(|settings| settings.branch = "--upload-pack=id".to_owned()).contains("branch name"));
    assert!(refusal(|settings| settings.branch = "a..b".to_owned()).contains("branch name"));
    assert!(refusal(|settings| settings.path = "../secrets".to_owned()).contains("lead out of"));
    assert!(
        refusal(|settings| settings.ca_file = Some("/no/ca.pem".into())).contains("/no/ca.pem can't be read")
    );
}

#[test]
fn what_the_ignore_file_names_is_passed_over_in_a_commit() {
    let source = Source::empty();
    source.commit(
        "With examples",
        &[
            API,
            ("manifests/.reconcilerignore", "# to read, not to deploy\nexamples/\n"),
            ("manifests/examples/other/api.yaml", "not: [ours"),
        ],
    );
    let checkout = new(source.opened().fetch());
    assert_eq!(checkout.files.keys().collect::<Vec<_>>(), ["manifests/api.yaml"]);
}

#[test]
fn an_ignore_file_that_can_be_misread_refuses_the_commit() {
    let source = Source::empty();
    source.commit("Patterns", &[API, ("manifests/.reconcilerignore", "*.old.yaml\n")]);
    let refusal = sentence(source.opened().fetch());
    let expected = "can't be used: `manifests/.reconcilerignore` has a line 1, `*.old.yaml`, that is a pattern: \
                    name the file or the folder itself";
    assert!(refusal.ends_with(expected), "{refusal}");
}

#[test]
fn the_past_is_told_by_the_commits_that_changed_the_manifests() {
    let source = Source::empty();
    let first = source.commit("One", &[API]);
    let second = source.commit("Two", &[API, ("manifests/worker.yaml", "kind: Service\n")]);
    source.commit("Notes", &[API, ("manifests/worker.yaml", "kind: Service\n"), ("README.md", "new")]);
    let mut opened = source.opened();
    assert_eq!(opened.history(), History::default());
    new(opened.fetch());
    let history = opened.history();
    let told: Vec<(&str, usize)> =
        history.commits.iter().map(|it| (it.revision.id.as_str(), it.files.len())).collect();
    assert_eq!(told, [(second.as_str(), 2), (first.as_str(), 1)]);
    assert_eq!(history.before, None);
}
