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
}

/// What the models write, word for word.
const KNOWN: [(&str, Pattern); 6] = [
    (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", Pattern::Tag),
    (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", Pattern::Text),
    (r"\p{Print}+", Pattern::Printable),
    (
        r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+",
        Pattern::ScheduledActionName,
    ),
    (r"[a-zA-Z0-9\.\*\-]+", Pattern::InstanceType),
    (r"^arn:.+:application-autoscaling:.+:[0-9]+:scalable-target\/[a-zA-Z0-9-]+$", Pattern::ScalableTarget),
];

impl Pattern {
    /// The pattern that a model writes as `text`, if it is one that we know.
    pub fn recognise(text: &str) -> Option<Pattern> {
        KNOWN.iter().find(|(known, _)| *known == text).map(|(_, pattern)| *pattern)
    }

    pub fn accepts(self, text: &str) -> bool {
        match self {
            Pattern::Tag => text.chars().all(|letter| {
                letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter)
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
        }
    }

    /// What is allowed, to follow "may hold".
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
        ];
        for (pattern, text, accepted) in cases {
            assert_eq!(pattern.accepts(text), accepted, "{pattern:?} {text:?}");
        }
    }
}
