//! When a rollout whose failure may pass without a change in Git is tried again.

use std::time::Duration;

use crate::model::{Again, Digest, Failure, Quarantine, Timestamp};

/// Tries after the first, before such a digest is held like any other.
const TRIES_MAX: u32 = 5;
/// Before the first of them; doubles with each. Capacity that is missing comes back within minutes or
/// hours, and each try costs the service a roll-back.
const TRY_AGAIN: Duration = Duration::from_secs(2 * 60);
/// The same where AWS refuses a call for something outside Git: asking costs nothing but the call.
const ASK_AGAIN: Duration = Duration::from_secs(60);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(60 * 60);

/// When a rollout that failed is tried again by itself, if it is.
pub fn again(
    before: Option<&Quarantine>,
    digest: &Digest,
    failure: &Failure,
    now: Timestamp,
) -> Option<Again> {
    let attempt = tries(before, digest) + 1;
    let due = (failure.transient || planted!("bad-content-is-tried-again"))
        && (attempt <= TRIES_MAX || planted!("tries-a-rollout-without-end"));
    due.then(|| Again { at: now.plus(doubled(TRY_AGAIN, attempt)), attempt, of: Some(TRIES_MAX), by: None })
}

/// When a call is made again that AWS refuses for something outside Git.
pub fn ask_again(before: Option<&Quarantine>, digest: &Digest, now: Timestamp) -> Again {
    let attempt = tries(before, digest) + 1;
    Again { at: now.plus(doubled(ASK_AGAIN, attempt).min(ASK_AGAIN_MAX)), attempt, of: None, by: None }
}

/// Tries of this digest that came by themselves: those that a person asks for don't count.
fn tries(before: Option<&Quarantine>, digest: &Digest) -> u32 {
    before.filter(|it| it.digest == *digest).and_then(|it| it.again.as_ref()).map_or(0, |it| it.attempt)
}

fn doubled(first: Duration, attempt: u32) -> Duration {
    first.saturating_mul(1 << attempt.saturating_sub(1).min(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Gate;

    #[test]
    fn tries_come_ever_later_and_end() {
        let digest = Digest::from_tag("a");
        let capacity =
            Failure { transient: true, ..Failure::new(Timestamp(0), Gate::Deadline, "no capacity") };
        let mut quarantine = Quarantine {
            digest: digest.clone(),
            task_definition: None,
            deployment: None,
            revision: String::new(),
            failure: capacity.clone(),
            again: None,
            by: None,
            values: Default::default(),
        };
        let mut minutes = Vec::new();
        while let Some(next) = again(Some(&quarantine), &digest, &capacity, Timestamp(0)) {
            minutes.push(next.at.0 / 60_000);
            quarantine.again = Some(next);
            assert!(minutes.len() < 10, "{minutes:?}");
        }
        assert_eq!(minutes, [2, 4, 8, 16, 32]);
        // Another digest begins anew.
        assert!(again(Some(&quarantine), &Digest::from_tag("b"), &capacity, Timestamp(0)).is_some());
        // What Git has to change is not tried again.
        let content = Failure { transient: false, ..capacity };
        assert_eq!(again(None, &digest, &content, Timestamp(0)), None);
        quarantine.again = None;
        let mut minutes = Vec::new();
        for _ in 0..9 {
            let next = ask_again(Some(&quarantine), &digest, Timestamp(0));
            minutes.push(next.at.0 / 60_000);
            quarantine.again = Some(next);
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
