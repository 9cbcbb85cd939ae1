//! Reads the members of a request, whether they came as JSON or as the strings of a query.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::clock::Time;

/// The text of a member; an empty one counts as given.
pub(crate) fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

/// A whole number, also when the protocol carries it as text.
pub(crate) fn number(input: &Value, member: &str) -> Option<i64> {
    match input.get(member)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A number that need not be whole, also when the protocol carries it as text.
pub(crate) fn decimal(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|float: &f64| float.is_finite()),
        _ => None,
    }
}

/// A moment: seconds since the epoch, or text such as `2026-11-21T12:00:00Z`.
pub(crate) fn moment(value: &Value) -> Option<Time> {
    if let Some(seconds) = decimal(value) {
        return (seconds >= 0.0).then_some(Time((seconds * 1000.0).round() as u64));
    }
    let moment: jiff::Timestamp = value.as_str()?.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Time)
}

/// A truth value, also when the protocol carries it as text.
pub(crate) fn flag(input: &Value, member: &str) -> Option<bool> {
    match input.get(member)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The entries of a list; none where the list is absent.
pub(crate) fn list<'a>(input: &'a Value, member: &str) -> &'a [Value] {
    input.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list; none where the list is absent.
pub(crate) fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    list(input, member).iter().filter_map(Value::as_str).collect()
}

/// The entries of a map; none where the map is absent.
pub(crate) fn map<'a>(input: &'a Value, member: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    input
        .get(member)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
        .map(|(key, value)| (key.as_str(), value))
}

/// One page of a list whose entries have keys.
pub(crate) struct Page {
    pub entries: Vec<Value>,
    /// `None` on the last page.
    pub next: Option<String>,
}

/// Cuts the page that follows `token` out of `entries`, which are sorted by key.
///
/// A token names the last key that was shown, so entries that come and go between two pages neither
/// repeat nor hide others, and no token is ever handed out twice in one sweep. `None` for a token
/// that is not ours.
pub(crate) fn page<K: AsRef<str>>(
    entries: impl IntoIterator<Item = (K, Value)>,
    limit: usize,
    token: Option<&str>,
) -> Option<Page> {
    let after = match token {
        None => None,
        Some(token) => Some(String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?),
    };
    let mut page = Page { entries: Vec::new(), next: None };
    let mut last = String::new();
    for (key, entry) in entries {
        if after.as_deref().is_some_and(|after| key.as_ref() <= after) {
            continue;
        }
        if page.entries.len() == limit {
            page.next = Some(URL_SAFE_NO_PAD.encode(&last));
            break;
        }
        last = key.as_ref().to_owned();
        page.entries.push(entry);
    }
    Some(page)
}

/// Removes the members that are `null`: AWS leaves out what is not there.
pub(crate) fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_read_from_json_and_from_a_query() {
        assert_eq!(number(&json!({"n": 5}), "n"), Some(5));
        assert_eq!(number(&json!({"n": "5"}), "n"), Some(5));
        assert_eq!(number(&json!({"n": "five"}), "n"), None);
    }

    #[test]
    fn pages_neither_repeat_nor_hide_entries_that_stay() {
        let all = ["a", "b", "c", "d", "e"];
        let entries = |keys: &[&'static str]| -> Vec<(&'static str, Value)> {
            keys.iter().map(|key| (*key, json!(key))).collect()
        };
        let first = page(entries(&all), 2, None).unwrap();
        assert_eq!(first.entries, ["a", "b"]);
        // `b` is deleted before the second page is asked for.
        let second = page(entries(&["a", "c", "d", "e"]), 2, first.next.as_deref()).unwrap();
        assert_eq!(second.entries, ["c", "d"]);
        let third = page(entries(&all), 2, second.next.as_deref()).unwrap();
        assert_eq!(third.entries, ["e"]);
        assert_eq!(third.next, None);
    }

    #[test]
    fn a_token_that_is_not_ours_is_no_page() {
        assert!(page([("a", json!(1))], 1, Some("%%%")).is_none());
    }
}
