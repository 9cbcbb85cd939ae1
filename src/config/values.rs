//! How single values of the command line are read, and which are refused.

use std::time::Duration;

use super::LedgerPlace;
use crate::aws::Budget;

/// Takes an `http` or `https` URL; without a scheme the AWS SDK would only fail at the first call.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        Some(_) | None => Err(format!("`{text}` is not a URL such as http://127.0.0.1:4566")),
    }
}

/// Takes a reason: something that the next one on call can read.
pub(super) fn reason(text: &str) -> Result<String, String> {
    match text.chars().any(char::is_alphanumeric) {
        true => Ok(text.trim().to_owned()),
        false => Err("a reason has words in it".to_owned()),
    }
}

/// Takes what a manifest may be called; it becomes the name of a file.
pub(super) fn manifest_name(text: &str) -> Result<String, String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    match !text.is_empty() && text.len() <= 255 && text.chars().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is not a name of letters, digits, hyphens and underscores")),
    }
}

/// Takes what the value of a tag may be, but not nothing: a service that nobody put a name to would be ours.
pub(super) fn installation(text: &str) -> Result<String, String> {
    let allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    match !text.trim().is_empty() && text.chars().count() <= 256 && text.chars().all(allowed) {
        true => Ok(text.to_owned()),
        false if planted!("no-name-is-a-name") => Ok(text.to_owned()),
        false => {
            Err(format!("`{text}` is not a name: AWS takes letters, digits, spaces and _.:/=+-@ in a tag"))
        }
    }
}

/// Reads `500ms`, `30s`, `10m` or `2h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a time such as 30s or 10m"))?;
    let seconds = |factor: u64| {
        number.checked_mul(factor).map(Duration::from_secs).ok_or_else(|| format!("`{text}` is too long"))
    };
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => Err(format!("`{text}` needs a unit: ms, s, m or h")),
    }
}

/// Reads `file` or `dynamodb:TABLE`.
pub(super) fn ledger_place(text: &str) -> Result<LedgerPlace, String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    match (text, text.strip_prefix("dynamodb:")) {
        ("file", _) => Ok(LedgerPlace::File),
        (_, Some(table)) if (3..=255).contains(&table.len()) && table.chars().all(allowed) => {
            Ok(LedgerPlace::Table(table.to_owned()))
        }
        _ => Err(format!("`{text}` is neither `file` nor `dynamodb:TABLE`")),
    }
}

/// Reads `half` or `unlimited`.
pub(super) fn budget(text: &str) -> Result<Budget, String> {
    match text {
        "half" => Ok(Budget::Half),
        "unlimited" => Ok(Budget::Unlimited),
        _ => Err(format!("`{text}` is neither `half` nor `unlimited`")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Settings;

    #[test]
    fn an_installation_without_a_name_is_refused() {
        for name in ["", " ", "no\ttab", "50%", "a".repeat(257).as_str()] {
            let line = ["reconciler", "run", "--installation", name];
            let refused = Settings::try_parse_from(line).map_err(|error| error.to_string());
            assert!(refused.is_err_and(|it| it.contains("is not a name")), "{name:?}");
        }
        assert_eq!(installation("team-a/prod"), Ok("team-a/prod".to_owned()));
    }

    #[test]
    fn a_time_needs_a_number_and_a_unit() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(duration("10").is_err_and(|it| it.contains("unit")));
        assert!(duration("m").is_err());
    }

    #[test]
    fn the_ledger_is_a_file_or_a_table() {
        assert_eq!(ledger_place("file"), Ok(LedgerPlace::File));
        assert_eq!(ledger_place("dynamodb:reconciler"), Ok(LedgerPlace::Table("reconciler".to_owned())));
        for wrong in ["dynamodb", "dynamodb:", "dynamodb:a/b", "s3:bucket", ""] {
            assert!(ledger_place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_api_budget_is_half_or_unlimited() {
        assert_eq!(budget("half"), Ok(Budget::Half));
        assert_eq!(budget("unlimited"), Ok(Budget::Unlimited));
        assert!(budget("all").is_err());
    }
}
