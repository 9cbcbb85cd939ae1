//! Every bad manifest of `gallery/`, with the exact text that its author reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{ENVIRONMENT, checkout};
use crate::manifest::load;
use crate::shape::api::Api;

/// Files of a case: `# file: NAME` begins another one.
fn files(case: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut current = "service.yaml".to_owned();
    for line in case.split_inclusive('\n') {
        match line.strip_prefix("# file: ") {
            Some(name) => current = name.trim().to_owned(),
            None => files.entry(current.clone()).or_insert_with(String::new).push_str(line),
        }
    }
    if !case.contains("kind: Environment") {
        files.insert("environment.yaml".to_owned(), ENVIRONMENT.to_owned());
    }
    files
}

/// `GALLERY=write cargo test` writes the texts down; read the diff before committing it.
#[test]
fn each_bad_manifest_gets_its_errors_word_for_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manifest/gallery");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(paths.len() >= 25, "{} cases", paths.len());
    for path in paths {
        let case = files(&fs::read_to_string(&path).unwrap());
        let borrowed: Vec<(&str, &str)> =
            case.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let loaded = load(&checkout(&borrowed), None, Api::builtin());
        let Err(errors) = loaded else { panic!("{} was accepted", path.display()) };
        let said = format!("{errors}\n");
        let expected = path.with_extension("txt");
        if std::env::var("GALLERY").is_ok_and(|word| word == "write") {
            fs::write(&expected, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&expected).unwrap_or_default(), "{}", path.display());
    }
}
