//! What of a secret's value may be known: the names of its JSON members, never what they hold.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroize as _;

/// The form of a secret's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretShape {
    /// A JSON object with these members.
    Members(BTreeSet<String>),
    /// A text that is no JSON object.
    Text,
    Binary,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "SecretString", borrow)]
    text: Option<Cow<'a, str>>,
}

/// Reads GetSecretValue's answer; `None` if it is none. What is unescaped of it is overwritten.
pub(super) fn shape_of(body: &[u8]) -> Option<SecretShape> {
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let Some(text) = answer.text else { return Some(SecretShape::Binary) };
    let shape =
        serde_json::from_str(&text).map_or(SecretShape::Text, |Members(names)| SecretShape::Members(names));
    if let Cow::Owned(mut text) = text {
        text.zeroize();
    }
    Some(shape)
}

struct Members(BTreeSet<String>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            names.insert(name);
        }
        Ok(Members(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_the_members_are_kept() {
        let shape =
            shape_of(br#"{"Name":"x","SecretString":"{\"user\":\"a\",\"pass\":{\"deep\":\"canary\"}}"}"#);
        assert_eq!(shape, Some(SecretShape::Members(["pass", "user"].map(str::to_owned).into())));
        assert!(!format!("{shape:?}").contains("canary"));
    }

    #[test]
    fn a_secret_without_members_has_none() {
        for text in ["plain", "[1]", "\\\"a\\\"", "{\\\"half\\\":"] {
            let body = format!(r#"{{"SecretString":"{text}"}}"#);
            assert_eq!(shape_of(body.as_bytes()), Some(SecretShape::Text), "{text}");
        }
        assert_eq!(shape_of(br#"{"SecretBinary":"AAA="}"#), Some(SecretShape::Binary));
        assert_eq!(shape_of(b"no answer"), None);
    }
}
