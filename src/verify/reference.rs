//! How manifests name what is outside of ECS: images, roles, objects.

pub(super) use crate::model::{Arn, ValueFrom, value_from};

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last `*` stands, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(character) if *character == '?' || *character == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((before, taken)) = star else { return false };
                star = Some((before, taken + 1));
                at = before + 1;
                place = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_as_iam_has_it() {
        for (pattern, text, expected) in [
            ("sts:AssumeRole", "sts:AssumeRole", true),
            ("sts:*", "sts:AssumeRole", true),
            ("*", "", true),
            ("arn:aws:ecs:*:1:*", "arn:aws:ecs:eu-west-1:1:task/a/b", true),
            ("arn:aws:ecs:*:2:*", "arn:aws:ecs:eu-west-1:1:task/a/b", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b", "aab", true),
            ("a*", "b", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
