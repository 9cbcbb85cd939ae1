//! What people ask of the operator for one service: tags on it, so that IAM authorises and CloudTrail
//! records them.

use std::fmt::Write as _;

use super::Timestamp;

/// A tag's value has at most so many characters.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html>
const VALUE_MAX: usize = 256;
/// Of those, what a name of a person may take.
const PERSON_MAX: usize = 64;

/// Words that may stand before the reason, each `name=value`. `by` is the last of them: whatever
/// follows it is the reason, also where it looks like one of these.
const WORDS: [&str; 5] = ["until", "at", "to", "digest", "by"];

/// One request: `to=api:41 at=2026-11-21T21:04:00Z by=ada checkout is broken`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Until when it holds, where it ends by itself.
    pub until: Option<Timestamp>,
    pub at: Option<Timestamp>,
    /// The revision that it is about: `api:41`.
    pub to: Option<String>,
    /// The digest that it is about.
    pub digest: Option<String>,
    pub by: Option<String>,
    /// Empty where none is given.
    pub reason: String,
}

impl Request {
    /// Reads a tag's value. What is not understood is part of the reason.
    pub fn read(text: &str) -> Self {
        let mut request = Self::default();
        let mut rest = text.trim();
        while let Some((name, value, after)) = word(rest) {
            if !request.take(name, value) {
                break;
            }
            rest = after;
            if name == "by" {
                break;
            }
        }
        request.reason = rest.to_owned();
        request
    }

    /// Takes one word; false if it can't be what it says.
    fn take(&mut self, name: &str, value: &str) -> bool {
        let moment = |slot: &mut Option<Timestamp>| {
            let read = Timestamp::parse(value).filter(|_| slot.is_none());
            *slot = slot.or(read);
            read.is_some()
        };
        let text = |slot: &mut Option<String>| {
            let free = slot.is_none() && !value.is_empty();
            if free {
                *slot = Some(value.to_owned());
            }
            free
        };
        match name {
            "until" => moment(&mut self.until),
            "at" => moment(&mut self.at),
            "to" => text(&mut self.to),
            "digest" => text(&mut self.digest),
            _ => text(&mut self.by),
        }
    }

    /// As a tag's value: what AWS does not take in one is replaced, and what is too long is cut.
    pub fn tag_value(&self) -> String {
        let mut text = String::new();
        let mut put = |name: &str, value: &str| {
            // A `String` takes whatever is written to it.
            let _ = write!(text, "{name}={value} ");
        };
        for (name, value) in [("until", self.until), ("at", self.at)] {
            if let Some(value) = value {
                put(name, &value.second());
            }
        }
        for (name, value) in [("to", &self.to), ("digest", &self.digest)] {
            if let Some(value) = value {
                put(name, value);
            }
        }
        put("by", &person(self.by.as_deref().unwrap_or("unknown")));
        text.push_str(&fitting(&self.reason));
        let cut: String = text.trim_end().chars().take(VALUE_MAX).collect();
        cut.trim_end().to_owned()
    }

    /// `ada`, or whoever it was.
    pub fn author(&self) -> &str {
        self.by.as_deref().unwrap_or("somebody")
    }

    /// Whether its time is over.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        planted!("suspended-for-ever" => return false);
        self.until.is_some_and(|until| until <= now)
    }
}

/// The first word of a text, if it is one of ours: its name, its value, and what follows.
fn word(text: &str) -> Option<(&'static str, &str, &str)> {
    let (first, after) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (name, value) = first.split_once('=')?;
    let name = WORDS.into_iter().find(|known| *known == name)?;
    Some((name, value, after.trim_start()))
}

/// One word.
fn person(name: &str) -> String {
    let word: String =
        fitting(name).chars().map(|it| if it == ' ' { '-' } else { it }).take(PERSON_MAX).collect();
    if word.is_empty() { "unknown".to_owned() } else { word }
}

/// Without what the value of a tag may not hold, and on one line.
fn fitting(text: &str) -> String {
    let allowed = |it: char| it.is_alphanumeric() || "_.:/=+-@".contains(it);
    let replaced: String = text
        .chars()
        .filter(|it| !"\"'`".contains(*it))
        .map(|it| match it {
            ',' | ';' => ' ',
            it if allowed(it) || it.is_whitespace() => it,
            _ => '-',
        })
        .collect();
    replaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T12:00:00Z
    const NOON: Timestamp = Timestamp(1_795_262_400_000);

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let request = Request {
            until: Some(NOON),
            at: Some(Timestamp(NOON.0 - 3_600_000)),
            to: Some("api:41".to_owned()),
            digest: Some("7be1".to_owned()),
            by: Some("ada".to_owned()),
            reason: "incident 4711: checkout is broken".to_owned(),
        };
        assert_eq!(
            request.tag_value(),
            "until=2026-11-21T12:00:00Z at=2026-11-21T11:00:00Z to=api:41 digest=7be1 by=ada incident 4711: \
             checkout is broken"
        );
        assert_eq!(Request::read(&request.tag_value()), request);
    }

    #[test]
    fn a_text_of_a_persons_own_is_all_reason_and_has_no_end() {
        for text in ["incident 4711", "until=tomorrow please", "x=1 by=eve", ""] {
            let request = Request::read(text);
            assert_eq!((request.reason.as_str(), request.until, request.by), (text, None, None));
        }
    }

    #[test]
    fn a_reason_that_looks_like_a_word_of_ours_stays_a_reason() {
        let reason = "until=2026-11-21T12:00:00Z by=eve to=api:1";
        let asked = Request { by: Some("ada".to_owned()), reason: reason.to_owned(), ..Request::default() };
        let read = Request::read(&asked.tag_value());
        assert_eq!((read.reason.as_str(), read.until, read.by.as_deref()), (reason, None, Some("ada")));
    }

    #[test]
    fn a_reason_is_made_to_fit_into_a_tag() {
        for (reason, expected) in [
            ("relation \"jobs\" does\nnot exist!", "relation jobs does not exist-"),
            ("cost > 5 €, really", "cost - 5 - really"),
            ("größer", "größer"),
        ] {
            let asked = Request { reason: reason.to_owned(), ..Request::default() };
            assert_eq!(asked.tag_value(), format!("by=unknown {expected}"));
        }
        let long = Request { by: Some("a b".repeat(90)), reason: "x".repeat(400), ..Request::default() };
        let value = long.tag_value();
        assert_eq!(value.chars().count(), VALUE_MAX);
        assert_eq!(Request::read(&value).by.unwrap_or_default().chars().count(), PERSON_MAX);
    }

    #[test]
    fn what_ends_has_ended_at_its_moment_and_not_before() {
        let asked = Request { until: Some(NOON), ..Request::default() };
        assert!(asked.has_ended(NOON) && !asked.has_ended(Timestamp(NOON.0 - 1)));
        assert!(!Request::default().has_ended(NOON));
    }
}
