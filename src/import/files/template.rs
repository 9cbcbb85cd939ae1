//! `{{ ... }}` in the files of ecspresso: what can be a variable of an Environment becomes one.

use std::collections::BTreeSet;

use super::FileError;
use crate::import::naming;
use crate::import::tree::Tree;
use crate::import::variables::{Variable, reference};

/// Variables that templates stand for, over all files.
#[derive(Debug, Default)]
pub(super) struct Templates {
    pub(super) variables: Vec<Variable>,
    /// What was asked for, in the order of the variables.
    asked: Vec<Asked>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// An environment variable, and what stands in for it.
    Environment(String, Option<String>),
    /// An attribute in Terraform's state.
    State(String),
    /// A parameter of Parameter Store.
    Parameter(String),
}

/// What `{{.Name}}` is, a field of something that no file of ecspresso has: Docker's own templates look so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    AreText,
    AreRefused,
}

impl Templates {
    /// The text with a reference in the place of each template.
    pub(super) fn replace(&mut self, file: &str, text: &str, fields: Fields) -> Result<String, FileError> {
        let mut replaced = String::new();
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let mut rest = line;
            while let Some(at) = rest.find("{{") {
                let column = line.len() - rest.len() + at;
                let place = (number + 1, line[..column].chars().count() + 1);
                let refuse = |message: String| Err(FileError::at(file, place, message, WAY_OUT));
                let Some((inside, after)) = rest[at + 2..].split_once("}}") else {
                    return refuse("`{{` without `}}` in the same line".to_owned());
                };
                if fields == Fields::AreText && inside.trim_start().starts_with('.') {
                    let end = line.len() - after.len();
                    replaced.push_str(&line[line.len() - rest.len()..end]);
                    rest = after;
                    continue;
                }
                let Some(asked) = Asked::read(inside) else {
                    return refuse(format!("`{{{{{inside}}}}}` can't be evaluated here"));
                };
                if rest[..at].ends_with('$') {
                    return refuse(
                        "`$` before a template would escape the variable that it becomes".to_owned(),
                    );
                }
                replaced.push_str(&rest[..at]);
                replaced.push_str(&reference(&self.name_of(asked)));
                rest = after;
            }
            replaced.push_str(rest);
        }
        Ok(replaced)
    }

    fn name_of(&mut self, asked: Asked) -> String {
        if let Some(known) = self.asked.iter().position(|it| *it == asked) {
            return self.variables[known].name.clone();
        }
        let taken: BTreeSet<String> = self.variables.iter().map(|variable| variable.name.clone()).collect();
        let name = naming::unique(&asked.name(), &[], &taken);
        self.variables.push(Variable { name: name.clone(), value: asked.value(), services: BTreeSet::new() });
        self.asked.push(asked);
        name
    }
}

const WAY_OUT: &str = "known are `must_env`, `env`, `tfstate` and `ssm`, each with names in quotes; \
                       for anything else render the files first (`ecspresso render`) and import what it prints";

impl Asked {
    /// Reads what stands between `{{` and `}}`.
    fn read(inside: &str) -> Option<Self> {
        let words = words(inside.trim_matches('-').trim())?;
        let (function, arguments) = words.split_first()?;
        // Plugins may be given a prefix of their own: `prod_tfstate`.
        let is = |name: &str| function == name || function.ends_with(&format!("_{name}"));
        match arguments {
            [name] if function == "must_env" => Some(Asked::Environment(name.clone(), None)),
            [name] if function == "env" => Some(Asked::Environment(name.clone(), Some(String::new()))),
            [name, default] if function == "env" => {
                Some(Asked::Environment(name.clone(), Some(default.clone())))
            }
            [address] if is("tfstate") => Some(Asked::State(address.clone())),
            [path] if is("ssm") => Some(Asked::Parameter(path.clone())),
            _ => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Asked::Environment(name, _) => naming::snake(name),
            // `aws_subnet.private['a'].id` -> `subnet_private_a`
            Asked::State(address) => {
                let address = ["data.", "output.", "aws_"]
                    .iter()
                    .fold(address.as_str(), |rest, known| rest.strip_prefix(known).unwrap_or(rest));
                let attributes = [".id", ".arn", ".value"];
                let told = attributes.iter().find_map(|attribute| address.strip_suffix(attribute));
                naming::snake(told.unwrap_or(address))
            }
            Asked::Parameter(path) => naming::snake(path.rsplit('/').next().unwrap_or(path)),
        }
    }

    fn value(&self) -> Tree {
        match self {
            Asked::Environment(_, Some(default)) if is_number(default) => Tree::Number(default.clone()),
            Asked::Environment(_, Some(default)) => Tree::text(default),
            Asked::Environment(name, None) => Tree::Missing(format!("was the environment variable {name}")),
            Asked::State(address) => Tree::Missing(format!("was {address} of Terraform's state")),
            Asked::Parameter(path) => Tree::map([("ssm", Tree::text(path))]),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 10
        && (text == "0" || !text.starts_with('0'))
        && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// A function and its arguments: bare, or in `...` or "..." without escapes.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '`' | '"' => rest[1..].split_once(first)?,
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        let bare = !matches!(first, '`' | '"');
        if word.contains(['\\', '\n']) || (bare && word.contains(['|', '(', ')', '.', '$', ',', '`', '"'])) {
            return None;
        }
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}
