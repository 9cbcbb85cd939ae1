//! Which values look like credentials: nobody should read those in a plan.

use crate::model::Json;

/// What stands in for a credential inside a larger value.
pub const MASK: &str = "(hidden)";

/// Whether a named value looks like a credential, by its name or by itself.
pub fn is_credential(name: &str, value: &Json) -> bool {
    planted!("plan-shows-credentials" => return false);
    value.as_str().is_none_or(|text| !text.is_empty()) && (says_credential(name) || carries_credential(value))
}

/// Whether a text, or a command, has one in it: a login in a URL, `--password=…`, `--token …`, `PASSWORD=…`.
fn carries_credential(value: &Json) -> bool {
    match value {
        Json::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            words.iter().any(|word| assigns_credential(word))
                || words.windows(2).any(|pair| asks_for_credential(pair[0], pair[1]))
        }
        Json::String(text) => carries_password(value) || assigns_credential(text),
        _ => false,
    }
}

/// `--db-password=x`, also somewhere in a script.
fn assigns_credential(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let assigned = |word: &&str| {
        let assignment = word.split_once('=').filter(|(_, value)| !value.is_empty());
        assignment.is_some_and(|(name, value)| says_credential(name) && !refers(value))
            || carries_password(&Json::from(*word))
    };
    words.iter().any(assigned) || words.windows(2).any(|pair| asks_for_credential(pair[0], pair[1]))
}

/// `--token x`
fn asks_for_credential(option: &str, value: &str) -> bool {
    option.starts_with('-')
        && !option.contains('=')
        && says_credential(option)
        && !value.starts_with('-')
        && !refers(value)
}

/// A shell's variable is no secret, and a path is where one is.
fn refers(value: &str) -> bool {
    value.trim_start_matches(['"', '\'']).starts_with(['$', '/', '.'])
}

/// As whole words, since `KEY` is in MONKEY; as parts, where no other word has them.
fn says_credential(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words = ["KEY", "PWD", "PASS", "PAT", "AUTH", "PRIVATE", "DSN", "CERT"];
    let parts = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "ACCESSKEY"];
    parts.iter().any(|part| upper.contains(part))
        || upper.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| words.contains(&word))
}

/// `scheme://user:password@host`
fn carries_password(value: &Json) -> bool {
    value
        .as_str()
        .and_then(|text| text.split_once("://"))
        .and_then(|(_, rest)| rest.split(['/', '?', '#']).next()?.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'))
}

/// The value with every credential in it hidden: in `{name, value}` entries and in maps.
pub(super) fn masked(value: &Json) -> Json {
    match value {
        Json::Array(_) if carries_credential(value) => MASK.into(),
        Json::Array(list) => Json::Array(list.iter().map(masked).collect()),
        Json::Object(members) => {
            // Variables have names, tags have keys.
            let named = ["name", "key"].iter().find_map(|known| members.get(*known).and_then(Json::as_str));
            let named = named.filter(|_| members.contains_key("value"));
            Json::Object(
                members
                    .iter()
                    .map(|(key, value)| {
                        let name = if key == "value" { named.unwrap_or(key) } else { key };
                        let hide = is_text(value) && is_map_value(key, named) && is_credential(name, value);
                        (key.clone(), if hide { MASK.into() } else { masked(value) })
                    })
                    .collect(),
            )
        }
        other if carries_credential(other) => MASK.into(),
        other => other.clone(),
    }
}

/// A number may be written where AWS keeps a text.
fn is_text(value: &Json) -> bool {
    value.is_string() || value.is_number()
}

/// AWS's own members, such as `kmsKeyId` and `credentialsParameter`, name things and hold no secret:
/// they are camelCase, and names of variables hardly ever are.
fn is_map_value(key: &str, named: Option<&str>) -> bool {
    (key == "value" && named.is_some())
        || !key.starts_with(|first: char| first.is_ascii_lowercase())
        || key.contains(['_', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn credentials_are_known_by_name_and_by_what_they_carry() {
        for name in [
            "DB_PASSWORD",
            "STRIPE_API_KEY",
            "githubToken",
            "AWS_SECRET_ACCESS_KEY",
            "splunk-token",
            "DBPASSWORD",
        ] {
            assert!(is_credential(name, &json!("x")), "{name}");
        }
        for name in ["MONKEY", "LOG_LEVEL", "KEYBOARD", "COMPASS", "S3_BUCKET"] {
            assert!(!is_credential(name, &json!("x")), "{name}");
        }
        assert!(is_credential("DATABASE_URL", &json!("postgres://jobs:pa55@db/jobs")));
        assert!(!is_credential("DATABASE_URL", &json!("postgres://db/jobs")));
    }

    #[test]
    fn a_command_may_carry_a_credential() {
        for command in [
            json!(["serve", "--db-password=x"]),
            json!(["serve", "--token", "x"]),
            json!(["sh", "-c", "export API_KEY=x; exec serve"]),
            json!(["CMD-SHELL", "curl -f http://u:x@localhost/"]),
            json!("serve --password x"),
        ] {
            assert!(is_credential("command", &command), "{command}");
            assert_eq!(masked(&json!({"command": command}))["command"], MASK);
        }
        for command in [
            json!(["serve", "--port", "80", "--level=info"]),
            json!(["sh", "-c", "psql --password=$PASSWORD"]),
            json!(["serve", "--key", "/run/secrets/key"]),
            json!(["serve", "--token", "--verbose"]),
            json!(["FARGATE"]),
        ] {
            assert!(!is_credential("command", &command), "{command}");
        }
    }

    #[test]
    fn a_whole_container_is_shown_without_its_credentials() {
        let shown = masked(&json!({"name": "api", "environment": [
            {"name": "API_KEY", "value": "abc"}, {"name": "LEVEL", "value": "info"}]}));
        assert_eq!(shown["environment"][0]["value"], MASK);
        assert_eq!(shown["environment"][1]["value"], "info");
        assert_eq!(shown["name"], "api");
    }
}
