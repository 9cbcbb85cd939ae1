//! A branch of a repository behind git's own HTTP server, and what its copy survives.

#![allow(clippy::unwrap_used)]

#[path = "../../../git-https/tests/server/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of `git-https`, which use another part of it")]
mod server;

use server::{GitServer, Manner};

use super::testing::{Source, new, sentence, settings};
use super::write::{Change, Replacement, Written};
use super::{Fetched, GitSource};
use crate::model::Timestamp;

const API: (&str, &str) = ("manifests/api.yaml", "kind: Service\n");

struct World {
    source: Source,
    server: GitServer,
    cache: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let source = Source::empty();
        let server = GitServer::start(source.path(), |socket| Ok(Box::new(socket)));
        Self { source, server, cache: tempfile::tempdir().unwrap() }
    }

    /// The only repository in the cache.
    fn copy(&self) -> git2::Repository {
        let path = std::fs::read_dir(self.cache.path()).unwrap().next().unwrap().unwrap().path();
        git2::Repository::open_bare(path).unwrap()
    }

    fn open(&self) -> GitSource {
        GitSource::new(settings(&format!("http://{}/", self.server.address), self.cache.path())).unwrap()
    }
}

#[test]
fn a_branch_is_followed_and_costs_one_request_while_it_stays() {
    let world = World::new();
    let first = world.source.commit("One", &[API]);
    let mut source = world.open();
    let checkout = new(source.fetch());
    assert_eq!(checkout.revision.id, first);
    assert_eq!(checkout.files.into_keys().collect::<Vec<_>>(), ["manifests/api.yaml"]);
    let before = world.server.requests().len();
    assert!(matches!(source.fetch(), Ok(Fetched::Unchanged(_))));
    assert_eq!(world.server.requests().len(), before + 1);
    for number in 0..5 {
        let id = world.source.commit(&format!("Commit {number}"), &[API, ("x", &number.to_string())]);
        assert_eq!(new(source.fetch()).revision.id, id);
    }
}

#[test]
fn only_the_newest_commit_is_fetched() {
    let world = World::new();
    let first = world.source.commit("One", &[("manifests/api.yaml", "old")]);
    world.source.commit("Two", &[API]);
    new(world.open().fetch());
    assert!(world.copy().find_commit(git2::Oid::from_str(&first).unwrap()).is_err());
}

#[test]
fn a_server_without_shallow_clones_is_fetched_from_whole() {
    let world = World::new();
    let first = world.source.commit("One", &[API]);
    let second = world.source.commit("Two", &[API, ("manifests/b.yaml", "")]);
    world.server.behave(Manner::ServeWhole);
    let mut source = world.open();
    assert_eq!(new(source.fetch()).revision.id, second);
    assert!(world.copy().find_commit(git2::Oid::from_str(&first).unwrap()).is_ok());
    let third = world.source.commit("Three", &[API]);
    assert_eq!(new(source.fetch()).revision.id, third);
}

#[test]
fn a_copy_of_too_many_packs_is_made_anew() {
    let world = World::new();
    world.source.commit("One", &[API]);
    new(world.open().fetch());
    let copy = world.copy().path().to_owned();
    for number in 0..64 {
        std::fs::write(copy.join(format!("objects/pack/pack-{number}.pack")), "").unwrap();
    }
    new(world.open().fetch());
    assert_eq!(std::fs::read_dir(copy.join("objects/pack")).unwrap().count(), 2);
}

#[test]
fn a_forced_push_to_an_unrelated_commit_is_followed() {
    let world = World::new();
    let first = world.source.commit("One", &[API]);
    let second = world.source.commit("Two", &[API, ("manifests/b.yaml", "")]);
    let mut source = world.open();
    assert_eq!(new(source.fetch()).revision.id, second);
    let back = git2::Oid::from_str(&first).unwrap();
    world.source.repository.reference("refs/heads/main", back, true, "").unwrap();
    assert_eq!(new(source.fetch()).revision.id, first);
    world.source.repository.find_reference("refs/heads/main").unwrap().delete().unwrap();
    let unrelated = world.source.commit("Unrelated", &[("manifests/other.yaml", "")]);
    let checkout = new(source.fetch());
    assert_eq!(checkout.revision.id, unrelated);
    assert_eq!(checkout.files.into_keys().collect::<Vec<_>>(), ["manifests/other.yaml"]);
}

#[test]
fn a_restart_reads_what_was_fetched_before_and_a_broken_copy_is_made_anew() {
    let world = World::new();
    let id = world.source.commit("One", &[API]);
    new(world.open().fetch());
    assert_eq!(new(world.open().fetch()).revision.id, id);

    let copy = world.copy().path().to_owned();
    for pack in std::fs::read_dir(copy.join("objects/pack")).unwrap() {
        std::fs::remove_file(pack.unwrap().path()).unwrap();
    }
    let mut source = world.open();
    // The broken copy may cost one fetch, but never gives fewer files.
    let healed = match source.fetch() {
        Ok(Fetched::New(checkout)) => checkout,
        Ok(Fetched::Unchanged(_)) => panic!("nothing was handed out"),
        Err(_) => new(source.fetch()),
    };
    assert_eq!(healed.files.len(), 1);

    std::fs::write(copy.join("HEAD"), "nonsense").unwrap();
    assert_eq!(new(world.open().fetch()).files.len(), 1);
}

#[test]
fn an_empty_repository_and_a_missing_branch_are_told_apart() {
    let world = World::new();
    let error = sentence(world.open().fetch());
    assert!(error.ends_with("has no commit yet: push one to `main`"), "{error}");
    let tree = world.source.raw_tree(&[]);
    world.source.commit_tree("trunk", "One", tree);
    let error = sentence(world.open().fetch());
    assert!(error.ends_with("has no branch `main`; it has `trunk`"), "{error}");
}

#[test]
fn a_server_in_trouble_costs_nothing_but_time() {
    let world = World::new();
    let id = world.source.commit("One", &[API]);
    let mut source = world.open();
    let answers = [
        (
            Manner::Demand("Basic secret".to_owned()),
            "refuses us (401): it wants credentials and none were given",
        ),
        (Manner::Status(404), "there is no repository at"),
        (Manner::Status(502), "does not answer as a Git repository: the server answered 502"),
        (Manner::Maintenance, "does not answer as a Git repository: the answer is text/html"),
        (Manner::RedirectTo("http://elsewhere.example".to_owned()), "redirects to http://elsewhere.example"),
    ];
    for (manner, sentence_part) in answers {
        world.server.behave(manner);
        let error = sentence(source.fetch());
        assert!(error.contains(sentence_part), "{error}");
    }
    world.server.behave(Manner::Serve);
    assert_eq!(new(source.fetch()).revision.id, id);
}

#[test]
fn a_host_that_does_not_answer_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/jobs.git");
    let error = sentence(GitSource::new(settings(&url, cache.path())).unwrap().fetch());
    assert_eq!(error, format!("can't reach `{url}`: connection refused"));
}

#[test]
fn a_shallow_copy_knows_the_name_of_the_commit_before() {
    let world = World::new();
    let first = world.source.commit("One", &[API]);
    let second = world.source.commit("Two", &[("manifests/api.yaml", "new")]);
    let mut source = world.open();
    new(source.fetch());
    let history = source.history();
    assert_eq!(history.commits.iter().map(|it| it.revision.id.as_str()).collect::<Vec<_>>(), [second]);
    assert_eq!(history.before, Some(first));
}

fn newer_tag() -> Change {
    let replacement = Replacement {
        file: "manifests/api.yaml".to_owned(),
        line: 2,
        column: 6,
        before: "1.4.2".to_owned(),
        after: "1.5.0".to_owned(),
    };
    let message = "Take api 1.5.0\n".to_owned();
    Change { message, replacements: vec![replacement], at: Timestamp(1_800_000_000_000) }
}

#[test]
fn a_newer_tag_is_pushed_and_never_forced_over_what_others_pushed() {
    let world = World::new();
    world.source.repository.config().unwrap().set_bool("http.receivepack", true).unwrap();
    let old = ("manifests/api.yaml", "kind: Service\ntag: 1.4.2 # kept\n");
    world.source.commit("Before", &[("x", "")]);
    world.source.commit("One", &[old]);
    let mut source = world.open();
    new(source.fetch());
    // Somebody was faster: the change goes on top of theirs.
    let theirs = world.source.commit("Two", &[old, ("manifests/b.yaml", "")]);
    let Written::Commit(written) = source.write(&newer_tag()).unwrap() else { panic!("outdated") };
    let head = world.source.repository.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
    assert_eq!((head.id().to_string(), head.parent_id(0).unwrap().to_string()), (written.clone(), theirs));
    let checkout = new(source.fetch());
    assert_eq!(checkout.revision.id, written);
    assert_eq!(checkout.files["manifests/api.yaml"], "kind: Service\ntag: 1.5.0 # kept\n");
    assert_eq!(source.write(&newer_tag()), Ok(Written::Outdated));
}

#[test]
fn a_server_that_takes_no_push_is_told_with_the_reason() {
    let world = World::new();
    world.source.commit("One", &[("manifests/api.yaml", "kind: Service\ntag: 1.4.2\n")]);
    let mut source = world.open();
    let error = source.write(&newer_tag()).unwrap_err().to_string();
    assert!(error.contains("refuses us (403)"), "{error}");
}
