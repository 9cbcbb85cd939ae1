//! What an overlay must not say of a list.

use super::{overlaid, refused};

#[test]
fn an_empty_list_in_an_overlay_is_refused_where_it_would_change_nothing() {
    let container =
        |inner: &str| format!("taskDefinition: {{containerDefinitions: [{{name: worker, {inner}}}]}}");
    for list in ["portMappings: []", "secrets: []", "environment: []", "mountPoints: []"] {
        refused(
            &[&container(list)],
            &[
                "an empty list changes nothing in an overlay",
                "write `null` to take the field away, or begin it with `- $patch: replace`",
                "what is there stays",
                "1 error in",
            ],
        );
    }
    refused(&["service: {loadBalancers: []}"], &["an empty list changes nothing in an overlay"]);
    refused(&[&container("secrets: {}")], &["an empty mapping changes nothing in an overlay"]);
    // A list without names is replaced, be it by nothing.
    let emptied = overlaid(&[&container("command: []")]).unwrap();
    assert_eq!(emptied.task_definition["containerDefinitions"][0]["command"], serde_json::json!([]));
}

#[test]
fn a_directive_in_a_list_that_is_replaced_whole_is_refused_with_the_way_out() {
    let container =
        |inner: &str| format!("taskDefinition: {{containerDefinitions: [{{name: worker, {inner}}}]}}");
    let title = "this list is replaced as a whole in an overlay";
    let replace = container("resourceRequirements: [{$patch: replace}, {type: GPU, value: 1}]");
    refused(&[&replace], &[title, "leave `$patch` out", "1 error in"]);
    refused(
        &[&container("command: [{$patch: replace}, work]")],
        &[title, "leave `$patch` out", "1 error in"],
    );
    let delete = container("command: [{$patch: delete, name: x}]");
    refused(&[&delete], &[title, "write the list that is to stay", "1 error in"]);
}
