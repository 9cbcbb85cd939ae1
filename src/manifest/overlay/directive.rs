//! `$patch`: what an overlay says that merging can't.

use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::node::{Key, Node, Span, Value};
use crate::manifest::suggest::{did_you_mean, nearest};

/// The member that holds a directive; kustomize calls it so, too.
pub const PATCH: &str = "$patch";
const WORDS: [&str; 2] = ["delete", "replace"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    Delete,
    Replace,
}

/// The directive among the members of a mapping, and where it stands.
pub fn directive(entries: &[(Key, Node)], diagnostics: &mut Vec<Diagnostic>) -> Option<(Directive, Span)> {
    for (key, _) in entries.iter().filter(|(key, _)| is_misspelt(key)) {
        let diagnostic = Diagnostic::at(key.span, format!("unknown directive `{}`", key.text));
        diagnostics.push(diagnostic.label("did you mean `$patch`?"));
    }
    let (key, node) = entries.iter().find(|(key, _)| key.text == PATCH)?;
    let word = match &node.value {
        Value::Scalar(scalar) => scalar.text.as_str(),
        Value::List(_) | Value::Map(_) | Value::Refused => "",
    };
    match word {
        "delete" => Some((Directive::Delete, key.span)),
        "replace" => Some((Directive::Replace, key.span)),
        _ => {
            let diagnostic = Diagnostic::at(node.span, format!("`{PATCH}` can't be `{word}`"));
            let diagnostic = diagnostic.label(did_you_mean(word, WORDS));
            diagnostics.push(diagnostic.note("it is `delete` or `replace`; without it, an overlay merges"));
            None
        }
    }
}

/// The members besides directives.
pub fn without_directive(entries: &[(Key, Node)]) -> Vec<(Key, Node)> {
    entries.iter().filter(|(key, _)| key.text != PATCH && !is_misspelt(key)).cloned().collect()
}

/// Labels and options of drivers may have names that begin with `$`, too.
fn is_misspelt(key: &Key) -> bool {
    key.text.starts_with('$') && key.text != PATCH && nearest(&key.text, [PATCH]).is_some()
}
