//! Tags that are somebody else's to write, or written twice.

use std::collections::BTreeSet;

use super::{View, elements};

pub fn check(view: &mut View<'_>) {
    for (root, owner, operation) in [
        (view.task_definition_path(""), view.task_definition(), "RegisterTaskDefinition"),
        (view.service_path(""), view.service(), "CreateService"),
    ] {
        let see = format!("see {operation}, Tag");
        let mut seen = BTreeSet::new();
        for (path, tag) in elements(owner, &root, "tags").collect::<Vec<_>>() {
            let Some(key) = tag["key"].as_str() else { continue };
            let path = path.field("key");
            // AWS reserves its prefix however it is written.
            if key.to_lowercase().starts_with("aws:") {
                view.error(
                    &path,
                    format!("tag `{key}` is reserved"),
                    "AWS alone writes `aws:` tags",
                    &[&see],
                );
            } else if key.starts_with("reconciler/") {
                view.error(
                    &path,
                    format!("tag `{key}` is reserved"),
                    "the reconciler writes these itself",
                    &[],
                );
            } else if !seen.insert(key) {
                view.error(&path, format!("tag `{key}` is set twice"), "the second one", &[&see]);
            }
        }
    }
}
