//! The name that an uploaded file had where it came from. It is only shown, never used as a path.

use axum::http::{HeaderMap, header};

const CHARACTERS_MAX: usize = 120;
/// What a file without a name is called.
const UNNAMED: &str = "upload.csv";

/// The name from the query if there is one, else from `content-disposition`, made harmless.
pub fn shown(of_query: Option<&str>, headers: &HeaderMap) -> String {
    let disposition =
        headers.get(header::CONTENT_DISPOSITION).map(|it| String::from_utf8_lossy(it.as_bytes()));
    let of_header = || disposition.as_deref().and_then(file_name_of);
    let name = of_query.map(str::to_owned).or_else(of_header).unwrap_or_default();
    harmless(&name)
}

/// The last part of a path, without characters that change how a line is shown.
fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = last.chars().filter(|it| !it.is_control() && !is_direction(*it)).take(CHARACTERS_MAX);
    let shown: String = shown.collect();
    match shown.trim() {
        "" | "." | ".." => UNNAMED.to_owned(),
        shown => shown.to_owned(),
    }
}

/// Marks that turn the direction of writing around, or can't be seen at all.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `filename*` wins over `filename` (RFC 6266).
fn file_name_of(disposition: &str) -> Option<String> {
    let parameters = parameters(disposition);
    let named = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let extended = named("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_language, encoded) = rest.split_once('\'')?;
        charset.eq_ignore_ascii_case("utf-8").then(|| percent_decoded(encoded))
    });
    extended.or_else(|| named("filename").cloned())
}

/// Names in lower case with their values, quotes and backslashes resolved.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut name, mut value) = (String::new(), None::<String>);
    let (mut quoted, mut escaped) = (false, false);
    let mut end = |name: &mut String, value: &mut Option<String>| {
        let name = std::mem::take(name).trim().to_ascii_lowercase();
        if let Some(value) = value.take() {
            found.push((name, value.trim().to_owned()));
        }
    };
    for character in header.chars() {
        match (character, &mut value) {
            (_, Some(value)) if escaped => {
                value.push(character);
                escaped = false;
            }
            ('\\', Some(_)) if quoted => escaped = true,
            ('"', Some(_)) => quoted = !quoted,
            (';', _) if !quoted => end(&mut name, &mut value),
            ('=', None) => value = Some(String::new()),
            (_, Some(value)) => value.push(character),
            (_, None) => name.push(character),
        }
    }
    end(&mut name, &mut value);
    found
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], pair) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::HeaderValue;

    use super::*;

    fn of_header(disposition: &str) -> String {
        let value = HeaderValue::from_bytes(disposition.as_bytes()).unwrap();
        shown(None, &HeaderMap::from_iter([(header::CONTENT_DISPOSITION, value)]))
    }

    #[test]
    fn a_name_is_read_from_the_query_or_the_header() {
        assert_eq!(shown(Some("orders.csv"), &HeaderMap::new()), "orders.csv");
        assert_eq!(of_header("attachment; filename=orders.csv"), "orders.csv");
        assert_eq!(of_header(r#"attachment; FileName="a \"b\"; c.csv"; x=1"#), r#"a "b"; c.csv"#);
        assert_eq!(
            of_header("attachment; filename=a.csv; filename*=UTF-8''na%C3%AFve%20%E2%9C%93.csv"),
            "naïve ✓.csv"
        );
        assert_eq!(of_header("attachment; filename*=UTF-8''50%.csv"), "50%.csv");
    }

    #[test]
    fn a_name_without_a_name_gets_one() {
        for nothing in
            ["", "attachment", "attachment; filename=", "attachment; filename=\"", "filename*=latin1''x"]
        {
            assert_eq!(of_header(nothing), UNNAMED, "{nothing}");
        }
        assert_eq!(shown(None, &HeaderMap::new()), UNNAMED);
    }

    #[test]
    fn a_name_is_no_path_no_control_character_and_not_endless() {
        let of_query = |name: &str| shown(Some(name), &HeaderMap::new());
        assert_eq!(of_query("../../etc/passwd"), "passwd");
        assert_eq!(of_query(r"C:\orders\today.csv"), "today.csv");
        assert_eq!(of_query("a\r\nb\u{202e}c\0.csv"), "abc.csv");
        assert_eq!(of_query(".."), UNNAMED);
        assert_eq!(of_query(&"ü".repeat(500)).chars().count(), CHARACTERS_MAX);
    }
}
