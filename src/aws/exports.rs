//! CloudFormation's ListExports on the wire: a form out, and the few elements of its XML that count.
//!
//! Its own SDK crate would cost minutes of build time for this one read.

/// An output of a stack that others may import; names are unique in an account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub name: String,
    pub value: String,
    /// ARN of the stack.
    pub stack: String,
}

/// One page of exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportPage {
    pub exports: Vec<Export>,
    pub next: Option<String>,
}

pub(super) fn question(token: Option<&str>) -> String {
    let mut form = "Action=ListExports&Version=2010-05-15".to_owned();
    if let Some(token) = token {
        form.push_str("&NextToken=");
        for byte in token.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    form.push(char::from(byte));
                }
                byte => form.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    form
}

/// Elements are neither nested in one of their own name nor given attributes here.
pub(super) fn read(xml: &str) -> ExportPage {
    let mut page = ExportPage::default();
    let (list, around) = match element(xml, "Exports") {
        Some((list, after)) => (list, after),
        None => ("", xml),
    };
    let mut rest = list;
    while let Some((member, after)) = element(rest, "member") {
        let text = |name| element(member, name).map(|(text, _)| unescaped(text)).unwrap_or_default();
        page.exports.push(Export {
            name: text("Name"),
            value: text("Value"),
            stack: text("ExportingStackId"),
        });
        rest = after;
    }
    // The token may stand on either side of the list.
    let before = xml.split_once("<Exports>").map_or("", |(before, _)| before);
    let token = element(before, "NextToken").or_else(|| element(around, "NextToken"));
    page.next = token.map(|(token, _)| unescaped(token)).filter(|token| !token.is_empty());
    page
}

/// What stands in the first element of a name, and what comes after it.
fn element<'a>(xml: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
}

fn unescaped(text: &str) -> String {
    let named =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_exports_is_read() {
        let xml = "<ListExportsResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
            <ListExportsResult><Exports><member><Name>a&amp;b</Name><Value>&lt;1&gt;</Value>\
            <ExportingStackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/network/1</ExportingStackId>\
            </member><member><Name>c</Name><Value/></member></Exports><NextToken>t+1</NextToken>\
            </ListExportsResult></ListExportsResponse>";
        let page = read(xml);
        assert_eq!((page.exports[0].name.as_str(), page.exports[0].value.as_str()), ("a&b", "<1>"));
        assert!(page.exports[0].stack.ends_with("stack/network/1"));
        assert_eq!((page.exports[1].name.as_str(), page.exports[1].value.as_str()), ("c", ""));
        assert_eq!(page.next.as_deref(), Some("t+1"));
        assert_eq!(read("<Exports/>"), ExportPage::default());
    }

    #[test]
    fn a_token_is_sent_as_a_form_wants_it() {
        assert_eq!(question(Some("a+b=")), "Action=ListExports&Version=2010-05-15&NextToken=a%2Bb%3D");
    }
}
