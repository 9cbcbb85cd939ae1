//! An AWS error: a code that clients branch on and a sentence for people.

use serde_json::{Map, Value};

/// What an operation answers when it refuses.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// Without namespace, such as `InvalidParameterException`.
    pub code: String,
    pub message: String,
    /// 400 for the caller's mistakes, 500 for ours.
    pub status: u16,
    /// Members that the error has besides its message; only JSON services have any.
    pub members: Map<String, Value>,
}

impl ApiError {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400, members: Map::new() }
    }

    pub fn with(mut self, member: &str, value: Value) -> Self {
        self.members.insert(member.to_owned(), value);
        self
    }
}

/// What an operation answers.
pub type Answer = Result<serde_json::Value, ApiError>;
