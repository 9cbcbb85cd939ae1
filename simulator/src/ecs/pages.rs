//! Pages of a list: limits, and tokens that say nothing to their holder and never repeat.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::ids::Ids;
use super::input;
use crate::error::{Answer, ApiError};

/// Answers one page of `items` as `{member: [..], nextToken}`.
pub(super) fn page(
    ids: &mut Ids,
    request: &Value,
    member: &str,
    items: Vec<String>,
    default: usize,
) -> Answer {
    const SIZE_MAX: i64 = 100;
    let size = match input::integer(request, "maxResults")? {
        None => default,
        Some(size) if (1..=SIZE_MAX).contains(&size) => size as usize,
        Some(_) => return Err(input::invalid("maxResults must be between 1 and 100.")),
    };
    let start = match input::text(request, "nextToken")? {
        None => 0,
        Some(token) => start(token, &items)?,
    };
    let rest = items.get(start..).unwrap_or_default();
    let shown = rest.get(..size).unwrap_or(rest);
    let mut answer = json!({ member: shown });
    if rest.len() > size
        && let Some(last) = shown.last()
    {
        let text = format!("{}\n{}\n{last}", ids.serial(), start + size);
        answer["nextToken"] = URL_SAFE_NO_PAD.encode(text).into();
    }
    Ok(answer)
}

/// After the item that ended the last page, or where it was, if it is gone.
fn start(token: &str, items: &[String]) -> Result<usize, ApiError> {
    let parsed = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let mut parts = text.splitn(3, '\n').skip(1);
        let offset: usize = parts.next()?.parse().ok()?;
        let last = parts.next()?.to_owned();
        Some((offset, last))
    };
    let (offset, last) = parsed().ok_or_else(|| input::invalid("Invalid token."))?;
    Ok(match items.iter().position(|item| *item == last) {
        Some(position) => position + 1,
        None => offset.min(items.len()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn items() -> Vec<String> {
        (0..25).map(|n| format!("item-{n:02}")).collect()
    }

    #[test]
    fn pages_cover_everything_once_and_tokens_never_repeat() {
        let mut ids = Ids::default();
        let mut seen = Vec::new();
        let mut tokens = Vec::new();
        let mut request = json!({});
        loop {
            let answer = page(&mut ids, &request, "names", items(), 10).unwrap();
            seen.extend(answer["names"].as_array().unwrap().clone());
            let Some(token) = answer.get("nextToken") else {
                break;
            };
            assert!(!tokens.contains(token));
            tokens.push(token.clone());
            request = json!({"nextToken": token});
        }
        assert_eq!(Value::from(seen), json!(items()));
        assert_eq!(tokens.len(), 2);
    }

    #[test]
    fn a_page_goes_on_where_it_stopped_when_items_before_it_have_gone() {
        let mut ids = Ids::default();
        let first = page(&mut ids, &json!({}), "names", items(), 10).unwrap();
        let fewer = items().split_off(5);
        let request = json!({"nextToken": first["nextToken"]});
        let second = page(&mut ids, &request, "names", fewer, 10).unwrap();
        assert_eq!(second["names"][0], "item-10");
    }

    #[test]
    fn an_invented_token_and_an_oversized_page_are_refused() {
        let mut ids = Ids::default();
        for request in [json!({"nextToken": "x"}), json!({"maxResults": 101})] {
            let error = page(&mut ids, &request, "names", items(), 10).unwrap_err();
            assert_eq!(error.code, "InvalidParameterException");
        }
    }
}
