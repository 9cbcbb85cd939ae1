//! A tree as YAML that reads as the same tree: blocks, and short lists of scalars on one line.

use super::Line;
use crate::manifest::files::Files;
use crate::manifest::node::{Key, Kind, Node, Scalar, Span, Value};
use crate::manifest::quoting::{Context, is_plain, is_printable, quoted};
use crate::model::Origin;

/// Columns of a list that stays on one line.
const WIDTH: usize = 100;

pub fn lines(document: &Node, files: &Files<'_>) -> Vec<Line> {
    let mut writer = Writer { files, lines: Vec::new() };
    if let Value::Map(entries) = &document.value {
        writer.entries(entries, 0, "");
    }
    writer.lines
}

struct Writer<'a> {
    files: &'a Files<'a>,
    lines: Vec<Line>,
}

impl Writer<'_> {
    /// `lead` stands before the first entry: the dash of the list that the mapping is in.
    fn entries(&mut self, entries: &[(Key, Node)], indent: usize, lead: &str) {
        for (place, (key, node)) in entries.iter().enumerate() {
            let before = match place {
                0 => format!("{}{lead}", " ".repeat(indent - lead.len())),
                _ => " ".repeat(indent),
            };
            let name = scalar(&Scalar { text: key.text.clone(), plain: false }, Context::Key);
            self.value(&format!("{before}{name}:"), node, key.span, indent + 2);
        }
    }

    /// A value behind its key or dash.
    fn value(&mut self, before: &str, node: &Node, place: Span, indent: usize) {
        match &node.value {
            Value::Scalar(text) if is_block(&text.text) => self.block(before, text, node, place, indent),
            Value::Scalar(text) => {
                self.line(format!("{before} {}", scalar(text, Context::Block)), place, node);
            }
            Value::Map(entries) if entries.is_empty() => self.line(format!("{before} {{}}"), place, node),
            Value::Map(entries) => {
                self.line(before.to_owned(), place, node);
                self.entries(entries, indent, "");
            }
            Value::List(items) => match one_line(items) {
                Some(list) if before.chars().count() + 1 + list.chars().count() <= WIDTH => {
                    self.line(format!("{before} {list}"), place, node);
                }
                _ => {
                    self.line(before.to_owned(), place, node);
                    items.iter().for_each(|item| self.item(item, indent));
                }
            },
            Value::Refused => self.line(before.to_owned(), place, node),
        }
    }

    fn item(&mut self, item: &Node, indent: usize) {
        match &item.value {
            Value::Map(entries) if !entries.is_empty() => self.entries(entries, indent + 2, "- "),
            Value::Map(_) | Value::List(_) | Value::Scalar(_) | Value::Refused => {
                self.value(&format!("{}-", " ".repeat(indent)), item, item.span, indent + 2);
            }
        }
    }

    fn block(&mut self, before: &str, scalar: &Scalar, node: &Node, place: Span, indent: usize) {
        let header = if scalar.text.ends_with('\n') { "|" } else { "|-" };
        self.line(format!("{before} {header}"), place, node);
        for line in scalar.text.lines() {
            let text = if line.is_empty() { String::new() } else { format!("{}{line}", " ".repeat(indent)) };
            self.lines.push(Line { text, origins: Vec::new(), complete: false });
        }
    }

    fn line(&mut self, text: String, place: Span, node: &Node) {
        let spans = std::iter::once(place).chain(node.variables.iter().map(|variable| variable.set));
        // What stands in no file begins at no line.
        let origins = spans.filter(|span| span.line > 0).map(|span| Origin {
            file: self.files.path(span.file),
            line: span.line,
            column: span.column,
        });
        self.lines.push(Line { text, origins: origins.collect(), complete: true });
    }
}

fn one_line(items: &[Node]) -> Option<String> {
    let texts = items.iter().map(|item| match &item.value {
        Value::Scalar(text) if !is_block(&text.text) => Some(scalar(text, Context::Flow)),
        Value::Scalar(_) | Value::List(_) | Value::Map(_) | Value::Refused => None,
    });
    Some(format!("[{}]", texts.collect::<Option<Vec<_>>>()?.join(", ")))
}

/// A text of several lines that a block can hold as it is.
fn is_block(text: &str) -> bool {
    let letters = |text: &str| text.chars().all(|letter| letter == '\n' || is_printable(letter));
    let ends_well = !text.ends_with("\n\n") && text != "\n";
    let begins_well = !text.starts_with([' ', '\n']);
    // The last line decides about line ends; blanks in an empty line would be lost.
    let blank = |line: &str| !line.is_empty() && line.trim().is_empty();
    text.contains('\n') && letters(text) && ends_well && begins_well && !text.lines().any(blank)
}

/// A scalar with quotes where it needs them to stay what it is.
fn scalar(scalar: &Scalar, context: Context) -> String {
    let text = scalar.text.as_str();
    let written_plain = scalar.plain && scalar.kind() != Kind::Text;
    if written_plain || is_plain(text, context) { text.to_owned() } else { quoted(text) }
}
