//! What a manifest says as a value: JSON whose members keep the order in which a person would write them.

/// A value of a manifest that is being written.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Flag(bool),
    /// As it is written: `60`, `0.5`.
    Number(String),
    Text(String),
    /// A value that somebody has to fill in; said in a comment beside it.
    Missing(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub fn text(text: impl Into<String>) -> Self {
        Tree::Text(text.into())
    }

    pub fn map<const N: usize>(members: [(&str, Tree); N]) -> Self {
        Tree::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Map(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::Missing(_) | Tree::List(_) => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Tree::Text(text) => Some(text),
            Tree::Flag(_) | Tree::Number(_) | Tree::Missing(_) | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    pub fn is_blank(&self) -> bool {
        match self {
            Tree::Text(text) => text.is_empty(),
            Tree::List(items) => items.is_empty(),
            Tree::Map(members) => members.is_empty(),
            Tree::Flag(_) | Tree::Number(_) | Tree::Missing(_) => false,
        }
    }
}
