//! The MD5 sums that clients check every message against.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::Value;

use crate::input::text;

/// The MD5 of a body in hexadecimal.
pub(super) fn body(body: &str) -> String {
    hexadecimal(Md5::new_with_prefix(body))
}

/// The MD5 of message attributes, as the SQS developer guide defines it: by name in order, each
/// part with its length before it, the kind of value as one byte. `None` if there are none.
pub(super) fn attributes(attributes: &Value) -> Option<String> {
    let attributes = attributes.as_object().filter(|map| !map.is_empty())?;
    let mut names: Vec<&String> = attributes.keys().collect();
    names.sort();
    let mut sum = Md5::new();
    let part = |sum: &mut Md5, bytes: &[u8]| {
        sum.update((bytes.len() as u32).to_be_bytes());
        sum.update(bytes);
    };
    for name in names {
        let attribute = &attributes[name];
        part(&mut sum, name.as_bytes());
        part(&mut sum, text(attribute, "DataType").unwrap_or_default().as_bytes());
        match text(attribute, "BinaryValue") {
            Some(binary) => {
                sum.update([2]);
                part(&mut sum, &STANDARD.decode(binary).unwrap_or_default());
            }
            None => {
                sum.update([1]);
                let value = text(attribute, "StringValue").unwrap_or_default();
                part(&mut sum, value.as_bytes());
            }
        }
    }
    Some(hexadecimal(sum))
}

fn hexadecimal(sum: Md5) -> String {
    let bytes = sum.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_sum_of_a_body_is_its_md5() {
        assert_eq!(body("hello"), "5d41402abc4b2a76b9719d911017c592");
    }

    #[test]
    fn the_sum_of_attributes_covers_names_types_and_values_in_order_of_names() {
        let given = json!({
            "b": {"DataType": "Binary", "BinaryValue": "AAE="},
            "a": {"DataType": "String", "StringValue": "x"},
        });
        let mut bytes = Vec::new();
        bytes.extend(b"\0\0\0\x01a\0\0\0\x06String\x01\0\0\0\x01x");
        bytes.extend(b"\0\0\0\x01b\0\0\0\x06Binary\x02\0\0\0\x02\0\x01");
        let expected = hexadecimal(Md5::new_with_prefix(bytes));
        assert_eq!(attributes(&given).unwrap(), expected);
        assert_eq!(attributes(&json!({})), None);
    }
}
