//! The temporary override of the worker's scaling bounds: what may be asked for, and how it is written down.
//!
//! Git says the bounds; an administrator may say others for a while. So that the two don't fight, an
//! override lives where the operator looks: in the tag [`TAG`] of the worker's ECS service, with its end.

pub mod account;
pub mod change;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jobs::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The tag of the worker's ECS service that holds an override.
pub const TAG: &str = "reconciler/scaling-override";

const MINUTES_DEFAULT: i64 = 60;
const MINUTES_MAX: i64 = 24 * 60;
const REASON_LENGTH_MAX: usize = 200;

/// Between how many tasks the service may scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bounds {
    #[schema(example = 2)]
    pub minimum: u32,
    #[schema(example = 8)]
    pub maximum: u32,
}

/// Bounds for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    pub bounds: Bounds,
    /// A whole second.
    pub until: Timestamp,
}

/// Other bounds for the worker, for a while.
// The numbers are signed, so that -1 is answered with the bound that it breaks. Their maximum here is
// `SCALING_MAXIMUM_LIMIT`, which the attribute can't name; an installation may allow less.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalingRequest {
    /// The fewest tasks. At least 1 unless `maximum` is 0 too, which is a pause: the tasks themselves tell CloudWatch
    /// how many jobs wait, so from none the service does not scale out again.
    #[schema(minimum = 0, maximum = 5000, example = 2)]
    pub minimum: i64,
    /// The most tasks.
    #[schema(minimum = 0, maximum = 5000, example = 8)]
    pub maximum: i64,
    /// After how many minutes Git's bounds are back.
    #[serde(default = "minutes_default")]
    #[schema(minimum = 1, maximum = 1440, default = 60)]
    pub minutes: i64,
    /// Why, for whoever reads the record.
    #[schema(
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$",
        example = "import of the yearly catalogue"
    )]
    pub reason: Option<String>,
}

fn minutes_default() -> i64 {
    MINUTES_DEFAULT
}

impl ScalingRequest {
    /// What is asked for, from `now` on; or the sentence that says which bound it breaks.
    pub fn checked(&self, maximum_allowed: u32, now: Timestamp) -> Result<Override, String> {
        let &ScalingRequest { minimum, maximum, minutes, .. } = self;
        if minimum < 0 {
            return Err(format!("minimum must be at least 0, not {minimum}"));
        }
        if minimum > maximum {
            return Err(format!("minimum must not be above maximum; {minimum} is above {maximum}"));
        }
        // Only workers write the metric that the scaling policy goes by.
        if minimum == 0 && maximum > 0 {
            return Err(format!(
                "minimum must be at least 1: from 0 tasks the worker does not scale out again, for its tasks tell how \
                 many jobs wait; to pause it, send 0 as the maximum too, not {maximum}"
            ));
        }
        let tasks = |number: i64| u32::try_from(number).ok().filter(|number| *number <= maximum_allowed);
        let (Some(minimum), Some(maximum)) = (tasks(minimum), tasks(maximum)) else {
            return Err(format!(
                "maximum must be at most {maximum_allowed} (SCALING_MAXIMUM), not {maximum}"
            ));
        };
        if !(1..=MINUTES_MAX).contains(&minutes) {
            return Err(format!("minutes must be from 1 to {MINUTES_MAX}, not {minutes}"));
        }
        let reason = self.reason.as_deref().unwrap_or_default();
        if reason.chars().count() > REASON_LENGTH_MAX {
            return Err(format!("reason must have at most {REASON_LENGTH_MAX} characters"));
        }
        if reason.chars().any(char::is_control) {
            return Err("reason must be one line without control characters".to_owned());
        }
        let lasts = Duration::from_secs(minutes.unsigned_abs() * 60);
        Ok(Override { bounds: Bounds { minimum, maximum }, until: whole_second(now.plus(lasts)) })
    }
}

/// A tag's value has room for whole seconds only.
pub fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_milliseconds(moment.milliseconds().div_euclid(1000) * 1000)
}

/// As it stands in the tag: `min=2 max=8 until=2026-11-21T12:00:00Z`, which is in AWS's alphabet for tags.
impl fmt::Display for Override {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { minimum, maximum } = self.bounds;
        write!(formatter, "min={minimum} max={maximum} until={}", whole_second(self.until))
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no override: it reads `min=2 max=8 until=2026-11-21T12:00:00Z`")]
pub struct NoOverride(String);

impl FromStr for Override {
    type Err = NoOverride;

    fn from_str(text: &str) -> Result<Override, NoOverride> {
        let parse = || {
            let mut words = text.split(' ');
            let mut after = |prefix: &str| words.next()?.strip_prefix(prefix);
            let minimum = after("min=")?.parse().ok()?;
            let maximum = after("max=")?.parse().ok()?;
            let until = after("until=")?.parse().ok()?;
            let given = Override { bounds: Bounds { minimum, maximum }, until };
            (words.next().is_none() && minimum <= maximum).then_some(given)
        };
        parse().ok_or_else(|| NoOverride(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use utoipa::PartialSchema as _;

    use super::*;
    use crate::settings::SCALING_MAXIMUM_LIMIT;

    /// 2026-11-21T11:00:00.250Z
    const NOW: Timestamp = Timestamp::from_milliseconds(1_795_258_800_250);

    fn request(minimum: i64, maximum: i64, minutes: i64) -> ScalingRequest {
        ScalingRequest { minimum, maximum, minutes, reason: None }
    }

    #[test]
    fn an_override_ends_at_a_whole_second_in_utc() {
        let asked = request(2, 8, 60).checked(50, NOW).unwrap();
        assert_eq!(asked.to_string(), "min=2 max=8 until=2026-11-21T12:00:00Z");
        assert_eq!(asked.to_string().parse(), Ok(asked));
    }

    #[test]
    fn each_bound_is_named_when_it_is_broken() {
        let refusal = |request: ScalingRequest| request.checked(50, NOW).unwrap_err();
        assert_eq!(refusal(request(-1, 8, 60)), "minimum must be at least 0, not -1");
        assert_eq!(refusal(request(9, 8, 60)), "minimum must not be above maximum; 9 is above 8");
        assert_eq!(refusal(request(2, 51, 60)), "maximum must be at most 50 (SCALING_MAXIMUM), not 51");
        assert_eq!(
            refusal(request(i64::MAX, i64::MAX, 60)),
            format!("maximum must be at most 50 (SCALING_MAXIMUM), not {}", i64::MAX)
        );
        assert_eq!(refusal(request(2, 8, 0)), "minutes must be from 1 to 1440, not 0");
        assert_eq!(refusal(request(2, 8, 1441)), "minutes must be from 1 to 1440, not 1441");
        let because = |reason: String| refusal(ScalingRequest { reason: Some(reason), ..request(2, 8, 60) });
        assert_eq!(because("é".repeat(201)), "reason must have at most 200 characters");
        assert_eq!(because("a\u{0}b".to_owned()), "reason must be one line without control characters");
    }

    #[test]
    fn no_tasks_at_all_are_a_deliberate_pause_and_not_a_minimum_to_come_back_from() {
        let refused = request(0, 8, 60).checked(50, NOW).unwrap_err();
        assert_eq!(
            refused,
            "minimum must be at least 1: from 0 tasks the worker does not scale out again, for its tasks tell how many \
             jobs wait; to pause it, send 0 as the maximum too, not 8"
        );
        assert_eq!(request(0, 0, 60).checked(50, NOW).unwrap().bounds, Bounds { minimum: 0, maximum: 0 });
        assert!(request(1, 8, 60).checked(50, NOW).is_ok());
    }

    #[test]
    fn what_is_just_within_the_bounds_is_taken() {
        assert!(request(0, 0, 1).checked(50, NOW).is_ok());
        assert!(request(50, 50, 1440).checked(50, NOW).is_ok());
        let long = ScalingRequest { reason: Some("é".repeat(200)), ..request(2, 8, 60) };
        assert!(long.checked(50, NOW).is_ok());
    }

    #[test]
    fn the_document_allows_as_many_tasks_as_any_installation_may() {
        let schema = serde_json::to_value(ScalingRequest::schema()).unwrap();
        for bound in ["minimum", "maximum"] {
            assert_eq!(schema["properties"][bound]["maximum"], SCALING_MAXIMUM_LIMIT);
        }
    }

    #[test]
    fn what_is_no_override_is_not_taken_for_one() {
        for text in [
            "",
            "min=2 max=8",
            "min=2 max=8 until=soon",
            "min=8 max=2 until=2026-11-21T12:00:00Z",
            "min=2 max=8 until=2026-11-21T12:00:00Z by=me",
            "max=8 min=2 until=2026-11-21T12:00:00Z",
        ] {
            assert_eq!(text.parse::<Override>(), Err(NoOverride(text.to_owned())));
        }
    }
}
