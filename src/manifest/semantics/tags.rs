//! Tags that are somebody else's to write, written twice, or too many.

use std::collections::BTreeMap;

use super::{View, elements};
use crate::model::FieldPath;

/// On one resource.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html>
const TAGS_MAX: usize = 50;
/// Those that we add: manager, identity, digest and commit; on a service, the revision that runs as well.
const OURS_ON_TASK_DEFINITION: usize = 4;
const OURS_ON_SERVICE: usize = 5;

pub fn check(view: &mut View<'_>) {
    for (root, owner, operation, ours) in [
        (
            view.task_definition_path(""),
            view.task_definition(),
            "RegisterTaskDefinition",
            OURS_ON_TASK_DEFINITION,
        ),
        (view.service_path(""), view.service(), "CreateService", OURS_ON_SERVICE),
    ] {
        let see = format!("see {operation}, Tag");
        let count = owner["tags"].as_array().map_or(0, Vec::len);
        if count + ours > TAGS_MAX && count <= TAGS_MAX {
            let title = format!("`tags` has {count} elements");
            let label =
                format!("at most {}: AWS takes {TAGS_MAX}, and the reconciler adds {ours}", TAGS_MAX - ours);
            view.error_at_key(&root.field("tags"), title, label, &[&see]);
        }
        let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
        for (path, tag) in elements(owner, &root, "tags") {
            if tag["value"].as_str().is_some_and(|value| value.to_lowercase().starts_with("aws:")) {
                let title = "a tag's value can't begin with `aws:`";
                view.error(&path.field("value"), title, "AWS alone writes such tags", &[&see]);
            }
            let Some(key) = tag["key"].as_str() else { continue };
            let path = path.field("key");
            // AWS reserves its prefix however it is written.
            if key.to_lowercase().starts_with("aws:") {
                let title = format!("tag `{key}` is reserved");
                view.error(&path, title, "leave it out: AWS alone writes `aws:` tags", &[&see]);
            } else if key.starts_with("reconciler/") {
                let title = format!("tag `{key}` is reserved");
                view.error(&path, title, "leave it out: the reconciler writes these itself", &[]);
            } else if let Some(first) = seen.insert(key, path.clone()) {
                view.error(&path, format!("tag `{key}` is set twice"), "the second one", &[&see]);
                view.beside(&first, "the first one");
            }
        }
    }
}
