//! `reconciler continue`: lets a deployment go on that waits for a person.

use anyhow::bail;

use super::{Exit, Surroundings, in_flight};
use crate::config::RequestSettings;
use crate::report::deployment::{self, Decided, Decision};

/// Answers every lifecycle hook that waits, and says what was let go.
pub async fn run(settings: &RequestSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let name = &settings.service;
    let found = in_flight::find(settings, surroundings).await?;
    let hooks: Vec<&str> = found.staged.pauses().map(|hook| hook.id.as_str()).collect();
    if found.goes_back() {
        bail!("nothing waits at {name}: its deployment is being taken back");
    }
    if hooks.is_empty() && !found.shifts_traffic {
        bail!("nothing waits at {name}: a rolling update goes on by itself");
    }
    if hooks.is_empty() {
        bail!("nothing waits at {name}: {}", deployment::goes_on_by_itself(&found.staged, found.now));
    }
    for hook in &hooks {
        found.requester.continue_service_deployment(&found.staged.arn, hook).await?;
    }
    let after = found.again().await;
    let decided = Decided {
        service: name,
        decision: Decision::Continued { hooks },
        before: &found.staged,
        after: &after,
        shifts_traffic: found.shifts_traffic,
        now: found.now,
    };
    in_flight::tell(settings, &decided);
    Ok(Exit::Good)
}
