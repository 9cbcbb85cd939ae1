//! XML answers of IAM, EC2, ELB and CloudWatch as JSON trees: an element is its text or its children.

use xmlparser::{ElementEnd, Token, Tokenizer};

use crate::model::Json;

/// What these services call one element of a list.
const LIST_ELEMENTS: [&str; 3] = ["member", "item", "entry"];
/// Deeper than any answer of AWS.
const DEPTH_MAX: usize = 64;

/// The root element's contents; `None` for text that is no XML. All leaves are text, and an empty
/// element is an empty text.
pub(super) fn to_json(text: &str) -> Option<Json> {
    let mut open: Vec<Element> = Vec::new();
    for token in Tokenizer::from(text) {
        match token.ok()? {
            Token::ElementStart { local, .. } => {
                if open.len() == DEPTH_MAX {
                    return None;
                }
                open.push(Element::new(local.as_str()));
            }
            Token::Text { text } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&unescaped(text.as_str()));
                }
            }
            Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(text.as_str());
                }
            }
            Token::ElementEnd { end: ElementEnd::Close(..) | ElementEnd::Empty, .. } => {
                let element = open.pop()?;
                match open.last_mut() {
                    Some(parent) => parent.children.push((element.name.clone(), element.json())),
                    None => return Some(element.json()),
                }
            }
            _ => {}
        }
    }
    None
}

#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<(String, Json)>,
}

impl Element {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn json(self) -> Json {
        if self.children.is_empty() {
            return Json::String(self.text.trim().to_owned());
        }
        if self.children.iter().all(|(name, _)| LIST_ELEMENTS.contains(&name.as_str())) {
            return self.children.into_iter().map(|(_, child)| child).collect();
        }
        Json::Object(self.children.into_iter().collect())
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = rest.find(';').and_then(|end| Some((character(&rest[1..end])?, end + 1)));
        let (meant, length) = known.unwrap_or(('&', 1));
        plain.push(meant);
        rest = &rest[length..];
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_members_and_lists_become_lists() {
        let answer = "<?xml version=\"1.0\"?>\n<R xmlns=\"a\"><Role><Arn>a&amp;b &#60;</Arn><Tags/></Role>\
                      <set> <item><id>1</id></item> <item><id>2</id></item></set></R>";
        assert_eq!(
            to_json(answer),
            Some(json!({"Role": {"Arn": "a&b <", "Tags": ""}, "set": [{"id": "1"}, {"id": "2"}]}))
        );
    }

    #[test]
    fn what_is_no_xml_or_has_no_end_is_no_answer() {
        for text in ["", "<html", "<a><b></a>", "{}", &"<a>".repeat(DEPTH_MAX + 1)] {
            assert_eq!(to_json(text), None, "{text}");
        }
    }
}
