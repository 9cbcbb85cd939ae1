//! What a `valueFrom` names: a secret of Secrets Manager, or a parameter of Parameter Store.

use super::Timestamp;

/// The parts of `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
pub struct Arn<'a> {
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    pub fn read(text: &'a str) -> Option<Self> {
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
pub enum ValueFrom {
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

pub fn value_from(text: &str, region: &str) -> ValueFrom {
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

/// Which version a name means now. There is no room for a value here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveValue {
    Is {
        /// The id of a secret's version, or the number of a parameter's.
        version: String,
        /// When the secret was changed in any way, or when the parameter got this version.
        changed_at: Option<Timestamp>,
    },
    /// A task that is started now would fail for it. `why`: `is not there`.
    Missing { why: &'static str },
    /// Neither known to be there nor to be missing; with the reason.
    Unreadable(String),
}

impl LiveValue {
    /// The version, where it is known.
    pub fn version(&self) -> Option<&str> {
        match self {
            LiveValue::Is { version, .. } => Some(version),
            LiveValue::Missing { .. } | LiveValue::Unreadable(_) => None,
        }
    }

    /// Whether a deployment that began then started all its tasks with this version.
    pub fn was_there_at(&self, began: Timestamp) -> bool {
        /// Secrets Manager's answers may be some seconds behind each other.
        const SETTLING: std::time::Duration = std::time::Duration::from_secs(5);
        match self {
            LiveValue::Is { changed_at: Some(changed_at), .. } => changed_at.plus(SETTLING) <= began,
            LiveValue::Is { changed_at: None, .. } | LiveValue::Missing { .. } | LiveValue::Unreadable(_) => {
                false
            }
        }
    }
}

impl ValueFrom {
    /// What it is called in the ledger, if what it means may change. `None`: a version is pinned, or nobody can
    /// see which one is meant without reading a value.
    pub fn watched(&self, region: &str) -> Option<String> {
        match self {
            ValueFrom::Secret { version: Some(_), .. } | ValueFrom::Other => None,
            ValueFrom::Secret { id, stage: Some(stage), .. } => Some(format!("{id}::{stage}:")),
            ValueFrom::Secret { id, stage: None, .. } => Some(id.clone()),
            // With `:3` it is that version for ever; which one a label means stands beside the values.
            ValueFrom::Parameter { name, .. } if name.contains(':') => None,
            ValueFrom::Parameter { region: home, name, .. } if home == region => Some(name.clone()),
            ValueFrom::Parameter { region: home, account, name } => {
                let account = account.as_deref().unwrap_or_default();
                Some(format!("arn:aws:ssm:{home}:{account}:parameter/{}", name.trim_start_matches('/')))
            }
        }
    }

    /// `secret jobs/db`, `parameter /jobs/url`: as people know it.
    pub fn title(&self) -> String {
        match self {
            ValueFrom::Secret { id, stage, .. } => {
                let at = stage.as_ref().map(|stage| format!(" at {stage}")).unwrap_or_default();
                format!("secret {}{at}", secret_name(id))
            }
            ValueFrom::Parameter { name, .. } => format!("parameter {name}"),
            ValueFrom::Other => "a value".to_owned(),
        }
    }
}

/// The name in a secret's ARN, without the hyphen and the six characters that Secrets Manager puts behind it.
/// Of an ARN without them, a name that ends alike loses its own: it is a name for people, and a prefix.
pub fn secret_name(id: &str) -> &str {
    const SUFFIX: usize = 6;
    let name = id.rsplit_once(":secret:").map_or(id, |(_, name)| name);
    match name.rsplit_once('-') {
        Some((bare, suffix))
            if suffix.len() == SUFFIX && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            bare
        }
        Some(_) | None => name,
    }
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
    fn what_is_pinned_is_not_watched() {
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jobs/db-AbCdEf";
        let parameter = "arn:aws:ssm:us-east-1:123456789012:parameter/jobs/url";
        for (from, watched) in [
            (secret.to_owned(), Some(secret.to_owned())),
            (format!("{secret}:url::"), Some(secret.to_owned())),
            (format!("{secret}:url:AWSPREVIOUS:"), Some(format!("{secret}::AWSPREVIOUS:"))),
            (format!("{secret}:url::v1"), None),
            ("/jobs/url".to_owned(), Some("/jobs/url".to_owned())),
            ("/jobs/url:3".to_owned(), None),
            ("/jobs/url:blue".to_owned(), None),
            (parameter.to_owned(), Some(parameter.to_owned())),
            (parameter.replace("us-east", "eu-west"), Some("/jobs/url".to_owned())),
        ] {
            assert_eq!(value_from(&from, "eu-west-1").watched("eu-west-1"), watched, "{from}");
        }
    }

    #[test]
    fn people_know_a_secret_without_its_six_characters() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jobs/db";
        for (id, title) in [
            (format!("{arn}-AbCdEf"), "secret jobs/db"),
            (arn.to_owned(), "secret jobs/db"),
            (format!("{arn}-AbCdEf:url:AWSPENDING:"), "secret jobs/db at AWSPENDING"),
            (format!("{arn}-x"), "secret jobs/db-x"),
        ] {
            assert_eq!(value_from(&id, "eu-west-1").title(), title);
        }
        assert_eq!(value_from("/jobs/url", "eu-west-1").title(), "parameter /jobs/url");
    }
}
