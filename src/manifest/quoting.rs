//! Which text needs quotes in YAML, and how it is quoted: for all that writes manifests.

use std::fmt::Write as _;

use super::node::{Kind, Scalar};

/// Where a scalar stands; each allows other letters without quotes.
#[derive(Clone, Copy, PartialEq)]
pub enum Context {
    Block,
    Flow,
    /// Of a mapping of either style.
    Key,
}

/// The text, with quotes where it needs them to stay what it is.
pub fn scalar(text: &str, context: Context) -> String {
    if is_plain(text, context) { text.to_owned() } else { quoted(text) }
}

/// Whether a text may stand without quotes and still be that text to every reader of YAML 1.1 and 1.2.
pub fn is_plain(text: &str, context: Context) -> bool {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else { return false };
    let in_flow = context != Context::Block && text.contains([',', '[', ']', '{', '}']);
    let misread = text.contains(": ") || text.contains(" #") || text.contains('\t') || last == ':';
    !in_flow
        && !misread
        && !"?:,[]{}#&*!|>'\"%@`=~<".contains(first)
        && (first != '-' || is_option(text))
        && !first.is_whitespace()
        && !last.is_whitespace()
        && !text.starts_with("...")
        && text.chars().all(is_printable)
        && Scalar { text: text.to_owned(), plain: true }.kind() == Kind::Text
        && !is_something_in_yaml_1_1(text)
}

/// `-c` and `--port`: no list, since no space follows, and no document's end.
fn is_option(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    text.len() - name.len() < 3 && name.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Line breaks and what may not stand in YAML as it is count as unprintable.
pub fn is_printable(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// Truth values, numbers with `_` or in base 60 or 2, and dates: YAML 1.1 has these, and so have many
/// readers.
fn is_something_in_yaml_1_1(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "null" | "true" | "false") {
        return true;
    }
    let only = |letters: &str| text.chars().all(|it| it.is_ascii_digit() || letters.contains(it));
    let date = text.len() >= 8 && text.bytes().take(4).all(|digit| digit.is_ascii_digit());
    (only("_.+") && text.matches('.').count() < 2)
        || (only("_.:+") && text.contains(':'))
        || (date && only("-:.+TtZz "))
        || (lower.starts_with("0b") && only("b_"))
}

pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other if is_printable(other) => quoted.push(other),
            other => {
                let number = u32::from(other);
                let _ = match number {
                    0..=0xff => write!(quoted, "\\x{number:02x}"),
                    0x100..=0xffff => write!(quoted, "\\u{number:04x}"),
                    _ => write!(quoted, "\\U{number:08x}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}
