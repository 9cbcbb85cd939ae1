//! An AWS error: a code that clients branch on and a sentence for people.

/// What an operation answers when it refuses.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// Without namespace, such as `InvalidParameterException`.
    pub code: String,
    pub message: String,
    /// 400 for the caller's mistakes, 500 for ours.
    pub status: u16,
}

impl ApiError {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400 }
    }
}

/// What an operation answers.
pub type Answer = Result<serde_json::Value, ApiError>;
