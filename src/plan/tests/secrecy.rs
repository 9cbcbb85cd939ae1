//! How differences read that hold a credential; the rest of them are cases of `phantoms`.

use serde_json::json;

use crate::plan::{Rules, differences};

#[test]
fn a_credential_is_marked_and_a_level_is_not() {
    let tree = |value: &str| {
        json!({"containerDefinitions": [{"name": "a", "environment": [
            {"name": "DB_PASSWORD", "value": value}, {"name": "LEVEL", "value": value}]}]})
    };
    let (found, _) = differences(&tree("new"), &tree("old"), &Rules::task_definition());
    let marked: Vec<bool> = found.iter().map(|one| one.sensitive).collect();
    assert_eq!(marked, [true, false]);
}

#[test]
fn values_that_a_rule_keeps_quiet_hide_credentials_too() {
    let one = json!({"containerDefinitions": [{"name": "a", "environment": [
        {"name": "API_KEY", "value": 7}, {"name": "B", "value": "2"}]}]});
    let other = json!({"containerDefinitions": [{"name": "a", "environment": [
        {"name": "B", "value": "2"}, {"name": "API_KEY", "value": "7"}]}]});
    let (found, quiet) = differences(&one, &other, &Rules::task_definition());
    assert!(found.is_empty());
    let shown = format!("{quiet:?}");
    assert!(quiet.len() == 2 && shown.contains("(hidden)") && !shown.contains('7'), "{shown}");
}
