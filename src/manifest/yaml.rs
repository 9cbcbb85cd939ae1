//! Text to trees: YAML 1.2 with every place kept, within the limits of [`super::limits`].
//!
//! Stands on the event parser of serde-saphyr rather than on its deserializer: AWS wants `1.10` and
//! `0123` as they were written, and numbers that went through serde have lost that.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::granit_parser::{
    ErrorKind, Event, Marker, Options, Parser, ScalarStyle, Span as Range, StrInput, StructureStyle,
};

use super::files::FileId;
use super::limits::{ALIASES_MAX, DEPTH_MAX, DOCUMENTS_MAX, EXPANDED_BYTES_MAX, FILE_BYTES_MAX, NODES_MAX};
use super::node::{Key, Node, Scalar, Span, Value};

/// Why a file can't be read. The first one ends the reading: what follows it can't be trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct YamlError {
    pub span: Span,
    pub message: String,
    pub label: &'static str,
}

/// Reads all documents of `file`. Documents that hold nothing but comments are left out.
pub fn parse(text: &str, file: FileId) -> Result<Vec<Node>, YamlError> {
    if text.len() > FILE_BYTES_MAX {
        let message =
            format!("the file has {} KiB; {} KiB are allowed", text.len() / 1024, FILE_BYTES_MAX / 1024);
        return Err(YamlError {
            span: Span { file, line: 1, column: 1, start: 0, end: 0 },
            message,
            label: "",
        });
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = DEPTH_MAX + 1;
    let mut composer = Composer {
        events: Parser::new_from_str_with_options(text, options),
        file,
        text_length: text.len(),
        anchors: BTreeMap::new(),
        aliases: 0,
        nodes: 0,
        bytes: 0,
    };
    let mut documents = Vec::new();
    while let Some((event, range)) = composer.next()? {
        if !matches!(event, Event::DocumentStart(..)) {
            continue;
        }
        if documents.len() == DOCUMENTS_MAX {
            return Err(composer.error(
                range,
                format!("more than {DOCUMENTS_MAX} documents in one file"),
                "",
            ));
        }
        let document = composer.document(range)?;
        if !document.is_null() {
            documents.push(document);
        }
    }
    Ok(documents)
}

struct Composer<'a> {
    events: Parser<'a, StrInput<'a>>,
    file: FileId,
    text_length: usize,
    anchors: BTreeMap<usize, Anchored>,
    aliases: usize,
    nodes: usize,
    /// Of text, in the whole file.
    bytes: usize,
}

/// A node that an alias may repeat, with what repeating it costs.
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

/// A node that was just read, with its size.
struct Read {
    node: Node,
    depth: usize,
}

/// What most likely has to change where the parser gave up.
fn way_out(message: &str) -> &'static str {
    if message.contains("tab") {
        "indent with spaces"
    } else if message.contains("illegal placement of ':'") {
        "a `[`, a `{` or a quote above may not be closed"
    } else {
        ""
    }
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Range)>, YamlError> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let place = *error.marker();
                let message = match error.kind() {
                    ErrorKind::RecursionLimitExceeded => too_deep(),
                    _ => format!("this is not YAML: {}", lower_case_start(&error.info())),
                };
                let label = way_out(&message);
                Err(self.error(Range::new(place, place), message, label))
            }
        }
    }

    fn document(&mut self, start: Range) -> Result<Node, YamlError> {
        self.anchors.clear();
        self.aliases = 0;
        self.nodes = 0;
        match self.next()? {
            Some((Event::DocumentEnd, range)) => {
                Ok(Node::new(self.span(range), Value::Scalar(Scalar { text: String::new(), plain: true })))
            }
            Some((event, range)) => Ok(self.node(event, range, 0)?.node),
            None => Err(self.error(start, "the document ends too early".to_owned(), "")),
        }
    }

    /// The node that `event` begins.
    fn node(&mut self, event: Event<'a>, range: Range, depth: usize) -> Result<Read, YamlError> {
        let (nodes_before, bytes_before) = (self.nodes, self.bytes);
        self.count(1, range)?;
        if depth > DEPTH_MAX && !planted!("yaml-of-any-depth") {
            return Err(self.error(range, too_deep(), "too deep"));
        }
        let (read, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, range, depth),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), range)?;
                self.bytes += text.len();
                let (span, plain) = (self.span(range), style == ScalarStyle::Plain);
                // The parser says `~` for a value that is left out; an overlay has to tell them apart.
                let text = if plain && span.start == span.end { String::new() } else { text.into_owned() };
                let node = Node::new(span, Value::Scalar(Scalar { text, plain }));
                (Read { node, depth: 1 }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), range)?;
                (self.list(style, range, depth)?, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), range)?;
                (self.map(style, range, depth)?, anchor)
            }
            _ => return Err(self.error(range, "a value is missing here".to_owned(), "")),
        };
        if anchor != 0 {
            let (nodes, bytes) = (self.nodes - nodes_before, self.bytes - bytes_before);
            self.anchors
                .insert(anchor, Anchored { node: read.node.clone(), nodes, bytes, depth: read.depth });
        }
        Ok(read)
    }

    fn list(&mut self, style: StructureStyle, range: Range, depth: usize) -> Result<Read, YamlError> {
        let mut items = Vec::new();
        let mut deepest = 0;
        loop {
            match self.next()? {
                Some((Event::SequenceEnd, end)) => {
                    let span = self.collection(style, range, end);
                    return Ok(Read { node: Node::new(span, Value::List(items)), depth: deepest + 1 });
                }
                Some((event, range)) => {
                    let item = self.node(event, range, depth + 1)?;
                    deepest = deepest.max(item.depth);
                    items.push(item.node);
                }
                None => return Err(self.error(range, "the list does not end".to_owned(), "")),
            }
        }
    }

    fn map(&mut self, style: StructureStyle, range: Range, depth: usize) -> Result<Read, YamlError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut names = BTreeSet::new();
        let mut merged = Vec::new();
        let mut deepest = 0;
        loop {
            let (event, key_range) = match self.next()? {
                Some((Event::MappingEnd, end)) => {
                    self.merge(&mut entries, names, merged);
                    let span = self.collection(style, range, end);
                    return Ok(Read { node: Node::new(span, Value::Map(entries)), depth: deepest + 1 });
                }
                Some(next) => next,
                None => return Err(self.error(range, "the mapping does not end".to_owned(), "")),
            };
            let (key, plain) = self.key(event, key_range, depth)?;
            let Some((event, value_range)) = self.next()? else {
                return Err(self.error(key_range, "the key has no value".to_owned(), ""));
            };
            let value = self.node(event, value_range, depth + 1)?;
            deepest = deepest.max(value.depth);
            if plain && key.text == "<<" {
                self.collect_merge(value.node, &mut merged)?;
            } else if names.insert(key.text.clone()) {
                entries.push((key, value.node));
            } else {
                let message = format!("`{}` is set twice in one mapping", key.text);
                return Err(YamlError { span: key.span, message, label: "the second one" });
            }
        }
    }

    fn key(&mut self, event: Event<'a>, range: Range, depth: usize) -> Result<(Key, bool), YamlError> {
        let read = self.node(event, range, depth + 1)?;
        match read.node.value {
            Value::Scalar(scalar) if !(scalar.plain && scalar.text.is_empty()) => {
                Ok((Key { text: scalar.text, span: self.span(range) }, scalar.plain))
            }
            _ => Err(self.error(range, "a key has to be text".to_owned(), "")),
        }
    }

    /// Takes apart the value of `<<`: a mapping, or a list of mappings.
    fn collect_merge(&self, value: Node, merged: &mut Vec<(Key, Node)>) -> Result<(), YamlError> {
        let span = value.span;
        let refused = || YamlError { span, message: "`<<` takes mappings only".to_owned(), label: "" };
        match value.value {
            Value::Map(entries) => merged.extend(entries),
            Value::List(items) => {
                for item in items {
                    match item.value {
                        Value::Map(entries) => merged.extend(entries),
                        Value::List(_) | Value::Scalar(_) | Value::Refused => return Err(refused()),
                    }
                }
            }
            Value::Scalar(_) | Value::Refused => return Err(refused()),
        }
        Ok(())
    }

    /// Keys written in the mapping itself win over merged ones, and earlier merged ones over later.
    fn merge(&self, entries: &mut Vec<(Key, Node)>, mut names: BTreeSet<String>, merged: Vec<(Key, Node)>) {
        for (key, node) in merged {
            if names.insert(key.text.clone()) {
                entries.push((key, node));
            }
        }
    }

    fn alias(&mut self, anchor: usize, range: Range, depth: usize) -> Result<Read, YamlError> {
        self.aliases += 1;
        if self.aliases > ALIASES_MAX {
            return Err(self.error(range, format!("more than {ALIASES_MAX} aliases in one document"), ""));
        }
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(self.error(range, "the alias stands inside of what it repeats".to_owned(), ""));
        };
        if depth + anchored.depth > DEPTH_MAX + 1 {
            return Err(self.error(range, too_deep(), "too deep"));
        }
        let (nodes, bytes, depth) = (anchored.nodes, anchored.bytes, anchored.depth);
        // Counted before it is copied: a bomb is refused while it is still small.
        self.count(nodes.saturating_sub(1), range)?;
        self.bytes += bytes;
        if self.bytes > EXPANDED_BYTES_MAX {
            let message = format!("more than {} KiB of text, aliases expanded", EXPANDED_BYTES_MAX / 1024);
            return Err(self.error(range, message, "the limit is passed here"));
        }
        let node = self.anchors[&anchor].node.clone();
        Ok(Read { node, depth })
    }

    fn count(&mut self, nodes: usize, range: Range) -> Result<(), YamlError> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX && !planted!("aliases-without-bound") {
            let message = format!("more than {NODES_MAX} keys and values in one document, aliases expanded");
            return Err(self.error(range, message, "the limit is passed here"));
        }
        Ok(())
    }

    fn refuse_tag(&self, tagged: bool, range: Range) -> Result<(), YamlError> {
        match tagged {
            true => Err(self.error(
                range.tag_span().unwrap_or(range),
                "YAML tags (`!...`) are not used in manifests".to_owned(),
                "leave it out; quotes make any value text",
            )),
            false => Ok(()),
        }
    }

    fn collection(&self, style: StructureStyle, start: Range, end: Range) -> Span {
        let mut span = self.span(start);
        if style == StructureStyle::Flow {
            span.end = self.byte(end.end);
        }
        span
    }

    fn span(&self, range: Range) -> Span {
        let start = self.byte(range.start);
        Span {
            file: self.file,
            line: range.start.line(),
            column: range.start.col() + 1,
            start,
            end: self.byte(range.end).max(start),
        }
    }

    fn byte(&self, marker: Marker) -> usize {
        marker.byte_offset().unwrap_or_else(|| marker.index()).min(self.text_length)
    }

    fn error(&self, range: Range, message: String, label: &'static str) -> YamlError {
        YamlError { span: self.span(range), message, label }
    }
}

fn too_deep() -> String {
    format!("more than {DEPTH_MAX} levels inside each other")
}

fn lower_case_start(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
