//! How manifests name what is outside of ECS: images, roles, objects.

pub(super) use crate::model::{Arn, ValueFrom, value_from};
use crate::model::{ImageId, Repository};

/// An image in ECR; `None` for any other registry.
///
/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG@DIGEST`, or `ACCOUNT.dkr-ecr.REGION.on.aws/…` for both
/// versions of IP.
pub(super) fn ecr_image(image: &str) -> Option<(Repository, ImageId)> {
    let (host, rest) = image.split_once('/')?;
    let (account, place) = host.split_once(".dkr.ecr.").or_else(|| host.split_once(".dkr-ecr."))?;
    let (region, domain) = place.split_once('.')?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account
        || !["amazonaws.com", "amazonaws.com.cn", "on.aws", "on.amazonwebservices.com.cn"].contains(&domain)
    {
        return None;
    }
    let (named, digest) = match rest.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (rest, None),
    };
    let (name, tag) = named.split_once(':').unwrap_or((named, "latest"));
    let repository =
        Repository { account: account.to_owned(), region: region.to_owned(), name: name.to_owned() };
    // A digest outranks the tag beside it.
    let id = digest.map_or_else(|| ImageId::Tag(tag.to_owned()), |digest| ImageId::Digest(digest.to_owned()));
    Some((repository, id))
}

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
    fn an_image_is_in_ecr_by_its_host() {
        let repository = |name: &str| Repository {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            name: name.into(),
        };
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let table = [
            (format!("{host}/team/api:1.2"), Some((repository("team/api"), ImageId::Tag("1.2".into())))),
            (format!("{host}/api"), Some((repository("api"), ImageId::Tag("latest".into())))),
            (
                format!("{host}/api:1@sha256:ab"),
                Some((repository("api"), ImageId::Digest("sha256:ab".into()))),
            ),
            (
                "123456789012.dkr-ecr.eu-west-1.on.aws/api:1".to_owned(),
                Some((repository("api"), ImageId::Tag("1".into()))),
            ),
            ("public.ecr.aws/datadog/agent:7".to_owned(), None),
            ("nginx".to_owned(), None),
            ("evil.dkr.ecr.eu-west-1.amazonaws.com/api:1".to_owned(), None),
            ("123456789012.dkr.ecr.eu-west-1.example.com/api:1".to_owned(), None),
        ];
        for (image, expected) in table {
            assert_eq!(ecr_image(&image), expected, "{image}");
        }
    }

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
