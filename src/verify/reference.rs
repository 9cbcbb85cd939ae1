//! How manifests name what is outside of ECS: images, secrets, roles, objects.

/// The parts of `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
pub(super) struct Arn<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        let _partition = parts.next()?;
        let [service, region, account, resource] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        Some(Self { service, region, account, resource })
    }
}

/// What a container's `valueFrom` names.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ValueFrom {
    Secret {
        region: String,
        id: String,
        key: Option<String>,
        stage: Option<String>,
        version: Option<String>,
    },
    Parameter {
        region: String,
        /// `None`: of the task's own account.
        account: Option<String>,
        name: String,
    },
    /// An ARN of something else.
    Other,
}

pub(super) fn value_from(text: &str, region: &str) -> ValueFrom {
    let Some(arn) = Arn::read(text) else {
        return ValueFrom::Parameter { region: region.to_owned(), account: None, name: text.to_owned() };
    };
    match arn.service {
        "secretsmanager" => {
            let parts: Vec<&str> = text.split(':').collect();
            const ARN_PARTS: usize = 7;
            let part = |index: usize| {
                parts.get(ARN_PARTS + index).filter(|part| !part.is_empty()).map(|part| (*part).to_owned())
            };
            ValueFrom::Secret {
                region: arn.region.to_owned(),
                id: parts.get(..ARN_PARTS).unwrap_or(&parts).join(":"),
                key: part(0),
                stage: part(1),
                version: part(2),
            }
        }
        "ssm" => {
            let name = arn.resource.strip_prefix("parameter").unwrap_or(arn.resource);
            // `parameter/a` is the parameter `a`, and `parameter/a/b` is `/a/b`.
            let bare = name.strip_prefix('/').unwrap_or(name);
            let name = if bare.contains('/') { format!("/{bare}") } else { bare.to_owned() };
            ValueFrom::Parameter {
                region: arn.region.to_owned(),
                account: Some(arn.account.to_owned()),
                name,
            }
        }
        _ => ValueFrom::Other,
    }
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
    fn a_value_comes_from_a_secret_or_a_parameter() {
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jobs/db-AbCdEf";
        let of = |key: Option<&str>, stage: Option<&str>, version: Option<&str>| ValueFrom::Secret {
            region: "eu-west-1".into(),
            id: secret.into(),
            key: key.map(str::to_owned),
            stage: stage.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        assert_eq!(value_from(secret, "x"), of(None, None, None));
        assert_eq!(value_from(&format!("{secret}:url::"), "x"), of(Some("url"), None, None));
        assert_eq!(value_from(&format!("{secret}::AWSPREVIOUS:"), "x"), of(None, Some("AWSPREVIOUS"), None));
        assert_eq!(value_from(&format!("{secret}:url::v1"), "x"), of(Some("url"), None, Some("v1")));
        let parameter = |name: &str, account: Option<&str>| ValueFrom::Parameter {
            region: "eu-west-1".into(),
            account: account.map(str::to_owned),
            name: name.into(),
        };
        assert_eq!(value_from("/jobs/url", "eu-west-1"), parameter("/jobs/url", None));
        let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter";
        assert_eq!(value_from(&format!("{arn}/jobs/url"), "x"), parameter("/jobs/url", Some("123456789012")));
        assert_eq!(value_from(&format!("{arn}/url"), "x"), parameter("url", Some("123456789012")));
        assert_eq!(value_from("arn:aws:s3:::bucket/key", "x"), ValueFrom::Other);
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
