//! The identity of "what was asked": sha256 over canonical JSON.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Json;

/// 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of a tree. Objects are sorted by key already (see [`Json`]), so equal trees have
    /// equal digests however they were written.
    pub fn of(tree: &Json) -> Self {
        let hash = Sha256::digest(tree.to_string().as_bytes());
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What a tag holds, taken as it is.
    pub fn from_tag(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first four digits, as reports write it: `7be1…`.
    pub fn short(&self) -> String {
        format!("{}…", self.0.chars().take(4).collect::<String>())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_change_a_digest() {
        let one: Json = serde_json::from_str(r#"{"a":1,"b":[1,2]}"#).unwrap_or_default();
        let other: Json = serde_json::from_str(r#"{"b":[1,2],"a":1}"#).unwrap_or_default();
        assert_eq!(Digest::of(&one), Digest::of(&other));
        assert_ne!(Digest::of(&one), Digest::of(&json!({"a": 1, "b": [2, 1]})));
    }
}
