//! Commits that no honest client makes; each is refused whole, with the file and the reason.

#![allow(clippy::unwrap_used)]

use super::testing::{Entry, Source, sentence};
use crate::source::files::{DEPTH_MAX, ENTRIES_MAX, FILES_MAX};

/// The sentence for a commit whose manifest folder has this one entry besides an honest manifest.
fn refusal(mode: &str, name: &[u8], content: &[u8]) -> String {
    let source = Source::empty();
    let honest = source.blob(b"kind: Service\n");
    let id = source.blob(content);
    let manifests =
        source.raw_tree(&[Entry { mode: "100644", name: b"a.yaml", id: honest }, Entry { mode, name, id }]);
    refusal_of(&source, manifests)
}

fn refusal_of(source: &Source, manifests: git2::Oid) -> String {
    let root = source.raw_tree(&[Entry { mode: "40000", name: b"manifests", id: manifests }]);
    source.commit_tree("main", "Hostile", root);
    let error = source.opened().fetch().unwrap_err();
    assert!(error.is_about_the_commit(), "{error:?}");
    let sentence = error.to_string();
    assert!(sentence.starts_with("main@"), "{sentence}");
    sentence.split_once(" can't be used: ").unwrap().1.to_owned()
}

#[test]
fn a_symbolic_link_is_refused_whatever_it_is_called() {
    let why = "is a symbolic link: commit the file itself";
    assert_eq!(refusal("120000", b"worker.yaml", b"/etc/passwd"), format!("`manifests/worker.yaml` {why}"));
    assert_eq!(refusal("120000", b"notes", b"../.."), format!("`manifests/notes` {why}"));
}

#[test]
fn a_submodule_is_refused() {
    let why = "is a submodule: commit its files, or point at its repository";
    assert_eq!(refusal("160000", b"vendor", b""), format!("`manifests/vendor` {why}"));
}

#[test]
fn a_manifest_folder_that_is_a_link_is_refused() {
    let source = Source::empty();
    let id = source.blob(b"/etc");
    let root = source.raw_tree(&[Entry { mode: "120000", name: b"manifests", id }]);
    source.commit_tree("main", "Hostile", root);
    let error = sentence(source.opened().fetch());
    assert!(error.ends_with("`manifests` is a symbolic link: commit the file itself"), "{error}");
}

#[test]
fn a_mode_that_git_never_writes_is_refused() {
    let why = "`manifests/b.yaml` is neither a regular file nor a folder";
    assert_eq!(refusal("100600", b"b.yaml", b""), why);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let elsewhere = "has a name that leads elsewhere";
    assert_eq!(refusal("100644", b"..", b""), format!("`manifests/..` {elsewhere}"));
    assert_eq!(refusal("100644", b"..\\..\\x.yaml", b""), format!("`manifests/..\\..\\x.yaml` {elsewhere}"));
    assert_eq!(refusal("100644", b"../x.yaml", b""), format!("`manifests/../x.yaml` {elsewhere}"));
    assert_eq!(refusal("100644", b".GIT", b""), "`manifests/.GIT` has a name that belongs to Git itself");
}

#[test]
fn names_that_cannot_be_shown_are_refused() {
    assert_eq!(
        refusal("100644", b"caf\xe9.yaml", b""),
        "`manifests/caf\u{fffd}.yaml` has a name that is not UTF-8"
    );
    assert_eq!(
        refusal("100644", b"\x1b[2Jx.yaml", b""),
        "`manifests/\\u{1b}[2Jx.yaml` has a control character in its name"
    );
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    assert_eq!(refusal("100644", b"a.yaml", b"kind: Other\n"), "`manifests/a.yaml` is there twice");
}

#[test]
fn content_that_is_not_text_is_refused() {
    assert_eq!(refusal("100644", b"b.yaml", b"\xff\xfe"), "`manifests/b.yaml` is not UTF-8 text");
}

#[test]
fn a_huge_file_is_refused_by_its_size_and_a_huge_picture_is_not_read() {
    let huge = vec![b'#'; 300 * 1024];
    assert_eq!(
        refusal("100644", b"b.yaml", &huge),
        "`manifests/b.yaml` is 300 KiB large, the limit is 256 KiB"
    );
    let source = Source::empty();
    let text = String::from_utf8(huge).unwrap();
    source.commit("Fine", &[("manifests/a.yaml", "a"), ("manifests/picture.svg", &text)]);
    assert!(source.opened().fetch().is_ok());
}

#[test]
fn too_many_files_are_refused_at_the_first_one_too_many() {
    let source = Source::empty();
    let id = source.blob(b"kind: Service\n");
    let names: Vec<String> = (0..=FILES_MAX).map(|number| format!("{number:05}.yaml")).collect();
    let entries: Vec<_> =
        names.iter().map(|name| Entry { mode: "100644", name: name.as_bytes(), id }).collect();
    let tree = source.raw_tree(&entries);
    assert_eq!(
        refusal_of(&source, tree),
        "`manifests/02000.yaml` is one manifest file too many, the limit is 2000"
    );
}

#[test]
fn a_tree_that_unfolds_to_billions_of_entries_is_given_up_on() {
    let source = Source::empty();
    let mut id = source.blob(b"");
    let names: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
    for level in 0..6 {
        let mode = if level == 0 { "100644" } else { "40000" };
        let entries: Vec<_> = names.iter().map(|name| Entry { mode, name: name.as_bytes(), id }).collect();
        id = source.raw_tree(&entries);
    }
    let error = refusal_of(&source, id);
    assert!(error.ends_with(&format!("the limit is {ENTRIES_MAX} files and folders")), "{error}");
}

#[test]
fn folders_too_deep_and_paths_too_long_are_refused() {
    let source = Source::empty();
    let blob = source.blob(b"");
    let mut id = source.raw_tree(&[Entry { mode: "100644", name: b"a.yaml", id: blob }]);
    for _ in 0..=DEPTH_MAX {
        id = source.raw_tree(&[Entry { mode: "40000", name: b"d", id }]);
    }
    let error = refusal_of(&source, id);
    assert!(error.ends_with("lies 17 folders deep, the limit is 16"), "{error}");

    let long = [vec![b'x'; 250], b".yaml".to_vec()].concat();
    let error = refusal("100644", &long, b"");
    assert!(error.ends_with("has a path of 265 bytes, the limit is 255 bytes"), "{error}");
}
