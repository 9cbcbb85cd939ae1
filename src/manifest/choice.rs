//! `image: {repository, tags}`: an image whose tag is chosen from a range.

use super::diagnostic::Diagnostic;
use super::fields::Fields;
use super::node::{Node, Span};
use super::places::Places;
use crate::model::{FieldPath, Origin, Proposal, TagRange, by_range, ecr_image};

const FIELDS: [&str; 3] = ["repository", "tags", "tag"];

/// Reads such an image as its name. `None`: it was refused.
pub fn read(
    node: &Node,
    path: &FieldPath,
    key: Span,
    places: &mut Places,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let before = diagnostics.len();
    let name = read_sound(node, key, places, diagnostics);
    if diagnostics.len() > before || name.is_none() {
        places.refuse(path);
        return None;
    }
    name
}

fn read_sound(
    node: &Node,
    key: Span,
    places: &mut Places,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let fields = Fields::read(node, "an image", &FIELDS, key, diagnostics)?;
    let repository_node = fields.require("repository", diagnostics);
    let range_node = fields.require("tags", diagnostics);
    let repository = fields.text("repository", diagnostics)?;
    let (_, repository_node) = repository_node?;
    let bare = !repository.contains('@') && !repository.rsplit('/').next().is_some_and(|it| it.contains(':'));
    if !bare || ecr_image(&repository).is_none() {
        let title = match bare {
            true => format!("tags of `{repository}` can't be listed: it is no repository in ECR"),
            false => format!("`{repository}` names one image, and no repository"),
        };
        let label = "such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com/job-api";
        let note = "where the tag is known, write `image: repository:tag`";
        diagnostics.push(Diagnostic::at(repository_node.span, title).label(label).note(note));
        return None;
    }
    let range = fields.text("tags", diagnostics)?;
    let (_, range_node) = range_node?;
    let range = match TagRange::parse(&range) {
        Ok(range) => range.to_string(),
        Err((title, label)) => {
            diagnostics.push(Diagnostic::at(range_node.span, title).label(label));
            return None;
        }
    };
    let Some((_, tag_node)) = fields.get("tag") else { return Some(by_range(&repository, &range)) };
    let tag = fields.text("tag", diagnostics)?;
    if tag_node.variables.is_empty() {
        let origin = Origin { file: "".into(), line: 0, column: 0 };
        let (repository, tag) = (repository.clone(), tag.clone());
        places.propose(Proposal { repository, range, tag, origin, newest: None }, tag_node.span);
    }
    Some(format!("{repository}:{tag}"))
}
