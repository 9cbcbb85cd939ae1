//! Bytes -> files of a commit -> `Desired` or diagnostics, and those rendered.

use std::collections::BTreeMap;

use reconciler::manifest::{Diagnostics, load};
use reconciler::model::{Checkout, Desired, Live, LiveService, Revision, Timestamp};
use reconciler::plan::{Context, Explain, plan};
use reconciler::shape::api::Api;

const ENVIRONMENT: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: production}
spec: {region: eu-west-1, cluster: jobs, variables: {registry: r, private_subnets: [subnet-1], replicas: 3}}
";

/// A case of the gallery's form: `# file: NAME` begins another file, `# environment: NAME` asks for one.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (checkout, environment) = case(text);
    match load(&checkout, environment, Api::builtin()) {
        Ok(desired) => accepted(&checkout, environment, &desired),
        Err(diagnostics) => refused(&diagnostics),
    }
}

/// The manifest files of a case that the reconciler takes.
#[allow(dead_code)]
pub fn accepted_files(text: &str) -> Vec<String> {
    let (checkout, environment) = case(text);
    let is_manifest = |path: &str| path.ends_with(".yaml") || path.ends_with(".yml");
    match load(&checkout, environment, Api::builtin()) {
        Ok(_) => {
            checkout.files.into_iter().filter(|(path, _)| is_manifest(path)).map(|(_, text)| text).collect()
        }
        Err(_) => Vec::new(),
    }
}

fn case(text: &str) -> (Checkout, Option<&str>) {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let (mut current, mut environment) = ("service.yaml".to_owned(), None);
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("# file: ") {
            current = name.trim().to_owned();
        } else if let Some(name) = line.strip_prefix("# environment: ") {
            environment = Some(name.trim());
        } else {
            files.entry(current.clone()).or_default().push_str(line);
        }
    }
    if !text.contains("kind: Environment") {
        files.insert("environment.yaml".to_owned(), ENVIRONMENT.to_owned());
    }
    let revision = Revision {
        id: "4c1f9e2a".to_owned(),
        branch: "main".to_owned(),
        author: "fuzz".to_owned(),
        subject: "Anything".to_owned(),
        committed_at: Timestamp(1_795_248_000_000),
    };
    (Checkout { revision, files }, environment)
}

/// What was accepted is the same each time, and can be planned.
fn accepted(checkout: &Checkout, environment: Option<&str>, desired: &Desired) {
    let again = load(checkout, environment, Api::builtin()).expect("accepted once, accepted twice");
    for (key, service) in &desired.services {
        assert_eq!(service.digest, again.services[key].digest, "{key:?}");
    }
    let services = desired.services.keys().map(|key| (key.clone(), LiveService::absent())).collect();
    let live = Live { services, ..Live::default() };
    let context = Context { installation: "fuzz", records: &BTreeMap::new(), explain: Explain::QuietFields };
    let planned = plan(desired, &live, &context);
    assert_eq!(planned.services.len(), desired.services.len() + desired.scheduled_tasks.len());
}

/// Every refusal has a reason, and none of it steers a terminal.
fn refused(diagnostics: &Diagnostics) {
    assert!(!diagnostics.list.is_empty());
    let text = diagnostics.render(false);
    assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
    assert!(diagnostics.render(true).len() >= text.len());
}
