//! Which tags of a repository a manifest takes: a range of versions, or a pattern that can be sorted.

use std::fmt;

use semver::{Version, VersionReq};

/// `>=1.4 <2`, or `YYYY_MM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRange {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Versions(VersionReq),
    Pattern(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// So many digits, and no more than this.
    Digits(usize, u64),
    /// Digits, at least one.
    Number,
}

/// Parts of a pattern that stand for digits, each with their number and the highest value.
const DIGITS: [(&str, usize, u64); 3] = [("YYYY", 4, 9999), ("MM", 2, 12), ("DD", 2, 31)];

impl TagRange {
    /// The error says what is wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let text = text.trim();
        let kind = match text.contains("YYYY") || text.contains('#') {
            true => Kind::Pattern(pattern(text)?),
            false => Kind::Versions(versions(text)?),
        };
        Ok(Self { text: text.to_owned(), kind })
    }

    /// The tags that fit, the newest first.
    pub fn fitting<'a>(&self, tags: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
        match &self.kind {
            Kind::Versions(range) => {
                let mut fitting: Vec<(Version, &str)> = tags
                    .filter_map(|tag| Some((version(tag)?, tag.as_str())))
                    .filter(|(version, _)| range.matches(version))
                    .collect();
                // Of `1.4` and `1.4.0`, the one that says more.
                fitting.sort_by(|(one, a), (other, b)| {
                    other.cmp(one).then_with(|| b.len().cmp(&a.len())).then_with(|| a.cmp(b))
                });
                fitting.into_iter().map(|(_, tag)| tag).collect()
            }
            Kind::Pattern(tokens) => {
                let mut fitting: Vec<(Vec<u64>, &str)> =
                    tags.filter_map(|tag| Some((numbers(tokens, tag)?, tag.as_str()))).collect();
                fitting.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.cmp(b)));
                fitting.into_iter().map(|(_, tag)| tag).collect()
            }
        }
    }
}

impl fmt::Display for TagRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const EXAMPLES: &str = "a range of versions such as `>=1.4 <2` or `~1.4`, or a pattern such as `YYYY_MM` or \
                        `build-#`, where `#` is a number";

fn versions(text: &str) -> Result<VersionReq, (String, String)> {
    if text.is_empty() {
        return Err(("no tag fits an empty range".to_owned(), EXAMPLES.to_owned()));
    }
    if version(text).is_some() {
        let label = format!("one image is `repository:{text}`; a range is `~{text}` or `>={text}`");
        return Err((format!("`{text}` is one tag, and no range"), label));
    }
    if !text.starts_with(['<', '>', '=', '~', '^', '*']) && !text.contains('*') {
        return Err((format!("`{text}` is neither a range of versions nor a pattern"), EXAMPLES.to_owned()));
    }
    // Spaces between comparators are what people write; the crate wants commas.
    let mut comparators: Vec<String> = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        match comparators.last_mut().filter(|last| last.ends_with(['<', '>', '=', '~', '^'])) {
            Some(operator) => operator.push_str(word),
            None => comparators.push(word.to_owned()),
        }
    }
    VersionReq::parse(&comparators.join(", "))
        .map_err(|error| (format!("`{text}` is no range of versions: {error}"), EXAMPLES.to_owned()))
}

/// A tag as a version: `v1.4.2`, `1.4`. A number alone may be anything, such as a date or a build.
fn version(tag: &str) -> Option<Version> {
    let bare = tag.strip_prefix('v').unwrap_or(tag);
    let (numbers, rest) = match bare.find(['-', '+']) {
        Some(at) => bare.split_at(at),
        None => (bare, ""),
    };
    match numbers.split('.').count() {
        2 => Version::parse(&format!("{numbers}.0{rest}")).ok(),
        3 => Version::parse(bare).ok(),
        _ => None,
    }
}

fn pattern(text: &str) -> Result<Vec<Token>, (String, String)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let part = DIGITS.iter().find(|(name, ..)| rest.starts_with(name));
        let (token, taken) = match part {
            Some((name, digits, most)) => (Token::Digits(*digits, *most), name.len()),
            None if letter == '#' => (Token::Number, 1),
            None => (Token::Literal(letter), letter.len_utf8()),
        };
        if let Token::Literal(letter) = token
            && !letter.is_ascii_alphanumeric()
            && !"-_.".contains(letter)
        {
            let title = format!("no tag has `{letter}` in it, as the pattern `{text}` asks for");
            return Err((title, EXAMPLES.to_owned()));
        }
        tokens.push(token);
        rest = &rest[taken..];
    }
    Ok(tokens)
}

/// The numbers of a tag that fits a pattern, in the order in which they are written.
fn numbers(tokens: &[Token], tag: &str) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut rest = tag;
    for token in tokens {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (taken, most) = match token {
            Token::Literal(letter) => {
                rest = rest.strip_prefix(*letter)?;
                continue;
            }
            Token::Digits(wanted, most) if digits >= *wanted => (*wanted, *most),
            Token::Number if digits > 0 => (digits, u64::MAX),
            Token::Digits(..) | Token::Number => return None,
        };
        let number: u64 = rest[..taken].parse().ok()?;
        // There is no month 13, and none that is called 0.
        if number > most || (number == 0 && most < u64::MAX) {
            return None;
        }
        numbers.push(number);
        rest = &rest[taken..];
    }
    rest.is_empty().then_some(numbers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn fitting(range: &str, tags: &[&str]) -> Vec<String> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        TagRange::parse(range).unwrap().fitting(tags.iter()).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_range_of_versions_takes_the_highest_and_no_release_candidate() {
        let tags =
            ["1.3.9", "1.4.0", "v1.10.1", "1.9", "2.0.0", "2.0.0-rc.1", "1.11.0-rc.1", "latest", "20261101"];
        assert_eq!(fitting(">=1.4 <2", &tags), ["v1.10.1", "1.9", "1.4.0"]);
        assert_eq!(fitting(">= 1.4, < 2", &tags), ["v1.10.1", "1.9", "1.4.0"]);
        assert_eq!(fitting("~1.4", &tags), ["1.4.0"]);
        assert_eq!(fitting("^1.4", &tags), ["v1.10.1", "1.9", "1.4.0"]);
        assert_eq!(fitting(">=1.11.0-rc.0 <2", &tags), ["1.11.0-rc.1"]);
        assert_eq!(fitting("*", &tags)[0], "2.0.0");
        assert_eq!(fitting(">=3", &tags), Vec::<String>::new());
        assert_eq!(fitting("~1.4", &["1.4", "1.4.0"]), ["1.4.0", "1.4"]);
    }

    #[test]
    fn a_pattern_takes_the_latest_month_and_the_highest_number() {
        let tags = ["2026_09", "2026_11", "2025_12", "2026_13", "2026_00", "2026_1", "2026_11_1", "x2026_12"];
        assert_eq!(fitting("YYYY_MM", &tags), ["2026_11", "2026_09", "2025_12"]);
        assert_eq!(fitting("build-#", &["build-9", "build-10", "build-x", "10"]), ["build-10", "build-9"]);
        assert_eq!(fitting("YYYYMMDD.#", &["20261101.2", "20261101.10", "20261031.99"])[0], "20261101.10");
    }

    #[test]
    fn what_is_no_range_says_what_to_write() {
        for (text, expected) in [
            ("latest", "`latest` is neither a range of versions nor a pattern"),
            ("1.4.2", "`1.4.2` is one tag, and no range"),
            ("", "no tag fits an empty range"),
            ("YYYY/MM", "no tag has `/` in it, as the pattern `YYYY/MM` asks for"),
        ] {
            assert_eq!(TagRange::parse(text).unwrap_err().0, expected);
        }
        assert!(TagRange::parse(">=x").unwrap_err().0.starts_with("`>=x` is no range of versions: "));
    }
}
