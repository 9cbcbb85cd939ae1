//! The words of an expression: placeholders, paths, operands; read once, with what they stand for.

use std::collections::BTreeSet;

use serde_json::Value;

use super::invalid;
use super::value::{self, Item, parts};
use crate::error::ApiError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    /// `#name`
    Name(String),
    /// `:value`
    Value(String),
    Number(usize),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 14] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]", "+", "-"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let start = usize::from(first == '#' || first == ':');
        let length = rest[start..].find(|it| !is_word(it)).unwrap_or(rest.len() - start);
        let word = &rest[start..start + length];
        let (token, taken) = match (first, word) {
            ('#' | ':', "") => return None,
            ('#', word) => (Token::Name(format!("#{word}")), length + 1),
            (':', word) => (Token::Value(format!(":{word}")), length + 1),
            (_, "") => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol))?;
                (Token::Symbol(symbol), symbol.len())
            }
            (_, word) => {
                let number = word.parse().ok().map(Token::Number);
                (number.unwrap_or_else(|| Token::Word(word.to_owned())), length)
            }
        };
        tokens.push(token);
        rest = rest[taken..].trim_start();
    }
    Some(tokens)
}

/// What `#names` and `:values` stand for, and which of them were asked for.
pub(super) struct Placeholders<'a> {
    input: &'a Value,
    used: BTreeSet<String>,
}

impl<'a> Placeholders<'a> {
    pub(super) fn of(input: &'a Value) -> Self {
        Self { input, used: BTreeSet::new() }
    }

    fn name(&mut self, placeholder: &str) -> Result<String, ApiError> {
        self.used.insert(placeholder.to_owned());
        let found = self.input["ExpressionAttributeNames"][placeholder].as_str();
        found.map(str::to_owned).ok_or_else(|| {
            invalid(&format!(
                "An expression attribute name used in the document path is not defined; attribute name: {placeholder}"
            ))
        })
    }

    fn value(&mut self, placeholder: &str) -> Result<Value, ApiError> {
        self.used.insert(placeholder.to_owned());
        let found = self.input["ExpressionAttributeValues"].get(placeholder);
        let found = found.ok_or_else(|| {
            invalid(&format!(
                "An expression attribute value used in expression is not defined; attribute value: {placeholder}"
            ))
        })?;
        value::check(found)?;
        Ok(found.clone())
    }

    /// DynamoDB refuses what no expression mentions.
    pub(super) fn all_used(&self) -> Result<(), ApiError> {
        for list in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
            for given in self.input[list].as_object().into_iter().flat_map(|all| all.keys()) {
                if !self.used.contains(given) {
                    return Err(invalid(&format!(
                        "Value provided in {list} unused in expressions: keys: {{{given}}}"
                    )));
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Member(String),
    Index(usize),
}

/// A place in an item: `a.b[0]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(pub(super) Vec<Part>);

impl Path {
    /// The attribute, if the path is nothing more than that.
    pub(super) fn attribute(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Member(name)] => Some(name),
            _ => None,
        }
    }

    pub(super) fn find<'a>(&self, item: &'a Item) -> Option<&'a Value> {
        let (Part::Member(first), rest) = self.0.split_first()? else { return None };
        rest.iter().try_fold(item.get(first)?, |at, part| match (part, parts(at)?) {
            (Part::Member(name), ("M", members)) => members.get(name),
            (Part::Index(index), ("L", list)) => list.get(index),
            _ => None,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(Value),
    Size(Path),
}

impl Operand {
    pub(super) fn resolve(&self, item: &Item) -> Option<Value> {
        match self {
            Operand::Path(path) => path.find(item).cloned(),
            Operand::Value(value) => Some(value.clone()),
            Operand::Size(path) => {
                let (kind, inner) = parts(path.find(item)?)?;
                let size = match kind {
                    "S" => inner.as_str()?.len(),
                    "B" => value::bytes(inner)?.len(),
                    "L" | "SS" | "NS" | "BS" => inner.as_array()?.len(),
                    "M" => inner.as_object()?.len(),
                    _ => return None,
                };
                Some(serde_json::json!({"N": size.to_string()}))
            }
        }
    }
}

/// Reads an expression from its first word to its last.
pub(super) struct Reader<'a, 'b> {
    kind: &'static str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    placeholders: &'b mut Placeholders<'a>,
}

impl<'a, 'b> Reader<'a, 'b> {
    pub(super) fn of(
        kind: &'static str,
        text: &str,
        placeholders: &'b mut Placeholders<'a>,
    ) -> Result<Self, ApiError> {
        let tokens = tokens(text).filter(|tokens| !tokens.is_empty());
        let tokens = tokens.ok_or_else(|| invalid(&format!("Invalid {kind}: Syntax error; `{text}`")))?;
        Ok(Self { kind, tokens: tokens.into_iter().peekable(), placeholders })
    }

    pub(super) fn error(&self, what: &str) -> ApiError {
        invalid(&format!("Invalid {}: Syntax error; {what}", self.kind))
    }

    pub(super) fn end(&mut self) -> Result<(), ApiError> {
        match self.tokens.next() {
            None => Ok(()),
            Some(token) => Err(self.error(&format!("token: {token:?}"))),
        }
    }

    pub(super) fn peek(&mut self) -> Option<&Token> {
        self.tokens.peek()
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.tokens.next()
    }

    /// Takes the symbol if it comes next.
    pub(super) fn takes(&mut self, symbol: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Symbol(it) if *it == symbol)).is_some()
    }

    /// Takes the keyword, in any case, if it comes next.
    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        self.tokens
            .next_if(|token| matches!(token, Token::Word(it) if it.eq_ignore_ascii_case(word)))
            .is_some()
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), ApiError> {
        match self.takes(symbol) {
            true => Ok(()),
            false => Err(self.error(&format!("`{symbol}` is missing"))),
        }
    }

    pub(super) fn path(&mut self) -> Result<Path, ApiError> {
        let mut path = Path(vec![Part::Member(self.member()?)]);
        loop {
            if self.takes(".") {
                path.0.push(Part::Member(self.member()?));
            } else if self.takes("[") {
                match self.next() {
                    Some(Token::Number(index)) => path.0.push(Part::Index(index)),
                    _ => return Err(self.error("an index is a number")),
                }
                self.expect("]")?;
            } else {
                return Ok(path);
            }
        }
    }

    fn member(&mut self) -> Result<String, ApiError> {
        match self.next() {
            Some(Token::Word(name)) => Ok(name),
            Some(Token::Name(placeholder)) => self.placeholders.name(&placeholder),
            other => Err(self.error(&format!("token: {other:?}"))),
        }
    }

    /// A path, a value, or `size(path)`.
    pub(super) fn operand(&mut self) -> Result<Operand, ApiError> {
        if let Some(Token::Value(placeholder)) = self.peek() {
            let placeholder = placeholder.clone();
            self.next();
            return self.placeholders.value(&placeholder).map(Operand::Value);
        }
        let path = self.path()?;
        if path.attribute() == Some("size") && self.takes("(") {
            let inner = self.path()?;
            self.expect(")")?;
            return Ok(Operand::Size(inner));
        }
        Ok(Operand::Path(path))
    }
}
