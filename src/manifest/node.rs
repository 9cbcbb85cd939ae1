//! A YAML document as a tree in which every key and value knows where it was written.

use std::rc::Rc;

use super::files::FileId;

/// A place in a file of the commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Bytes from the start of the file.
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Span,
    pub value: Value,
    /// The variables that put the value, or parts of it, here.
    pub variables: Vec<Rc<Variable>>,
}

/// What a reader has to know about a value that is not the one in the source line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    /// Where it was set.
    pub set: Span,
    /// `${replicas}` is `3`
    pub says: String,
    /// Its name, where its value stands elsewhere than in Git.
    pub looked_up: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<(Key, Node)>),
    /// Was refused already, and must not be reported again.
    Refused,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub text: String,
    pub span: Span,
}

/// A scalar as it was written: `1.10` stays `1.10`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// Without quotes, escapes resolved.
    pub text: String,
    /// Neither quoted nor a block: it may be something else than text.
    pub plain: bool,
}

/// What a scalar is by YAML 1.2's core schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Boolean(bool),
    Integer,
    Float,
    Text,
}

impl Scalar {
    /// `yes`, `no`, `on` and `off` are text since YAML 1.2.
    pub fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Boolean(true),
            "false" | "False" | "FALSE" => Kind::Boolean(false),
            text if is_integer(text) => Kind::Integer,
            text if is_float(text) => Kind::Float,
            _ => Kind::Text,
        }
    }
}

fn is_integer(text: &str) -> bool {
    let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return digits(hexadecimal, 16);
    }
    digits(text.strip_prefix(['+', '-']).unwrap_or(text), 10)
}

fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    // `parse` also takes `inf`, `nan` and `infinity`, which are text in YAML.
    unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.parse::<f64>().is_ok()
}

impl Node {
    pub fn new(span: Span, value: Value) -> Self {
        Self { span, value, variables: Vec::new() }
    }

    pub fn text(text: impl Into<String>, span: Span) -> Self {
        Self::new(span, Value::Scalar(Scalar { text: text.into(), plain: false }))
    }

    /// What the value is, for a sentence: `a list`.
    pub fn description(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Refused => "refused",
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => "empty",
                Kind::Boolean(_) => "a boolean",
                Kind::Integer | Kind::Float => "a number",
                Kind::Text => "text",
            },
        }
    }

    /// Whether it says `null`, rather than nothing.
    pub fn is_explicit_null(&self) -> bool {
        self.is_null() && matches!(&self.value, Value::Scalar(scalar) if !scalar.text.is_empty())
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == Kind::Null)
    }

    /// Where to point at to mean this node: the first key of a mapping, which spans many lines.
    pub fn anchor(&self) -> Span {
        match &self.value {
            Value::Map(entries) => entries.first().map_or(self.span, |(key, _)| key.span),
            Value::List(_) | Value::Scalar(_) | Value::Refused => self.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_yaml_1_2() {
        let cases = [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("null", Kind::Null),
            ("true", Kind::Boolean(true)),
            ("FALSE", Kind::Boolean(false)),
            ("yes", Kind::Text),
            ("no", Kind::Text),
            ("on", Kind::Text),
            ("y", Kind::Text),
            ("42", Kind::Integer),
            ("-1", Kind::Integer),
            ("0123", Kind::Integer),
            ("0x1f", Kind::Integer),
            ("0o17", Kind::Integer),
            ("1_000", Kind::Text),
            ("1.10", Kind::Float),
            ("1e3", Kind::Float),
            (".5", Kind::Float),
            (".inf", Kind::Float),
            ("inf", Kind::Text),
            ("nan", Kind::Text),
            ("1.2.3", Kind::Text),
            ("10m", Kind::Text),
            (".", Kind::Text),
        ];
        for (text, kind) in cases {
            assert_eq!(Scalar { text: text.to_owned(), plain: true }.kind(), kind, "{text}");
        }
        assert_eq!(Scalar { text: "42".to_owned(), plain: false }.kind(), Kind::Text);
    }
}
