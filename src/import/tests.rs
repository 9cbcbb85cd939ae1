//! Files of other tools in, manifests out: each folder of `fixtures` has what is read and, in
//! `expected.txt`, all that is written. `FIXTURES=write` writes that anew; read the diff.

#![allow(clippy::unwrap_used)]

mod from_files;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::model::{EcsService, Json, LiveScaling, LiveTaskDefinition, Part, TaskDefinitionArn, tag};
use crate::report::{Colour, Written, import_json, import_text};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/fixtures").join(name)
}

fn texts(name: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
    };
    entries.map(named).filter(|(name, _)| name != "expected.txt").collect()
}

fn from(name: &str, given: &[&str]) -> (Import, Home) {
    let given: Vec<String> = given.iter().map(|file| (*file).to_owned()).collect();
    let read = read_files(&given, &texts(name), &Asked::default()).unwrap_or_else(|error| panic!("{error}"));
    let import = import(&read.found, &read.home, "reconciler", Api::builtin())
        .unwrap_or_else(|errors| panic!("{errors}"));
    (import, read.home)
}

fn is_as_expected(name: &str, given: &[&str]) -> Import {
    let (import, home) = from(name, given);
    let mut text = import_text(&import, &home, Written::Folder("manifests"), None, Colour::Plain);
    for (path, written) in &import.files {
        text += &format!("\n--- {path}\n{written}");
    }
    let expected = folder(name).join("expected.txt");
    if std::env::var("FIXTURES").is_ok_and(|it| it == "write") {
        fs::write(&expected, &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(expected).unwrap());
    import
}

fn home() -> Home {
    Home {
        environment: "test".to_owned(),
        account: Some("123456789012".to_owned()),
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
    }
}

fn live(service: Json) -> LiveService {
    let body =
        json!({"family": "api", "containerDefinitions": [{"name": "app", "image": "api:1", "memory": 64}]});
    let arn = TaskDefinitionArn("api:1".to_owned());
    let mut service = service;
    service["taskDefinition"] = "api:1".into();
    LiveService {
        service: Part::Present(EcsService(service)),
        task_definition: Part::Present(LiveTaskDefinition { arn, body, tags: BTreeMap::new() }),
        ..LiveService::absent()
    }
}

fn left_out(live: LiveService) -> Option<String> {
    let found = Found { services: [(ServiceKey::new("api"), live)].into(), ..Found::default() };
    let import = import(&found, &home(), "reconciler", Api::builtin()).unwrap();
    import.left_out.first().map(|one| format!("{} ({})", one.why, one.reason.name()))
}
