//! `docs/manifest.md` says what the code knows.

use std::fs;

use reconciler::shape::api::Api;
use reconciler::shape::markdown;

use super::root;

#[test]
fn the_manifest_reference_is_what_the_model_and_the_rules_say() {
    let written = fs::read_to_string(root().join("docs/manifest.md")).unwrap();
    let current = markdown::reference(Api::builtin());
    let differs = written.lines().zip(current.lines()).find(|(written, current)| written != current);
    assert!(
        written == current,
        "docs/manifest.md is stale; write it anew with\n    cargo run --bin reconciler -- schema -o markdown > docs/manifest.md\n{differs:#?}"
    );
}

#[test]
fn every_link_of_the_manifest_reference_leads_to_a_heading() {
    let page = markdown::reference(Api::builtin());
    let anchor = |heading: &str| heading.to_lowercase().replace(['(', ')'], "").replace(' ', "-");
    let headings: Vec<String> =
        page.lines().filter_map(|line| line.strip_prefix("### ")).map(anchor).collect();
    let links: Vec<&str> =
        page.split("](#").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect();
    assert!(links.len() > 100, "{} links", links.len());
    for link in links {
        assert_eq!(headings.iter().filter(|heading| *heading == link).count(), 1, "#{link}");
    }
}
