//! A container's last words, without what may be a secret in them.

/// Longest line that is kept, in characters.
const LINE_MAX: usize = 300;
/// A run of this many letters and digits is taken for key material.
const KEY_MATERIAL_MIN: usize = 32;
const MASK: &str = "***";

const SECRET_NAMES: [&str; 9] =
    ["password", "passwd", "pwd", "secret", "token", "apikey", "api_key", "api-key", "credential"];

/// Masks values that follow a secret's name, logins in URLs, and anything that looks like a key.
pub(super) fn redact(line: &str) -> String {
    planted!("last-words-unmasked" => return line.to_owned());
    let masked = masked(line.trim());
    match masked.chars().count() > LINE_MAX {
        true => masked.chars().take(LINE_MAX).chain(['…']).collect(),
        false => masked,
    }
}

/// The same, with all of the line and its indentation.
pub(super) fn masked(line: &str) -> String {
    let line: String = line.chars().filter(|it| !it.is_control() || *it == '\t').collect();
    let mut masked = String::new();
    let mut mask_next = false;
    for word in line.split_inclusive([' ', ',', ';', '&']) {
        let end = word.trim_end_matches([' ', ',', ';', '&']).len();
        let (body, separator) = word.split_at(end);
        if body.is_empty() {
            masked.push_str(separator);
            continue;
        }
        masked.push_str(&if mask_next { MASK.to_owned() } else { redact_word(body) });
        masked.push_str(separator);
        mask_next = names_a_secret_to_come(body) || (mask_next && body.eq_ignore_ascii_case("bearer"));
    }
    masked
}

/// `password:` or `Bearer`, with the value in the next word.
fn names_a_secret_to_come(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let bare = lower.trim_matches(['"', '\'', '{', '(']);
    lower == "bearer"
        || bare == "authorization:"
        || (bare.ends_with([':', '=']) || bare.ends_with("\":"))
            && SECRET_NAMES.iter().any(|name| bare.contains(name))
}

fn redact_word(word: &str) -> String {
    for (at, _) in word.match_indices(['=', ':']) {
        let (before, value) = word.split_at(at + 1);
        let name = before[..at].rsplit(['?', '/', '=', ':', '#']).next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        if !value.trim_matches(['"', '\'']).is_empty() && SECRET_NAMES.iter().any(|it| name.contains(it)) {
            return format!("{before}{MASK}");
        }
    }
    mask_key_material(&mask_login(word))
}

/// `postgres://user:secret@host` -> `postgres://***@host`
fn mask_login(word: &str) -> String {
    let Some(start) = word.find("://").map(|at| at + 3) else { return word.to_owned() };
    let authority_end = word[start..].find('/').map_or(word.len(), |at| start + at);
    match word[start..authority_end].rfind('@') {
        Some(at) => format!("{}{MASK}{}", &word[..start], &word[start + at..]),
        None => word.to_owned(),
    }
}

fn mask_key_material(word: &str) -> String {
    let is_key = |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '_' | '-');
    let mut masked = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let run_end = rest.find(|character| !is_key(character)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(run_end);
        // The digest of an image is no secret, and says which one it was.
        let of_image = masked.ends_with("sha256:");
        masked.push_str(if looks_like_a_key(run) && !of_image { MASK } else { run });
        let gap = after.chars().next().map_or(0, char::len_utf8);
        masked.push_str(&after[..gap]);
        rest = &after[gap..];
    }
    masked
}

fn looks_like_a_key(run: &str) -> bool {
    let has_digits = run.contains(|character: char| character.is_ascii_digit());
    let access_key = run.len() == 20 && (run.starts_with("AKIA") || run.starts_with("ASIA"));
    access_key || (run.len() >= KEY_MATERIAL_MIN && has_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_stays_readable() {
        let table = [
            ("bind: address in use", "bind: address in use"),
            ("relation \"reports\" does not exist", "relation \"reports\" does not exist"),
            ("login failed password=hunter2 user=api", "login failed password=*** user=api"),
            ("DB_PASSWORD: hunter2, retrying", "DB_PASSWORD: ***, retrying"),
            ("{\"token\":\"abc\",\"n\":1}", "{\"token\":***,\"n\":1}"),
            ("can't reach postgres://api:s3cret@db:5432/jobs", "can't reach postgres://***@db:5432/jobs"),
            (
                "GET https://host:80/path?page=2&token=abc failed",
                "GET https://host:80/path?page=2&token=*** failed",
            ),
            ("GET https://host/path?token=abc failed", "GET https://host/path?token=*** failed"),
            ("Authorization: Bearer abc.def", "Authorization: *** ***"),
            ("key AKIAIOSFODNN7EXAMPLE refused", "key *** refused"),
            ("got 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "got ***"),
            (
                "image api@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b missing",
                "image api@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b missing",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(redact(line), expected);
        }
    }

    #[test]
    fn a_whole_line_keeps_its_indentation_and_its_length() {
        let line = format!("\t  at {} token=abc", "no ".repeat(200));
        let masked = masked(&line);
        assert!(masked.starts_with("\t  at no ") && masked.ends_with("token=***"), "{masked}");
    }

    #[test]
    fn a_line_is_cut_at_its_bound_and_holds_no_control_characters() {
        assert_eq!(redact("\u{1b}[31mred\u{7}"), "[31mred");
        let words = "no ".repeat(200);
        assert_eq!(redact(&words).chars().count(), LINE_MAX + 1);
    }
}
