//! The few patterns that AWS's models put on text, checked without a regular-expression engine.

/// A pattern of AWS's that we know how to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Letters, digits, white space and `_.:/=+-@`.
    Tag,
    /// No control characters except line ends and tabs.
    Text,
    /// No control characters, at least one character.
    Printable,
    /// No control characters, none of `:/|`, no space at either end.
    ScheduledActionName,
    /// Letters, digits and `.*-`.
    InstanceType,
    /// Ends in `:scalable-target/` and a name.
    ScalableTarget,
    /// Letters, digits and `-_.`.
    Name,
    /// Letters, digits and `-_`.
    Token,
    /// The ARN of one resource of this service: `arn:aws:sqs:REGION:ACCOUNT:NAME`.
    Arn(ArnOf),
}

/// What an ARN has to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArnOf {
    Queue,
    Key,
    Role,
    Schedule,
}

impl ArnOf {
    /// The service, and what the resource begins with.
    fn parts(self) -> (&'static str, &'static [&'static str]) {
        match self {
            ArnOf::Queue => ("sqs", &[""]),
            ArnOf::Key => ("kms", &["key/", "alias/"]),
            ArnOf::Role => ("iam", &["role/"]),
            ArnOf::Schedule => ("scheduler", &["schedule/"]),
        }
    }

    pub fn example(self) -> &'static str {
        match self {
            ArnOf::Queue => "arn:aws:sqs:eu-west-1:123456789012:my-queue",
            ArnOf::Key => "arn:aws:kms:eu-west-1:123456789012:key/1234abcd",
            ArnOf::Role => "arn:aws:iam::123456789012:role/my-role",
            ArnOf::Schedule => "arn:aws:scheduler:eu-west-1:123456789012:schedule/my-group/my-schedule",
        }
    }

    fn for_editors(self) -> String {
        let (service, beginnings) = self.parts();
        let beginnings = beginnings.join("|");
        format!("^arn:aws[a-z0-9-]*:{service}:[a-z0-9-]*:[0-9]{{12}}:({beginnings})[A-Za-z0-9_/.+=,@-]+$")
    }

    /// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`; IAM has no regions.
    fn accepts(self, text: &str) -> bool {
        let (service, beginnings) = self.parts();
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, of, region, account, resource] = fields.as_slice() else { return false };
        let word =
            |text: &str| text.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-');
        let name = |text: &str| {
            let more = if self == ArnOf::Queue { "-_" } else { "-_/.+=,@" };
            !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || more.contains(it))
        };
        partition.starts_with("aws")
            && word(partition)
            && *of == service
            && word(region)
            && region.is_empty() == (self == ArnOf::Role)
            && account.len() == 12
            && account.bytes().all(|it| it.is_ascii_digit())
            && beginnings.iter().any(|it| resource.strip_prefix(it).is_some_and(name))
    }
}

/// What the models write, word for word.
const KNOWN: [(&str, Pattern); 12] = [
    (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", Pattern::Tag),
    (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", Pattern::Text),
    (r"\p{Print}+", Pattern::Printable),
    (
        r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+",
        Pattern::ScheduledActionName,
    ),
    (r"[a-zA-Z0-9\.\*\-]+", Pattern::InstanceType),
    (r"^arn:.+:application-autoscaling:.+:[0-9]+:scalable-target\/[a-zA-Z0-9-]+$", Pattern::ScalableTarget),
    (r"[0-9a-zA-Z-_.]+", Pattern::Name),
    (r"[a-zA-Z0-9-_]+", Pattern::Token),
    (r"arn:aws[a-z-]*:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+", Pattern::Arn(ArnOf::Queue)),
    (r"arn:aws[a-z-]*:kms:[a-z0-9\-]+:\d{12}:(key|alias)\/[0-9a-zA-Z-_]*", Pattern::Arn(ArnOf::Key)),
    (r"arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@\/-]+", Pattern::Arn(ArnOf::Role)),
    (
        r"arn:aws[a-z-]*:scheduler:[a-z0-9\-]+:\d{12}:schedule\/[0-9a-zA-Z-_.]+\/[0-9a-zA-Z-_.]+",
        Pattern::Arn(ArnOf::Schedule),
    ),
];

impl Pattern {
    /// The pattern that a model writes as `text`, if it is one that we know.
    pub fn recognise(text: &str) -> Option<Pattern> {
        KNOWN.iter().find(|(known, _)| *known == text).map(|(_, pattern)| *pattern)
    }

    pub fn accepts(self, text: &str) -> bool {
        match self {
            Pattern::Tag => text.chars().all(|letter| {
                let space = letter.is_whitespace() && !letter.is_control();
                letter.is_alphanumeric() || space || "_.:/=+-@".contains(letter)
            }),
            Pattern::Text => text.chars().all(|letter| letter >= ' ' || "\r\n\t".contains(letter)),
            Pattern::Printable => !text.is_empty() && !text.chars().any(char::is_control),
            Pattern::ScheduledActionName => {
                !text.is_empty()
                    && text.trim_matches(' ') == text
                    && !text.chars().any(|letter| letter.is_control() || ":/|".contains(letter))
            }
            Pattern::InstanceType => {
                !text.is_empty()
                    && text.chars().all(|letter| letter.is_ascii_alphanumeric() || ".*-".contains(letter))
            }
            Pattern::ScalableTarget => text.starts_with("arn:") && text.contains(":scalable-target/"),
            Pattern::Name => {
                !text.is_empty()
                    && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
            }
            Pattern::Token => {
                !text.is_empty()
                    && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
            }
            Pattern::Arn(of) => of.accepts(text),
        }
    }

    /// What is wrong with a text that is not accepted, and what to write: for a title and its label.
    pub fn fault(self) -> (&'static str, String) {
        match self {
            Pattern::Arn(of) => ("is not the ARN that AWS expects", format!("such as {}", of.example())),
            _ => ("holds a character that AWS refuses", format!("may hold {}", self.allowed())),
        }
    }

    /// As a regular expression that ECMAScript, Python and Rust read alike. It accepts at least what
    /// [`Pattern::accepts`] does.
    pub fn for_editors(self) -> String {
        let text = match self {
            Pattern::Tag => r##"^[^\x00-\x1f!"\#$%&'()*,;<>?\[\\\]\^`{|}~]*$"##,
            Pattern::Text => r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$",
            Pattern::Printable => r"^[^\x00-\x1f]+$",
            Pattern::ScheduledActionName => r"^[^\x00-\x1f:/|]+$",
            Pattern::InstanceType => r"^[A-Za-z0-9.*-]+$",
            Pattern::ScalableTarget => r"^arn:.*:scalable-target/",
            Pattern::Name => r"^[A-Za-z0-9_.-]+$",
            Pattern::Token => r"^[A-Za-z0-9_-]+$",
            Pattern::Arn(of) => return of.for_editors(),
        };
        text.to_owned()
    }

    /// What a text may hold, for people.
    pub fn allowed(self) -> &'static str {
        match self {
            Pattern::Tag => "letters, digits, spaces and _.:/=+-@",
            Pattern::Text => "no control characters",
            Pattern::Printable => "printable characters only",
            Pattern::ScheduledActionName => {
                "no control characters, none of `:`, `/` and `|`, and no space at either end"
            }
            Pattern::InstanceType => "letters, digits and .*-",
            Pattern::ScalableTarget => "the ARN of a scalable target",
            Pattern::Name => "letters, digits and -_.",
            Pattern::Token => "letters, digits and -_",
            Pattern::Arn(_) => "an ARN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_accept_what_aws_accepts() {
        let cases = [
            (Pattern::Tag, "team/jobs@eu-1", true),
            (Pattern::Tag, "größe 2", true),
            (Pattern::Tag, "two\nlines", false),
            (Pattern::Tag, "a,b", false),
            (Pattern::Tag, "#4711", false),
            (Pattern::Text, "two\nlines", true),
            (Pattern::Text, "bell\u{7}", false),
            (Pattern::Printable, "", false),
            (Pattern::Printable, "keep cpu at 60%", true),
            (Pattern::ScheduledActionName, "night shift", true),
            (Pattern::ScheduledActionName, " night", false),
            (Pattern::ScheduledActionName, "a:b", false),
            (Pattern::InstanceType, "m5.*", true),
            (Pattern::InstanceType, "m5 large", false),
            (Pattern::Name, "nightly.email-1", true),
            (Pattern::Name, "nightly email", false),
            (Pattern::Arn(ArnOf::Role), "arn:aws:iam::123456789012:role/jobs/scheduler", true),
            (Pattern::Arn(ArnOf::Role), "arn:aws:iam::123456789012:user/ada", false),
            (Pattern::Arn(ArnOf::Role), "scheduler", false),
            (Pattern::Arn(ArnOf::Queue), "arn:aws-cn:sqs:cn-north-1:123456789012:late", true),
            (Pattern::Arn(ArnOf::Queue), "arn:aws:sns:eu-west-1:123456789012:late", false),
            (Pattern::Arn(ArnOf::Key), "arn:aws:kms:eu-west-1:123456789012:alias/jobs", true),
        ];
        for (pattern, text, accepted) in cases {
            assert_eq!(pattern.accepts(text), accepted, "{pattern:?} {text:?}");
        }
    }
}
