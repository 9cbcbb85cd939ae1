//! An administrator's bounds for a service's scalable target, for a while: what the tag says.

use std::fmt;
use std::time::Duration;

use super::Timestamp;

/// An override that ends later than this from now is not honoured: it would be a second Git.
pub const OVERRIDE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Application Auto Scaling's capacities are 32-bit numbers.
const CAPACITY_MAX: i64 = i32::MAX as i64;

/// Bounds that stand in for Git's until a moment. Written by an administrator, or by the job API, as
/// `min=2 max=8 until=2026-11-21T12:00:00Z`, which is within the alphabet of AWS's tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalingOverride {
    pub minimum: i64,
    pub maximum: i64,
    pub until: Timestamp,
}

/// What an override's tag means at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overriding {
    InForce(ScalingOverride),
    /// Its time is over: Git's bounds come back, and the tag goes.
    Ended(ScalingOverride),
    /// It says nothing that could be done: Git's bounds stand, and the tag is left to its author.
    NotHonoured {
        /// As the tag has it.
        text: String,
        /// A lower-case fragment.
        why: String,
    },
}

impl Overriding {
    /// Reads a tag's value. What has ended is over, whatever else is wrong with it.
    pub fn read(text: &str, now: Timestamp) -> Self {
        let refused = |why: String| Overriding::NotHonoured { text: text.to_owned(), why };
        let asked = match ScalingOverride::parse(text) {
            Ok(asked) => asked,
            Err(why) => return refused(why),
        };
        if asked.until <= now {
            return Overriding::Ended(asked);
        }
        if asked.minimum > asked.maximum {
            return refused(format!("min {} is above max {}", asked.minimum, asked.maximum));
        }
        if asked.until.since(now) > OVERRIDE_MAX {
            return refused("it ends more than 7 days from now".to_owned());
        }
        Overriding::InForce(asked)
    }

    pub fn in_force(&self) -> Option<ScalingOverride> {
        match self {
            Overriding::InForce(asked) => Some(*asked),
            Overriding::Ended(_) | Overriding::NotHonoured { .. } => None,
        }
    }

    pub fn ended(&self) -> Option<ScalingOverride> {
        match self {
            Overriding::Ended(asked) => Some(*asked),
            Overriding::InForce(_) | Overriding::NotHonoured { .. } => None,
        }
    }
}

impl ScalingOverride {
    pub fn bounds(&self) -> (i64, i64) {
        (self.minimum, self.maximum)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (mut minimum, mut maximum, mut until) = (None, None, None);
        for word in text.split_ascii_whitespace() {
            let (name, value) = word.split_once('=').ok_or(format!("`{word}` is not `name=value`"))?;
            let twice = match name {
                "min" => minimum.replace(capacity(name, value)?).is_some(),
                "max" => maximum.replace(capacity(name, value)?).is_some(),
                "until" => {
                    let at = Timestamp::parse(value)
                        .ok_or(format!("until `{value}` is no moment such as 2026-11-21T12:00:00Z"))?;
                    until.replace(at).is_some()
                }
                _ => return Err(format!("`{name}` is none of min, max and until")),
            };
            if twice {
                return Err(format!("`{name}` is said twice"));
            }
        }
        let missing = |name: &str| format!("`{name}` is missing");
        Ok(Self {
            minimum: minimum.ok_or_else(|| missing("min"))?,
            maximum: maximum.ok_or_else(|| missing("max"))?,
            until: until.ok_or_else(|| missing("until"))?,
        })
    }
}

fn capacity(name: &str, value: &str) -> Result<i64, String> {
    let number = value.parse().ok().filter(|number| (0..=CAPACITY_MAX).contains(number));
    number.ok_or_else(|| format!("{name} `{value}` is no number of tasks"))
}

/// `2..8`
impl fmt::Display for ScalingOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.minimum, self.maximum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T12:00:00Z
    const NOON: Timestamp = Timestamp(1_795_262_400_000);

    fn why(text: &str) -> String {
        match Overriding::read(text, NOON) {
            Overriding::NotHonoured { why, .. } => why,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_override_is_in_force_until_its_moment_and_not_at_it() {
        let text = "min=2 max=8 until=2026-11-21T12:00:00Z";
        let asked = ScalingOverride { minimum: 2, maximum: 8, until: NOON };
        assert_eq!(Overriding::read(text, Timestamp(NOON.0 - 1)), Overriding::InForce(asked));
        assert_eq!(Overriding::read(text, NOON), Overriding::Ended(asked));
        assert_eq!(
            Overriding::read("max=8 until=2026-11-21T13:00:00+01:00  min=2", NOON).ended(),
            Some(asked)
        );
    }

    #[test]
    fn what_makes_no_sense_is_not_honoured_and_says_why() {
        for (text, expected) in [
            ("", "`min` is missing"),
            ("2-8", "`2-8` is not `name=value`"),
            ("min=2 max=8", "`until` is missing"),
            ("min=-1 max=8 until=2026-11-21T13:00:00Z", "min `-1` is no number of tasks"),
            ("min=2 max=3000000000 until=2026-11-21T13:00:00Z", "max `3000000000` is no number of tasks"),
            ("min=2 min=3 max=8 until=2026-11-21T13:00:00Z", "`min` is said twice"),
            ("min=2 max=8 until=tomorrow", "until `tomorrow` is no moment such as 2026-11-21T12:00:00Z"),
            ("min=2 max=8 until=2026-11-21T13:00:00Z by=ada", "`by` is none of min, max and until"),
            ("min=9 max=8 until=2026-11-21T13:00:00Z", "min 9 is above max 8"),
            ("min=2 max=8 until=2026-11-28T12:00:01Z", "it ends more than 7 days from now"),
        ] {
            assert_eq!(why(text), expected, "{text}");
        }
    }

    #[test]
    fn an_override_of_exactly_seven_days_is_honoured() {
        assert!(Overriding::read("min=2 max=8 until=2026-11-28T12:00:00Z", NOON).in_force().is_some());
    }

    #[test]
    fn what_has_ended_is_over_even_if_it_never_made_sense() {
        assert!(Overriding::read("min=9 max=8 until=2026-11-21T11:00:00Z", NOON).ended().is_some());
    }
}
